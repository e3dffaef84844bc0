"""The change log as OpenAPI says it: ``/changes``, ``/tasks/changes``, ``/tasks/{id}/history``."""

from __future__ import annotations

from typing import Any

from hekla.faces.rest import parameters
from hekla.faces.rest.answers import refer_header, responses_for
from hekla.faces.rest.components import Components, Described
from hekla.faces.rest.identifiers import Identifiers, snake_words
from hekla.schema.names import singular
from hekla.settings import Settings

__all__ = ["all_changes", "changes"]

_FAILURES = ("304", "400", "403", "406", "410", "414", "431", "5XX")
_ACTION = {"type": "string", "enum": ["create", "update", "delete"]}
_WORDS = (
    "Changes in the order of their commits. `after=` takes the number of the last one that is "
    "known, as X-Next-Cursor told it (it cannot be made up), or `latest`."
)
_HEADERS = {
    name: refer_header(component)
    for name, component in (
        ("ETag", "ETag"),
        ("Link", "Link"),
        ("X-Next-Cursor", "XNextCursor"),
    )
}


def changes(
    described: Described, key: list[dict[str, Any]], operations: Identifiers
) -> dict[str, Any]:
    """The addresses of a resource's changes."""
    name = described.resource.name
    snake = snake_words(name)
    given: list[dict[str, Any]] = [
        _limit(described.components, described.settings),
        parameters.fields(described),
    ]
    row = {"$ref": f"#/components/schemas/{described.schema}"}
    either = {"anyOf": [row, {"type": "null"}]}
    answer = _answer(described.components.schema(f"{described.schema}Change", _change(either)))
    found: dict[str, Any] = {
        f"{described.path}/changes": {
            "get": {
                "operationId": operations.give(f"changes_of_{snake}"),
                "summary": f"What happened to the rows of {name}",
                "description": _WORDS,
                "tags": [name],
                "parameters": given,
                "responses": {"200": answer, **responses_for(_FAILURES)},
            }
        }
    }
    if key:
        found[f"{described.row_path}/history"] = {
            "get": {
                "operationId": operations.give(f"history_of_{snake_words(singular(name))}"),
                "summary": f"What happened to one row of {name}",
                "description": f"Also where it was deleted. {_WORDS}",
                "tags": [name],
                "parameters": [*key, *given],
                "responses": {"200": answer, **responses_for(sorted((*_FAILURES, "404")))},
            }
        }
    return found


def all_changes(components: Components, settings: Settings) -> dict[str, Any]:
    """``/changes``, for administrators."""
    row = {"type": ["object", "null"]}
    return {
        "operationId": "service_changes",
        "summary": "What happened to everything",
        "description": f"{_WORDS} `resource`, `actor`, `action` and `since` choose among them.",
        "tags": ["hekla"],
        "parameters": [
            _limit(components, settings),
            components.parameter("action", "action", _ACTION, description="Only these changes."),
        ],
        "responses": {
            "200": _answer(_change(row)),
            **responses_for(_FAILURES),
        },
    }


def _limit(components: Components, settings: Settings) -> dict[str, Any]:
    schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": settings.max_page_size,
        "default": settings.default_page_size,
    }
    return components.parameter("changes.limit", "limit", schema, description="Changes in a page.")


def _answer(change: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "A page; as NDJSON all changes.",
        "headers": _HEADERS,
        "content": {
            "application/json": {"schema": {"type": "array", "items": change}},
            "application/x-ndjson": {},
        },
    }


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "One change of one row; what it was before, and what it was after.",
        "required": ["seq", "at", "resource", "key", "action", "changed", "before", "after"],
        "properties": {
            "seq": {"type": "integer", "minimum": 1},
            "at": {"type": "string", "format": "date-time"},
            "actor": {"description": "Who made it; for administrators."},
            "resource": {"type": "string"},
            "key": {"description": "The key of the row."},
            "action": _ACTION,
            "changed": {"type": "array", "items": {"type": "string"}},
            "before": row,
            "after": row,
            "request": {"type": ["string", "null"]},
        },
    }
