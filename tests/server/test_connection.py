"""Cutting one connection among others."""

from __future__ import annotations

import socket

import pytest

from hekla.server.connection import address_text, cut_connection


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_connection_between_two_addresses_is_cut_and_no_other(host: str) -> None:
    """Both ends of a connection name it; its neighbour, and the listening socket, live on."""
    try:
        listener = socket.create_server((host, 0), family=_family(host))
    except OSError:
        pytest.skip(f"there is no {host} here")
    with listener:
        clients = [socket.create_connection(listener.getsockname()[:2]) for _ in range(2)]
        served = [listener.accept()[0] for _ in clients]
        try:
            server = address_text(*listener.getsockname()[:2])
            names = [address_text(*client.getsockname()[:2]) for client in clients]
            assert cut_connection(server, names[0])
            assert clients[0].recv(1) == b""
            served[1].sendall(b"x")
            assert clients[1].recv(1) == b"x"
            assert not cut_connection(server, "127.0.0.1:1")
            assert not cut_connection("127.0.0.1:1", names[1])
            assert not cut_connection(server, "")
            with socket.create_connection(listener.getsockname()[:2]):
                listener.accept()[0].close()
        finally:
            for each in (*clients, *served):
                each.close()


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
