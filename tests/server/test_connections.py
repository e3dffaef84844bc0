"""Connections: what stays open, what is closed, and clients who are slow or leave."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from tests.http1 import Connection, exchange, request_bytes
from tests.servers import Server

# Daphne (Twisted) reads a whole body before it asks the application, and keeps in memory what
# a client does not read: there is nothing an application could do about either.
BUFFERING = {"daphne"}
# Python before 3.12.9, and 3.13 before 3.13.2, never told whoever used writelines(), as Gunicorn
# does, that a client does not read (CVE-2024-12254).
TELLS_NOBODY = (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)


def _until(condition: Callable[[], bool], seconds: float) -> float | None:
    """How many seconds it took until the condition held; None if it never did."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return time.monotonic() - start
        time.sleep(0.02)
    return None


def _memory(server: Server) -> int:
    """The resident memory of a server and its workers, in bytes."""
    main = psutil.Process(server.process.pid)
    return sum(each.memory_info().rss for each in [main, *main.children()])


def _seen(server: Server, what: str) -> list[str]:
    names: list[str] = exchange(server.port, "GET", "/state").json()[what]
    return names


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/nothing", 404), ("PUT", "/tasks", 405), ("GET", "/boom", 500)],
)
def test_a_connection_survives_an_error(
    server: Server, method: str, target: str, status: int
) -> None:
    """After an error the same connection answers the next request."""
    with Connection(server.port) as connection:
        connection.send(request_bytes(method, target))
        assert connection.receive(method).status == status
        connection.send(request_bytes("GET", "/tasks"))
        assert connection.receive().status == 200


def test_requests_may_be_sent_ahead(server: Server) -> None:
    """Pipelined requests are answered in their order."""
    with Connection(server.port) as connection:
        connection.send(b"".join(request_bytes("GET", f"/tasks/{key}") for key in "123"))
        reader = connection.reader()
        assert [reader().json()["key"] for _ in range(3)] == ["1", "2", "3"]


def test_a_body_may_wait_for_the_word_to_go_on(server: Server) -> None:
    """Expect: 100-continue gets its 100 before the body is sent."""
    with Connection(server.port) as connection:
        headers = [("Expect", "100-continue"), ("Content-Length", "5")]
        connection.send(request_bytes("POST", "/echo", headers))
        assert connection.socket.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.send(b"hello")
        answer = connection.receive("POST")
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("Content-Length", "100")], b"x"),
        ([("Transfer-Encoding", "chunked")], b"1\r\nx\r\n"),
    ],
    ids=["announced", "chunked"],
)
def test_a_slow_body_is_not_waited_for(
    server: Server, headers: list[tuple[str, str]], body: bytes
) -> None:
    """A body that has not arrived within the time limit is answered with 408, then cut off.

    Several at once: whether each connection is closed must not be a matter of luck.
    """
    if server.name in BUFFERING:
        return
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.port, timeout=20)) for _ in range(12)]
        start = time.monotonic()
        for connection in connections:
            connection.send(request_bytes("POST", "/echo", headers, body))
        answers = [connection.receive("POST") for connection in connections]
        took = time.monotonic() - start
        assert {answer.status for answer in answers} == {408}
        assert {answer.json()["code"] for answer in answers} == {"request_timeout"}
        assert 0.9 < took < 10
        assert all(connection.is_closed() for connection in connections)


def test_a_body_that_trickles_is_not_waited_for(server: Server) -> None:
    """The time limit is that of the whole body: a byte now and then does not help."""
    if server.name in BUFFERING:
        return
    with Connection(server.port, timeout=5) as connection:
        connection.send(request_bytes("POST", "/echo", [("Content-Length", "100")]))
        start = time.monotonic()
        connection.socket.settimeout(0.2)
        head = b""
        while not head and time.monotonic() - start < 10:
            connection.send(b"x")
            try:
                head = connection.socket.recv(100)
            except TimeoutError:
                continue
        assert b" 408 " in head.partition(b"\r\n")[0]


def test_an_unread_body_is_not_the_next_request(server: Server) -> None:
    """What an endpoint did not read of a body is never taken for a request."""
    smuggled = request_bytes("GET", "/tasks/smuggled")
    with Connection(server.port, timeout=3) as connection:
        connection.send(request_bytes("POST", "/echo/unread", body=smuggled))
        connection.send(request_bytes("GET", "/tasks/next"))
        reader = connection.reader()
        assert reader("POST").body == b"unread"
        try:
            answer = reader()
        except (OSError, ValueError):
            return
        assert answer.json()["key"] == "next"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /tasks HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 600_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 600_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["headers of 600 kB", "a path of 600 kB", "nonsense", "no length", "TLS"],
)
def test_what_is_no_request_harms_nobody(server: Server, data: bytes) -> None:
    """The server refuses what it cannot read, if it answers at all, and goes on."""
    with Connection(server.port, timeout=2) as connection:
        try:
            connection.send(data)
            connection.send(b"\r\n\r\n")
            status = connection.receive().status
        except (OSError, ValueError):
            status = 400
        assert 400 <= status < 500
    assert exchange(server.port, "GET", "/tasks").status == 200


