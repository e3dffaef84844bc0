"""Which other sites' pages may call the API from a browser (the Fetch standard, CORS)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hekla.web.request import Request

__all__ = ["Cors"]

# What a page's script may read of an answer beside what every script may.
_EXPOSED = "etag, link, location, retry-after, x-next-cursor, x-request-id, x-total-count"
# How long a browser may keep the answer to a preflight, in seconds.
_MAX_AGE = "600"
_HEADER_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, -]*")


class Cors:
    """Answers to cross-origin requests, for the origins that are let in.

    ``origins`` are such as ``https://app.example.com``; ``*`` lets in every page, but then
    none may send cookies along.
    """

    __slots__ = ("_any", "_credentials", "_origins")

    def __init__(self, origins: Iterable[str], *, credentials: bool = False) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._any = "*" in self._origins
        self._credentials = credentials and not self._any

    def headers(self, request: Request) -> list[tuple[str, str]]:
        """The headers to add to an answer; the answer depends on the origin even if it has none."""
        pairs = [] if self._any else [("vary", "Origin")]
        origin = request.headers.get("origin")
        if origin is None or not self._lets_in(origin):
            return pairs
        pairs.append(("access-control-allow-origin", "*" if self._any else origin))
        if self._credentials:
            pairs.append(("access-control-allow-credentials", "true"))
        pairs.append(("access-control-expose-headers", _EXPOSED))
        return pairs

    def preflight(self, request: Request, allow: str) -> list[tuple[str, str]]:
        """What to add to the answer to OPTIONS, if it is a browser asking before it calls."""
        headers = request.headers
        origin = headers.get("origin")
        method = headers.get("access-control-request-method")
        if origin is None or method is None or not self._lets_in(origin):
            return []
        pairs = [
            ("access-control-allow-methods", allow),
            ("access-control-max-age", _MAX_AGE),
            ("vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        asked = headers.get("access-control-request-headers")
        # The origin is what is let in or not; whichever headers its pages send is up to them.
        if asked and _HEADER_NAMES.fullmatch(asked):
            pairs.append(("access-control-allow-headers", asked))
        return pairs

    def _lets_in(self, origin: str) -> bool:
        return self._any or origin.lower() in self._origins
