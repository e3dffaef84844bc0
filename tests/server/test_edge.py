"""Proxies, hosts and rates over HTTP, under servers that hand over requests in different ways."""

from __future__ import annotations

import json

import pytest

from tests.http1 import Answer, Connection, request_bytes
from tests.servers import Server, running


def ask(server: Server, forwarded: str, host: str = "notes.example", **headers: str) -> Answer:
    pairs = [("X-Forwarded-For", forwarded)]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    with Connection(server.port) as connection:
        connection.send(request_bytes("GET", "/notes", pairs, host=host))
        return connection.receive()


@pytest.mark.parametrize("name", ["hekla", "uvicorn"])
def test_what_a_trusted_proxy_tells(name: str) -> None:
    """Addresses are counted as the proxy tells them, hosts are checked, TLS is kept to."""
    with running(name, "tests.server.edge:app") as server:
        statuses = [
            ask(server, chain).status
            for chain in (
                "203.0.113.1",
                # What a client made up stands left of what the proxy wrote.
                "198.51.100.1, 203.0.113.1",
                "198.51.100.2, 203.0.113.1",
                "203.0.113.2",
                "2001:db8::1",
                "[2001:db8::2]:99",
                "2001:db8::3",
            )
        ]
        assert statuses == [200, 200, 429, 200, 200, 200, 429]
        refused = ask(server, "203.0.113.3", host="evil.example")
        assert (refused.status, refused.json()["code"]) == (421, "unknown_host")
        secure = ask(server, "203.0.113.4", X_Forwarded_Proto="https")
        assert secure.headers["strict-transport-security"] == "max-age=60"
        plain = ask(server, "203.0.113.5", X_Forwarded_Proto="http")
        assert "strict-transport-security" not in plain.headers
        if name == "hekla":
            lines = [
                json.loads(line) for line in server.output.splitlines() if line.startswith("{")
            ]
            clients = [line["client"] for line in lines if line["path"] == "/notes"]
            assert clients[:3] == ["203.0.113.1"] * 3
            assert clients[4] == "2001:db8::1"
