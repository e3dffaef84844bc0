"""One resource over HTTP: the list, the rows, the aggregates."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.engine import Answer, Engine
from hekla.errors import AMBIGUOUS_KEY, INTERNAL, NOT_FOUND, UNSUPPORTED, Problem
from hekla.faces.rest.aggregates import parse_aggregate
from hekla.faces.rest.changes import CHANGES, HISTORY, ResourceChanges
from hekla.faces.rest.cursor import START, CursorCodec, Position, invalid_cursor, ordering_tag
from hekla.faces.rest.export import CSV, NDJSON, export, question_of
from hekla.faces.rest.import_ import IMPORT, Imports
from hekla.faces.rest.keys import Key, key_condition, parse_key
from hekla.faces.rest.parse import Pairs, parse_item, parse_list
from hekla.faces.rest.prepared import LONGEST_ASKED, Asked, Prepared, given_value, prepare, skeleton
from hekla.faces.rest.row_documents import Documents
from hekla.faces.rest.write import WriteEndpoint
from hekla.policy.access import Access
from hekla.policy.order import complete_order
from hekla.query.ast import Select
from hekla.query.shape import Question, parameterize
from hekla.schema.resource import Resource
from hekla.web.negotiate import negotiate
from hekla.web.query_string import split_query
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["ResourceEndpoint"]

JSON = "application/json"
_JSON_HEADER = ("content-type", JSON)
# Of answers that have no other header; nobody changes the headers of a response.
_JSON_HEADERS = [_JSON_HEADER]
# A list comes in several forms (RFC 9110 section 12.5.5).
_VARY = ("vary", "Accept")
_LIST_FORMS = (JSON, NDJSON, CSV)
_JSON_ONLY = (JSON,)
_READ = frozenset({"GET"})
_POST = frozenset({"POST"})
_IMPORT = (IMPORT, f"{IMPORT}/")
_METHODS = {"create": ("POST", "PUT"), "update": ("PUT", "PATCH"), "delete": ("DELETE",)}


class ResourceEndpoint:
    """``GET /tasks``, ``/tasks/7`` and ``/tasks/aggregate``."""

    def __init__(
        self,
        engine: Engine,
        resource: Resource,
        cursors: CursorCodec,
        prepared: Cache[tuple[Any, ...], Prepared],
        asked: Cache[tuple[Any, ...], Asked],
        documents: Documents,
        imports: Imports,
        prefix: str = "",
    ) -> None:
        self.engine = engine
        self.resource = resource
        self.writes = WriteEndpoint(engine, resource, prefix, documents)
        self._cursors = cursors
        self._imports = imports
        # Shared by all resources, so that its bound holds however many there are.
        self._prepared = prepared
        self._asked = asked
        # How a row is read without any parameter; there are few accesses.
        self._plain: dict[Access, Prepared] = {}
        self._changes = (
            ResourceChanges(engine, resource) if engine.changes.holds(resource) else None
        )
        # What below the list is no row.
        self._words: dict[str, Callable[[Request], Response | Coroutine[Any, Any, Response]]] = {
            "aggregate": self._aggregate,
            "aggregate/": self._aggregate,
        }
        if self._changes is not None:
            self._words[CHANGES] = self._words[f"{CHANGES}/"] = self._changes.changes
        # What nobody may do is no method of the address; what some may not do they are told.
        writing = {m for action in engine.policy.actions(resource) for m in _METHODS[action]}
        # Rows without a key can be made, but not be told apart to be changed.
        self._of_list = _READ | (writing if resource.key else writing & {"POST"})
        self._of_row = _READ | (writing - {"POST"} if resource.key else set())
        self._takes_files = "POST" in writing or "PATCH" in writing
        if self._takes_files:
            # There is no row to be read here.
            for word in _IMPORT:
                self._words[word] = partial(imports.handle, resource=resource)
        self._has_rows = len(resource.key) == 1
        # Of keys of several columns, or of none, nothing is read in this way.
        parsing = resource.columns[resource.key[0]] if self._has_rows else None
        self._parse_key = str if parsing is None else parsing.type.parse
        self.at_once = self._answers_at_once()

    def __call__(self, request: Request, rest: str) -> Response | Coroutine[Any, Any, Response]:
        if (
            rest.isalnum()
            and self._has_rows
            and request.method == "GET"
            and rest not in self._words
        ):
            return self._row(request, rest)
        if request.method != "GET":
            if self._takes_files and rest in _IMPORT:
                return self._imports.handle(request, self.resource)
            return self.writes(request, rest)
        if not rest:
            return self._list(request)
        word = self._words.get(rest)
        if word is not None:
            return word(request)
        row = self._with_history(rest)
        if row is not None and self._changes is not None:
            return self._changes.history(request, row)
        return self._item(request, rest)

    def _with_history(self, rest: str) -> str | None:
        """The address of the row whose history ``rest`` is; None if it is nothing of the kind.

        A key that ends so itself has its slash encoded; a server that decodes it takes away
        the difference, and then only lists show the row.
        """
        plain = rest.removesuffix("/")
        if self._changes is None or not self.resource.key or not plain.endswith(HISTORY):
            return None
        return plain.removesuffix(HISTORY) or None

    def methods(self, rest: str) -> frozenset[str]:
        """What may be done at an address below this segment."""
        rest = rest.removesuffix("/")
        if not rest:
            return self._of_list
        if rest == IMPORT and self._takes_files:
            return _POST
        if rest in self._words or self._with_history(rest) is not None:
            return _READ
        return self._of_row

    def question(self, request: Request, rest: str) -> Question:
        """The question that the request asks, without asking it."""
        access = self.engine.policy.access(request.actor)
        pairs = split_query(request.query)
        if not rest:
            positions = [self._cursors.decode(text) for name, text in pairs if name == "cursor"]
            found = self._prepare(pairs, access, "list", next(iter(positions), None))
            return Question(found[0].shape, tuple(found[1]))
        if rest in ("aggregate", "aggregate/"):
            found = self._prepare(pairs, access, "aggregate")
            return Question(found[0].shape, tuple(found[1]))
        if rest in self._words or self._with_history(rest) is not None:
            raise Problem(UNSUPPORTED, "Only lists, rows and aggregates can be explained.")
        keys = parse_key(rest, self.resource, access.columns(self.resource))
        if not keys:
            raise self._not_found()
        item = self._prepare_item(keys[0], request.query, access)
        return Question(item.shape, tuple(item.values((), keys[0])))

    def _not_found(self) -> Problem:
        return Problem(NOT_FOUND, f"{self.resource.title or self.resource.name} not found")

    # One row

    def _row(self, request: Request, rest: str) -> Response | Coroutine[Any, Any, Response]:
        """The commonest request: a row by a plain key of one column.

        It is answered as :meth:`_item` would, whose findings are the same every time.
        """
        if "accept" in request.headers.first:
            negotiate(request, _JSON_ONLY)
        actor, engine = request.actor, self.engine
        policy = engine.policy
        access = policy.anonymous if actor is ANONYMOUS else policy.access(actor)
        query = request.query
        prepared = self._prepared.get((self, access, query)) if query else self._plain.get(access)
        if prepared is None:
            return self._item(request, rest)
        try:
            key = self._parse_key(rest)
        except (ValueError, Problem):
            raise self._not_found() from None
        values = (key,) if prepared.bare else prepared.values((), (key,))
        answer = engine.answer(prepared.plan, values, actor)
        if isinstance(answer, Answer):
            return Response(200, answer.body, _JSON_HEADERS)
        if answer is None:
            raise self._not_found()
        return self._waited_for(answer)

    def _answers_at_once(self) -> Callable[[str, str, str, Actor], Response | None]:
        """What answers a GET that has nothing to negotiate, as it is answered otherwise.

        It answers None where it takes more than to read a row or a list of a form that was read
        before: the whole way is to be gone. It is a closure, since it is called for the commonest
        requests of all.
        """
        mark, has_rows, words, parse = self, self._has_rows, self._words, self._parse_key
        plain, prepared_for, policy = self._plain, self._prepared, self.engine.policy
        asked_for, list_headers, told = self._asked, self._list_headers, self.engine.told

        def answer(path: str, rest: str, query: str, actor: Actor) -> Response | None:
            access = policy.anonymous if actor is ANONYMOUS else policy.access(actor)
            if not rest:
                asked = asked_for.get((mark, access, "list", query))
                if asked is None:
                    return None
                values, plan = asked.values, asked.prepared.plan
                direct = len(values) == plan.direct
                row = asked.prepared.read(values if direct else plan.bind(values, actor))
                if not isinstance(row, tuple):
                    return None
                found = told(plan, row)
                return Response(200, found.body, list_headers(path, asked, found))
            if not (has_rows and rest.isalnum()) or rest in words:
                return None
            prepared = prepared_for.get((mark, access, query)) if query else plain.get(access)
            if prepared is None:
                return None
            try:
                key = parse(rest)
            except (ValueError, Problem):
                return None
            if prepared.bare:
                body = prepared.read((key,))
            else:
                filled, plan = prepared.values((), (key,)), prepared.plan
                direct = len(filled) == plan.direct
                body = prepared.read(filled if direct else plan.bind(filled, actor))
            return Response(200, body, _JSON_HEADERS) if isinstance(body, bytes) else None

        return answer

    async def _waited_for(self, pending: Coroutine[Any, Any, Answer | None]) -> Response:
        answer = await pending
        if answer is None:
            raise self._not_found()
        return Response(200, answer.body, _JSON_HEADERS)

    async def _item(self, request: Request, rest: str) -> Response:
        if "accept" in request.headers.first:
            negotiate(request, _JSON_ONLY)
        actor = request.actor
        access = self.engine.policy.access(actor)
        keys = parse_key(rest, self.resource, access.columns(self.resource))
        found: Answer | None = None
        for key in keys:
            prepared = self._prepare_item(key, request.query, access)
            answer = await self.engine.run(prepared.plan, prepared.values((), key), actor)
            shared = None in key and await self._is_shared(key, request)
            if answer is not None and (found is not None or shared):
                raise Problem(
                    AMBIGUOUS_KEY,
                    "The server cannot tell which row this address means; "
                    f"ask for it by GET /{self.resource.name}?{self.resource.key[0]}=….",
                )
            found = answer or found
        if found is None:
            if not keys:
                # What else is wrong with the request is said first.
                parse_item(split_query(request.query), self.resource, access, self.engine.settings)
            raise self._not_found()
        return Response(200, found.body, _JSON_HEADERS)

    async def _is_shared(self, key: Key, request: Request) -> bool:
        """Whether several rows have this key: SQLite lets NULL into one any number of times."""
        where = key_condition(self.resource, key)
        query = Select(self.resource.name, fields=self.resource.key, where=where, limit=2)
        answer = await self.engine.read(parameterize(query), request.actor)
        return answer is not None and answer.size > 1

    def _prepare_item(self, key: Key, query: str, access: Access) -> Prepared:
        # Of a key only its NULLs belong to the shape, of the parameters here everything.
        mark: tuple[Any, ...] = (self, access, query)
        if None in key:
            mark += tuple(map(_is_null, key))
        prepared = self._prepared.get(mark)
        if prepared is None:
            select = parse_item(split_query(query), self.resource, access, self.engine.settings)
            where = key_condition(
                self.resource,
                tuple(
                    None if value is None else given_value(place) for place, value in enumerate(key)
                ),
            )
            prepared = prepare(replace(select, where=where), self.engine, access)
            self._prepared.put(mark, prepared)
        if not query and None not in key:
            self._plain[access] = prepared
        return prepared

    # The list

    def _list(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        if "accept" in request.headers.first:
            form = negotiate(request, _LIST_FORMS)
            if form != JSON:
                return self._export(request, form)
        return self._listed(request, "list")

    async def _export(self, request: Request, form: str) -> Response:
        access = self.engine.policy.access(request.actor)
        pairs = split_query(request.query)
        asked = parse_list(pairs, self.resource, access, self.engine.settings, export=True)
        return await export(self.engine, question_of(asked), request.actor, form)

    def _listed(self, request: Request, kind: str) -> Response | Coroutine[Any, Any, Response]:
        """A list of rows or of groups."""
        actor, engine = request.actor, self.engine
        policy = engine.policy
        access = policy.anonymous if actor is ANONYMOUS else policy.access(actor)
        mark = (self, access, kind, request.query)
        asked = self._asked.get(mark)
        if asked is None:
            asked = self._asked_anew(request.query, access, kind)
            if len(request.query) <= LONGEST_ASKED:
                self._asked.put(mark, asked)
        answer = engine.answer(asked.prepared.plan, asked.values, actor)
        if isinstance(answer, Answer):
            path = request.base + request.path
            return Response(200, answer.body, self._list_headers(path, asked, answer))
        return self._listed_later(request, asked, answer)

    async def _listed_later(
        self, request: Request, asked: Asked, pending: Coroutine[Any, Any, Answer | None] | None
    ) -> Response:
        answer = None if pending is None else await pending
        if answer is None:
            raise Problem(INTERNAL)
        path = request.base + request.path
        return Response(200, answer.body, self._list_headers(path, asked, answer))

    def _asked_anew(self, query: str, access: Access, kind: str) -> Asked:
        pairs = split_query(query)
        position = None
        for name, text in pairs:
            if name == "cursor" and kind == "list":
                position = self._cursors.decode(text)
        prepared, values = self._prepare(pairs, access, kind, position)
        return Asked(prepared, tuple(values), _paging(query))

    def _prepare(
        self, pairs: Pairs, access: Access, kind: str, position: Position | None = None
    ) -> tuple[Prepared, list[Any]]:
        where, after = (position.form, position.values) if position is not None else (None, ())
        mark = (self, access, kind, where, skeleton(pairs, kind == "aggregate"))
        prepared = self._prepared.get(mark)
        if prepared is not None:
            try:
                return prepared, prepared.values(pairs, after)
            except ValueError:
                # Parsing it anew says where the fault is.
                pass
        if kind == "aggregate":
            aggregate = parse_aggregate(pairs, self.resource, access, self.engine.settings)
            prepared = prepare(aggregate, self.engine, access)
        else:
            prepared = self._prepare_list(pairs, access, position)
        values = prepared.values(pairs, after)
        self._prepared.put(mark, prepared)
        return prepared, values

    def _prepare_list(self, pairs: Pairs, access: Access, position: Position | None) -> Prepared:
        query = parse_list(pairs, self.resource, access, self.engine.settings)
        if position is None:
            return prepare(query, self.engine, access)
        orders = complete_order(access, self.resource, query)
        tag = ordering_tag(self.resource.name, orders)
        if position is not START:
            if position.tag != tag or len(position.values) != len(orders):
                raise invalid_cursor("it belongs to another list or another order_by")
            after = tuple(
                None if value is None else given_value(place)
                for place, value in enumerate(position.values)
            )
            query = replace(query, after=after)
        return prepare(query, self.engine, access, tag)

    def _list_headers(self, path: str, asked: Asked, answer: Answer) -> list[tuple[str, str]]:
        prepared, values = asked.prepared, asked.values
        headers = [_JSON_HEADER, _VARY]
        if answer.total is not None:
            headers.append(("x-total-count", str(answer.total)))
        limit = values[prepared.limit] if prepared.limit is not None else None
        full = limit is not None and 0 < limit <= answer.size
        if prepared.tag:
            if full and answer.last is not None:
                cursor = self._cursors.encode(prepared.tag, answer.last)
                page = _as_target(path) + asked.paging
                headers.append(("x-next-cursor", cursor))
                headers.append(("link", f'<{page}cursor={cursor}>; rel="next"'))
            return headers
        skip = values[prepared.offset] if prepared.offset is not None else 0
        if limit and (full or skip):
            page = _as_target(path) + asked.paging
            following = f'<{page}skip={skip + limit}>; rel="next"' if full else ""
            previous = f'<{page}skip={max(0, skip - limit)}>; rel="prev"' if skip else ""
            parting = ", " if full and skip else ""
            headers.append(("link", f"{following}{parting}{previous}"))
        return headers

    # Aggregates

    def _aggregate(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        if "accept" in request.headers.first:
            negotiate(request, _JSON_ONLY)
        return self._listed(request, "aggregate")


def _is_null(value: Any) -> bool:
    return value is None


# What may stand in a target as it is (RFC 3986), beside the escapes that are there already.
_is_target = re.compile(r"[!#-;=?-\[\]_a-z~]*").fullmatch
_UNSAFE = re.compile(r"[^!#-;=?-\[\]_a-z~]")


def _paging(query: str) -> str:
    """The query of a Link to another page (RFC 8288), up to the parameter that tells the page."""
    if "cursor" in query or "skip" in query:
        # A cursor goes on behind what was skipped, so skip is for the first page only.
        parts = [part for part in query.split("&") if not part.startswith(("cursor=", "skip="))]
        query = "&".join(parts)
    return _as_target(f"?{query}{'&' if query else ''}")


def _as_target(text: str) -> str:
    return text if _is_target(text) else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")])
