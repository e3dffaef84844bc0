"""The way of a request through the web layer."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hekla.actor import ANONYMOUS, Actor
from hekla.errors import FORBIDDEN, UNAUTHENTICATED, Problem
from hekla.settings import Settings
from hekla.web.application import WebApplication
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Router

JSON = [("content-type", "application/json")]
KEPT = Response(200, b"[]", JSON)
# How many calls of Python functions a plain GET may make beyond its endpoint. It was 16 when
# this was written; what makes it more makes every request slower.
MOST_CALLS = 20


async def kept(request: Request, rest: str) -> Response:
    return KEPT


def application(endpoint: Any = kept, **settings: Any) -> WebApplication:
    router = Router()
    router.add("tasks", endpoint, ["GET", "POST"])
    return WebApplication(router, Settings(**settings))


async def test_a_response_may_be_answered_again() -> None:
    """An endpoint may keep its response: nothing that comes after changes it."""
    web = application(cors_origins=("*",))
    first = await web.handle(Request("GET", "/tasks"))
    second = await web.handle(Request("GET", "/tasks"))
    assert KEPT.headers == [("content-type", "application/json")]
    assert first.headers == second.headers
    assert len({name for name, _ in first.headers}) == len(first.headers)


async def test_an_actor_is_asked_for_before_the_endpoint_but_not_for_a_wrong_address() -> None:
    """The hook says who asks; what is not there or not allowed needs no answer to that."""
    asked: list[str] = []
    actors: list[Actor] = []

    async def authenticate(request: Request) -> Actor:
        asked.append(request.path)
        return Actor(id=7)

    async def endpoint(request: Request, rest: str) -> Response:
        actors.append(request.actor)
        return KEPT

    web = application(endpoint)
    await web.handle(Request("GET", "/tasks"))
    web.authenticate = authenticate
    for method, path in (("GET", "/tasks/1"), ("GET", "/nothing"), ("PUT", "/tasks")):
        await web.handle(Request(method, path))
    assert asked == ["/tasks/1"]
    assert actors == [ANONYMOUS, Actor(id=7)]


async def test_who_may_not_come_in_does_not_reach_the_endpoint() -> None:
    """A Problem of the hook is the answer, with its headers."""

    async def authenticate(request: Request) -> Actor:
        raise Problem(UNAUTHENTICATED, "Sign in.", headers={"WWW-Authenticate": "Bearer"})

    web = application()
    web.authenticate = authenticate
    response = await web.handle(Request("GET", "/tasks"))
    assert response.status == 401
    assert response.header("www-authenticate") == "Bearer"
    assert response.header("etag") is None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_problem_in_an_endpoint(method: str) -> None:
    """A Problem is answered as one (RFC 9457), never kept by a cache."""

    async def endpoint(request: Request, rest: str) -> Response:
        raise Problem(FORBIDDEN, "Not this one.")

    response = await application(endpoint).handle(Request(method, "/tasks"))
    assert response.status == 403
    assert response.header("content-type") == "application/problem+json"
    assert response.header("cache-control") == "no-store"


async def test_a_fault_is_logged_with_the_id_of_its_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the exception and the id; the client has the id alone."""

    async def endpoint(request: Request, rest: str) -> Response:
        raise ZeroDivisionError("division by a secret")

    with caplog.at_level(logging.ERROR, "hekla"):
        request = Request("GET", "/tasks", headers=[("X-Request-ID", "id-1")])
        response = await application(endpoint).handle(request)
    assert response.status == 500
    assert response.header("x-request-id") == "id-1"
    assert isinstance(response.body, bytes)
    assert b"secret" not in response.body
    assert "id-1" in caplog.text
    assert "division by a secret" in caplog.text


async def test_only_a_whole_answer_gets_a_tag() -> None:
    """A body that streams, an answer to POST and an answer with a tag of its own keep what is."""

    async def endpoint(request: Request, rest: str) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"1\n"

        if rest == "stream":
            return Response(200, pieces(), JSON)
        if rest == "own":
            return Response(200, b"1", [*JSON, ("etag", '"row-7"')])
        return Response(200, b"1", JSON)

    web = application(endpoint)
    tags = {}
    for method, rest in (("GET", "stream"), ("GET", "own"), ("POST", "")):
        response = await web.handle(Request(method, f"/tasks/{rest}"))
        tags[rest] = response.header("etag")
    assert tags == {"stream": None, "own": '"row-7"', "": None}
    known = Request("GET", "/tasks/own", headers=[("If-None-Match", '"row-7"')])
    assert (await web.handle(known)).status == 304


async def test_a_coded_body_is_left_as_it_is() -> None:
    """An answer that has its coding already is not packed a second time."""
    body = b"x" * 5_000

    async def endpoint(request: Request, rest: str) -> Response:
        return Response(200, body, [*JSON, ("content-encoding", "br")])

    request = Request("GET", "/tasks", headers=[("Accept-Encoding", "gzip")])
    response = await application(endpoint).handle(request)
    assert (response.body, response.header("content-encoding")) == (body, "br")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_stream_that_is_not_read_is_closed(method: str) -> None:
    """GET of a client that has the answer closes the stream; HEAD does not even begin it."""
    closed: list[bool] = []

    async def endpoint(request: Request, rest: str) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"1"
                yield b"2"
            finally:
                closed.append(True)

        return Response(200, pieces(), [*JSON, ("etag", '"a"')])

    headers = [("If-None-Match", '"a"')] if method == "GET" else []
    response = await application(endpoint).handle(Request(method, "/tasks", headers=headers))
    assert (response.status, response.body) == (304 if method == "GET" else 200, b"")
    assert closed == ([True] if method == "GET" else [])


async def test_a_plain_get_stays_cheap() -> None:
    """The calls made for a plain GET are counted, since they are what it costs."""
    web = application()
    headers = [("host", "a"), ("user-agent", "b"), ("accept", "*/*")]
    requests = [Request("GET", "/tasks/17", "a=1", headers) for _ in range(2)]
    await web.handle(requests[0])
    calls: list[str] = []

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_qualname)

    sys.setprofile(count)
    try:
        await web.handle(requests[1])
    finally:
        sys.setprofile(None)
    assert len(calls) <= MOST_CALLS, calls
