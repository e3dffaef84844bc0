"""``POST /batch`` as OpenAPI says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hekla.faces.rest.answers import refer_header, responses_for
from hekla.faces.rest.components import Components, Described
from hekla.faces.rest.describe_writes import WRITE_FAILURES, prefer
from hekla.faces.rest.inputs import Inputs
from hekla.faces.rest.values import escape_pattern
from hekla.settings import Settings

__all__ = ["batch"]

_WORDS = """\
Each operation is a request of its own to the address that `path` names, with a `body` where it \
has one, and `if_match` or `if_none_match` in place of these headers. All are done, or none: a \
problem then says by `operation` which one failed.

A later operation may speak of a row that an earlier one answered: `"$0.id"` in a document, or \
`/tasks/$0.id` in a path, is the `id` of what the first operation made. A text that is no \
reference but looks like one is written with one more dollar sign.

The schema has the commonest operations; those by filter and on `aggregate` are taken too.
"""
# What a key in a path looks like, by the type of its column.
_KEYS = {
    "integer": "[0-9]{1,9}",
    "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}


def batch(
    of: Mapping[str, Described], settings: Settings, components: Components
) -> dict[str, Any]:
    """The operation; ``of`` are the resources that may be spoken of."""
    operations = [
        components.schema(f"{described.schema}{name}", schema)
        for described in of.values()
        for name, schema in _operations(described, of)
    ]
    asked = {
        "type": "array",
        "maxItems": settings.max_batch_operations,
        "items": {"anyOf": operations},
    }
    done = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"type": "integer", "minimum": 200, "maximum": 299},
            "location": {"type": "string"},
            "etag": {"type": "string"},
            "total": {"type": "integer", "minimum": 0},
            "body": {"description": "What the operation by itself would have been answered."},
        },
        "additionalProperties": False,
    }
    return {
        "operationId": "service_batch",
        "summary": "Several operations, all of them or none",
        "description": _WORDS,
        "tags": ["hekla"],
        "parameters": [prefer(components)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": components.schema("Batch", asked)}},
        },
        "responses": {
            "200": {
                "description": "What became of each, in order.",
                "headers": {"Preference-Applied": refer_header("PreferenceApplied")},
                "content": {"application/json": {"schema": {"type": "array", "items": done}}},
            },
            **responses_for(sorted((*WRITE_FAILURES, "404", "412"))),
        },
    }


def _operations(
    described: Described, of: Mapping[str, Described]
) -> list[tuple[str, dict[str, Any]]]:
    found = []
    inputs = Inputs(described, of)
    if "create" in described.operations:
        path = {"const": described.path}
        found.append(("ToCreate", _operation("POST", path, inputs.create())))
    types = [described.columns[name].type.name for name in described.key if described.has_rows]
    if len(types) != 1 or types[0] not in _KEYS:
        return found
    pattern = f"^{escape_pattern(described.path)}/{_KEYS[types[0]]}$"
    row = {"type": "string", "pattern": pattern}
    if "update" in described.operations:
        found.append(("ToUpdate", _operation("PATCH", row, inputs.patch(many=False))))
    if "delete" in described.operations:
        found.append(("ToDelete", _operation("DELETE", row, None)))
    return found


def _operation(method: str, path: Any, body: dict[str, Any] | None) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "required": ["method", "path"],
        "properties": {"method": {"const": method}, "path": path},
        "additionalProperties": False,
    }
    if body is not None:
        schema["required"].append("body")
        schema["properties"]["body"] = body
    return schema
