"""``POST /tasks/import``: rows from a file, with a report of what became of them.

The body is received whole, into a file of its own, and every record is checked, before anything
is written: however slowly a client sends, nobody waits for it, and one that leaves in the
middle has changed nothing.
"""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Container, Iterable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Literal, cast

import msgspec

from hekla.engine import Engine
from hekla.errors import (
    INVALID_VALUE,
    METHOD_NOT_ALLOWED,
    STORE_BUSY,
    STORE_FULL,
    UNKNOWN_PARAMETER,
    UNSUPPORTED,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.faces.rest.csv_records import CsvRecords
from hekla.faces.rest.documents import media_type
from hekla.faces.rest.json_records import ArrayRecords, LineRecords
from hekla.faces.rest.unique_sets import unique_set
from hekla.schema.names import nearest
from hekla.schema.resource import Resource
from hekla.web.query_string import split_query
from hekla.web.request import Request, too_large
from hekla.web.response import Response, json_response
from hekla.web.unpack import unpack
from hekla.writing.intake import Options, Record
from hekla.writing.report import Outcomes

__all__ = ["IMPORT", "IMPORT_PARAMETERS", "Form", "Imports", "open_records"]

IMPORT = "import"

IMPORT_PARAMETERS = ("upsert", "on_error", "dry_run", "read_only", "batch")

Form = Literal["csv", "ndjson", "json"]
"""In what a file is written."""

_FORMS: dict[str, Form] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/json": "json",
}
_CHARSETS = ("utf-8", "utf8", "us-ascii")
_SHOWN = "text/csv, application/x-ndjson, application/json"
# Of a body that is smaller nothing goes to disk.
_SMALL = 1 << 20
_MOST_BATCH = 10_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_records(
    form: Form, file: BinaryIO, longest: int
) -> tuple[list[str] | None, Iterable[Record]]:
    """The columns that the header of a file names, if it has one, and its records."""
    if form == "csv":
        records = CsvRecords(file, longest)
        return records.names, records
    if form == "ndjson":
        return None, LineRecords(file, longest)
    return None, ArrayRecords(file, longest)


class Imports:
    """The imports of an application: so many at a time, since each takes room on disk."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._running = 0

    async def handle(self, request: Request, resource: Resource) -> Response:
        """Answer one."""
        if request.method != "POST":
            allow = "OPTIONS, POST"
            raise Problem(
                METHOD_NOT_ALLOWED,
                f"{request.method} is not allowed here; allowed are {allow}.",
                headers={"allow": allow},
            )
        engine, settings = self.engine, self.engine.settings
        options = _options(request, resource, engine.policy.access(request.actor).columns(resource))
        form = _form(request)
        # Who may not import at all need not send anything.
        engine.intake(resource.name, request.actor, options).close()
        if request.headers.get("idempotency-key") is not None:
            raise Problem(
                UNSUPPORTED, "An import takes no Idempotency-Key: repeat it with upsert=… instead."
            )
        if self._running >= settings.max_imports:
            raise Problem(
                STORE_BUSY,
                f"{settings.max_imports} imports are running (setting max_imports). Try again.",
                headers={"Retry-After": "5"},
            )
        self._running += 1
        try:
            async with _received(request) as file:
                header, records = open_records(form, file, settings.max_body_bytes)
                intake = engine.intake(resource.name, request.actor, options, header)
                try:
                    await intake.fill(records)
                    name = request.id if request.has_id else None
                    kept = await engine.load([intake], request.actor, request=name)
                finally:
                    intake.close()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise Problem(STORE_FULL, "There is no room to receive the import.") from error
        finally:
            self._running -= 1
        return _told(intake.outcomes, kept=kept, dry_run=options.dry_run)


def _told(outcomes: Outcomes, *, kept: bool, dry_run: bool) -> Response:
    report = outcomes.document() | {"dry_run": dry_run}
    if kept:
        return json_response(report)
    rows = "row has" if outcomes.failed == 1 else "rows have"
    problem = Problem(VALIDATION_FAILED, f"{outcomes.failed} {rows} faults. Nothing was kept.")
    body = msgspec.json.encode(problem.body() | report)
    return Response(422, body, [("content-type", "application/problem+json")])


@asynccontextmanager
async def _received(request: Request) -> AsyncIterator[BinaryIO]:
    """The whole body in a file, unpacked."""
    settings = request.settings
    with tempfile.SpooledTemporaryFile(_SMALL) as file:
        size = 0
        pieces = request.chunks("max_import_bytes", "import_body_timeout")
        async for piece in unpack(pieces, request.headers.get("content-encoding")):
            size += len(piece)
            if size > settings.max_import_bytes:
                raise too_large(settings.max_import_bytes, "max_import_bytes")
            file.write(piece)
            # Pieces that are there already must not keep the others waiting.
            await asyncio.sleep(0)
        file.seek(0)
        yield cast("BinaryIO", file)


def _form(request: Request) -> Form:
    """In what form the body is; Problem ``unsupported_media_type`` for another one."""
    kind = media_type(request)
    _, _, parameter = (request.headers.get("content-type") or "").partition(";")
    name, _, charset = parameter.strip().lower().partition("=")
    form = _FORMS.get(kind)
    said = f"it is {kind}" if kind else "it has no Content-Type"
    if form is not None:
        if name != "charset" or charset.strip('" ') in _CHARSETS:
            return form
        said = f"it is in {charset[:40]}"
    raise Problem(
        UNSUPPORTED_MEDIA_TYPE,
        f"The body has to be one of {_SHOWN}, in UTF-8; {said}.",
        headers={"accept": _SHOWN},
    )


def _options(request: Request, resource: Resource, shown: Container[str]) -> Options:
    """What the parameters ask for."""
    given: dict[str, str] = {}
    for name, text in split_query(request.query) if request.query else ():
        if name not in IMPORT_PARAMETERS:
            message = f"there is no such parameter{nearest(name, IMPORT_PARAMETERS)}"
            raise _refused(UNKNOWN_PARAMETER, name, message)
        if name in given:
            raise _refused(INVALID_VALUE, name, "is given twice")
        given[name] = text
    return Options(
        upsert=unique_set(resource, given["upsert"], shown) if "upsert" in given else (),
        on_error=cast("Any", _word(given, "on_error", ("abort", "skip"))),
        read_only=cast("Any", _word(given, "read_only", ("refuse", "ignore", "keep"))),
        dry_run=_word(given, "dry_run", ("false", "true")) == "true",
        batch=_number(given, "batch", 500),
    )


def _word(given: dict[str, str], name: str, words: tuple[str, ...]) -> str:
    text = given.get(name, words[0])
    if text not in words:
        raise _refused(INVALID_VALUE, name, f"expected {' or '.join(words)}")
    return text


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= _MOST_BATCH):
        raise _refused(INVALID_VALUE, name, f"expected a number from 1 to {_MOST_BATCH}")
    return int(text)


def _refused(code: Any, name: str, message: str) -> Problem:
    place = f"query.{name}"
    return Problem(code, f"{name}: {message}.", errors=[Fault(place, message)])
