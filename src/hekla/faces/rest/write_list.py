"""Writing to a list: ``POST /tasks``, ``PUT /labels?name=bug``, ``PATCH /tasks?…``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hekla.engine import Written
from hekla.errors import (
    INVALID_SYNTAX,
    LIMIT_EXCEEDED,
    UNKNOWN_PARAMETER,
    UNSUPPORTED,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.faces.rest.documents import read_object, read_objects
from hekla.faces.rest.nested import Budget
from hekla.faces.rest.operation import Operation, Write
from hekla.faces.rest.parse import ITEM_PARAMETERS, Pairs, once, parse_list
from hekla.faces.rest.preconditions import precondition, unconditional, wants_nothing_back
from hekla.faces.rest.row_documents import RowDocuments
from hekla.faces.rest.unique_sets import find_unique_set, unique_set
from hekla.faces.rest.writable import JSON_HEADER, MINIMAL, Writable, plain_values
from hekla.faces.rest.write_row import PATCH_TYPES
from hekla.policy.access import Access
from hekla.query.ast import And, Condition, Not, Or
from hekla.query.mutation import Create, Delete, Mutation, Update, Upsert
from hekla.query.shape import Question, Which, which
from hekla.web.headers import HeaderView
from hekla.web.query_string import split_query
from hekla.web.response import Response
from hekla.writing.rows import pointer

__all__ = ["create", "delete_many", "update_many", "upsert"]

_SHAPING = frozenset(ITEM_PARAMETERS)


# New rows


def create(target: Writable, query: str, access: Access, headers: HeaderView) -> Operation:
    """``POST /tasks``: one document or an array; ``?upsert=name`` changes what is there."""
    target.allow(access, "create")
    unconditional(headers)
    by_text, query = _take(query, "upsert")
    answer = target.answer(query, access)
    if by_text is not None:
        by = unique_set(target.resource, by_text, access.columns(target.resource))
        return Operation(partial(_create_or_update, target, access, headers, answer, by))
    reader, tell = target.reader(access), target.tells(headers, access)

    def read_json(body: bytes) -> Write | None:
        if body.startswith(b"["):
            creates = reader.create_all_json(body)
            if creates is None:
                return None
            _bound(target, len(creates))
            return _many(creates, headers, answer, 201)
        new = reader.create_json(body)
        return None if new is None else Write((new,), tell, answer)

    return Operation(partial(_create, target, access, headers, answer), read_json=read_json)


def _create(
    target: Writable,
    access: Access,
    headers: HeaderView,
    answer: Question | None,
    document: Any,
    at: str = "",
) -> Write:
    reader = target.reader(access)
    if type(document) is dict:
        return Write((reader.create(document, at),), target.tells(headers, access), answer)
    return _many(_each(target, reader, read_objects(document, at), at), headers, answer, 201)


def _bound(target: Writable, number: int) -> None:
    most = target.engine.settings.max_bulk_rows
    if number > most:
        raise Problem(
            LIMIT_EXCEEDED,
            f"One request may write {most} rows (setting max_bulk_rows); there are {number}.",
        )


def _each(
    target: Writable, reader: RowDocuments, documents: Sequence[dict[str, Any]], at: str
) -> list[Create]:
    """Read all documents, and tell the faults of all at once."""
    _bound(target, len(documents))
    budget = Budget(target.engine.settings)
    budget.spend(len(documents), at)
    creates: list[Create] = []
    faults: list[Fault] = []
    for place, document in enumerate(documents):
        try:
            creates.append(reader.create(document, f"{at}/{place}", budget))
        except Problem as problem:
            if problem.code is not VALIDATION_FAILED:
                raise
            faults += problem.errors
            if len(faults) > 100:
                break
    if faults:
        raise Problem(VALIDATION_FAILED, "The documents are not valid.", errors=faults)
    return creates


def _many(
    mutations: Sequence[Mutation], headers: HeaderView, answer: Question | None, status: int
) -> Write:
    if wants_nothing_back(headers):
        return Write(mutations, _count)
    return Write(mutations, partial(_array, status), answer)


def _count(written: Sequence[Written], base: str) -> Response:
    return Response(204, b"", [MINIMAL, ("x-total-count", str(len(written)))])


def _array(status: int, written: Sequence[Written], base: str) -> Response:
    bodies = [each.body for each in written if each.body is not None]
    return Response(status, b"[" + b",".join(bodies) + b"]", [JSON_HEADER])


# By a natural key


def _create_or_update(
    target: Writable,
    access: Access,
    headers: HeaderView,
    answer: Question | None,
    by: tuple[str, ...],
    document: Any,
    at: str = "",
) -> Write:
    """``POST /labels?upsert=name``: each row is changed where one with that key is there."""
    reader = target.reader(access)
    one = type(document) is dict
    documents = [document] if one else read_objects(document, at)
    versions: list[Any] = [None] * len(documents)
    if target.resource.version is not None:
        read = [
            reader.version(each, at if one else f"{at}/{place}")
            for place, each in enumerate(documents)
        ]
        versions = [version for version, _ in read]
        documents = [rest for _, rest in read]
    creates = [reader.create(documents[0], at)] if one else _each(target, reader, documents, at)
    upserts = []
    for new, given, version in zip(creates, documents, versions, strict=True):
        row = new.row
        absent = [name for name in by if row.get(name) is None]
        if absent:
            message = "is needed to find the row"
            raise Problem(
                VALIDATION_FAILED,
                "The document is not valid.",
                errors=[Fault(pointer(new.at, name), message) for name in absent],
            )
        change = {n: v for n, v in row.items() if n in given and n not in by}
        upserts.append(Upsert(target.resource.name, by, row, change, new.nested, version, new.at))
    if one:
        return Write(upserts, target.tells(headers, access), answer)
    return _many(upserts, headers, answer, 200)


def upsert(target: Writable, query: str, access: Access, headers: HeaderView) -> Operation:
    """``PUT /labels?name=bug``: the row with that natural key, changed or made."""
    pairs = [pair for pair in split_query(query) if pair[0] not in _SHAPING]
    named = dict(pairs)
    shown = access.columns(target.resource)
    by = find_unique_set(target.resource, named, shown, "query")
    once(pairs, by)
    values: dict[str, Any] = {}
    faults = []
    for name, text in named.items():
        try:
            values[name] = target.resource.columns[name].type.parse(text)
        except ValueError as error:
            faults.append(Fault(f"query.{name}", str(error)))
    if faults:
        raise Problem(INVALID_SYNTAX, "The key in the address is not valid.", errors=faults)
    answer = target.answer(_shaping(query), access)
    tell, expected = target.tells(headers, access), precondition(headers)

    def read(document: Any, at: str = "") -> Write:
        reader = target.reader(access)
        version, document = reader.version(read_object(document, at), at)
        given, nested = reader.replace_row(document, values, at)
        change = {name: value for name, value in given.items() if name not in values}
        row = {**given, **values}
        mutation = Upsert(target.resource.name, by, row, change, nested, version, at)
        return Write((mutation,), tell, answer, expected)

    return Operation(read)


# Many rows, by filter


def update_many(target: Writable, query: str, access: Access, headers: HeaderView) -> Operation:
    """``PATCH /tasks?completed=false``: the same merge patch for each row that is found."""
    target.allow(access, "update")
    unconditional(headers)
    where, shaping = _filter(target, query, access)
    minimal = wants_nothing_back(headers)
    answer = None if minimal else target.answer(shaping, access)

    def read(document: Any, at: str = "") -> Write:
        reader = target.reader(access)
        document = read_object(document, at)
        if not reader.is_flat(document):
            raise Problem(UNSUPPORTED, "Relations are written one row at a time, not by a filter.")
        row = reader.rows.update(document, at, merges=True)
        merged = reader.merged(row)
        mutation = Update(target.resource.name, where, row, merge=merged, many=True, at=at)
        return Write((mutation,), partial(_updated, minimal), answer)

    return Operation(read, PATCH_TYPES)


def _updated(minimal: bool, written: Sequence[Written], base: str) -> Response:
    count = ("x-total-count", str(written[0].rows))
    if minimal:
        return Response(204, b"", [MINIMAL, count])
    return Response(200, written[0].body or b"[]", [JSON_HEADER, count])


def delete_many(target: Writable, query: str, access: Access, headers: HeaderView) -> Operation:
    """``DELETE /tasks?completed=true``."""
    target.allow(access, "delete")
    unconditional(headers)
    everything = not query and target.resource.delete_all
    where = None if everything else _filter(target, query, access)[0]
    write = Write((Delete(target.resource.name, where, many=True),), _deleted)
    return Operation(lambda document, at="": write, ())


def _deleted(written: Sequence[Written], base: str) -> Response:
    return Response(204, b"", [("x-total-count", str(written[0].rows))])


def _filter(target: Writable, query: str, access: Access) -> tuple[Which | None, str]:
    """The rows that the parameters find, and the parameters that shape the answer."""
    everything, query = _take(query, "all")
    if everything not in (None, "true", "false"):
        raise Problem(INVALID_SYNTAX, "expected true", errors=[Fault("query.all", "expected true")])
    pairs = split_query(query)
    found = _condition(target, pairs, access)
    if found is not None and _holds_always(found):
        found = None
    if found is None and everything != "true":
        raise Problem(
            INVALID_SYNTAX,
            "Without a filter this would write every row: say ?all=true if that is meant.",
            errors=[Fault("query", "a filter, or all=true")],
        )
    return (None if found is None else _named(found)), _shaping(query)


def _holds_always(condition: Condition) -> bool:
    """Whether the condition is none at all, such as a group without conditions."""
    match condition:
        case And(parts):
            return all(map(_holds_always, parts))
        case Or(parts):
            return any(map(_holds_always, parts))
        case Not(Or(())):
            return True
        case Not(Not(inner)):
            return _holds_always(inner)
    return False


def _shaping(query: str) -> str:
    """Of a query string, what shapes the answer."""
    return "&".join(part for part in query.split("&") if _name(part) in _SHAPING)


def _condition(target: Writable, pairs: Pairs, access: Access) -> Condition | None:
    for name, _ in pairs:
        if name in ("limit", "skip", "cursor", "order_by", "count", "distinct"):
            message = f"{name} has no meaning where rows are written"
            raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(f"query.{name}", message)])
    return parse_list(pairs, target.resource, access, target.engine.settings, export=True).where


def _named(condition: Condition) -> Which:
    """The rows that the condition of a query string finds."""
    found = which(condition)
    return Which(found.pattern, plain_values(found.values))


def _take(query: str, name: str) -> tuple[str | None, str]:
    """The value of a parameter, and the query string without it."""
    if name not in query:
        return None, query
    taken = None
    rest = []
    for part in query.split("&"):
        if _name(part) != name:
            rest.append(part)
            continue
        if taken is not None:
            raise Problem(
                INVALID_SYNTAX,
                f"The parameter {name} was given twice.",
                errors=[Fault(f"query.{name}", "given twice")],
            )
        taken = split_query(part)[0][1]
    return taken, "&".join(rest)


def _name(part: str) -> str:
    """The name of one parameter of a query string."""
    return split_query(part)[0][0] if part else ""
