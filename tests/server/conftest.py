"""The servers, each started once with the application of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import SERVERS, Server, running


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Every server in turn, with tests/server/application.py."""
    name: str = request.param
    target = "application" if name == "hekla" else "app"
    with running(name, f"tests.server.application:{target}") as started:
        yield started
