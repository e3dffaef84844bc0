"""Addresses that a browser may be sent back to: which can be registered, and which is one of them.

They are compared as texts, from end to end (RFC 9700, section 2.1). Only the port of a loopback
address may be another, since a program on one's own machine takes one that is free (RFC 8252,
section 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

__all__ = ["find_redirect", "is_impersonable", "origin_of_redirect", "redirect_fault"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]"})
# RFC 3986: what an address may hold, and nothing that a header or a page could stumble over.
_TEXT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_WITH_PORT: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?((?:[/?].*)?)")
_LONGEST: Final = 2000
# What a browser would run, or open on the machine itself.
_DANGEROUS: Final = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "ftp", "ws", "wss"}
)


def redirect_fault(uri: str) -> str | None:
    """What is wrong with an address that shall be registered; None if nothing is."""
    if len(uri) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if "#" in uri:
        return "must not have a fragment"
    if _TEXT.fullmatch(uri) is None:
        return "is no absolute address, or has characters that have to be encoded"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "has a host or a port that cannot be"
    if port == 0:
        return "has a port that cannot be"
    scheme = parts.scheme.lower()
    if scheme in _DANGEROUS:
        return f"must not be of the scheme {scheme}"
    if "@" in parts.netloc:
        return "must not hold a user"
    if scheme == "https":
        return None if parts.hostname else "has no host"
    if scheme == "http":
        if _host(uri) in _LOOPBACK or parts.hostname == "localhost":
            return None
        return "must be https, unless it is of this machine (http://127.0.0.1)"
    if "." not in scheme:
        # RFC 8252, section 7.1: a domain of one's own, turned round.
        return "must be https, or of a scheme such as com.example.app"
    return None


def _host(uri: str) -> str:
    return (
        urlsplit(uri)
        .netloc.rpartition("@")[2]
        .removesuffix(f":{urlsplit(uri).port}" if urlsplit(uri).port is not None else "")
    )


def find_redirect(registered: Iterable[str], given: str) -> str | None:
    """``given``, if it is one of the registered addresses; else None."""
    if len(given) > _LONGEST or _TEXT.fullmatch(given) is None:
        return None
    for each in registered:
        if each == given:
            return given
        own, other = _WITH_PORT.fullmatch(each), _WITH_PORT.fullmatch(given)
        if own is not None and other is not None and own.groups() == other.groups():
            try:
                # Its port is one.
                urlsplit(given).port  # noqa: B018
            except ValueError:
                return None
            return given
    return None


def is_impersonable(uri: str) -> bool:
    """Whether any program on a user's machine can receive what is sent there.

    A client with such an address cannot be told from another that says it is this one, so its
    user is asked each time (RFC 8252, section 8.6).
    """
    return not uri.lower().startswith("https:")


def origin_of_redirect(uri: str) -> str:
    """The source, as a Content Security Policy names it, that a browser is sent to."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
