"""Records of a file, read as rows: each checked, and kept on disk until it is written."""

from __future__ import annotations

import asyncio
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from hekla.errors import INVALID_BODY, VALIDATION_FAILED, Fault, Problem
from hekla.policy.access import Access
from hekla.schema.resource import Column, Resource
from hekla.schema.types import Dialect
from hekla.writing.report import Outcomes
from hekla.writing.rows import RowReader, pointer

__all__ = ["Intake", "Item", "Options", "Record", "Rows"]

# Seconds of work after which others have a turn.
_TURN = 0.002


class Record(NamedTuple):
    """One record of a file, before it is looked at; with a ``fault`` it is none.

    The document is an object of JSON, or the texts of a line of CSV by column: None is NULL.
    """

    row: int
    line: int
    document: Any
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an import goes about it.

    ``upsert`` names the unique set of columns that tells which row is there already; without it
    all rows are new. ``on_error``: with ``abort`` all rows are kept or none, with ``skip`` those
    without a fault, in transactions of ``batch`` rows. ``read_only`` says what becomes of values
    for columns that no request can set: they are refused, ignored, or kept, as a restored copy
    needs it. ``dry_run`` keeps nothing.
    """

    upsert: tuple[str, ...] = ()
    on_error: Literal["abort", "skip"] = "abort"
    read_only: Literal["refuse", "ignore", "keep"] = "refuse"
    dry_run: bool = False
    batch: int = 500


class Item(NamedTuple):
    """A row as it will be written.

    ``values`` make a new one; None if they do not, ``faults`` say why. ``change`` is what is
    set where there is a row already that has the values ``by``.
    """

    row: int
    line: int
    values: dict[str, Any] | None
    change: dict[str, Any] | None = None
    by: tuple[Any, ...] = ()
    faults: tuple[Fault, ...] = ()


class Rows:
    """Any number of items on disk, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 18)  # noqa: SIM115
        self.size = 0

    def append(self, item: Item) -> None:
        # Nobody else can write to the file, so what is read back is what was put in.
        pickle.dump(tuple(item), self._file, pickle.HIGHEST_PROTOCOL)
        self.size += 1

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        """The items in order, each with its place in the file."""
        return self.read(0)

    def read(self, place: int) -> Iterator[tuple[int, Item]]:
        """The same from a place on."""
        file = self._file
        file.flush()
        file.seek(0, 2)
        end = file.tell()
        while place < end:
            # Several may read in turn, each from its own place.
            file.seek(place)
            fields = pickle.load(file)  # noqa: S301
            here, place = place, file.tell()
            yield here, Item(*fields)

    def after(self, place: int) -> int:
        """The place after the item at ``place``."""
        self._file.seek(place)
        pickle.load(self._file)  # noqa: S301
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


class Intake:
    """Reads the records of one file as rows of ``resource``, for one access.

    ``names`` are the columns of the header of a CSV file; without them each record says its own.
    Raises Problem for columns that cannot be imported, before there is any row.
    """

    def __init__(
        self,
        resource: Resource,
        access: Access,
        dialect: Dialect,
        options: Options,
        names: Sequence[str] | None = None,
    ) -> None:
        self.resource = resource
        self.options = options
        self.outcomes = Outcomes()
        shown = access.columns(resource)
        settable: Mapping[str, Column] = access.settable(resource)
        known = resource
        if options.read_only == "keep":
            # For those who restore what was there before nothing is read-only.
            columns = {name: _freed(column) for name, column in resource.columns.items()}
            known = replace(resource, columns=columns)
            closed = {n for n, c in resource.columns.items() if c.settable and n not in settable}
            settable = {n: c for n, c in columns.items() if n in shown and n not in closed}
        self._ignored: frozenset[str] = frozenset()
        if options.read_only != "refuse":
            self._ignored = frozenset(
                name for name in shown if name not in settable or not settable[name].settable
            )
        self._reader = RowReader(
            known, settable, dialect, readable=shown, relations=tuple(access.relations(resource))
        )
        # A row that is there keeps what was written once: that is looked at when it is known.
        loose = {name: replace(column, write_once=False) for name, column in settable.items()}
        self._partial = RowReader(
            replace(known, columns={**known.columns, **loose}), loose, dialect, readable=shown
        )
        self._texts = names is not None
        if names is not None:
            faults = self._reader.strangers(
                [name for name in names if name not in self._ignored],
            )
            if faults:
                detail = f"{faults[0].location}: {faults[0].message}"
                raise Problem(VALIDATION_FAILED, f"The header is wrong: {detail}", errors=faults)
            self._check_key(names)
        # NULL where none can be is as though nothing was said.
        self._never_null = frozenset(n for n, c in settable.items() if not c.nullable)
        self.rows = Rows()

    def _check_key(self, names: Sequence[str]) -> None:
        absent = [name for name in self.options.upsert if name not in names]
        if absent:
            message = "is needed to find the row"
            faults = [Fault(pointer("", name), message) for name in absent]
            detail = f"The header is wrong: {absent[0]} {message}."
            raise Problem(VALIDATION_FAILED, detail, errors=faults)

    async def fill(
        self, records: Iterable[Record], progress: Callable[[int], None] | None = None
    ) -> None:
        """Read all records; others have their turn meanwhile. Faults are in ``outcomes``."""
        end = time.perf_counter() + _TURN
        for record in records:
            self.take(record)
            if time.perf_counter() > end:
                if progress is not None:
                    progress(self.outcomes.read)
                await asyncio.sleep(0)
                end = time.perf_counter() + _TURN

    def take(self, record: Record) -> None:
        """Read one record."""
        self.outcomes.read += 1
        try:
            if record.fault:
                raise Problem(INVALID_BODY, record.fault, errors=[Fault("", record.fault)])
            self.rows.append(self._item(record))
        except Problem as problem:
            self.outcomes.fail(record.row, record.line, problem)

    def _item(self, record: Record) -> Item:
        document = record.document
        if self._texts:
            document = {
                name: text
                for name, text in document.items()
                if name not in self._ignored and (text is not None or name not in self._never_null)
            }
        elif self._ignored and type(document) is dict:
            document = {n: value for n, value in document.items() if n not in self._ignored}
        by = self.options.upsert
        if not by:
            return Item(record.row, record.line, self._read(document))
        values: dict[str, Any] | None
        faults: tuple[Fault, ...] = ()
        try:
            values = self._read(document)
            change = {name: value for name, value in values.items() if name in document}
        except Problem as problem:
            # What is needed of a new row need not be said of one that is there.
            if any(fault.message != "is required" for fault in problem.errors):
                raise
            values, faults = None, problem.errors
            change = self._read_partly(document)
        absent = [name for name in by if change.get(name) is None]
        if absent:
            message = "is needed to find the row"
            raise Problem(
                VALIDATION_FAILED, message, errors=[Fault(pointer("", n), message) for n in absent]
            )
        key = tuple(change.pop(name) for name in by)
        return Item(record.row, record.line, values, change, key, faults)

    def _read(self, document: Any) -> dict[str, Any]:
        return self._reader.texts(document) if self._texts else self._reader.create(document)

    def _read_partly(self, document: Any) -> dict[str, Any]:
        if self._texts:
            return self._partial.texts(document, partial=True)
        return self._partial.update(document)

    def close(self) -> None:
        self.rows.close()


def _freed(column: Column) -> Column:
    return replace(column, read_only=False, stamp=None)
