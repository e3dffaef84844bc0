"""An application with users for each test, and somebody who has not signed in yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hekla import Hekla
from tests.auth.world import Client, Stopped, make_app, stop_clock


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = make_app(tmp_path)
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture
async def clock(tmp_path: Path, app: Hekla) -> Stopped:
    """The time of the application, which stands still."""
    clock = stop_clock(app)
    await app.shutdown()
    (tmp_path / "tasks.db").unlink()
    await app.startup()
    return clock


@pytest.fixture
async def client(app: Hekla) -> Client:
    return Client(app)
