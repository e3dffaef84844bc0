"""ASGI: the same application under uvicorn, Hypercorn, Daphne, Gunicorn and others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from hekla.actor import ANONYMOUS
from hekla.errors import Problem
from hekla.server.application import Application
from hekla.server.connection import address_text, cut_connection
from hekla.server.departure import attend, watching
from hekla.web.body import close_stream
from hekla.web.headers import Headers
from hekla.web.path import encode_decoded_path, normalize_raw_path
from hekla.web.request import ClientLeft, Request
from hekla.web.response import Response

__all__ = ["ASGI", "StreamFailed"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("hekla")

# Seconds within which a server closes the connection of an application that raised.
_CLOSES_WITHIN = 0.5
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


class StreamFailed(Exception):
    """A stream broke off: it tells the server to close the connection. The cause is logged."""


class ASGIRequest(Request):
    """A request from an ASGI scope."""

    __slots__ = ("_body_is_over", "_receive_message", "_scope")

    def __init__(self, scope: Any, receive: Receive) -> None:
        headers = Headers.of(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        )
        self.method = scope["method"]
        self.base = scope.get("root_path") or ""
        self.path = _path(scope, self.base)
        self.query = scope["query_string"].decode("utf-8", "replace")
        self.headers = headers
        self.actor = ANONYMOUS
        self.is_head = False
        self._id = None
        self._body = None
        self._scope = scope
        self._receive_message = receive
        self._body_is_over = (
            self.method in _BODILESS
            and headers.get("content-length") is None
            and headers.get("transfer-encoding") is None
        )

    @property
    def transport(self) -> str:
        return str(self._scope.get("scheme", "http"))

    @property
    def peer(self) -> str | None:
        client = self._scope.get("client")
        return address_text(*client) if client else None

    @property
    def server(self) -> str | None:
        """The address the connection came to, with its port, where the server knows it."""
        server = self._scope.get("server")
        return address_text(*server) if server else None

    @property
    def target_host(self) -> str | None:
        return self.headers.get("host")

    @property
    def http_version(self) -> str:
        return str(self._scope["http_version"])

    async def _receive(self) -> AsyncIterator[bytes]:
        while not self._body_is_over:
            message = await self._receive_message()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            self._body_is_over = not message.get("more_body", False)
            yield message.get("body", b"")

    async def departure(self) -> None:
        """Wait until the client has left; nobody notices while a body is still to be read."""
        if not self._body_is_over:
            await asyncio.get_running_loop().create_future()
        await self.departure_from_answer()

    async def departure_from_answer(self) -> None:
        """Wait until the client has left; what is left of its body is thrown away."""
        while (await self._receive_message())["type"] != "http.disconnect":
            pass


def _path(scope: Any, base: str) -> str:
    """The path below ``base``, as it was sent where the server says so."""
    raw = scope.get("raw_path")
    path = normalize_raw_path(raw.partition(b"?")[0]) if raw else encode_decoded_path(scope["path"])
    if "://" in path and path[0] != "/":
        # The absolute form, which every server has to take (RFC 9112 section 3.2.2).
        path = "/" + path.partition("://")[2].partition("/")[2]
    if base and path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/"):
        path = path[len(base) :]
    return path or "/"


class ASGI:
    """An application as an ASGI callable.

    A server without lifespan events (Daphne), or another application that this one is mounted
    in, never says when to start: then the first request does.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self._started = False
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise ValueError(f"There is no ASGI scope of the type {scope['type']!r} here.")

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        if not self._started:
            await self._start()
        request = ASGIRequest(scope, receive)
        try:
            response = self.application.answer(request)
            if not isinstance(response, Response):
                response = await attend(response, request.departure)
            body = response.body
            if isinstance(body, bytes):
                await send(_start(response, None if request.is_head else len(body)))
                await send({"type": "http.response.body", "body": body})
            else:
                await _send_stream(request, response, body, send)
        except ClientLeft:
            return

    async def _start(self) -> None:
        async with self._starting:
            if not self._started:
                await self.application.startup()
                self._started = True

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception as exc:  # noqa: BLE001 - the server says it
            await send({"type": "lifespan.startup.failed", "message": str(exc)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.application.shutdown()
        except Exception as exc:  # noqa: BLE001 - the server says it
            await send({"type": "lifespan.shutdown.failed", "message": str(exc)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _start(response: Response, length: int | None = None) -> Message:
    """The first message of an answer, with the length of a body that comes in one piece."""
    headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers
    ]
    if (
        length is not None
        and response.status not in (204, 304)
        and response.header("content-length") is None
    ):
        headers.append((b"content-length", b"%d" % length))
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _send_stream(
    request: ASGIRequest, response: Response, body: AsyncIterator[bytes], send: Send
) -> None:
    """Send a stream to its end; the stream is closed whatever happens.

    Raises ClientLeft, or StreamFailed so that the server does not end the answer properly.
    """
    try:
        async with watching(request.departure_from_answer):
            await send(_start(response))
            async for piece in body:
                await _send_piece(request, piece, send)
                # Neither a stream nor a fast client may keep the loop from all others.
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b""})
    except (ClientLeft, StreamFailed):
        raise
    except Exception as exc:
        if isinstance(exc, Problem):
            # What can be expected, such as a statement that takes too long; but it came too late.
            logger.warning("Request %s was cut off: %s", request.id, exc.detail)
        else:
            logger.exception("Request %s failed in mid-stream: %s", request.id, request.path)
        _cut_unless_closed(request)
        raise StreamFailed(f"Request {request.id} was cut off; the cause is logged.") from None
    finally:
        await close_stream(body)


async def _send_piece(request: ASGIRequest, piece: bytes, send: Send) -> None:
    try:
        async with asyncio.timeout(request.settings.stream_timeout):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        logger.warning("Request %s was cut off: its client stopped reading", request.id)
        _cut_unless_closed(request)
        raise StreamFailed(f"Request {request.id} was cut off.") from None
    except OSError:
        # How a server says that the client is gone (ASGI 2.4).
        raise ClientLeft from None


def _cut_unless_closed(request: ASGIRequest) -> None:
    """Cut the connection of a stream that failed, where the server leaves it open (Daphne)."""
    server = request.server
    if server is not None and request.peer is not None:
        loop = asyncio.get_running_loop()
        loop.call_later(_CLOSES_WITHIN, cut_connection, server, request.peer)