def test_a_stream_ends_when_its_client_leaves(server: Server) -> None:
    """The generator behind a stream is closed when the client leaves, long before its end."""
    name = "slow"
    before = _seen(server, "closed").count(name)
    with Connection(server.port) as connection:
        connection.send(request_bytes("GET", f"/export/{name}?400"))
        assert connection.socket.recv(10)
        assert _seen(server, "closed").count(name) == before
    assert _until(lambda: _seen(server, "closed").count(name) > before, 10) is not None


def test_a_stream_of_events_ends_when_its_client_leaves(server: Server) -> None:
    """An event is sent at once, and who leaves is noticed though nothing more is sent."""
    before = _seen(server, "closed").count("events")
    with Connection(server.port, timeout=5) as connection:
        connection.send(request_bytes("GET", "/events"))
        received = b""
        while b"data: first" not in received:
            received += connection.socket.recv(1000)
        assert _seen(server, "closed").count("events") == before
    assert _until(lambda: _seen(server, "closed").count("events") > before, 10) is not None


def test_a_request_ends_when_its_client_leaves(server: Server) -> None:
    """An endpoint that has to wait is cancelled when nobody waits for its answer any more."""
    with Connection(server.port) as connection:
        connection.send(request_bytes("GET", "/wait/7.5"))
        time.sleep(0.5)
    assert _until(lambda: "7.5" in _seen(server, "cancelled"), 6) is not None


def test_a_request_that_waits_is_answered(server: Server) -> None:
    """Being watched does not change an answer that takes its time."""
    assert exchange(server.port, "GET", "/wait/0.6").json() == "0.6"


def test_a_stream_waits_for_its_client_and_then_gives_up(server: Server) -> None:
    """A client that stops reading stops the stream: first it waits, then it is cut off."""
    if server.name in BUFFERING or (server.name == "gunicorn" and TELLS_NOBODY):
        return
    before = _seen(server, "closed").count("large")
    memory = _memory(server)
    with Connection(server.port, buffer=4_096) as connection:
        connection.send(request_bytes("GET", "/export/large?2000"))
        assert connection.socket.recv(10)
        time.sleep(0.5)
        assert _memory(server) - memory < 20_000_000
        took = _until(lambda: _seen(server, "closed").count("large") > before, 15)
        assert took is not None
        connection.socket.settimeout(5)
        received, end = 0, b""
        try:
            while piece := connection.socket.recv(1 << 16):
                received += len(piece)
                end = (end + piece)[-5:]
        except ConnectionError:
            pass
        # 2000 pieces of 64 KiB would be 131 MB.
        assert received < 20_000_000
        assert end != b"0\r\n\r\n"


def test_a_slow_client_gets_everything(server: Server) -> None:
    """A client that reads slowly, but reads, gets the whole stream."""
    with Connection(server.port, buffer=32_768) as connection:
        connection.send(request_bytes("GET", "/export/large?20"))
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            time.sleep(0.02)
            piece = connection.socket.recv(32_768)
            assert piece
            received += piece
    assert [b'"number":%d}' % number in received for number in range(20)] == [True] * 20


def test_a_stream_that_fails_does_not_look_whole(server: Server) -> None:
    """A stream that breaks off ends with a closed connection, never with a proper end."""
    with Connection(server.port, timeout=5) as connection:
        connection.send(request_bytes("GET", "/export/broken?5"))
        received = b""
        try:
            while piece := connection.socket.recv(1000):
                received += piece
        except ConnectionError:
            pass
    assert b"0\r\n\r\n" not in received
    assert b'"number":4' not in received
    assert _until(lambda: "broken in mid-stream" in server.output, 10) is not None


def test_a_broken_off_body_is_not_taken_for_a_whole_one(server: Server) -> None:
    """An endpoint never sees the part of a body whose client left."""
    for headers, body in (
        ([("Content-Length", "10")], b"abc"),
        ([("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n"),
    ):
        with Connection(server.port) as connection:
            connection.send(request_bytes("POST", "/echo/abc", headers, body))
            time.sleep(0.1)
    time.sleep(0.3)
    assert "abc" not in _seen(server, "bodies")
    assert exchange(server.port, "POST", "/echo/abc", {}, b"abc").body == b"abc"
    assert "abc" in _seen(server, "bodies")
