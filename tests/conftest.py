"""What every test may use, and in which order they run."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.databases import DATABASES, NewUrl, postgres


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop of every server that Hekla is served by."""
    return "asyncio"


@pytest.fixture(scope="module", params=DATABASES)
def new_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewUrl]:
    """Gives empty databases, of each kind in turn: whoever asks for it is tried on all."""
    with ExitStack() as stack:

        def make() -> str:
            if request.param == "sqlite":
                return f"sqlite:///{tmp_path_factory.mktemp('database') / 'data.db'}"
            return stack.enter_context(postgres()).url

        yield make


@pytest.fixture(autouse=True)
def as_long_as_it_takes() -> None:
    """With ``HEKLA_SOAK=1`` a test that runs for long is no test that hangs."""
    if os.environ.get("HEKLA_SOAK", "") not in ("", "0"):
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Put the tests into the groups and the order that several processes take them in."""
    if not getattr(config.option, "loadgroup", False):
        return (yield)
    from tests.turns import group_of, in_turn

    for item in items:
        group = group_of(item)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    items[:] = in_turn(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests that measure time until nothing else runs."""
    if config.getoption("dist", "no") != "loadgroup":
        return None
    from tests.turns import AloneInTheEnd

    return AloneInTheEnd(config, log)
