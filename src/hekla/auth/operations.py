"""The endpoints of sign-in as data: what they take and answer, which is also how they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hekla.auth.documents import Fields
from hekla.errors import FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, Problem
from hekla.web.path import decode_segment
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import method_not_allowed

__all__ = ["Dispatcher", "Operation", "private_json"]

Handler = Callable[..., Awaitable[Response]]

_PRIVATE = ("cache-control", "no-store")
# Scopes by which a client may see what its user sees, their account included.
_WHOLE = frozenset({"read", "write"})


@dataclass(frozen=True)
class Operation:
    """One method of one address below ``/auth``.

    ``path`` may hold one ``{name}``, which the handler is given as its second argument.
    ``takes`` are the fields of its document, ``answers`` the JSON Schema of what it answers with
    ``status``. ``signed_in``: only for whoever signed in, themselves: not for a key or a token of
    narrower scope, nor for an administrator who acts for them, unless ``by_key``. ``problems``
    are the statuses of the Problems that it may answer, beside those that every address has.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    takes: Fields | None = None
    answers: Mapping[str, Any] | None = None
    status: int = 200
    signed_in: bool = False
    by_key: bool = False
    problems: tuple[int, ...] = ()
    description: str = ""
    parameters: tuple[Mapping[str, Any], ...] = field(default=())


class Dispatcher:
    """Finds the operation or the page of a request below ``/auth``: an endpoint for routers."""

    def __init__(
        self,
        operations: Iterable[Operation],
        pages: Mapping[str, Mapping[str, Handler]] | None = None,
    ) -> None:
        self.operations = tuple(operations)
        self._pages = {f"pages/{path}": table for path, table in (pages or {}).items()}
        self._exact: dict[str, dict[str, Operation]] = {}
        self._below: dict[tuple[str, str], dict[str, Operation]] = {}
        for operation in self.operations:
            before, brace, rest = operation.path.partition("{")
            if not brace:
                table = self._exact.setdefault(operation.path, {})
            else:
                after = rest.partition("}")[2]
                table = self._below.setdefault((before, after), {})
            table[operation.method] = operation

    @property
    def methods(self) -> frozenset[str]:
        """Every method that some address takes."""
        return frozenset(operation.method for operation in self.operations) | {"GET"}

    def methods_of(self, rest: str) -> Iterable[str]:
        """The methods of an address; GET of one that is none, which then answers 404."""
        page = self._pages.get(rest.rstrip("/"))
        if page is not None:
            return page.keys()
        found = self._find(rest)[0]
        return found.keys() if found else ("GET", "POST", "PUT", "PATCH", "DELETE")

    async def __call__(self, request: Request, rest: str) -> Response:
        page = self._pages.get(rest.rstrip("/"))
        if page is not None:
            if request.method not in page:
                raise method_not_allowed(request.method, ", ".join(sorted({*page, "OPTIONS"})))
            return await page[request.method](request)
        table, argument = self._find(rest)
        operation = table.get(request.method)
        if operation is None:
            if table:
                allow = ", ".join(sorted({*table, "OPTIONS"}))
                raise method_not_allowed(request.method, allow)
            raise Problem(NOT_FOUND, "There is nothing at this address.")
        if operation.signed_in and not request.actor.signed_in:
            raise sign_in_first()
        if operation.signed_in and not operation.by_key:
            if request.actor.scopes is not None:
                raise Problem(FORBIDDEN, "A key cannot do this: sign in.")
            if "behind" in request.actor.claims:
                raise Problem(FORBIDDEN, "Only the user themselves may do this.")
        actor = request.actor
        if (
            operation.by_key
            and "client_id" in actor.claims
            and not _WHOLE & (actor.scopes or _WHOLE)
        ):
            # What a client may know of its user it is told at /oauth/userinfo.
            raise Problem(FORBIDDEN, "The token is for less than that.")
        if argument is None:
            return await operation.handler(request)
        return await operation.handler(request, argument)

    def _find(self, rest: str) -> tuple[Mapping[str, Operation], str | None]:
        path = rest.rstrip("/")
        table = self._exact.get(path)
        if table is not None:
            return table, None
        for (before, after), table in self._below.items():
            middle = path[len(before) : len(path) - len(after) or None]
            if path == before + middle + after and middle and "/" not in middle:
                return table, decode_segment(middle)
        return {}, None


def sign_in_first() -> Problem:
    """The answer to whoever has to sign in first."""
    return Problem(
        UNAUTHENTICATED,
        "This is for those who signed in.",
        headers={"www-authenticate": "Bearer"},
    )


def private_json(
    body: bytes, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """An answer that is for whoever asked alone: no cache keeps it."""
    return Response(status, body, [("content-type", "application/json"), _PRIVATE, *headers])
