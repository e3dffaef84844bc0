"""Servers beside the database that tests may use where they run: Redis."""

from __future__ import annotations

import os
import socket

import pytest

__all__ = ["REDIS", "redis_or_skip"]

REDIS = os.environ.get("HEKLA_TEST_REDIS", "redis://127.0.0.1:6379/0")


def redis_or_skip() -> None:
    """Skip the test where no Redis listens, unless this is a CI run: then it fails."""
    try:
        socket.create_connection(("127.0.0.1", 6379), 2).close()
    except OSError:
        if not os.environ.get("CI"):
            pytest.skip("no Redis listens at 127.0.0.1:6379")
