"""RSGI: how Granian hands over requests and takes answers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from hekla.actor import ANONYMOUS
from hekla.errors import BAD_REQUEST, Problem
from hekla.server.application import Application, Handler, Shortcut
from hekla.server.departure import attend
from hekla.server.overdue import in_time
from hekla.server.rsgi_stream import send_stream
from hekla.web.headers import Headers
from hekla.web.path import encode_decoded_path
from hekla.web.request import ClientLeft, Request, too_slow
from hekla.web.response import Response

__all__ = ["RSGI"]


# Digits of the length of a body that is read in one piece: less than 100 kB.
_SMALL = 5
# New objects after which a worker looks for garbage: those of some hundred waiting requests.
_GARBAGE = 20_000


class RSGIRequest(Request):
    """A request that reads from Granian's scope, and what is seldom asked for only then."""

    __slots__ = ("_protocol", "_scope")

    base = ""

    def __init__(self, scope: Any, protocol: Any) -> None:
        # Request.__init__ is for requests made by hand; this is the hot path.
        path = scope.path
        self.method = scope.method
        self.path = path if "%" not in path else encode_decoded_path(path)
        self.query = scope.query_string
        # All at once: to ask Granian for one costs as much as to look five up in a dictionary.
        pairs = scope.headers.items()
        self.headers = Headers(pairs, dict(reversed(pairs)))
        self.actor = ANONYMOUS
        self.is_head = False
        self._id = None
        self._body = None
        self._scope = scope
        self._protocol = protocol

    @property
    def transport(self) -> str:
        return str(self._scope.scheme)

    @property
    def peer(self) -> str | None:
        return str(self._scope.client)

    @property
    def target_host(self) -> str | None:
        return self._scope.authority or self.headers.get("host")

    @property
    def http_version(self) -> str:
        return str(self._scope.http_version)

    async def body(self) -> bytes:
        if self._body is not None:
            return self._body
        sent = self.headers.first
        announced = sent.get("content-length")
        if (
            announced is None
            or len(announced) > _SMALL
            or not announced.isdecimal()
            or int(announced) > self.settings.max_body_bytes
            or "transfer-encoding" in sent
        ):
            return await super().body()
        # In one piece: each turn between Granian's thread and this one costs.
        try:
            body: bytes = await in_time(self._protocol(), self.settings.body_timeout)
        except TimeoutError:
            raise too_slow(self.settings) from None
        if len(body) < int(announced):
            raise ClientLeft
        self._body = body
        return body

    def _receive(self) -> AsyncIterator[bytes]:
        if self.headers.get("transfer-encoding") is None:
            return aiter(self._protocol)
        return self._receive_chunked()

    async def _receive_chunked(self) -> AsyncIterator[bytes]:
        empty = 0
        async for piece in self._protocol:
            empty = 0 if piece else empty + 1
            yield piece
        # Granian ends every body with an empty piece. One more stands for an error on the way
        # (or for trailers, which nobody sends), and there is no length to compare with.
        if empty > 1:
            raise Problem(BAD_REQUEST, "The request body broke off. Trailers are not understood.")


class RSGI:
    """An application as an RSGI callable, with the life of its worker.

    ``around`` may put something around the application's handler, such as an access log.
    """

    def __init__(
        self, application: Application, around: Callable[[Handler], Handler] | None = None
    ) -> None:
        self.application = application
        self._around = around
        self._answer = application.answer
        self._shortcut: Shortcut | None = None

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.application.startup())
        # This process serves and does nothing else. What is there now stays, and requests that
        # wait together hold many objects which are no garbage: look for that more seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])
        # An application may have made itself a shorter way now that nothing changes any more.
        answer = self.application.answer
        self._answer = answer if self._around is None else self._around(answer)
        self._shortcut = self.application.shortcut if self._around is None else None

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.application.shutdown())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        response: Response | Coroutine[Any, Any, Response] | None
        if self._shortcut is not None and scope.method == "GET":
            response = self._shortcut(scope.path, scope.query_string, scope.headers.items())
            if response is not None:
                protocol.response_bytes(response.status, response.headers, response.body)
                return
        if scope.proto != "http":
            protocol.close(404)
            return
        request = RSGIRequest(scope, protocol)
        response = self._answer(request)
        if not isinstance(response, Response):
            try:
                response = await attend(response, protocol.client_disconnect)
            except ClientLeft:
                return
        body = response.body
        if isinstance(body, bytes):
            protocol.response_bytes(response.status, response.headers, body)
        else:
            await send_stream(request, response, body, protocol, scope.server)
