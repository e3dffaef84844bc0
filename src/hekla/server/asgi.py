"""ASGI: the same application under uvicorn, Hypercorn, Daphne, Gunicorn and others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from hekla.actor import ANONYMOUS
from hekla.server.application import Application
from hekla.web.body import close_stream
from hekla.web.headers import Headers
from hekla.web.path import encode_decoded_path, normalize_raw_path
from hekla.web.request import Request

__all__ = ["ASGI"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ASGIRequest(Request):
    """A request from an ASGI scope."""

    __slots__ = ("_receive_message", "_scope")

    def __init__(self, scope: Any, receive: Receive) -> None:
        self.method = scope["method"]
        raw = scope.get("raw_path")
        path = normalize_raw_path(raw) if raw else encode_decoded_path(scope["path"])
        base = scope.get("root_path") or ""
        if base and path.startswith(base):
            path = path[len(base) :]
        self.path = path or "/"
        self.query = scope["query_string"].decode("utf-8", "replace")
        self.headers = Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        )
        self.actor = ANONYMOUS
        self.base = base
        self.is_head = False
        self._id = None
        self._body = None
        self._scope = scope
        self._receive_message = receive

    @property
    def scheme(self) -> str:
        return str(self._scope.get("scheme", "http"))

    @property
    def client(self) -> str | None:
        client = self._scope.get("client")
        return f"{client[0]}:{client[1]}" if client else None

    @property
    def authority(self) -> str | None:
        return self.headers.get("host")

    @property
    def http_version(self) -> str:
        return str(self._scope["http_version"])

    async def _receive(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive_message()
            if message["type"] != "http.request":
                return
            more = message.get("more_body", False)
            yield message.get("body", b"")


class ASGI:
    """An application as an ASGI callable."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        response = await self.application.handle(ASGIRequest(scope, receive))
        body = response.body
        headers = [
            (name.encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in response.headers
        ]
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if isinstance(body, bytes):
            if response.status not in (204, 304) and response.header("content-length") is None:
                headers.append((b"content-length", b"%d" % len(body)))
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        await send(start)
        try:
            async for piece in body:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            await close_stream(body)
        await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.application.startup()
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
