"""ASGI, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hekla.errors import OperatorError
from hekla.server.asgi import ASGI, StreamFailed
from hekla.settings import Settings
from hekla.web.request import Request
from hekla.web.response import Response, json_response

Messages = list[dict[str, Any]]


class Recorder:
    """An application that answers with what it was asked, and knows how often it was started."""

    def __init__(self, startup: Exception | None = None) -> None:
        self.failure = startup
        self.trace: list[str] = []

    async def startup(self) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.trace.append("startup")

    async def shutdown(self) -> None:
        self.trace.append("shutdown")

    shortcut = None

    def answer(self, request: Request) -> Response:
        request.settings = Settings(stream_timeout=0.05)
        self.trace.append("answer")
        if request.path == "/stream":
            return Response(200, self.numbers())
        return json_response([request.base, request.path, request.query])

    async def numbers(self) -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                yield b"%d" % number
        finally:
            self.trace.append("closed")


def scope(path: str = "/tasks", **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        **more,
    }


async def ask(app: ASGI, scope: dict[str, Any]) -> Messages:
    """All messages that the application sends; the client stays until the end."""
    sent: Messages = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize(
    ("sent", "base", "path"),
    [
        ({"path": "/a b%", "raw_path": None}, "", "/a b%25"),
        ({"path": "/a/b", "raw_path": b"/a%2Fb"}, "", "/a%2Fb"),
        ({"path": "/a", "raw_path": b"/a?x=1"}, "", "/a"),
        ({"path": "/api/a", "raw_path": b"/api/a", "root_path": "/api"}, "/api", "/a"),
        ({"path": "/api", "root_path": "/api"}, "/api", "/"),
        ({"path": "/apis", "root_path": "/api"}, "/api", "/apis"),
        ({"path": "/a", "root_path": "/api"}, "/api", "/a"),
        ({"path": "", "raw_path": b""}, "", "/"),
        ({"path": "x", "raw_path": b"http://h/a/b"}, "", "/a/b"),
        ({"path": "x", "raw_path": b"http://h"}, "", "/"),
        ({"path": "/x://y", "raw_path": b"/x://y"}, "", "/x://y"),
        ({"path": "/\ufffd", "raw_path": b"/\xff"}, "", "/\ufffd"),
    ],
)
async def test_the_path_of_a_request(sent: dict[str, Any], base: str, path: str) -> None:
    """The path is what was sent, below the place where the application is mounted."""
    messages = await ask(ASGI(Recorder()), scope(**{"raw_path": None, **sent}))
    assert messages[1]["body"].decode() == f'["{base}","{path}",""]'


async def test_the_first_request_starts_what_no_server_has_started() -> None:
    """Without lifespan events the first requests start the application, once."""
    recorder = Recorder()
    app = ASGI(recorder)
    await asyncio.gather(*[ask(app, scope()) for _ in range(3)])
    assert recorder.trace == ["startup", "answer", "answer", "answer"]


async def live(app: ASGI) -> Messages:
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: Messages = []

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, receive, send)
    return sent


async def test_a_server_with_lifespan_events() -> None:
    """The application is started and stopped by the server's events."""
    recorder = Recorder()
    sent = await live(ASGI(recorder))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert recorder.trace == ["startup", "shutdown"]


async def test_an_application_that_cannot_start_says_why() -> None:
    """The reason of a failed start is the server's to print."""
    sent = await live(ASGI(Recorder(OperatorError("the database cannot be opened"))))
    assert sent == [{"type": "lifespan.startup.failed", "message": "the database cannot be opened"}]


async def test_a_stream_in_messages() -> None:
    """Each piece is a message of its own, the last one says that there are no more."""
    recorder = Recorder()
    sent = await ask(ASGI(recorder), scope("/stream"))
    assert [message.get("body") for message in sent] == [None, b"0", b"1", b"2", b""]
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * 3 + [False]
    assert recorder.trace[-1] == "closed"


async def test_a_server_that_raises_when_the_client_is_gone() -> None:
    """OSError from send is how a server may say so (ASGI 2.4): the stream just ends."""
    recorder = Recorder()

    async def send(message: Any) -> None:
        if message.get("body") == b"1":
            raise OSError

    await ASGI(recorder)(scope("/stream"), asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert recorder.trace[-1] == "closed"


async def test_a_server_that_never_takes_a_piece() -> None:
    """A piece that is not taken in time ends the stream with an exception for the server."""
    recorder = Recorder()

    async def send(message: Any) -> None:
        if message.get("body"):
            await asyncio.sleep(10)

    with pytest.raises(StreamFailed):
        await ASGI(recorder)(scope("/stream"), asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert recorder.trace[-1] == "closed"


async def test_a_websocket_is_refused() -> None:
    """There are no websockets: the handshake is declined."""
    sent: Messages = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await ASGI(Recorder())({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]
    with pytest.raises(ValueError, match="'other'"):
        await ASGI(Recorder())({"type": "other"}, receive, send)
