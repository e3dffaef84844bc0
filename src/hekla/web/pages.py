"""The headers of pages for people: what a page may load, who may frame it, what it tells others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["page_headers"]

_NOTHING: Final = "'none'"
_SELF: Final = "'self'"
# What no page of ours needs; a script that got in somehow shall not have it either.
_PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def page_headers(
    *,
    scripts: bool = False,
    forms: Sequence[str] = (),
    private: bool = False,
) -> list[tuple[str, str]]:
    """The headers of an HTML page of this application's own.

    Nothing is loaded but from here (Content Security Policy, level 3), no page frames it, and
    whatever a table or a client is called, it cannot become a script. ``scripts`` lets scripts
    run and ask this application. ``forms`` are the sources that a form of the page may be sent
    to: ``'self'``, and also wherever the answer to it may redirect to, since browsers look at
    that too. A ``private`` page is kept by no cache, and tells no other site where it was.
    """
    policy = {
        "default-src": _NOTHING,
        "script-src": _SELF if scripts else _NOTHING,
        "style-src": _SELF,
        "img-src": _SELF,
        "connect-src": _SELF if scripts else _NOTHING,
        "base-uri": _NOTHING,
        "form-action": " ".join(forms) or _NOTHING,
        "frame-ancestors": _NOTHING,
    }
    return [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", "; ".join(f"{name} {value}" for name, value in policy.items())),
        # For browsers that do not know frame-ancestors.
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer" if private else "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", _PERMISSIONS),
        ("cache-control", "no-store" if private else "no-cache"),
    ]
