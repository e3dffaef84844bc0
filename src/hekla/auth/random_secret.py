"""Secrets that are only ever recognised: random, shown once, and kept as digests."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["digest", "new_id", "new_secret"]


def new_secret(prefix: str = "") -> str:
    """A text that nobody can guess: 256 bits, safe in URLs, headers and cookies."""
    return prefix + secrets.token_urlsafe(32)


def new_id() -> str:
    """A text that names something and gives nothing away: 128 bits in hexadecimal."""
    return secrets.token_hex(16)


def digest(secret: str) -> str:
    """What is kept of a secret. It is random, so no salt and no slow function is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
