"""The query string as pairs of text, in their order and with their repeats."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from hekla.errors import INVALID_SYNTAX, Fault, Problem

__all__ = ["split_query"]


def split_query(raw: str) -> list[tuple[str, str]]:
    """Split a query string into decoded pairs of a name and a value.

    As browsers and :func:`urllib.parse.parse_qsl` read it: ``+`` is a space, a name without
    ``=`` has an empty value, an empty pair is skipped, a ``%`` that begins no escape stands
    for itself. Raises Problem ``invalid_syntax`` for bytes that are not UTF-8.
    """
    if "%" in raw or "+" in raw:
        return [
            (_decode(name), _decode(value))
            for part in raw.split("&")
            if part
            for name, _, value in (part.partition("="),)
        ]
    pairs = []
    for part in raw.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((name, value))
    return pairs


def _decode(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        message = "The query string is not valid UTF-8."
        raise Problem(INVALID_SYNTAX, message, errors=[Fault("query", message)]) from None
