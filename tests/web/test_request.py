"""Requests: headers, ids, and bodies within bounds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from hekla.actor import ANONYMOUS
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.web.headers import Headers, list_value
from hekla.web.request import ClientLeft, Request


class Slow(Request):
    """A request whose body comes in pieces, with a pause before each."""

    __slots__ = ("closed", "pause", "pieces")

    def __init__(self, pieces: list[bytes], pause: float = 0.0, **headers: str) -> None:
        settings = Settings(max_body_bytes=10, body_timeout=0.05)
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        super().__init__("POST", "/", headers=pairs, settings=settings)
        self._body = None
        self.pieces = pieces
        self.pause = pause
        self.closed = False

    async def _receive(self) -> AsyncIterator[bytes]:
        try:
            for piece in self.pieces:
                await asyncio.sleep(self.pause)
                yield piece
        finally:
            self.closed = True


def test_headers_are_found_whatever_their_case() -> None:
    """A name fits in any case, a repeated header has a first value, and all of them."""
    headers = Headers.of([("Accept", "a"), ("X-One", "1"), ("ACCEPT", "b")])
    assert headers.get("accept") == headers.get("Accept") == "a"
    assert headers.get("missing") is None
    assert headers.get_all("aCCept") == ["a", "b"]
    assert headers.items() == [("accept", "a"), ("x-one", "1"), ("accept", "b")]
    assert list_value(headers, "accept") == "a, b"
    assert list_value(headers, "x-one") == "1"
    assert list_value(headers, "missing") is None


def test_a_request_by_hand_has_what_any_other_has() -> None:
    """Tests and parts inside the process can make requests without a server."""
    request = Request("GET", "/tasks/17", "a=1", [("Host", "a.example"), ("X-A", "1")])
    assert (request.method, request.path, request.query) == ("GET", "/tasks/17", "a=1")
    assert (request.scheme, request.client, request.http_version) == ("http", None, "1.1")
    assert request.authority == "a.example"
    assert request.headers.get("x-a") == "1"
    assert request.actor is ANONYMOUS
    assert (request.base, request.is_head) == ("", False)


def test_an_id_is_the_clients_or_a_new_one() -> None:
    """A well-formed id is taken over; otherwise each request gets its own, once."""
    assert Request("GET", "/", headers=[("X-Request-ID", "a.b:c/d-1")]).id == "a.b:c/d-1"
    for bad in ("", "a b", "a\nb", "é", "x" * 129):
        assert Request("GET", "/", headers=[("X-Request-ID", bad)]).id != bad
    one, other = Request("GET", "/"), Request("GET", "/")
    assert one.id == one.id != other.id
    assert not Request("GET", "/").has_id
    assert one.has_id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_processes_do_not_share_ids() -> None:
    """The ids of a forked worker begin differently from those of its parent."""
    mine = Request("GET", "/").id.partition("-")[0]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, Request("GET", "/").id.partition("-")[0].encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len(mine) == len(theirs) == 12
    assert mine != theirs


async def test_a_body_is_read_once_and_kept() -> None:
    """The second reading of a body answers what the first did."""
    request = Slow([b"abc", b"", b"de"])
    assert await request.body() == b"abcde"
    assert await request.body() == b"abcde"
    assert request.closed
    assert await Request("POST", "/", body=b"x").body() == b"x"


async def test_a_body_comes_in_pieces() -> None:
    """Pieces come as they were sent, without the empty ones."""
    request = Slow([b"abc", b"", b"de"])
    assert [piece async for piece in request.chunks()] == [b"abc", b"de"]


@pytest.mark.parametrize(
    ("request_", "code", "read"),
    [
        (Slow([b"x" * 6, b"x" * 5]), "body_too_large", True),
        (Slow([b"x"], content_length="11"), "body_too_large", False),
        (Slow([b"x"], pause=0.2), "request_timeout", True),
        (Slow([b"x"] * 10, pause=0.02), "request_timeout", True),
    ],
    ids=["too much", "too much announced", "too late", "too slow in all"],
)
async def test_a_body_out_of_bounds(request_: Slow, code: str, read: bool) -> None:
    """A body is bounded in size and in the time it takes, and the connection is closed then."""
    with pytest.raises(Problem) as caught:
        await request_.body()
    assert caught.value.code.code == code
    assert caught.value.headers == {"connection": "close"}
    assert request_.closed is read


async def test_time_spent_by_the_reader_does_not_count() -> None:
    """Whoever works on each piece for a while does not lose the body."""
    request = Slow([b"a", b"b", b"c"])
    received = []
    async for piece in request.chunks():
        received.append(piece)
        await asyncio.sleep(0.03)
    assert received == [b"a", b"b", b"c"]


async def test_a_body_that_broke_off_is_no_body() -> None:
    """Less than was announced means that the client has left."""
    with pytest.raises(ClientLeft):
        await Slow([b"abc"], content_length="5").body()
    assert await Slow([b"abc"], content_length="3").body() == b"abc"
    assert await Slow([b"abc"], content_length="three").body() == b"abc"
