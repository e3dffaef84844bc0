"""The applications that scenarios ask, each put together once for a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hekla import Hekla
from tests.databases import NewUrl
from tests.scenarios.example import load_example
from tests.scenarios.samples import samples_app


@pytest.fixture(scope="module")
async def example(
    tmp_path_factory: pytest.TempPathFactory, new_url: NewUrl
) -> AsyncIterator[Hekla]:
    """The example application with its sample data."""
    app = load_example(tmp_path_factory.mktemp("example"), new_url())
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture(scope="module")
async def samples(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """A table with a column of every type."""
    app = samples_app(new_url())
    await app.startup()
    yield app
    await app.shutdown()
