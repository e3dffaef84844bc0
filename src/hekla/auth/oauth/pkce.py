"""Proof Key for Code Exchange (RFC 7636): whoever asked for a code is who redeems it."""

from __future__ import annotations

import base64
import hashlib
import re
from hmac import compare_digest
from typing import Final

__all__ = ["challenge_of", "is_challenge", "proves"]

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    """Whether ``text`` can be a challenge by S256: 32 bytes in base64url."""
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier by S256 (section 4.2)."""
    hashed = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def proves(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one that a challenge was made of."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return compare_digest(challenge_of(verifier), challenge)
