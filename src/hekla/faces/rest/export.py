"""A list as CSV or NDJSON, streamed: any number of rows in flat memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from hekla.actor import Actor
from hekla.engine import Engine
from hekla.query.ast import Select
from hekla.query.shape import Question
from hekla.web.response import Response

__all__ = ["CSV", "NDJSON", "export"]

CSV = "text/csv; charset=utf-8"
NDJSON = "application/x-ndjson"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# RFC 4180: a field with one of these stands in quotes.
_SPECIAL = frozenset(',"\r\n')


async def export(engine: Engine, question: Question, actor: Actor, form: str) -> Response:
    """The rows that ``question`` finds, one a line. Raises Problem before anything is sent."""
    rows = engine.stream(question, actor)
    # The first rows are waited for, so that what is wrong with the query is still a Problem.
    first: list[tuple[Any, ...]] = await anext(rows, [])
    if form == NDJSON:
        body = _ndjson(first, rows)
    else:
        body = _csv(_header(engine, question, actor), first, rows)
    return Response(200, body, [("content-type", form), ("vary", "Accept")])


def _header(engine: Engine, question: Question, actor: Actor) -> list[str]:
    query = question.shape.query
    assert isinstance(query, Select)
    resource = engine.schema[query.resource]
    columns = query.fields or tuple(engine.policy.access(actor).columns(resource))
    return [*columns, *(include.relation for include in query.includes)]


async def _ndjson(
    first: list[tuple[Any, ...]], rows: AsyncIterator[list[tuple[Any, ...]]]
) -> AsyncIterator[bytes]:
    try:
        batch: list[tuple[Any, ...]] | None = first
        while batch:
            yield ("\n".join([row[0] for row in batch]) + "\n").encode()
            batch = await anext(rows, None)
    finally:
        await _close(rows)


async def _csv(
    header: list[str],
    first: list[tuple[Any, ...]],
    rows: AsyncIterator[list[tuple[Any, ...]]],
) -> AsyncIterator[bytes]:
    try:
        batch: list[tuple[Any, ...]] | None = first
        yield _line(header).encode()
        while batch:
            lines = []
            for text, *_ in batch:
                document = _decode(text)
                lines.append(_line(document.get(name) for name in header))
            yield "".join(lines).encode()
            batch = await anext(rows, None)
    finally:
        await _close(rows)


def _line(values: Iterable[Any]) -> str:
    # An empty line is no row to most readers, so a NULL that stands alone is in quotes.
    return (",".join([_field(value) for value in values]) or '""') + "\r\n"


def _field(value: Any) -> str:
    """NULL is nothing at all; an empty text is ``""``; what is nested is JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
        if not text:
            return '""'
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, int | float):
        return str(value)
    else:
        text = _encode(value).decode()
    if _SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


async def _close(rows: AsyncIterator[Any]) -> None:
    close = getattr(rows, "aclose", None)
    if close is not None:
        await close()
