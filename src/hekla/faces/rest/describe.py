"""The OpenAPI 3.1 document of the REST face."""

from __future__ import annotations

from typing import Any

from hekla.policy.access import Access
from hekla.schema.resource import Schema
from hekla.settings import Settings

__all__ = ["openapi"]


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
    return {"openapi": "3.1.0", "info": {"title": title, "version": version}, "paths": {}}
