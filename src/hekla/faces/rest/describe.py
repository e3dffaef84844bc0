"""The OpenAPI 3.1 document of the REST face."""

from __future__ import annotations

import re
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
from hekla.faces.rest.filter_parameters import filter_name, filters, groups
from hekla.faces.rest.identifiers import Identifiers, pascal_case, snake_words
from hekla.faces.rest.values import value_schema
from hekla.policy.access import Access
from hekla.schema.names import path_segment, singular
from hekla.schema.resource import Column, Relation, Resource, Schema
from hekla.settings import Settings

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
`ETag` and `If-None-Match` save sending an answer twice. Errors are `application/problem+json`,
with a `code` that never changes.
"""

# A path that no resource has, so no resource is called so.
_SERVICE = "hekla"
_FAILURES = ("304", "400", "406", "414", "431", "5XX")


def openapi(
    schema: Schema,
    access: Access,
    settings: Settings,
    *,
    title: str,
    version: str,
    prefix: str = "",
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of what an actor with ``access`` may read."""
    document = _Document(schema, access, settings)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _GUIDE},
        "servers": [{"url": prefix or "/"}],
        "tags": document.tags(),
        "paths": document.paths(),
        "components": document.components(),
    }


# Not the names of schemas that belong to a resource.
_SHARED = (
    *("Problem", "Boolean", "Pattern", "Text", "Integer", "Unsigned", "Float", "Decimal"),
    *("Date", "Time", "Datetime", "Interval", "Uuid", "Binary"),
)
# What else is called after a resource, and after a type of values.
_ENDINGS = (
    *("", "Column", "Lookups", "Conditions", "Figures"),
    *("Columns", "Columns2", "Columns3", "Columns4", "Columns5", "Columns6"),
)
_VALUE_ENDINGS = ("", "List", "Range")


