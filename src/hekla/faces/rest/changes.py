"""The change log over HTTP: ``/changes``, ``/tasks/changes`` and ``/tasks/7/history``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import quote

from hekla.changes.log import ChangePage
from hekla.engine import Engine
from hekla.errors import INVALID_VALUE, NOT_FOUND, UNKNOWN_PARAMETER, Fault, Problem
from hekla.faces.rest.export import NDJSON
from hekla.faces.rest.filters import read_value
from hekla.faces.rest.grammar import split_list
from hekla.faces.rest.keys import Key, key_condition, parse_key
from hekla.faces.rest.parse import Pairs, number, once, parse_fields
from hekla.policy.access import Access
from hekla.policy.guard import check_readable, suggestion
from hekla.query.ast import Select
from hekla.query.shape import parameterize
from hekla.schema.resource import Resource
from hekla.schema.types import DateTime
from hekla.web.conditional import entity_tag
from hekla.web.negotiate import negotiate
from hekla.web.query_string import split_query
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = [
    "ALL_PARAMETERS",
    "CHANGES",
    "HISTORY",
    "RESOURCE_PARAMETERS",
    "AllChanges",
    "ResourceChanges",
]

CHANGES = "changes"
"""The segment below a resource at which its changes are told."""
HISTORY = "/history"
"""What follows the address of a row whose changes are asked for."""

RESOURCE_PARAMETERS = ("after", "limit", "fields")
ALL_PARAMETERS = ("after", "limit", "resource", "actor", "action", "since")

_FORMS = ("application/json", NDJSON)
_LARGEST = 2**63 - 1
_ACTIONS = ("create", "update", "delete")
_MOMENT = DateTime(timezone=True)
# What may stand in a target as it is (RFC 3986), and the escapes that are there already.
_SAFE = "%!$&'()*+,/:;=?@-._~[]"

NextPage = Callable[[int | None, int], Awaitable[ChangePage]]
"""The changes after a number, and how many at most."""


class _Asked:
    """What every address of changes is asked with."""

    def __init__(self, engine: Engine, pairs: Pairs, allowed: Sequence[str]) -> None:
        for name, _ in pairs:
            if name not in allowed:
                message = f"There is no parameter “{name}” here." + suggestion(name, allowed)
                raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(f"query.{name}", message)])
        once(pairs, allowed)
        self.given = dict(pairs)
        most = engine.settings.max_page_size
        self.limit = min(engine.settings.default_page_size, most)
        if "limit" in self.given:
            self.limit = read_value(_size(most), self.given["limit"], "query.limit")
        self.after: int | None = None
        self.latest = self.given.get("after") == "latest"
        if "after" in self.given and not self.latest:
            self.after = read_value(_position, self.given["after"], "query.after")


def _size(most: int) -> Callable[[str], int]:
    convert = number(most, "max_page_size", "limit")

    def size(text: str) -> int:
        # A page of none would lead nowhere.
        if value := convert(text):
            return value
        raise ValueError("expected at least 1")

    return size


def _position(text: str) -> int:
    try:
        return number(_LARGEST, "", "after")(text)
    except ValueError:
        raise ValueError("expected the number of a change, or latest") from None


class ResourceChanges:
    """The changes of one resource's rows, under the rules of whoever asks."""

    def __init__(self, engine: Engine, resource: Resource) -> None:
        self.engine = engine
        self.resource = resource

    async def changes(self, request: Request) -> Response:
        """``GET /tasks/changes?after=…``."""
        form = negotiate(request, _FORMS)
        access = self._access(request)
        asked = _Asked(self.engine, split_query(request.query), RESOURCE_PARAMETERS)
        fields = self._fields(asked, access)

        async def page(after: int | None, limit: int) -> ChangePage:
            return await self.engine.changes.of_resource(
                self.resource, request.actor, after=after, limit=limit, fields=fields
            )

        return await _respond(self.engine, request, asked, page, form)

    async def history(self, request: Request, rest: str) -> Response:
        """``GET /tasks/7/history``, whether or not the row is still there."""
        form = negotiate(request, _FORMS)
        access = self._access(request)
        asked = _Asked(self.engine, split_query(request.query), RESOURCE_PARAMETERS)
        fields = self._fields(asked, access)
        keys = parse_key(rest, self.resource, access.columns(self.resource))
        found = None
        for key in keys:
            if await self._is_known(key, request):
                if found is not None:
                    # A server that decodes the address leaves it open which row is meant.
                    keys = []
                found = key
        if found is None or not keys:
            raise Problem(NOT_FOUND, f"{self.resource.title or self.resource.name} not found")
        known = found

        async def page(after: int | None, limit: int) -> ChangePage:
            return await self.engine.changes.of_row(
                self.resource, known, request.actor, after=after, limit=limit, fields=fields
            )

        return await _respond(self.engine, request, asked, page, form)

    async def _is_known(self, key: Key, request: Request) -> bool:
        """Whether the actor may know of the row, as it is or as it once was."""
        past = await self.engine.changes.of_row(self.resource, key, request.actor, limit=1)
        if past.changes:
            return True
        query = Select(
            self.resource.name,
            fields=self.resource.key,
            where=key_condition(self.resource, key),
            one=True,
        )
        return await self.engine.read(parameterize(query), request.actor) is not None

    def _access(self, request: Request) -> Access:
        access = self.engine.policy.access(request.actor)
        check_readable(access, self.resource)
        return access

    def _fields(self, asked: _Asked, access: Access) -> tuple[str, ...] | None:
        text = asked.given.get("fields")
        return None if text is None else parse_fields(text, self.resource, access, "query.fields")


