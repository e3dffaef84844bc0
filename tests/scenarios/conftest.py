"""The applications that scenarios ask, each put together once for a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hekla import Hekla
from tests.scenarios.example import load_example
from tests.scenarios.samples import samples_app


@pytest.fixture(scope="module")
async def example(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """The example application with its sample data."""
    app = load_example(tmp_path_factory.mktemp("example"))
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture(scope="module")
async def samples(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """A table with a column of every type."""
    app = samples_app(tmp_path_factory.mktemp("samples") / "samples.db")
    await app.startup()
    yield app
    await app.shutdown()
