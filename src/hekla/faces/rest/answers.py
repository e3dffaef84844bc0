"""The answers of the REST face as OpenAPI says them: rows, headers, problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hekla.errors import CODES
from hekla.faces.rest.components import readable_relations
from hekla.policy.access import Access
from hekla.schema.resource import Column, Resource

__all__ = [
    "HEADERS",
    "ITEM_HEADERS",
    "LIST_HEADERS",
    "PAGE_HEADERS",
    "PROBLEM",
    "nullable",
    "problem_responses",
    "refer_header",
    "responses_for",
    "row_schema",
]

_PROBLEM_TYPE = "application/problem+json"

# The component of the answers with each status.
_NAMES = {
    "304": "NotModified",
    "400": "BadRequest",
    "401": "Unauthenticated",
    "403": "Forbidden",
    "404": "NotFound",
    "406": "NotAcceptable",
    "408": "RequestTimeout",
    "409": "Conflict",
    "410": "Gone",
    "412": "PreconditionFailed",
    "413": "BodyTooLarge",
    "414": "UriTooLong",
    "415": "UnsupportedMediaType",
    "422": "NotValid",
    "429": "TooMany",
    "431": "HeadersTooLarge",
    "5XX": "Failure",
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "code", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "code": {"type": "string", "description": "The kind of error; it never changes."},
        "title": {"type": "string", "description": "What all errors of the kind have in common."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "errors": {
            "type": "array",
            "description": "The places that are wrong.",
            "items": {
                "type": "object",
                "required": ["location", "message"],
                "properties": {
                    "location": {"type": "string", "examples": ["query.order_by"]},
                    "message": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string", "description": "The request's id in the log."},
    },
}

HEADERS: dict[str, Any] = {
    "ETag": {
        "description": "Names this answer: sent back in If-None-Match it saves sending it again.",
        "schema": {"type": "string", "pattern": '^(W/)?"[^"]*"$'},
    },
    "Link": {
        "description": "The next and the previous page (RFC 8288).",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the new row.",
        "schema": {"type": "string"},
    },
    "PreferenceApplied": {
        "description": "What the answer leaves out, as `Prefer` asked (RFC 7240).",
        "schema": {"type": "string", "const": "return=minimal"},
    },
    "XTotalCount": {
        "description": (
            "How many rows all pages have, with `count=exact` only; or how many were written."
        ),
        "schema": {"type": "integer", "minimum": 0},
    },
    "XNextCursor": {
        "description": "The cursor of the next page, where pages go by cursor and there is one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    },
}


def refer_header(name: str) -> dict[str, str]:
    """A reference to a shared header."""
    return {"$ref": f"#/components/headers/{name}"}


LIST_HEADERS = {
    "ETag": refer_header("ETag"),
    "Link": refer_header("Link"),
    "X-Total-Count": refer_header("XTotalCount"),
    "X-Next-Cursor": refer_header("XNextCursor"),
}
PAGE_HEADERS = {"ETag": refer_header("ETag"), "Link": refer_header("Link")}
ITEM_HEADERS = {"ETag": refer_header("ETag")}


def problem_responses() -> dict[str, Any]:
    """The shared answers that are no rows: 304, and a problem for every other status."""
    found: dict[str, Any] = {
        _NAMES["304"]: {
            "description": "The answer is the one that If-None-Match names.",
            "headers": {"ETag": refer_header("ETag")},
        }
    }
    for status, name in _NAMES.items():
        codes = [code for code in CODES.values() if str(code.status).startswith(status.rstrip("X"))]
        if status == "304":
            continue
        own = {
            "code": {"enum": [code.code for code in codes]},
            "status": {"enum": sorted({code.status for code in codes})},
        }
        schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": own}]}
        found[name] = {
            "description": "; ".join(f"{code.title} (`{code.code}`)" for code in codes) + ".",
            "content": {_PROBLEM_TYPE: {"schema": schema}},
        }
    return found


def responses_for(statuses: Iterable[str]) -> dict[str, Any]:
    """References to the shared answers with these statuses."""
    return {status: {"$ref": f"#/components/responses/{_NAMES[status]}"} for status in statuses}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema``, or null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "allOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "type" not in schema:
        return schema
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _column_schema(column: Column, masked: bool) -> dict[str, Any]:
    schema = column.type.schema(column.guarded)
    if column.nullable or masked or column.guarded:
        schema = nullable(schema)
    if column.guarded and "type" not in schema and column.type.name != "any":
        schema["description"] = f"Declared as {column.type.name}; given as the database holds it."
    if column.description:
        schema["description"] = column.description
    return schema


def row_schema(resource: Resource, access: Access, names: Mapping[str, str]) -> dict[str, Any]:
    """The object of one row; ``names`` says what the schemas of the resources are called.

    Nothing is required: ``fields`` leaves out any column, and relations come with ``include``.
    """
    masks = access.masks(resource)
    properties = {
        name: _column_schema(column, name in masks)
        for name, column in access.columns(resource).items()
    }
    for relation in readable_relations(resource, access):
        one = {"$ref": f"#/components/schemas/{names[relation.target]}"}
        many: dict[str, Any] = {"type": "array", "items": one}
        properties[relation.name] = many if relation.many else {"anyOf": [one, {"type": "null"}]}
        if relation.description:
            properties[relation.name]["description"] = relation.description
    schema: dict[str, Any] = {"type": "object"}
    if resource.description:
        schema["description"] = resource.description
    return {**schema, "properties": properties, "additionalProperties": False}
