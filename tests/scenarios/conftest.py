"""The applications that scenarios ask, each put together once for a module."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hekla import Hekla
from tests.scenarios.samples import samples_app

EXAMPLE = Path(__file__).parents[2] / "examples" / "tasks" / "app.py"


def load_example(folder: Path) -> Hekla:
    """The example application, with its database in ``folder``."""
    spec = importlib.util.spec_from_file_location(f"example_{abs(hash(folder))}", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        os.chdir(before)
    app = module.app
    assert isinstance(app, Hekla)
    return app


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
