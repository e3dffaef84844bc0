"""RSGI: how Granian hands over requests and takes answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hekla.actor import ANONYMOUS
from hekla.server.application import Application
from hekla.web.body import close_stream
from hekla.web.path import encode_decoded_path
from hekla.web.request import Request

__all__ = ["RSGI"]


class RSGIRequest(Request):
    """A request that reads from Granian's scope, and what is seldom asked for only then."""

    __slots__ = ("_protocol", "_scope")

    def __init__(self, scope: Any, protocol: Any) -> None:
        # Request.__init__ is for requests made by hand; this is the hot path.
        self.method = scope.method
        self.path = encode_decoded_path(scope.path)
        self.query = scope.query_string
        self.headers = scope.headers
        self.actor = ANONYMOUS
        self.base = ""
        self.is_head = False
        self._id = None
        self._body = None
        self._scope = scope
        self._protocol = protocol

    @property
    def scheme(self) -> str:
        return str(self._scope.scheme)

    @property
    def client(self) -> str | None:
        return str(self._scope.client)

    @property
    def authority(self) -> str | None:
        return self._scope.authority or self.headers.get("host")

    @property
    def http_version(self) -> str:
        return str(self._scope.http_version)

    def _receive(self) -> AsyncIterator[bytes]:
        return aiter(self._protocol)


class RSGI:
    """An application as an RSGI callable."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._handle = application.handle

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.application.startup())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.application.shutdown())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(403)
            return
        response = await self._handle(RSGIRequest(scope, protocol))
        body = response.body
        if isinstance(body, bytes):
            protocol.response_bytes(response.status, response.headers, body)
        else:
            await _stream(protocol, response.status, response.headers, body)


async def _stream(
    protocol: Any, status: int, headers: list[tuple[str, str]], body: AsyncIterator[bytes]
) -> None:
    transport = protocol.response_stream(status, headers)
    try:
        async for piece in body:
            await transport.send_bytes(piece)
    finally:
        await close_stream(body)
