"""A response, as every endpoint makes it and every server adapter sends it."""

from __future__ import annotations

from typing import Any

import msgspec

from hekla.errors import Problem
from hekla.web.body import Body
from hekla.web.request import Request

__all__ = ["Response", "json_response", "problem_response"]

_encode = msgspec.json.Encoder().encode


class Response(msgspec.Struct, eq=False):
    """One HTTP response: header names in lower case; a body in one piece, or one that streams.

    A body that streams is closed (``aclose``) when the client leaves. A response is a value:
    whatever comes after the endpoint makes a new one instead of changing it, so an endpoint
    may keep one and answer it again.
    """

    status: int
    body: Body = b""
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        for own, value in self.headers:
            if own == name:
                return value
        return None


def json_response(
    document: Any,
    *,
    status: int = 200,
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    """A response whose body is ``document`` in JSON."""
    pairs = [("content-type", "application/json")]
    if headers:
        pairs += headers
    return Response(status, _encode(document), pairs)


def problem_response(problem: Problem, request: Request) -> Response:
    """A problem document (RFC 9457), with the id that the request has in the log."""
    document = problem.body()
    document["request_id"] = request.id
    headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
    ]
    headers += [(name.lower(), value) for name, value in problem.headers.items()]
    return Response(problem.status, _encode(document), headers)
