"""What is served, as plain data: for ``/``, for ``hekla inspect``."""

from __future__ import annotations

from typing import Any

from hekla.schema.names import path_segment
from hekla.schema.resource import Resource, Schema

__all__ = ["describe", "describe_resource"]


def describe_resource(resource: Resource) -> dict[str, Any]:
    """One resource in short; ``url`` is a path, percent-encoded."""
    return {
        "name": resource.name,
        "url": f"/{path_segment(resource.name)}",
        "table": str(getattr(resource.table, "fullname", None) or resource.table.description),
        "key": list(resource.key),
        "relations": list(resource.relations),
        "writable": resource.writable,
    }


def describe(schema: Schema) -> list[dict[str, Any]]:
    """All resources in short, in the Schema's order."""
    return [describe_resource(resource) for resource in schema]
