"""What all ways of writing one resource over HTTP share: what is read, named and told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hekla.cache import Cache
from hekla.engine import Engine, Written
from hekla.errors import NOT_FOUND, Problem
from hekla.faces.rest.filters import Sourced
from hekla.faces.rest.keys import Key, format_key, key_condition, parse_key
from hekla.faces.rest.operation import Tell
from hekla.faces.rest.parse import parse_item
from hekla.faces.rest.preconditions import wants_nothing_back
from hekla.faces.rest.row_documents import Documents, RowDocuments
from hekla.policy.access import Access
from hekla.policy.guard import check_writable
from hekla.policy.rules import Action
from hekla.query.shape import Question, Which, parameterize, which
from hekla.schema.names import path_segment
from hekla.schema.resource import Resource
from hekla.web.conditional import entity_tag
from hekla.web.headers import HeaderView
from hekla.web.query_string import split_query
from hekla.web.response import Response
from hekla.writing.identity import no_single_row

__all__ = ["JSON_HEADER", "MINIMAL", "Writable", "plain_values"]

JSON_HEADER = ("content-type", "application/json")
MINIMAL = ("preference-applied", "return=minimal")


class Writable:
    """One resource, as it is written over HTTP."""

    def __init__(
        self, engine: Engine, resource: Resource, prefix: str, documents: Documents
    ) -> None:
        self.engine = engine
        self.resource = resource
        self._documents = documents
        self._path = f"{prefix}/{path_segment(resource.name)}"
        # There are few accesses; whether each may know the address of a row.
        self._placed: dict[Access, bool] = {}
        self._answers: Cache[tuple[Access, str], Question | None] = Cache(256)
        columns = [resource.columns[name] for name in resource.key]
        self._parse_key = columns[0].type.parse if len(columns) == 1 else None
        # The same condition for every key, unless it holds a NULL.
        self._by_key = which(key_condition(resource, (0,) * len(resource.key))).pattern

    # What is asked for

    def allow(self, access: Access, action: Action) -> None:
        """Raise Problem ``forbidden`` if the action is closed whatever the row."""
        check_writable(access, self.resource, action)

    def reader(self, access: Access) -> RowDocuments:
        """Reads the documents of rows, as the actor may write them."""
        return self._documents.of(access, self.resource)

    def answer(self, query: str, access: Access) -> Question | None:
        """How the written row is told: ``fields`` and ``include``; None if it may not be read."""
        question = self._answers.get((access, query))
        if question is None and access.rows(self.resource) is not False:
            select = parse_item(split_query(query), self.resource, access, self.engine.settings)
            found = parameterize(select)
            question = Question(found.shape, plain_values(found.values))
            self._answers.put((access, query), question)
        return question

    def where(self, rest: str) -> tuple[Key, Which]:
        """The key in the address, and the condition that a row has it."""
        if self._parse_key is not None and rest.isalnum():
            # The commonest, which says what it says.
            try:
                key: Key = (self._parse_key(rest),)
            except (ValueError, Problem):
                raise self._not_found() from None
            return key, Which(self._by_key, key)
        keys = parse_key(rest, self.resource, self.resource.columns)
        if not keys:
            raise self._not_found()
        key = keys[0]
        if None in key:
            raise no_single_row(self.resource)
        return key, Which(self._by_key, key)

    def _not_found(self) -> Problem:
        return Problem(NOT_FOUND, f"{self.resource.title or self.resource.name} not found")

    # What is answered

    def tells(self, headers: HeaderView, access: Access) -> Tell:
        """Tell of the one row that was written.

        The address of a new one is in ``Location``, if its key is open to the actor.
        """
        placed = self._placed.get(access)
        if placed is None:
            placed = self._placed[access] = self._has_address(access)
        minimal = "prefer" in headers.first and wants_nothing_back(headers)
        return partial(self._tell, minimal, placed)

    def _has_address(self, access: Access) -> bool:
        columns, masks = access.columns(self.resource), access.masks(self.resource)
        key = self.resource.key
        return bool(key) and all(name in columns and name not in masks for name in key)

    def _tell(self, minimal: bool, placed: bool, written: Sequence[Written], base: str) -> Response:
        one = written[0]
        headers = []
        status = 200
        if one.outcome == "created":
            status = 201
            if placed:
                # The key as it stands in JSON.
                headers.append(("location", f"{base}{self._path}/{format_key(one.shown)}"))
        body = one.body
        if body is None:
            return Response(201 if status == 201 else 204, b"", headers)
        if minimal:
            headers.append(MINIMAL)
            headers.append(("etag", entity_tag(body)))
            return Response(204 if status == 200 else 201, b"", headers)
        headers.append(JSON_HEADER)
        headers.append(("etag", entity_tag(body)))
        return Response(status, body, headers)


def plain_values(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values as they are, without the places of the query string that they came from."""
    return tuple(value.value if isinstance(value, Sourced) else value for value in values)
