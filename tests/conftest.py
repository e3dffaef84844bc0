"""What every test may use."""

from __future__ import annotations

import faulthandler
import os

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop of every server that Hekla is served by."""
    return "asyncio"


@pytest.fixture(autouse=True)
def as_long_as_it_takes() -> None:
    """With ``HEKLA_SOAK=1`` a test that runs for long is no test that hangs."""
    if os.environ.get("HEKLA_SOAK", "") not in ("", "0"):
        faulthandler.cancel_dump_traceback_later()
