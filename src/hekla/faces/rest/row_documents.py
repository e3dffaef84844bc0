"""Documents of rows, which may speak of rows at the far ends of relations, as mutations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hekla.engine import Engine
from hekla.errors import VALIDATION_FAILED, Fault, Problem
from hekla.faces.rest.nested import Budget, NestedReader
from hekla.policy.access import Access
from hekla.query.mutation import Create, Nested, Replace, Update
from hekla.query.shape import Which
from hekla.schema.resource import Resource
from hekla.writing.rows import RowReader, pointer
from hekla.writing.ties import Tie

__all__ = ["Documents", "RowDocuments"]


_NOTHING: frozenset[str] = frozenset()


class Documents:
    """Makes the readers of documents, each once for a resource and an access."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers: dict[tuple[Access, str], RowDocuments] = {}

    def of(self, access: Access, resource: Resource) -> RowDocuments:
        """Reads the documents of ``resource``, as the actor may write its rows."""
        reader = self._readers.get((access, resource.name))
        if reader is None:
            reader = self._readers[access, resource.name] = RowDocuments(self, access, resource)
        return reader


class RowDocuments:
    """Reads the documents of one resource, for one access.

    The methods raise Problem with every fault of a document, each at its JSON pointer, which
    begins with ``at``. A ``budget`` is shared by documents that are written together.
    """

    def __init__(self, documents: Documents, access: Access, resource: Resource) -> None:
        engine = documents.engine
        self.documents = documents
        self.access = access
        self.resource = resource
        self.settings = engine.settings
        # Relations of others are worked out when they are needed: they may go in circles.
        self.ties: Mapping[str, Tie] = engine.writer.ties(access, resource)
        self.rows = self._reader(resource)
        # Where columns come from elsewhere the row's validators wait until they are there.
        self.parts = self.rows
        if resource.validators:
            self.parts = self._reader(replace(resource, validators=()))
        self._names = frozenset(self.ties)
        self._merging = frozenset(
            name for name, column in resource.columns.items() if column.type.name == "json"
        )

    def _reader(self, resource: Resource) -> RowReader:
        return RowReader(
            resource,
            self.access.settable(self.resource),
            self.documents.engine.store.dialect,
            readable=self.access.columns(self.resource),
            relations=tuple(self.ties),
        )

    def is_flat(self, document: Mapping[str, Any]) -> bool:
        """Whether the document speaks of no other rows."""
        return self._names.isdisjoint(document)

    # Mutations

    def create(
        self, document: dict[str, Any], at: str = "", budget: Budget | None = None
    ) -> Create:
        """The new row of a document, with all that it speaks of."""
        if self._names.isdisjoint(document):
            return Create(self.resource.name, self.rows.create(document, at), (), at)
        return self.create_at(document, at, budget or Budget(self.settings), 0, ())

    def create_json(self, body: bytes) -> Create | None:
        """What ``create`` makes of the document that ``body`` is the text of.

        None where anything is wrong with it, or it speaks of other rows.
        """
        row = self.rows.create_json(body)
        return None if row is None else Create(self.resource.name, row)

    def create_all_json(self, body: bytes) -> list[Create] | None:
        """The same of an array of documents."""
        rows = self.rows.create_all_json(body)
        if rows is None:
            return None
        name = self.resource.name
        return [Create(name, row, (), f"/{place}") for place, row in enumerate(rows)]

    def update_json(self, body: bytes, where: Which) -> Update | None:
        """What ``update`` makes of the document that ``body`` is the text of, or None, as above."""
        row = None if self.resource.version is not None else self.rows.update_json(body)
        return None if row is None else Update(self.resource.name, where, row, (), self.merged(row))

    def create_at(
        self,
        document: Any,
        at: str,
        budget: Budget,
        depth: int,
        given: Collection[str],
    ) -> Create:
        """The same of a document within another, which gives the columns ``given``."""
        rest, raw = self._split(document)
        nested, faults, referring = self._nested(raw, at, budget, depth, given)
        absent = self._absent(rest, referring)
        reader = self.parts if given or absent else self.rows
        try:
            row = reader.create(rest, at, given=(*given, *absent))
        except Problem as problem:
            raise _with(problem, faults) from None
        if faults:
            raise _faulty(faults)
        return Create(self.resource.name, row, nested, at)

    def update(
        self,
        document: dict[str, Any],
        where: Which | None,
        at: str = "",
        budget: Budget | None = None,
        depth: int = 0,
        given: Collection[str] = (),
    ) -> Update:
        """The change of a merge patch (RFC 7396), and of all that it speaks of."""
        version, document = self.version(document, at)
        nested: tuple[Nested, ...] = ()
        if self._names.isdisjoint(document):
            row = self.rows.update(document, at, merges=True)
        else:
            rest, raw = self._split(document)
            spent = budget or Budget(self.settings)
            nested, faults, _ = self._nested(raw, at, spent, depth, given)
            try:
                row = self.rows.update(rest, at, merges=True)
            except Problem as problem:
                raise _with(problem, faults) from None
            if faults:
                raise _faulty(faults)
        faults = [
            Fault(pointer(at, name), "is set by where the row is written")
            for name in given
            if name in row
        ]
        if faults:
            raise _faulty(faults)
        return Update(self.resource.name, where, row, nested, self.merged(row), version, at=at)

    def replace(self, document: dict[str, Any], key: Mapping[str, Any], at: str = "") -> Replace:
        """The row that a document puts in the place of ``key``."""
        version, document = self.version(document, at)
        row, nested = self.replace_row(document, key, at)
        return Replace(self.resource.name, key, row, nested, version, at)

    def replace_row(
        self, document: dict[str, Any], given: Mapping[str, Any], at: str = ""
    ) -> tuple[dict[str, Any], tuple[Nested, ...]]:
        """The whole row of a document, whose columns ``given`` are known already."""
        document = self._without(document, given, at)
        if self._names.isdisjoint(document):
            return self.rows.replace(document, at, given=given), ()
        rest, raw = self._split(document)
        nested, faults, referring = self._nested(raw, at, Budget(self.settings), 0, ())
        absent = self._absent(rest, referring)
        reader = self.parts if absent else self.rows
        try:
            row = reader.replace(rest, at, given=(*given, *absent))
        except Problem as problem:
            raise _with(problem, faults) from None
        if faults:
            raise _faulty(faults)
        for name in absent:
            row.pop(name, None)
        return row, nested

    # Parts of documents

    def version(self, document: dict[str, Any], at: str) -> tuple[Any, dict[str, Any]]:
        """The version that a document says it was read at, which is no column to be set."""
        name = self.resource.version
        if name is None or document.get(name) is None:
            return None, document
        rest = {own: value for own, value in document.items() if own != name}
        try:
            return self.resource.column(name).type.accept(document[name]), rest
        except ValueError as error:
            raise _faulty([Fault(pointer(at, name), str(error))]) from error

    def merged(self, row: Mapping[str, Any]) -> frozenset[str]:
        """The columns of JSON that are merged into what is there, not put in its place."""
        if self._merging.isdisjoint(row):
            return _NOTHING
        return frozenset(name for name in self._merging if type(row.get(name)) is dict)

    def _without(
        self, document: dict[str, Any], named: Mapping[str, Any], at: str
    ) -> dict[str, Any]:
        """A document without what the address says too; it has to say the same."""
        faults = []
        for name, value in named.items():
            if name not in document:
                continue
            try:
                same = self.resource.columns[name].type.accept(document[name]) == value
            except ValueError:
                same = False
            if not same:
                faults.append(Fault(pointer(at, name), "must be as in the address"))
        if faults:
            raise Problem(VALIDATION_FAILED, "The document names another row.", errors=faults)
        return {name: value for name, value in document.items() if name not in named}

    def _split(self, document: Any) -> tuple[Any, dict[str, Any]]:
        """A document without its relations, and those."""
        if type(document) is not dict:
            return document, {}
        raw = {name: document[name] for name in document if name in self._names}
        if not raw:
            return document, raw
        return {name: value for name, value in document.items() if name not in raw}, raw

    def _nested(
        self,
        raw: Mapping[str, Any],
        at: str,
        budget: Budget,
        depth: int,
        given: Collection[str],
    ) -> tuple[tuple[Nested, ...], list[Fault], list[str]]:
        """What a document says of others, its faults, and the columns that refer to them."""
        found: list[Nested] = []
        faults: list[Fault] = []
        referring: list[str] = []
        for name, value in raw.items():
            tie = self.ties[name]
            place = pointer(at, name)
            if tie.holder == "near":
                if not set(tie.held).isdisjoint(given):
                    faults.append(Fault(place, "is set by where the row is written"))
                    continue
                referring += tie.held
            reader = NestedReader(self.documents, self.access, tie, budget, depth + 1)
            found.append(reader.read(name, value, place))
            faults += reader.faults
        return tuple(found), faults, referring

    def _absent(self, rest: Any, referring: Sequence[str]) -> list[str]:
        return [name for name in referring if type(rest) is dict and name not in rest]


def _faulty(faults: Sequence[Fault]) -> Problem:
    first = faults[0]
    detail = f"{first.location or 'The document'}: {first.message}"
    if len(faults) > 1:
        detail += f" (and {len(faults) - 1} more)"
    return Problem(VALIDATION_FAILED, f"{detail}.", errors=faults)


def _with(problem: Problem, faults: Sequence[Fault]) -> Problem:
    """A Problem about a row, with the faults of what its document speaks of."""
    if problem.code is not VALIDATION_FAILED or not faults:
        return problem
    return _faulty([*problem.errors, *faults])
