"""The access log: one line a request, whatever the client sends."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator

import pytest

from hekla.actor import Actor
from hekla.web.access_log import AccessLog, Handler
from hekla.web.request import ClientLeft, Request
from hekla.web.response import Response

ID = [("X-Request-ID", "id-1")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def ask(handler: Handler, request: Request) -> Response:
    response = handler(request)
    return response if isinstance(response, Response) else await response


async def answer(request: Request) -> Response:
    request.actor = Actor(id=7)
    return Response(200, b"body")


async def test_a_line_of_json() -> None:
    """Every member has its type; the query string, which may hold secrets, is not there."""
    stream = io.StringIO()
    request = Request("GET", "/tasks/17", "token=secret", headers=ID, client="203.0.113.9:4711")
    response = await ask(AccessLog("json", stream).around(answer), request)
    assert response.body == b"body"
    assert stream.getvalue().count("\n") == 1
    line = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 <= line.pop("milliseconds") < 1000
    assert line == {
        "method": "GET",
        "path": "/tasks/17",
        "status": 200,
        "bytes": 4,
        "request_id": "id-1",
        "actor_id": 7,
        "client": "203.0.113.9",
    }


def test_an_answer_at_once_is_logged_at_once() -> None:
    """What need not be waited for is not made to wait by its log."""
    stream = io.StringIO()
    response = AccessLog("json", stream).around(lambda _: Response(204))(Request("GET", "/"))
    assert isinstance(response, Response)
    assert json.loads(stream.getvalue())["status"] == 204


async def test_a_line_for_people() -> None:
    """A line of text has the same in fields; HEAD is named though it is handled as GET."""
    stream = io.StringIO()
    request = Request("GET", "/tasks", headers=ID)
    request.is_head = True
    await ask(AccessLog("text", stream).around(answer), request)
    assert re.fullmatch(r"\S+Z 200 HEAD /tasks \d+\.\dms 4B id-1 7 -\n", stream.getvalue())


@pytest.mark.parametrize("form", ["json", "text"])
async def test_no_client_breaks_out_of_its_line(form: str) -> None:
    """Ends of lines, escapes of terminals and spaces come out percent-encoded."""
    stream = io.StringIO()
    path = "/a b\r\n2026 200 GET /fake\x1b[31m\u2028\x85é"
    log = AccessLog("json" if form == "json" else "text", stream)
    await ask(log.around(answer), Request("GET", path, headers=ID))
    written = stream.getvalue()
    assert written.splitlines() == [written.removesuffix("\n")]
    assert "/a%20b%0D%0A2026%20200%20GET%20/fake%1B[31m%E2%80%A8%C2%85é" in written


async def test_a_stream_is_logged_when_it_ends() -> None:
    """The line of a stream has the bytes that went out, and comes when the stream is closed."""
    stream = io.StringIO()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"de"
        yield b"never asked for"

    async def export(request: Request) -> Response:
        return Response(200, pieces())

    response = await ask(AccessLog("json", stream).around(export), Request("GET", "/"))
    body = response.body
    assert not isinstance(body, bytes)
    assert [await anext(body), await anext(body)] == [b"abc", b"de"]
    assert stream.getvalue() == ""
    for _ in range(2):
        await body.aclose()  # type: ignore[attr-defined]
    line = json.loads(stream.getvalue())
    assert (line["bytes"], line["status"], line["actor_id"]) == (5, 200, None)


@pytest.mark.parametrize("how", [ClientLeft, asyncio.CancelledError])
async def test_a_client_that_left_is_logged(how: type[BaseException]) -> None:
    """Work that was ended because nobody waits for it has the status 499."""
    stream = io.StringIO()

    async def leave(request: Request) -> Response:
        raise how

    with pytest.raises(how):
        await ask(AccessLog("json", stream).around(leave), Request("GET", "/"))
    assert json.loads(stream.getvalue())["status"] == 499


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
async def test_colours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, coloured: bool
) -> None:
    """Colours are for terminals that show them and people who want them (no-color.org)."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for form, expected in (("text", coloured), ("json", False)):
        stream = Terminal() if terminal else io.StringIO()
        log = AccessLog("json" if form == "json" else "text", stream)
        await ask(log.around(answer), Request("GET", "/"))
        assert ("\x1b[" in stream.getvalue()) is expected
