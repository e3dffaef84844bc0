"""The SQL functions that SQLite lacks, in Python. Each is deterministic and never raises.

The store registers all of :data:`SQLITE_FUNCTIONS` on every connection, and loads apsw's
``regexp`` extension, which provides ``regexp(pattern, text)``.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from hekla.schema.types.duration import EPOCH, format_duration

__all__ = ["SQLITE_FUNCTIONS"]

# What SQLite holds.
_Value = int | float | str | bytes | None

_ENCODINGS: Final = {b"a": "utf-8", b"a\0": "utf-16-le", b"\0a": "utf-16-be"}

_HOUR: Final = "(?:[01][0-9]|2[0-3])"
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2}-[0-9]{2})"
    rf"[Tt ]({_HOUR}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,9}})?) ?([Zz]|[+-]{_HOUR}:[0-5][0-9])?"
)


def _text(raw: _Value, letter: _Value) -> str | None:
    """The text whose bytes are ``raw``; what is no valid text becomes U+FFFD.

    ``letter`` is ``CAST('a' AS BLOB)``: it tells the database's encoding.
    """
    if not isinstance(raw, bytes):
        return None if raw is None else str(raw)
    encoding = _ENCODINGS.get(letter, "utf-8") if isinstance(letter, bytes) else "utf-8"
    return raw.decode(encoding, "replace")


def _base64(value: _Value) -> str | None:
    if value is None:
        return None
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    return b64encode(raw).decode("ascii")


def _folded(raw: _Value, letter: _Value) -> str | None:
    text = _text(raw, letter)
    return None if text is None else text.casefold()


def _icontains(raw: _Value, letter: _Value, needle: _Value) -> int | None:
    text = _folded(raw, letter)
    return None if text is None else int(str(needle) in text)


def _istartswith(raw: _Value, letter: _Value, needle: _Value) -> int | None:
    text = _folded(raw, letter)
    return None if text is None else int(text.startswith(str(needle)))


def _iendswith(raw: _Value, letter: _Value, needle: _Value) -> int | None:
    text = _folded(raw, letter)
    return None if text is None else int(text.endswith(str(needle)))


def _endswith(raw: _Value, letter: _Value, needle: _Value) -> int | None:
    text = _text(raw, letter)
    return None if text is None else int(text.endswith(str(needle)))


def _without_nul(raw: _Value, letter: _Value, stand_in: _Value) -> str | None:
    text = _text(raw, letter)
    return None if text is None else text.replace("\0", str(stand_in))


def _decimal(value: _Value, scale: _Value) -> str | None:
    """A number with ``scale`` decimals, as SQLAlchemy reads a NUMERIC from SQLite."""
    if isinstance(value, int | float) and isinstance(scale, int) and math.isfinite(value):
        return f"{Decimal(value):.{scale}f}"
    return _plain(value)


def _plain(value: _Value) -> str | None:
    """The shortest decimal that a float reads as this number, without an exponent."""
    if isinstance(value, float):
        text = f"{Decimal(repr(value)):f}"
        return text.removesuffix(".0")
    return None if value is None else _text(value, None)


def _stored(value: _Value) -> _Value:
    """The JSON form of a value by its own kind: binary base64, beyond a JSON number a string."""
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, int) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _timestamp(value: _Value) -> _Value:
    """RFC 3339 of a text that is a date of the calendar and a time; any other value as it is."""
    if isinstance(value, str) and (match := _TIMESTAMP.fullmatch(value)):
        year, day, time, zone = match.groups()
        if _in_calendar(int(year), day):
            return f"{year}-{day}T{time}{(zone or 'Z').upper()}"
    return _stored(value)


def _in_calendar(year: int, day: str) -> bool:
    try:
        # Every 400 years the calendar is the same; Python's has no year 0, SQLite's has.
        date.fromisoformat(f"{2000 + year % 400}-{day}")
    except ValueError:
        return False
    return True


def _interval(value: _Value) -> _Value:
    """ISO 8601 duration of a text that is the epoch plus the interval; others as they are."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        if moment.tzinfo is None:
            return format_duration(moment - EPOCH)
    return value


SQLITE_FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Any], int]]] = MappingProxyType(
    {
        "hekla_text": (_text, 2),
        "hekla_base64": (_base64, 1),
        "hekla_stored": (_stored, 1),
        "hekla_icontains": (_icontains, 3),
        "hekla_istartswith": (_istartswith, 3),
        "hekla_iendswith": (_iendswith, 3),
        "hekla_endswith": (_endswith, 3),
        "hekla_without_nul": (_without_nul, 3),
        "hekla_decimal": (_decimal, 2),
        "hekla_plain": (_plain, 1),
        "hekla_timestamp": (_timestamp, 1),
        "hekla_interval": (_interval, 1),
    }
)
"""Name, Python function and number of arguments of each."""
