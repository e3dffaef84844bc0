"""The OpenAPI 3.1 document of the REST face."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from hekla.faces.rest import parameters
from hekla.faces.rest.answers import (
    HEADERS,
    ITEM_HEADERS,
    LIST_HEADERS,
    PAGE_HEADERS,
    PROBLEM,
    problem_responses,
    responses_for,
    row_schema,
)
from hekla.faces.rest.components import Components, Described
from hekla.faces.rest.describe_batch import batch
from hekla.faces.rest.describe_changes import all_changes, changes
from hekla.faces.rest.describe_service import SERVICE, service
from hekla.faces.rest.describe_writes import Writes, write_operations
from hekla.faces.rest.filter_parameters import filters, groups
from hekla.faces.rest.identifiers import Identifiers, pascal_case, snake_words
from hekla.faces.rest.links import related, same_row
from hekla.faces.rest.values import value_schema
from hekla.policy.access import ACTIONS, Access
from hekla.schema.names import singular
from hekla.schema.resource import Column, Resource, Schema
from hekla.settings import Settings
from hekla.writing.ties import find_ties

__all__ = ["openapi"]

_GUIDE = """\
Every table is a list at its name, every row has an address below it.

**Filters** are parameters: `column=value`, or `column__lookup=value` with another comparison. A
dot goes through relations, to any depth: `owner.name__icontains=user`. Behind a relation to many
rows stands `:any` (which is meant without it), `:all` or `:none`: `comments:none.author_id=3`.
`or=(…)`, `and=(…)` and `not=(…)` hold groups of conditions, which may nest:
`or=(priority__gte=4,and=(owner.name=user 2,not=(completed=true)))`.

**Include** embeds related rows: `include=owner,comments.author`. In parentheses stands which of
them and in what order: `comments(limit:3,order_by:-id,fields:(id,body))`.

**Order** by columns, also through relations that lead to one row: `order_by=-priority,owner.name`;
`due_date:nulls_last` says where NULL goes.

**Pages** by `limit` and `skip`, or by `cursor`. The `Link` header names the next page.

**Figures**: `aggregate?group_by=owner.name&count=&avg=priority&having=(avg_priority__gt=2)`. A
measure is called after its function and column, and can be ordered by: `order_by=-avg_priority`.

**Names** that hold one of `= : , . ( ) "` stand in double quotes. A column that is called like a
parameter is filtered with its lookup: `limit__exact=5`.

The parameters below tell what a resource's own columns and its direct relations have; nothing
that their schemas admit is refused. `HEAD` answers every address like `GET`, without a body.
`ETag` and `If-None-Match` save sending an answer twice.

**Writing** takes JSON: a document for each row, one transaction for each request. What is wrong
with a document is told all at once, each fault with its JSON pointer. A row of a relation to one
may stand in place of the column that refers to it: `"owner": {"name": "user 9"}`, or `"owner": 3`;
so may rows of relations to many, and what belongs to these in turn. Many requests take a header
that is only told in words here, since no value of it can be made up: `If-Match` with the `ETag` of
a row, and `Idempotency-Key`.

Errors are `application/problem+json`,
with a `code` that never changes.
"""

_FAILURES = ("304", "400", "406", "414", "431", "5XX")


def openapi(
    schema: Schema,
    access: Access,
    settings: Settings,
    *,
    title: str,
    version: str,
    prefix: str = "",
    recorded: Container[str] = (),
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of what an actor with ``access`` may read and write.

    ``recorded`` holds the names of the resources whose changes are on record.
    """
    document = _Document(schema, access, settings, recorded)
    paths = document.paths()
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _GUIDE},
        "servers": [{"url": prefix or "/"}],
        "tags": document.tags(),
        "paths": paths,
        "components": document.components(repr(paths)),
    }