class _Document:
    def __init__(self, schema: Schema, access: Access, settings: Settings) -> None:
        self.access = access
        self.settings = settings
        self.shared = Components()
        self.closed = any(access.rows(resource) is False for resource in schema)
        self._schemas, self._operations = Identifiers(), Identifiers()
        for shared in _SHARED:
            self._schemas.give(shared, _VALUE_ENDINGS)
        self.described = {
            resource.name: self._describe(resource)
            for resource in schema
            if access.rows(resource) is not False
        }

    def _describe(self, resource: Resource) -> Described:
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
            list_operation=self._operations.give(f"list_{snake}"),
            row_operation=self._operations.give(f"read_{snake_words(one)}"),
            figures_operation=self._operations.give(f"aggregate_{snake}"),
            columns=columns,
            parameters={name: given.give(snake_words(name)) for name in columns},
            key={name: parts.give(_path_name(name)) for name in resource.key},
        )

    def tags(self) -> list[dict[str, Any]]:
        tags = [_tag(described.resource) for described in self.described.values()]
        return [*tags, {"name": _SERVICE, "description": "The application itself."}]

    def components(self) -> dict[str, Any]:
        names = {name: described.schema for name, described in self.described.items()}
        rows = {
            described.schema: row_schema(described.resource, self.access, names)
            for described in self.described.values()
        }
        return {
            "schemas": {"Problem": PROBLEM, **rows, **self.shared.schemas},
            "parameters": self.shared.parameters,
            "headers": HEADERS,
            "responses": problem_responses(),
        }

    def paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for described in self.described.values():
            path = f"/{path_segment(described.resource.name)}"
            paths[path] = {"get": self._list(described)}
            paths[f"{path}/aggregate"] = {"get": self._aggregate(described)}
            if described.has_rows:
                key = ",".join(f"{{{name}}}" for name in described.key.values())
                paths[f"{path}/{key}"] = {"get": self._item(described)}
        return {**paths, **_service()}

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
            first = {
                part: f"$response.body#/0/{_pointer(name)}" for name, part in described.key.items()
            }
            found["links"] = {
                "first": {"operationId": described.row_operation, "parameters": first}
            }
        return {
            "operationId": described.list_operation,
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
        key = [
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
        row = {"$ref": f"#/components/schemas/{described.schema}"}
        found: dict[str, Any] = {
            "description": "The row.",
            "headers": ITEM_HEADERS,
            "content": {"application/json": {"schema": row}},
        }
        links = self._links(described)
        if links:
            found["links"] = links
        return {
            "operationId": described.row_operation,
            "summary": f"One row of {described.resource.name}",
            "tags": [described.resource.name],
            "parameters": [*key, parameters.fields(described), *parameters.include(described)],
            "responses": {"200": found, **self._failures("404", "409")},
        }

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
            "operationId": described.figures_operation,
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

    # Links

    def _links(self, described: Described) -> dict[str, Any]:
        """From a row to what is related to it, where a parameter takes the value."""
        given = Identifiers()
        links = {}
        for relation in described.relations:
            target = self.described[relation.target]
            pairs = _pairs(described, target, relation)
            link = _to_list(target, pairs) if relation.many else _to_row(target, pairs)
            if link is not None:
                links[given.give(snake_words(relation.name))] = link
        return links


def _pairs(near: Described, far: Described, relation: Relation) -> dict[str, str]:
    """The columns that a relation compares, far by near; none if it takes more."""
    if len(relation.links) != 1:
        return {}
    near_names = {id(column.source): name for name, column in near.columns.items()}
    far_names = {id(column.source): name for name, column in far.columns.items()}
    pairs = [(id(one), id(other)) for one, other in relation.links[0].pairs]
    if not all(one in near_names and other in far_names for one, other in pairs):
        return {}
    return {far_names[other]: near_names[one] for one, other in pairs}


def _to_row(target: Described, pairs: dict[str, str]) -> dict[str, Any] | None:
    if not target.has_rows or set(pairs) != set(target.resource.key):
        return None
    parts = {target.key[far]: f"$response.body#/{_pointer(near)}" for far, near in pairs.items()}
    return {"operationId": target.row_operation, "parameters": parts}


def _to_list(target: Described, pairs: dict[str, str]) -> dict[str, Any] | None:
    if not target.plain or not pairs:
        return None
    values = {
        filter_name(far, target.columns): f"$response.body#/{_pointer(near)}"
        for far, near in pairs.items()
    }
    return {"operationId": target.list_operation, "parameters": values}


def _path_name(column: str) -> str:
    """The name of a column of a key in the template of a path."""
    return column if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column) else snake_words(column)


def _pointer(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _tag(resource: Resource) -> dict[str, str]:
    described = {"description": resource.description} if resource.description else {}
    return {"name": resource.name, **described}


def _service() -> dict[str, Any]:
    """The addresses that no resource has."""
    resource = {
        "type": "object",
        "required": ["name", "url", "table", "key", "relations", "writable"],
        "properties": {
            "name": {"type": "string"},
            "url": {"type": "string"},
            "table": {"type": "string"},
            "key": {"type": "array", "items": {"type": "string"}},
            "relations": {"type": "array", "items": {"type": "string"}},
            "writable": {"type": "boolean"},
        },
    }
    index = {
        "type": "object",
        "required": ["resources"],
        "properties": {"resources": {"type": "array", "items": resource}},
    }
    well = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string", "const": "ok"}},
    }
    return {
        "/": _page("service_index", "All resources", index, "text/html"),
        "/openapi.json": _page("service_openapi", "This document", {"type": "object"}),
        "/healthz": _page("service_health", "Whether the process lives", well),
        "/readyz": _page("service_readiness", "Whether the database answers", well),
    }


def _page(name: str, summary: str, schema: dict[str, Any], *more: str) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    content.update({media_type: {"schema": {"type": "string"}} for media_type in more})
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": [_SERVICE],
            "responses": {
                "200": {"description": "OK", "headers": ITEM_HEADERS, "content": content},
                **responses_for(("304", "406", "414", "431", "5XX")),
            },
        }
    }
