"""A small application by hand: one endpoint for everything that a server can get wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from hekla.errors import NOT_FOUND, STORE_BUSY, Problem
from hekla.server.asgi import ASGI
from hekla.settings import Settings
from hekla.web.application import WebApplication
from hekla.web.negotiate import negotiate
from hekla.web.path import decode_segment
from hekla.web.query_string import split_query
from hekla.web.request import Request
from hekla.web.response import Response, json_response
from hekla.web.router import Router

SETTINGS = Settings(
    max_path_bytes=200,
    max_query_bytes=100,
    max_header_bytes=4_000,
    max_body_bytes=1_000,
    body_timeout=1.0,
    stream_timeout=1.0,
    cors_origins=("https://app.example.com",),
)
LARGE = b'{"text":"' + b"Hekla " * 2_000 + b'"}'
JSON = [("content-type", "application/json")]

# What became of streams and waiting requests, so that a test can ask for it.
seen: dict[str, list[str]] = {"closed": [], "cancelled": [], "bodies": []}


async def tasks(request: Request, rest: str) -> Response:
    """``/tasks``: a list; ``/tasks/KEY``: the key and the query, decoded."""
    if not rest:
        return Response(200, b'[{"id":1},{"id":2}]', JSON)
    key = decode_segment(rest)
    if key == "999999":
        raise Problem(NOT_FOUND, "Task not found")
    return json_response({"key": key, "query": split_query(request.query)})


def task_methods(rest: str) -> list[str]:
    return ["GET", "PATCH", "DELETE"] if rest else ["GET", "POST"]


async def echo(request: Request, rest: str) -> Response:
    """``POST /echo``: the body; ``/echo/unread`` answers without reading it."""
    body = b"unread" if rest == "unread" else await request.body()
    seen["bodies"].append(rest)
    return Response(200, body, [("content-type", "application/octet-stream")])


async def export(request: Request, rest: str) -> Response:
    """``/export/NAME?COUNT``: a stream of so many lines; the name says how it behaves."""
    count = int(request.query or 3)

    async def lines() -> AsyncIterator[bytes]:
        try:
            for number in range(count):
                if rest == "slow":
                    await asyncio.sleep(0.05)
                if rest == "broken" and number == 2:
                    raise RuntimeError("broken in mid-stream")
                if rest == "fails":
                    raise Problem(STORE_BUSY, "The database is busy.")
                yield b'{"number":%d}\n' % number + (b" " * 65_535 if rest == "large" else b"")
        finally:
            seen["closed"].append(rest)

    return Response(200, lines(), [("content-type", "application/x-ndjson")])


async def events(request: Request, rest: str) -> Response:
    """``/events``: one event at once, the next after half a minute."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"data: first\n\n"
            await asyncio.sleep(30)
            yield b"data: second\n\n"
        finally:
            seen["closed"].append("events")

    return Response(200, pieces(), [("content-type", "text/event-stream")])


async def wait(request: Request, rest: str) -> Response:
    """``/wait/SECONDS``: an answer that takes its time."""
    try:
        await asyncio.sleep(float(rest))
    except asyncio.CancelledError:
        seen["cancelled"].append(rest)
        raise
    return json_response(rest)


async def forms(request: Request, rest: str) -> Response:
    """``/forms``: JSON or CSV, as the client likes."""
    kind = negotiate(request, ("application/json", "text/csv"))
    body = b'["a"]' if kind == "application/json" else b"a\r\n"
    return Response(200, body, [("content-type", kind), ("vary", "Accept")])


async def about(request: Request, rest: str) -> Response:
    """``/about/…``: what the request says of itself."""
    return json_response(
        {
            "path": request.path,
            "query": request.query,
            "scheme": request.scheme,
            "authority": request.authority,
            "client": (request.client or "").rpartition(":")[0],
            "host": request.headers.get("Host"),
            "several": request.headers.get_all("X-Several"),
        }
    )


async def large(request: Request, rest: str) -> Response:
    return Response(200, LARGE, JSON)


async def boom(request: Request, rest: str) -> Response:
    raise RuntimeError("a secret of the server")


async def home(request: Request) -> Response:
    return json_response({"home": True})


async def state(request: Request) -> Response:
    return json_response(seen)


class Application:
    """The application as servers see it; it refuses to answer before it was started."""

    def __init__(self) -> None:
        router = Router()
        router.add("tasks", tasks, ["GET", "POST", "PATCH", "DELETE"], task_methods)
        router.add("order details", tasks)
        router.add("echo", echo, ["POST"])
        router.add("export", export)
        router.add("events", events)
        router.add("wait", wait)
        router.add("forms", forms)
        router.add("about", about)
        router.add("large", large)
        router.add("boom", boom)
        router.add_page("/", {"GET": home})
        router.add_page("/state", {"GET": state})
        self._web = WebApplication(router, SETTINGS)
        self._started = False

    async def startup(self) -> None:
        self._started = True

    async def shutdown(self) -> None:
        sys.stdout.write("the application was shut down\n")
        sys.stdout.flush()

    shortcut = None

    def answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        assert self._started
        return self._web.answer(request)


application = Application()
app: Any = ASGI(application)