class AllChanges:
    """``GET /changes?after=…``: the changes of everything, for administrators."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def __call__(self, request: Request) -> Response:
        form = negotiate(request, _FORMS)
        log = self.engine.changes
        log.check_administrator(request.actor)
        asked = _Asked(self.engine, split_query(request.query), ALL_PARAMETERS)
        tables = tuple(map(self._table, split_list(asked.given.get("resource", ""))))
        action = asked.given.get("action")
        if action is not None and action not in _ACTIONS:
            raise _unfit("action", "expected create, update or delete")
        since = None
        if "since" in asked.given:
            moment = read_value(_MOMENT.parse, asked.given["since"], "query.since")
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            since = moment.isoformat(timespec="microseconds") + "Z"
        actors = _actors(asked.given.get("actor"))

        async def page(after: int | None, limit: int) -> ChangePage:
            return await log.of_all(
                request.actor,
                after=after,
                limit=limit,
                tables=tables,
                actors=actors,
                action=action,
                since=since,
            )

        return await _respond(self.engine, request, asked, page, form)

    def _table(self, name: str) -> str:
        table = self.engine.changes.table_of(name)
        if table is None:
            names = self.engine.changes.names()
            raise _unfit("resource", f"there are no changes of “{name}”." + suggestion(name, names))
        return table


def _actors(text: str | None) -> tuple[str, ...]:
    """What the log may hold of an actor whose id is written so: a text, or a number."""
    if text is None:
        return ()
    found = [json.dumps(text, ensure_ascii=False)]
    if text.removeprefix("-").isdecimal() and text.isascii():
        found.append(str(int(text)))
    return tuple(found)


def _unfit(name: str, message: str) -> Problem:
    return Problem(
        INVALID_VALUE,
        f"The value of {name} does not fit: {message}".removesuffix(".").removesuffix("?")
        + ("?" if message.endswith("?") else "."),
        errors=[Fault(f"query.{name}", message)],
    )


async def _respond(
    engine: Engine, request: Request, asked: _Asked, page: NextPage, form: str
) -> Response:
    if form == NDJSON:
        return await _stream(engine, asked, page)
    if asked.latest:
        found = ChangePage([], await engine.changes.end(), False)
    else:
        found = await page(asked.after, asked.limit)
    body = b"[" + b",".join([entry.body() for entry in found.changes]) + b"]"
    headers = [
        ("content-type", "application/json"),
        ("vary", "Accept"),
        # An empty page may lead on, so its cursor is part of what the tag names.
        ("etag", entity_tag(b"%d " % found.cursor + body)),
        ("x-next-cursor", str(found.cursor)),
    ]
    if found.more:
        headers.append(("link", f'<{_target(request)}after={found.cursor}>; rel="next"'))
    return Response(200, body, headers)


def _target(request: Request) -> str:
    """The target of a Link header (RFC 8288), up to what the next page comes after."""
    parts = [part for part in request.query.split("&") if part and not part.startswith("after=")]
    query = "&".join([*parts, ""])
    return quote(f"{request.base}{request.path}?{query}", safe=_SAFE)


async def _stream(engine: Engine, asked: _Asked, page: NextPage) -> Response:
    """All changes up to now, one a line; a limit counts them all."""
    end = await engine.changes.end()
    most = engine.settings.max_page_size
    left: int | None = asked.limit if "limit" in asked.given else None

    def size() -> int:
        return max(1, most if left is None else min(most, left))

    # What is wrong with the request is still a Problem.
    first = ChangePage([], end, False) if asked.latest else await page(asked.after, size())

    async def lines() -> AsyncIterator[bytes]:
        nonlocal left
        found = first
        while True:
            entries = found.changes if left is None else found.changes[:left]
            if entries:
                yield b"".join([entry.body() + b"\n" for entry in entries])
            if left is not None:
                left -= len(entries)
            if not found.more or found.cursor >= end or left == 0:
                return
            found = await page(found.cursor, size())

    headers: list[tuple[str, Any]] = [("content-type", NDJSON), ("vary", "Accept")]
    return Response(200, lines(), headers)
