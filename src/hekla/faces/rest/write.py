"""One resource over HTTP, written: ``POST``, ``PUT``, ``PATCH`` and ``DELETE``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hekla.cache import Cache
from hekla.engine import Engine
from hekla.errors import (
    INVALID_SYNTAX,
    LIMIT_EXCEEDED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    UNKNOWN_PARAMETER,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.faces.rest.documents import (
    JSON_TYPES,
    MERGE_PATCH,
    read_document,
    read_object,
    read_objects,
)
from hekla.faces.rest.filters import Sourced
from hekla.faces.rest.keys import Key, format_key, key_condition, parse_key
from hekla.faces.rest.parse import ITEM_PARAMETERS, Pairs, parse_item, parse_list
from hekla.faces.rest.preconditions import precondition, wants_nothing_back
from hekla.policy.access import Access
from hekla.policy.guard import check_writable
from hekla.query.ast import Condition
from hekla.query.mutation import Create, Delete, Mutation, Replace, Update, Upsert
from hekla.query.shape import Question, Which, parameterize, which
from hekla.schema.names import path_segment
from hekla.schema.resource import Resource
from hekla.web.conditional import entity_tag
from hekla.web.query_string import split_query
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.writing.rows import RowReader
from hekla.writing.work import Written

__all__ = ["WriteEndpoint"]

_JSON_HEADER = ("content-type", "application/json")
_PATCH_TYPES = (*JSON_TYPES, MERGE_PATCH)
_MINIMAL = ("preference-applied", "return=minimal")
_SHAPING = frozenset(ITEM_PARAMETERS)


class WriteEndpoint:
    """``POST /tasks``, ``PATCH /tasks?…``, ``PUT /tasks/7`` and their like."""

    def __init__(self, engine: Engine, resource: Resource, prefix: str) -> None:
        self.engine = engine
        self.resource = resource
        self._path = f"{prefix}/{path_segment(resource.name)}"
        self._readers: dict[Access, RowReader] = {}
        self._answers: Cache[tuple[Access, str], Question | None] = Cache(256)

    async def __call__(self, request: Request, rest: str) -> Response:
        match request.method, rest:
            case "POST", "":
                return await self._create(request)
            case "PUT", "":
                return await self._upsert(request)
            case "PATCH", "":
                return await self._update_many(request)
            case "DELETE", "":
                return await self._delete_many(request)
            case "PUT", _:
                return await self._replace(request, rest)
            case "PATCH", _:
                return await self._update(request, rest)
            case "DELETE", _:
                return await self._delete(request, rest)
        raise Problem(METHOD_NOT_ALLOWED, f"{request.method} is not allowed here.")

    # What is asked for

    def reader(self, access: Access) -> RowReader:
        """Reads the documents of rows, as the actor may write them."""
        reader = self._readers.get(access)
        if reader is None:
            columns = access.settable(self.resource)
            dialect = self.engine.store.dialect
            reader = self._readers[access] = RowReader(
                self.resource, columns, dialect, readable=access.columns(self.resource)
            )
        return reader

    def answer(self, query: str, access: Access) -> Question | None:
        """How the written row is told: ``fields`` and ``include``; None if it may not be read."""
        question = self._answers.get((access, query))
        if question is None and access.rows(self.resource) is not False:
            select = parse_item(split_query(query), self.resource, access, self.engine.settings)
            question = _valued(parameterize(select))
            self._answers.put((access, query), question)
        return question

    def _where(self, rest: str, access: Access) -> tuple[Key, Which]:
        keys = parse_key(rest, self.resource, self.resource.columns)
        if not keys:
            raise self._not_found()
        return keys[0], which(key_condition(self.resource, keys[0]))

    def _not_found(self) -> Problem:
        return Problem(NOT_FOUND, f"{self.resource.title or self.resource.name} not found")

    def _allow(self, access: Access, action: Any) -> None:
        check_writable(access, self.resource, action)

    # One row

    async def _create(self, request: Request) -> Response:
        actor = request.actor
        access = self.engine.policy.access(actor)
        self._allow(access, "create")
        upsert, query = _take(request.query, "upsert")
        answer = self.answer(query, access)
        document = await read_document(request)
        if upsert is not None:
            return await self._create_or_update(request, access, document, upsert, answer)
        reader = self.reader(access)
        if type(document) is not dict:
            return await self._create_many(request, access, read_objects(document), answer)
        mutation = Create(self.resource.name, reader.create(document))
        written = await self.engine.write(
            mutation, actor, answer, None, request.id if request.has_id else None
        )
        return self._created(request, written)

    async def _create_many(
        self,
        request: Request,
        access: Access,
        documents: list[dict[str, Any]],
        answer: Question | None,
    ) -> Response:
        self._bound(len(documents))
        reader = self.reader(access)
        rows = _each(documents, reader.create)
        steps = [
            _always(Create(self.resource.name, row, at=f"/{place}"))
            for place, row in enumerate(rows)
        ]
        return await self._many(request, steps, answer, 201)

    def _bound(self, number: int) -> None:
        most = self.engine.settings.max_bulk_rows
        if number > most:
            raise Problem(
                LIMIT_EXCEEDED,
                f"One request may write {most} rows (setting max_bulk_rows); there are {number}.",
            )

    async def _many(
        self,
        request: Request,
        steps: Sequence[Callable[[Sequence[Written]], Mutation]],
        answer: Question | None,
        status: int,
    ) -> Response:
        minimal = wants_nothing_back(request)
        answers = [None if minimal else answer] * len(steps)
        written = await self.engine.write_all(
            steps, request.actor, answers, request=request.id if request.has_id else None
        )
        if minimal:
            return Response(204, b"", [_MINIMAL, ("x-total-count", str(len(written)))])
        bodies = [each.body for each in written if each.body is not None]
        return Response(status, b"[" + b",".join(bodies) + b"]", [_JSON_HEADER])

    async def _update(self, request: Request, rest: str) -> Response:
        actor = request.actor
        access = self.engine.policy.access(actor)
        self._allow(access, "update")
        answer = self.answer(request.query, access)
        _, where = self._where(rest, access)
        document = read_object(await read_document(request, _PATCH_TYPES))
        version = self._version(document)
        row = self.reader(access).update(document)
        mutation = Update(self.resource.name, where, row, merge=self._merged(row), version=version)
        written = await self.engine.write(
            mutation,
            actor,
            answer,
            precondition(request),
            request.id if request.has_id else None,
        )
        return self._told(request, written)

    async def _replace(self, request: Request, rest: str) -> Response:
        actor = request.actor
        access = self.engine.policy.access(actor)
        answer = self.answer(request.query, access)
        if all(access.writes(self.resource, a) is False for a in ("create", "update")):
            self._allow(access, "update")
        key, _ = self._where(rest, access)
        document = read_object(await read_document(request))
        version = self._version(document)
        named = dict(zip(self.resource.key, key, strict=True))
        self._drop_key(document, named)
        row = self.reader(access).replace(document, given=named)
        mutation = Replace(self.resource.name, named, row, version=version)
        written = await self.engine.write(
            mutation,
            actor,
            answer,
            precondition(request),
            request.id if request.has_id else None,
        )
        return self._told(request, written)

    def _drop_key(self, document: dict[str, Any], named: dict[str, Any]) -> None:
        """Take the key out of a document that may hold it too, if it says the same."""
        faults = []
        for name, value in named.items():
            if name not in document:
                continue
            try:
                same = self.resource.columns[name].type.accept(document.pop(name)) == value
            except ValueError:
                same = False
            if not same:
                faults.append(Fault(f"/{name}", "must be as in the address"))
        if faults:
            raise Problem(VALIDATION_FAILED, "The document names another row.", errors=faults)

    def _version(self, document: dict[str, Any]) -> Any:
        """The version that the document says it was read at: it is no column to be set."""
        name = self.resource.version
        if name is None or document.get(name) is None:
            return None
        try:
            return self.resource.columns[name].type.accept(document.pop(name))
        except ValueError as error:
            raise Problem(
                VALIDATION_FAILED,
                "The document is not valid.",
                errors=[Fault(f"/{name}", str(error))],
            ) from error

    def _merged(self, row: dict[str, Any]) -> frozenset[str]:
        """The columns of JSON that are merged into what is there, not put in its place."""
        columns = self.resource.columns
        return frozenset(
            name
            for name, value in row.items()
            if type(value) is dict and columns[name].type.name == "json"
        )

    async def _delete(self, request: Request, rest: str) -> Response:
        actor = request.actor
        access = self.engine.policy.access(actor)
        self._allow(access, "delete")
        _, where = self._where(rest, access)
        check = precondition(request)
        answer = self.answer(request.query, access)
        await self.engine.write(
            Delete(self.resource.name, where),
            actor,
            answer if check is not None else None,
            check,
            request.id if request.has_id else None,
        )
        return Response(204)

    # By a natural key

    async def _upsert(self, request: Request) -> Response:
        """``PUT /labels?name=bug``: the row with that natural key, changed or made."""
        access = self.engine.policy.access(request.actor)
        pairs = split_query(request.query)
        shaping = [(name, text) for name, text in pairs if name in _SHAPING]
        named = {name: text for name, text in pairs if name not in _SHAPING}
        by = self._natural_key(tuple(named), "query")
        document = read_object(await read_document(request))
        faults = []
        values: dict[str, Any] = {}
        for name, text in named.items():
            try:
                values[name] = self.resource.columns[name].type.parse(text)
            except ValueError as error:
                faults.append(Fault(f"query.{name}", str(error)))
        if faults:
            raise Problem(INVALID_SYNTAX, "The key in the address is not valid.", errors=faults)
        self._drop_key(document, values)
        reader = self.reader(access)
        row = {**reader.replace(document, given=values), **values}
        answer = self.answer("&".join(f"{n}={t}" for n, t in shaping), access)
        change = {name: value for name, value in row.items() if name not in values}
        mutation = Upsert(self.resource.name, by, row, change)
        written = await self.engine.write(
            mutation, request.actor, answer, None, request.id if request.has_id else None
        )
        return self._told(request, written)

    async def _create_or_update(
        self,
        request: Request,
        access: Access,
        document: Any,
        by_text: str,
        answer: Question | None,
    ) -> Response:
        """``POST /labels?upsert=name``: each row is changed where one with that key is there."""
        names = self.resource.key if by_text == "key" else tuple(by_text.split(","))
        by = self._natural_key(names, "query.upsert")
        one = type(document) is dict
        documents = [document] if one else read_objects(document)
        self._bound(len(documents))
        reader = self.reader(access)
        rows = _each(documents, reader.create) if not one else [reader.create(document)]
        steps = []
        for place, (row, given) in enumerate(zip(rows, documents, strict=True)):
            at = "" if one else f"/{place}"
            absent = [name for name in by if row.get(name) is None]
            if absent:
                message = "is needed to find the row"
                raise Problem(
                    VALIDATION_FAILED,
                    "The document is not valid.",
                    errors=[Fault(f"{at}/{name}", message) for name in absent],
                )
            change = {n: v for n, v in row.items() if n in given and n not in by}
            steps.append(_always(Upsert(self.resource.name, by, row, change, at=at)))
        if not one:
            return await self._many(request, steps, answer, 200)
        written = await self.engine.write_all(
            steps, request.actor, [answer], request=request.id if request.has_id else None
        )
        return self._told(request, written[0])

    def _natural_key(self, names: Sequence[str], location: str) -> tuple[str, ...]:
        for unique in self.resource.uniques:
            if set(unique) == set(names):
                return unique
        known = " or ".join(",".join(unique) for unique in self.resource.uniques)
        message = f"expected columns that no two rows share: {known or 'there are none'}"
        raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(location, message)])

    # Many rows, by filter

    def _filter(self, request: Request, access: Access) -> tuple[Which | None, str]:
        """The rows that the parameters find, and the parameters that shape the answer."""
        everything, query = _take(request.query, "all")
        if everything not in (None, "true", "false"):
            raise Problem(
                INVALID_SYNTAX, "expected true", errors=[Fault("query.all", "expected true")]
            )
        pairs = split_query(query)
        found = self._condition(pairs, access)
        if found is None and everything != "true":
            raise Problem(
                INVALID_SYNTAX,
                "Without a filter this would write every row: say ?all=true if that is meant.",
                errors=[Fault("query", "a filter, or all=true")],
            )
        shaping = "&".join(part for part in query.split("&") if part.partition("=")[0] in _SHAPING)
        return (None if found is None else _named(found)), shaping

    def _condition(self, pairs: Pairs, access: Access) -> Condition | None:
        for name, _ in pairs:
            if name in ("limit", "skip", "cursor", "order_by", "count", "distinct"):
                message = f"{name} has no meaning where rows are written"
                raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(f"query.{name}", message)])
        select = parse_list(pairs, self.resource, access, self.engine.settings, export=True)
        return select.where

    async def _update_many(self, request: Request) -> Response:
        access = self.engine.policy.access(request.actor)
        self._allow(access, "update")
        where, shaping = self._filter(request, access)
        minimal = wants_nothing_back(request)
        answer = None if minimal else self.answer(shaping, access)
        document = read_object(await read_document(request, _PATCH_TYPES))
        row = self.reader(access).update(document)
        mutation = Update(self.resource.name, where, row, merge=self._merged(row), many=True)
        written = await self.engine.write(
            mutation, request.actor, answer, None, request.id if request.has_id else None
        )
        count = ("x-total-count", str(written.rows))
        if minimal:
            return Response(204, b"", [_MINIMAL, count])
        return Response(200, written.body or b"[]", [_JSON_HEADER, count])

    async def _delete_many(self, request: Request) -> Response:
        access = self.engine.policy.access(request.actor)
        self._allow(access, "delete")
        where, _ = self._filter(request, access)
        mutation = Delete(self.resource.name, where, many=True)
        written = await self.engine.write(
            mutation, request.actor, None, None, request.id if request.has_id else None
        )
        return Response(204, b"", [("x-total-count", str(written.rows))])

    # What is answered

    def location(self, request: Request, key: tuple[Any, ...]) -> str:
        """The address of a row; the key as it stands in JSON."""
        return f"{request.base}{self._path}/{format_key(key)}"

    def _created(self, request: Request, written: Written) -> Response:
        headers = []
        if self.resource.key:
            headers.append(("location", self.location(request, written.shown)))
        return self._with_body(request, written, 201, headers)

    def _told(self, request: Request, written: Written) -> Response:
        if written.outcome == "created":
            return self._created(request, written)
        return self._with_body(request, written, 200, [])

    def _with_body(
        self, request: Request, written: Written, status: int, headers: list[tuple[str, str]]
    ) -> Response:
        body = written.body
        if body is None:
            return Response(201 if status == 201 else 204, b"", headers)
        if request.headers.get("prefer") is not None and wants_nothing_back(request):
            headers.append(_MINIMAL)
            headers.append(("etag", entity_tag(body)))
            return Response(204 if status == 200 else 201, b"", headers)
        headers.append(_JSON_HEADER)
        headers.append(("etag", entity_tag(body)))
        return Response(status, body, headers)


def _always(mutation: Mutation) -> Callable[[Sequence[Written]], Mutation]:
    return lambda _: mutation


def _each(
    documents: Sequence[dict[str, Any]], read: Callable[[dict[str, Any], str], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read all documents, and tell the faults of all at once."""
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for place, document in enumerate(documents):
        try:
            rows.append(read(document, f"/{place}"))
        except Problem as problem:
            faults += problem.errors
            if len(faults) > 100 or not problem.errors:
                break
    if faults:
        raise Problem(VALIDATION_FAILED, "The documents are not valid.", errors=faults)
    return rows


def _take(query: str, name: str) -> tuple[str | None, str]:
    """The value of a parameter, and the query string without it."""
    if name not in query:
        return None, query
    taken = None
    rest = []
    for part in query.split("&"):
        own, _, value = part.partition("=")
        if own == name:
            taken = value
        else:
            rest.append(part)
    return taken, "&".join(rest)


def _named(condition: Condition) -> Which:
    """The rows that the condition of a query string finds."""
    found = which(condition)
    return Which(found.pattern, _values(found.values))


def _valued(question: Question) -> Question:
    return Question(question.shape, _values(question.values))


def _values(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values as they are, without the places of the query string that they came from."""
    return tuple(value.value if isinstance(value, Sourced) else value for value in values)
