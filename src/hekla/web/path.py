"""Paths: one normal form, and how its segments are read.

A path is percent-encoded where an escape is needed to read it back: ``%`` always stands as
``%25``, and a server that hands over the path as it was sent (ASGI's ``raw_path``) keeps every
escape, ``%2F`` and ``%2C`` among them. Characters beyond ASCII may stand for themselves, since
some servers decode them before anybody can look. Source: RFC 3986 section 2.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from hekla.errors import INVALID_SYNTAX, Fault, Problem

__all__ = ["decode_segment", "encode_decoded_path", "encode_segment", "normalize_raw_path"]

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Unreserved characters, sub-delimiters, ":" and "@": RFC 3986 section 3.3; "," is left out,
# because it parts the columns of a composite key.
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+;=:@")
_ESCAPES = [chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in range(256)]


def encode_segment(text: str) -> str:
    """Percent-encode one segment of a path, or one column of a key within it."""
    if text.isalnum() and text.isascii():
        return text
    if text in (".", ".."):
        # A client would take these for steps in a tree and never send them.
        return text.replace(".", "%2E")
    return "".join([_ESCAPES[byte] for byte in text.encode("utf-8", "replace")])


def decode_segment(text: str) -> str:
    """Read one percent-encoded segment, or one column of a key within it.

    Raises Problem ``invalid_syntax`` for an escape that is none, bytes that are not UTF-8 and
    the NUL character, which no database takes in a text.
    """
    if "%" in text:
        if _BAD_ESCAPE.search(text):
            raise _malformed("The address holds a % that begins no escape.")
        try:
            text = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise _malformed("The address is not valid UTF-8.") from None
    if "\0" in text:
        raise _malformed("The address holds a NUL character.")
    return text


def encode_decoded_path(path: str) -> str:
    """Bring a path that the server has decoded already into the normal form."""
    return path.replace("%", "%25") if "%" in path else path


def normalize_raw_path(raw: bytes) -> str:
    """Bring a path into the normal form that the server hands over as it was sent.

    Bytes that are neither escaped nor UTF-8 become U+FFFD, as in a server that decodes itself.
    """
    return raw.decode("utf-8", "replace")


def _malformed(message: str) -> Problem:
    return Problem(INVALID_SYNTAX, message, errors=[Fault("path", message)])
