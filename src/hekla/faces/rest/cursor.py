"""Cursors: where a page ended, as one opaque, signed word of a URL."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from hekla.errors import INVALID_CURSOR, Fault, Problem
from hekla.query.ast import Order

__all__ = ["CursorCodec", "Position", "ordering_tag"]

_MAC_BYTES = 12
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
    def nulls(self) -> str:
        """Which values are NULL, since that changes the statement."""
        return "".join("0" if value is None else "1" for value in self.values)


START = Position("", ())


class CursorCodec:
    """Writes and reads cursors, signed (HMAC-SHA-256, cut to 96 bits) with ``secret``."""

    def __init__(self, secret: str) -> None:
        self._key = sha256(b"hekla cursor\0" + secret.encode()).digest()

    def encode(self, tag: str, values: Sequence[Any]) -> str:
        body = _encode((tag, list(values)))
        mac = hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]
        return urlsafe_b64encode(mac + body).rstrip(b"=").decode()

    def decode(self, text: str) -> Position:
        """Where a cursor points; Problem ``invalid_cursor`` for what was not made here.

        An empty text is the beginning.
        """
        if not text:
            return START
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            if hmac.compare_digest(hmac.digest(self._key, body, "sha256")[:_MAC_BYTES], mac):
                tag, values = _decode(body)
                return Position(tag, tuple(values))
        except (ValueError, msgspec.DecodeError):
            pass
        raise invalid_cursor("it was not made by this application")


def invalid_cursor(reason: str) -> Problem:
    message = f"The cursor is not valid here: {reason}."
    return Problem(INVALID_CURSOR, message, errors=[Fault("query.cursor", message)])
