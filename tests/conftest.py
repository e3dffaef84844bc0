"""What every test may use."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import ExitStack

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
