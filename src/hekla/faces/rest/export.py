"""A list as CSV, NDJSON or one JSON array, streamed: any number of rows in flat memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from hekla.actor import Actor
from hekla.engine import Engine
from hekla.query.ast import Aggregate, Select
from hekla.query.shape import Question, parameterize
from hekla.schema.types import Document
from hekla.web.response import Response

__all__ = ["CSV", "JSON", "NDJSON", "export", "question_of", "written"]

CSV = "text/csv; charset=utf-8"
NDJSON = "application/x-ndjson"
JSON = "application/json"

_decode = msgspec.json.Decoder().decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# RFC 4180: a field with one of these stands in quotes.
_SPECIAL = frozenset(',"\r\n')

Batches = AsyncIterator[list[tuple[Any, ...]]]


def question_of(query: Select | Aggregate) -> Question:
    """The question with its values where they are: an export is not worth remembering."""
    question = parameterize(query)
    return Question(
        question.shape,
        tuple(getattr(value, "value", value) for value in question.values),
    )


async def export(engine: Engine, question: Question, actor: Actor, form: str) -> Response:
    """The rows that ``question`` finds, one a line. Raises Problem before anything is sent."""
    body = await written(engine, question, actor, form)
    return Response(200, body, [("content-type", form), ("vary", "Accept")])


async def written(
    engine: Engine,
    question: Question,
    actor: Actor,
    form: str,
    progress: Callable[[int], None] | None = None,
) -> AsyncIterator[bytes]:
    """The same as pieces of a file. ``progress`` is told of the rows of each piece."""
    rows = engine.stream(question, actor)
    # The first rows are waited for, so that what is wrong with the query is still a Problem.
    first: list[tuple[Any, ...]] = await anext(rows, [])
    pieces = _batches(first, rows, progress)
    if form == NDJSON:
        return _ndjson(pieces)
    if form == JSON:
        return _array(pieces)
    header, parts = _header(engine, question, actor)
    return _csv(header, parts, pieces)


async def _batches(
    first: list[tuple[Any, ...]], rows: Batches, progress: Callable[[int], None] | None
) -> Batches:
    try:
        batch: list[tuple[Any, ...]] | None = first
        while batch:
            yield batch
            if progress is not None:
                progress(len(batch))
            batch = await anext(rows, None)
    finally:
        await _close(rows)


def _header(engine: Engine, question: Question, actor: Actor) -> tuple[list[str], frozenset[str]]:
    """The columns, and those of them whose fields are JSON whatever they hold."""
    query = question.shape.query
    assert isinstance(query, Select)
    resource = engine.schema[query.resource]
    columns = query.fields or tuple(engine.policy.access(actor).columns(resource))
    relations = [include.relation for include in query.includes]
    documents = [n for n in columns if isinstance(resource.columns[n].type, Document)]
    return [*columns, *relations], frozenset([*documents, *relations])


async def _ndjson(batches: Batches) -> AsyncIterator[bytes]:
    try:
        async for batch in batches:
            yield ("\n".join([row[0] for row in batch]) + "\n").encode()
    finally:
        await _close(batches)


async def _array(batches: Batches) -> AsyncIterator[bytes]:
    before = "[\n"
    try:
        async for batch in batches:
            yield (before + ",\n".join([row[0] for row in batch])).encode()
            before = ",\n"
        yield b"[]\n" if before == "[\n" else b"\n]\n"
    finally:
        await _close(batches)


async def _csv(
    header: list[str], documents: frozenset[str], batches: Batches
) -> AsyncIterator[bytes]:
    try:
        yield _line(map(_field, header)).encode()
        async for batch in batches:
            lines = []
            for text, *_ in batch:
                if documents:
                    parts = _decode_parts(text)
                    lines.append(_line(_part(n, parts.get(n), documents) for n in header))
                else:
                    document = _decode(text)
                    lines.append(_line([_field(document.get(name)) for name in header]))
            yield "".join(lines).encode()
    finally:
        await _close(batches)


def _line(fields: Iterable[str]) -> str:
    # An empty line is skipped by many readers, and the row would be lost: so the only field of
    # a row is never nothing at all, and of a single column NULL looks like the empty text.
    return (",".join(fields) or '""') + "\r\n"


def _part(name: str, part: msgspec.Raw | None, documents: frozenset[str]) -> str:
    """A field from its JSON: as it is where the column holds JSON, so that it can be read back."""
    text = b"null" if part is None else bytes(part)
    if text == b"null":
        return ""
    return _quoted(text.decode()) if name in documents else _field(_decode(text))


def _field(value: Any) -> str:
    """NULL is nothing at all; an empty text is ``""``; what is nested is JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value) if value else '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return _quoted(msgspec.json.encode(value).decode())


def _quoted(text: str) -> str:
    if _SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


async def _close(rows: AsyncIterator[Any]) -> None:
    close = getattr(rows, "aclose", None)
    if close is not None:
        await close()
