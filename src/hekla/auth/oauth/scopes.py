"""Scopes: what a client is allowed in a user's name (RFC 6749, section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from hekla.auth.oauth.errors import OAuthError

__all__ = ["OFFLINE", "OPENID", "STANDARD", "opens_api", "parse_scope", "write_scope"]

OPENID: Final = "openid"
OFFLINE: Final = "offline_access"
STANDARD: Final[Mapping[str, str]] = {
    OPENID: "Know who you are",
    "profile": "See your name",
    "email": "See your e-mail address",
    OFFLINE: "Keep this access while you are away",
    "read": "See everything that you may see",
    "write": "Act in your name: see and change everything that you may",
}
"""The scopes that every provider has, with what a user is told of them."""

_API: Final = re.compile(r"read|write|.+:(?:read|write)")
_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_MOST: Final = 50


def opens_api(scopes: Iterable[str]) -> bool:
    """Whether a token of these scopes is for the API: for all resources, or some."""
    return any(_API.fullmatch(scope) for scope in scopes)


def parse_scope(text: str, allowed: Collection[str]) -> tuple[str, ...]:
    """The scopes that are asked for, each once. Raises OAuthError ``invalid_scope``."""
    asked = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if len(asked) > _MOST or not all(_TOKEN.fullmatch(each) for each in asked):
        raise OAuthError("invalid_scope", "The scope is not well formed.")
    if not set(asked) <= set(allowed):
        raise OAuthError("invalid_scope", "The client may not ask for one of these scopes.")
    return asked


def write_scope(scopes: Iterable[str]) -> str:
    """Scopes as one text, in an order that does not depend on how they were asked for."""
    return " ".join(sorted(set(scopes)))
