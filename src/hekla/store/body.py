"""The bytes of an answer: text that the database wrote, in UTF-8 whatever it stores text in."""

from __future__ import annotations

from hekla.store.protocol import Row

__all__ = ["UTF_8", "as_utf8"]

UTF_8 = "UTF-8"


def as_utf8(row: Row, encoding: str) -> Row:
    """The row, with bytes in its first column (a text cast to BLOB) as UTF-8.

    ``encoding`` is the database's own, as ``PRAGMA encoding`` names it. Raises
    UnicodeDecodeError where the bytes are no text in it.
    """
    body = row[0]
    if type(body) is not bytes:
        return row
    if encoding != UTF_8:
        return (body.decode(encoding).encode(), *row[1:])
    if not body.isascii():
        body.decode()
    return row
