"""Pages of other sites: what they may not have a browser do in its user's name (CSRF).

A browser sends cookies along with whatever a page asks for. So where a cookie says who asks, a
request that changes something has to come from a page of this very origin. Browsers say so by
``Sec-Fetch-Site``, older ones by ``Origin``; what says neither is refused. The cookie is
``SameSite=Lax`` as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hekla.errors import CROSS_SITE, Problem

if TYPE_CHECKING:
    from hekla.web.request import Request

__all__ = ["check_same_origin", "is_same_origin"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(request: Request, trusted: frozenset[str] = frozenset()) -> bool:
    """Whether a request was made by a page of this origin, or of one that is ``trusted``."""
    first = request.headers.first
    origin = first.get("origin")
    if origin is not None and origin.lower() in trusted:
        return True
    site = first.get("sec-fetch-site")
    if site is not None:
        # "none": the user did it, by a bookmark or the address bar.
        return site == "same-origin" or (site == "none" and origin is None)
    return origin is not None and _is_own(origin, request)


def _is_own(origin: str, request: Request) -> bool:
    try:
        parts = urlsplit(origin)
        own = urlsplit(f"//{request.authority or ''}")
        port, own_port = parts.port, own.port
    except ValueError:
        return False
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return False
    default = _DEFAULT_PORTS[parts.scheme]
    # A proxy may have taken TLS off, so the scheme of the request says little; its host does.
    return parts.hostname == own.hostname and (port or default) == (own_port or default)


def check_same_origin(request: Request, trusted: frozenset[str] = frozenset()) -> None:
    """Raise Problem ``cross_site`` unless the request was made by a page of this origin."""
    if not is_same_origin(request, trusted):
        raise Problem(
            CROSS_SITE,
            "A request that changes something and says by a cookie who asks has to come from a "
            "page of this origin (Sec-Fetch-Site, Origin). Programs send a token instead.",
        )