# Not the names of schemas that belong to a resource.
_SHARED = (
    *("Problem", "Boolean", "Pattern", "Text", "Integer", "Unsigned", "Float", "Decimal"),
    *("Date", "Time", "Datetime", "Interval", "Uuid", "Binary"),
)
# What else is called after a resource, and after a type of values.
_ENDINGS = (
    *("", "Column", "Lookups", "Conditions", "Figures", "Filters", "NaturalKey"),
    *("Create", "Replace", "Upsert", "Patch", "PatchMany", "Change"),
    *("Columns", "Columns2", "Columns3", "Columns4", "Columns5", "Columns6"),
)
_VALUE_ENDINGS = ("", "List", "Range")


class _Document:
    def __init__(
        self, schema: Schema, access: Access, settings: Settings, recorded: Container[str]
    ) -> None:
        self.access = access
        self.settings = settings
        self.shared = Components()
        self.closed = any(access.rows(resource) is False for resource in schema)
        self._schemas, self._operations = Identifiers(), Identifiers()
        for shared in _SHARED:
            self._schemas.give(shared, _VALUE_ENDINGS)
        self.described = {
            resource.name: self._describe(resource, recorded)
            for resource in schema
            if access.rows(resource) is not False or access.writable(resource)
        }
        self.readable = {name: each for name, each in self.described.items() if each.readable}

    def _describe(self, resource: Resource, recorded: Container[str]) -> Described:
        columns = self.access.columns(resource)
        snake = snake_words(resource.name)
        one = singular(resource.name)
        schema = self._schemas.give(pascal_case(one), _ENDINGS)
        given, parts = Identifiers(), Identifiers()
        for name in ("fields", "include", "order_by", "lookups", "figures", "or", "and", "not"):
            given.give(name)
        return Described(
            resource,
            self.access,
            self.settings,
            self.shared,
            schema=schema,
            operations=self._names(resource, snake, snake_words(one)),
            columns=columns,
            parameters={name: given.give(snake_words(name)) for name in columns},
            key={name: parts.give(_path_name(name)) for name in resource.key},
            actions=frozenset(
                action for action in ACTIONS if self.access.writes(resource, action) is not False
            ),
            settable=self.access.settable(resource),
            ties=find_ties(self.access.schema, self.access, resource),
            recorded=resource.name in recorded,
        )

    def _names(self, resource: Resource, many: str, one: str) -> dict[str, str]:
        """The identifiers of the operations that there are, given in an order that stays."""
        found = {}
        rows = all(name in self.access.columns(resource) for name in resource.key)
        wanted = {"list": f"list_{many}", "aggregate": f"aggregate_{many}"}
        if self.access.rows(resource) is False:
            wanted = {}
        elif resource.key and rows:
            wanted["read"] = f"read_{one}"
        for name in write_operations(self.access, resource):
            wanted[name] = f"{name.replace('_many', '')}_{many if name.endswith('_many') else one}"
        for name, identifier in wanted.items():
            found[name] = self._operations.give(identifier)
        return found

    def tags(self) -> list[dict[str, Any]]:
        tags = [_tag(described.resource) for described in self.described.values()]
        return [*tags, {"name": SERVICE, "description": "The application itself."}]

    def components(self, paths: str) -> dict[str, Any]:
        """The components; of headers those that are spoken of in ``paths`` or by them."""
        responses = problem_responses()
        spoken = paths + repr(responses)
        names = {name: described.schema for name, described in self.described.items()}
        rows = {
            described.schema: row_schema(described.resource, self.access, names)
            for described in self.described.values()
            if described.readable
        }
        return {
            "schemas": {"Problem": PROBLEM, **rows, **self.shared.schemas},
            "parameters": self.shared.parameters,
            "headers": {
                name: header
                for name, header in HEADERS.items()
                if f"#/components/headers/{name}'" in spoken
            },
            "responses": responses,
        }

    def paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        writes = Writes(self.described, self.settings)
        for described in self.described.values():
            if described.readable:
                paths[described.path] = {"get": self._list(described)}
                paths[f"{described.path}/aggregate"] = {"get": self._aggregate(described)}
                if described.has_rows:
                    paths[described.row_path] = {"get": self._item(described)}
                if described.recorded:
                    paths |= changes(described, self._key(described), self._operations)
            for path, method, operation in writes.operations(described, self._key(described)):
                paths.setdefault(path, {})[method] = operation
        if any(described.actions for described in self.described.values()):
            paths["/batch"] = {"post": batch(self.described, self.settings, self.shared)}
        if self.access.administrator and any(each.recorded for each in self.described.values()):
            paths["/changes"] = {"get": all_changes(self.shared, self.settings)}
        return {**paths, **service()}

    def _failures(self, *more: str) -> dict[str, Any]:
        forbidden = ("403",) if self.closed else ()
        return responses_for(sorted({*_FAILURES, *forbidden, *more}))

    # Operations

    def _list(self, described: Described) -> dict[str, Any]:
        row = {"$ref": f"#/components/schemas/{described.schema}"}
        found: dict[str, Any] = {
            "description": "A page; as CSV or NDJSON all rows.",
            "headers": LIST_HEADERS,
            "content": {
                "application/json": {"schema": {"type": "array", "items": row}},
                "text/csv": {},
                "application/x-ndjson": {},
            },
        }
        if described.has_rows:
            found["links"] = {"first": same_row(described, "/0")["read"]}
        return {
            "operationId": described.operations["list"],
            "summary": f"The rows of {described.resource.name}",
            "tags": [described.resource.name],
            "parameters": [
                *filters(described),
                *parameters.search(described),
                *parameters.order_by(described),
                *parameters.paging(described),
                *parameters.cursor(described),
                parameters.count(self.shared),
                parameters.fields(described),
                *parameters.include(described),
                *groups(described),
            ],
            "responses": {"200": found, **self._failures()},
        }

    def _item(self, described: Described) -> dict[str, Any]:
        row = {"$ref": f"#/components/schemas/{described.schema}"}
        found: dict[str, Any] = {
            "description": "The row.",
            "headers": ITEM_HEADERS,
            "content": {"application/json": {"schema": row}},
        }
        links = {**related(described, self.readable), **same_row(described)}
        del links["read"]
        if links:
            found["links"] = links
        return {
            "operationId": described.operations["read"],
            "summary": f"One row of {described.resource.name}",
            "tags": [described.resource.name],
            "parameters": [
                *self._key(described),
                parameters.fields(described),
                *parameters.include(described),
            ],
            "responses": {"200": found, **self._failures("404", "409")},
        }

    def _key(self, described: Described) -> list[dict[str, Any]]:
        """The parameters of the path of a row; none if it has no address."""
        if not described.has_rows:
            return []
        return [
            {
                "name": part,
                "in": "path",
                "required": True,
                "schema": self._key_schema(described.columns[name]),
                # A template takes no name with a space: what the page goes by is the column.
                **({} if part == name else {"description": name, "x-column": name}),
            }
            for name, part in described.key.items()
        ]

    def _key_schema(self, column: Column) -> dict[str, Any]:
        name, schema = value_schema(column.type, "exact")
        if name == "Text":
            # An empty key is written "=".
            return {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"}
        return self.shared.schema(name, schema)

    def _aggregate(self, described: Described) -> dict[str, Any]:
        figures = {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        }
        found = {
            "description": "One object for each group, or a single one.",
            "headers": PAGE_HEADERS,
            "content": {"application/json": {"schema": figures}},
        }
        return {
            "operationId": described.operations["aggregate"],
            "summary": f"Figures about {described.resource.name}",
            "tags": [described.resource.name],
            "parameters": [
                parameters.figures(described),
                *filters(described),
                *parameters.search(described),
                *parameters.paging(described),
                *groups(described),
            ],
            "responses": {"200": found, **self._failures()},
        }


def _path_name(column: str) -> str:
    """The name of a column of a key in the template of a path."""
    return column if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column) else snake_words(column)


def _tag(resource: Resource) -> dict[str, str]:
    described = {"description": resource.description} if resource.description else {}
    return {"name": resource.name, **described}
