"""One line for every request, for people or as JSON."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal, TextIO

import msgspec

from hekla.web.body import close_stream
from hekla.web.request import ClientLeft, Request
from hekla.web.response import Response

__all__ = ["AccessLog", "Form", "Handler"]

Form = Literal["json", "text"]
Handler = Callable[[Request], Response | Coroutine[Any, Any, Response]]

# A client that left before its answer was ready gets no status; logs know this number for it.
_CLIENT_LEFT = 499

_COLOURS = {1: "", 2: "32", 3: "36", 4: "33", 5: "31"}
_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Writes a line when an answer is ready, or when the last piece of a stream has gone.

    Nothing a client sends can break out of its line: control characters are escaped. The query
    string is not logged, since it may hold secrets. The client's address is the one that trusted
    proxies tell, where there are any. Colours are for terminals only, and not
    where ``NO_COLOR`` is set.
    """

    def __init__(self, form: Form, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._line = _json_line if form == "json" else _text_line
        self._colours = form == "text" and _takes_colours(self._stream)

    def around(self, answer: Handler) -> Handler:
        """A handler that does what ``answer`` does, and logs it."""

        def logged(request: Request) -> Response | Coroutine[Any, Any, Response]:
            started = perf_counter()
            response = answer(request)
            if isinstance(response, Response):
                return self._seen(request, response, started)
            return self._when_answered(request, response, started)

        return logged

    async def _when_answered(
        self, request: Request, pending: Awaitable[Response], started: float
    ) -> Response:
        try:
            response = await pending
        except (asyncio.CancelledError, ClientLeft):
            self.write(request, _CLIENT_LEFT, 0, started)
            raise
        return self._seen(request, response, started)

    def _seen(self, request: Request, response: Response, started: float) -> Response:
        """Log an answer, or have its stream log it when that ends."""
        body = response.body
        if not isinstance(body, bytes):
            body = _Counted(self, request, response.status, body, started)
            return Response(response.status, body, response.headers)
        self.write(request, response.status, len(body), started)
        return response

    def write(self, request: Request, status: int, size: int, started: float) -> None:
        """Write the line of one request; it came at ``started`` (:func:`time.perf_counter`)."""
        seconds = perf_counter() - started
        line = self._line(request, status, size, seconds * 1000)
        if self._colours:
            line = f"\x1b[{_COLOURS.get(status // 100, '')}m{line}\x1b[0m"
        self._stream.write(line + "\n")
        self._stream.flush()


class _Counted:
    """A stream that is logged when it ends, with the bytes that went out."""

    __slots__ = ("_body", "_log", "_logged", "_request", "_size", "_started", "_status")

    def __init__(
        self,
        log: AccessLog,
        request: Request,
        status: int,
        body: AsyncIterator[bytes],
        started: float,
    ) -> None:
        self._log = log
        self._request = request
        self._status = status
        self._body = body
        self._started = started
        self._size = 0
        self._logged = False

    def __aiter__(self) -> _Counted:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._body.__anext__()
        self._size += len(piece)
        return piece

    async def aclose(self) -> None:
        if not self._logged:
            self._logged = True
            self._log.write(self._request, self._status, self._size, self._started)
        await close_stream(self._body)


def _json_line(request: Request, status: int, size: int, milliseconds: float) -> str:
    document = {
        "time": _now(),
        "method": _escape(_method(request)),
        "path": _escape(request.path),
        "status": status,
        "bytes": size,
        "milliseconds": round(milliseconds, 3),
        "request_id": request.id,
        "actor_id": request.actor.id,
        "client": None if request.address is None else _escape(request.address),
    }
    return _encode(document).decode()


def _text_line(request: Request, status: int, size: int, milliseconds: float) -> str:
    actor = "-" if request.actor.id is None else _escape(str(request.actor.id))
    client = _escape(request.address or "-")
    return (
        f"{_now()} {status} {_escape(_method(request))} {_escape(request.path)}"
        f" {milliseconds:.1f}ms {size}B {request.id} {actor} {client}"
    )


def _method(request: Request) -> str:
    return "HEAD" if request.is_head else request.method


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _escape(text: str) -> str:
    """Keep a value in its field: no space, no end of line, nothing a terminal obeys."""
    if text.isprintable() and " " not in text:
        return text
    return "".join(
        [
            character
            if character.isprintable() and character != " "
            else "".join([f"%{byte:02X}" for byte in character.encode("utf-8", "replace")])
            for character in text
        ]
    )


def _takes_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()
