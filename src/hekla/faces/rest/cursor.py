"""Cursors: where a page ended, as one opaque, signed word of a URL."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Any

import msgspec

from hekla.errors import INVALID_CURSOR, Fault, Problem
from hekla.query.ast import Order

__all__ = ["CursorCodec", "Position", "ordering_tag"]

_MAC_BYTES = 12
# The alphabet of RFC 4648 section 5.
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, list[Any]]).decode


def ordering_tag(resource: str, orders: Sequence[Order]) -> str:
    """A short name of an ordering: a cursor of one ordering means nothing in another."""
    return sha256(repr((resource, orders)).encode()).hexdigest()[:12]


class Position(msgspec.Struct, frozen=True):
    """Where to go on: the sort values of the last row, in the ordering called ``tag``.

    With no values it is the beginning.
    """

    tag: str
    values: tuple[Any, ...]

    @property
    def form(self) -> tuple[Any, ...]:
        """What of it changes the statement: the ordering, and which of the values are NULL."""
        values = self.values
        if None not in values:
            return (self.tag, len(values))
        return (self.tag, *[value is None for value in values])


START = Position("", ())


class CursorCodec:
    """Writes and reads cursors, signed (keyed BLAKE2b of 96 bits, RFC 7693) with ``secret``."""

    def __init__(self, secret: str) -> None:
        key = sha256(b"hekla cursor\0" + secret.encode()).digest()
        # The key has been worked in once for all signatures.
        self._begun = blake2b(digest_size=_MAC_BYTES, key=key)

    def _sign(self, body: bytes) -> bytes:
        signing = self._begun.copy()
        signing.update(body)
        return signing.digest()

    def encode(self, tag: str, values: Sequence[Any]) -> str:
        body = _encode((tag, values))
        # Padded to a multiple of three, so that base64 needs no "=".
        body += b" " * (-len(body) % 3)
        return b2a_base64(self._sign(body) + body, newline=False).translate(_TO_URL).decode()

    def decode(self, text: str) -> Position:
        """Where a cursor points; Problem ``invalid_cursor`` for what was not made here.

        An empty text is the beginning.
        """
        if not text:
            return START
        try:
            raw = a2b_base64(text.encode("ascii").translate(_FROM_URL), strict_mode=True)
            mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            if compare_digest(self._sign(body), mac):
                tag, values = _decode(body)
                return Position(tag, tuple(values))
        except (ValueError, msgspec.DecodeError):
            pass
        raise invalid_cursor("it was not made by this application")


def invalid_cursor(reason: str) -> Problem:
    message = f"The cursor is not valid here: {reason}."
    return Problem(INVALID_CURSOR, message, errors=[Fault("query.cursor", message)])
