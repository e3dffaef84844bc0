"""The addresses that no resource has, as OpenAPI says them."""

from __future__ import annotations

from typing import Any

from hekla.faces.rest.answers import ITEM_HEADERS, responses_for

__all__ = ["SERVICE", "service"]

SERVICE = "hekla"
"""A path that no resource has, so no resource is called so."""


def service() -> dict[str, Any]:
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
            "tags": [SERVICE],
            "responses": {
                "200": {"description": "OK", "headers": ITEM_HEADERS, "content": content},
                **responses_for(("304", "406", "414", "431", "5XX")),
            },
        }
    }
