"""How large an address and the headers may be; bodies are bounded where they are read."""

from __future__ import annotations

from hekla.errors import HEADERS_TOO_LARGE, URI_TOO_LONG, Problem
from hekla.settings import Settings
from hekla.web.headers import HeaderView

__all__ = ["HEADER_OVERHEAD", "check_address", "check_headers"]

# What a header takes beside its name and value: ": " and the end of the line.
HEADER_OVERHEAD = 4


def check_address(path: str, query: str, settings: Settings) -> None:
    """Raise Problem ``uri_too_long`` (414) if the path or the query is over its limit."""
    if len(path) > settings.max_path_bytes:
        raise Problem(
            URI_TOO_LONG,
            f"The path is longer than {settings.max_path_bytes} bytes (setting max_path_bytes).",
        )
    if len(query) > settings.max_query_bytes:
        raise Problem(
            URI_TOO_LONG,
            f"The query string is longer than {settings.max_query_bytes} bytes"
            " (setting max_query_bytes).",
        )


def check_headers(headers: HeaderView, settings: Settings) -> None:
    """Raise Problem ``headers_too_large`` (431) if all headers together are over their limit."""
    size = 0
    for name, value in headers.pairs:
        size += len(name) + len(value) + HEADER_OVERHEAD
    if size > settings.max_header_bytes:
        raise Problem(
            HEADERS_TOO_LARGE,
            f"The request headers are larger than {settings.max_header_bytes} bytes"
            " (setting max_header_bytes).",
        )
