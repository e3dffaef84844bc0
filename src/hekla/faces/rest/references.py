"""Values of a batch that an earlier operation makes: ``$0.id``, in bodies and in addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hekla.errors import INVALID_BODY, VALIDATION_FAILED, Fault, Problem
from hekla.faces.rest.keys import format_key
from hekla.writing.rows import pointer

__all__ = ["Lookup", "fill_body", "fill_path", "fill_query"]

Lookup = Callable[[int, str, str], Any]
"""The member of what an operation answered; also given the place where it is asked for.

Raises Problem where there is none.
"""

# A member begins with no digit, so that "$5.00" is a text.
_REFERENCE = re.compile(r"\$([0-9]+)\.([^\W\d]\w*)")
_ESCAPED = re.compile(r"\$(\$+[0-9]+\.[^\W\d]\w*)")
# No batch has as many operations; and a number of any length takes time to read.
_MOST_DIGITS = 9


def _value(text: str, lookup: Lookup, at: str) -> Any:
    """What ``text`` stands for: itself, unless it is a reference, or one that is escaped."""
    found = _REFERENCE.fullmatch(text)
    if found is not None:
        number = int(found[1]) if len(found[1]) <= _MOST_DIGITS else 10**_MOST_DIGITS
        return lookup(number, found[2], at)
    escaped = _ESCAPED.fullmatch(text)
    return text if escaped is None else escaped[1]


def fill_body(document: Any, lookup: Lookup, at: str) -> Any:
    """The document with its references replaced; the same one if it has none."""
    try:
        return _fill(document, lookup, at)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise Problem(
            INVALID_BODY, f"The body cannot be read: {message}.", errors=[Fault(at, message)]
        ) from error


def _fill(document: Any, lookup: Lookup, at: str) -> Any:
    if type(document) is str:
        return _value(document, lookup, at) if document[:1] == "$" else document
    if type(document) is dict:
        changed = {}
        for name, value in document.items():
            if type(value) in (str, dict, list):
                new = _fill(value, lookup, pointer(at, name))
                if new is not value:
                    changed[name] = new
        return {**document, **changed} if changed else document
    if type(document) is list:
        filled = [_fill(item, lookup, f"{at}/{place}") for place, item in enumerate(document)]
        same = all(new is old for new, old in zip(filled, document, strict=True))
        return document if same else filled
    return document


def fill_path(path: str, lookup: Lookup, at: str) -> str:
    """The path, where a segment, or a column of a key in it, is a reference."""
    if "$" not in path:
        return path
    return "/".join(
        ",".join(_segment(column, lookup, at) for column in segment.split(","))
        for segment in path.split("/")
    )


def _segment(text: str, lookup: Lookup, at: str) -> str:
    value: object = _value(text, lookup, at)
    if value is text:
        return text
    if isinstance(value, dict | list):
        raise _no_key(text, at)
    return format_key((_text(value),))


def fill_query(query: str, lookup: Lookup, at: str) -> str:
    """The query string, where a value is a reference."""
    if "$" not in query:
        return query
    parts = []
    for part in query.split("&"):
        name, equals, text = part.partition("=")
        value = _value(text, lookup, at)
        if value is not text:
            if value is None or isinstance(value, dict | list):
                raise _no_key(text, at)
            text = quote(str(_text(value)), safe="")
        parts.append(f"{name}{equals}{text}")
    return "&".join(parts)


def _text(value: Any) -> Any:
    """A JSON value as it stands in an address."""
    return str(value).lower() if isinstance(value, bool) else value


def _no_key(text: str, at: str) -> Problem:
    message = f"{text} is no value that an address can hold"
    return Problem(VALIDATION_FAILED, f"{at}: {message}.", errors=[Fault(at, message)])
