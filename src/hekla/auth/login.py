"""The name that a user signs in with, in the one form in which it is kept and looked for."""

from __future__ import annotations

import unicodedata

__all__ = ["LONGEST_LOGIN", "normal_login"]

LONGEST_LOGIN = 254
"""Characters that a login has at most: those of an e-mail address (RFC 5321)."""


def normal_login(text: str) -> str:
    """``text`` without case, spaces around it, and other ways to write the same (NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().lower())
