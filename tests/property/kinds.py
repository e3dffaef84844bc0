"""The kinds of column that random tables are made of: their values, and what each means.

Written from the reference (docs/reference/types.md), not from :mod:`hekla.schema.types`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

__all__ = ["ENUM", "KEY_KINDS", "KINDS", "Kind", "figure_json"]

EQUALITY = frozenset({"exact", "ne", "in", "not_in", "isnull"})
ORDERING = EQUALITY | {"gt", "gte", "lt", "lte", "range"}
MATCHING = frozenset(
    {"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "regex"}
)
TALLY = frozenset({"count_distinct"})
EXTREMES = TALLY | {"min", "max"}
FIGURES = EXTREMES | {"sum", "avg"}
ENUM = ("low", "mid", "high", "a,b", "100%")

BIGGEST = 2**53 - 1


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of column. ``pool`` holds values that are worth trying, so that rows tie.

    ``json`` is a value's JSON form, ``text`` how a URL writes it, ``rank`` what orders it.
    ``exact``: sums of its values come out the same in every order of adding.
    """

    name: str
    make: Callable[[], sa.types.TypeEngine[Any]]
    pool: Sequence[Any]
    lookups: frozenset[str] = ORDERING
    aggregates: frozenset[str] = EXTREMES
    sortable: bool = True
    json: Callable[[Any], Any] = field(default=_same)
    text: Callable[[Any], str] = field(default=str)
    rank: Callable[[Any], Any] = field(default=_same)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _big(value: int) -> int | str:
    return value if abs(value) <= BIGGEST else str(value)


def _float(value: float) -> float | str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _moment(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(timespec="microseconds") + "Z"


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_DAYS = (date(1, 1, 1), date(1999, 12, 31), date(2026, 1, 31), date(2026, 2, 1), date(9999, 12, 31))
_MOMENTS = (
    datetime(1, 1, 1),
    datetime(1999, 12, 31, 23, 59, 59, 999999),
    datetime(2026, 1, 31),
    datetime(2026, 1, 31, 0, 0, 0, 1),
    datetime(2026, 1, 31, 9, 30),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
)
_TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB c",
    "b a",
    "%",
    "_",
    "a%b",
    "a_b",
    "\\",
    "'",
    '"',
    "a,b",
    "(a)",
    "a=b:c.d",
    "ß",
    "SS",
    "é",
    "É",
    "e\u0301",
    "ſ",
    "\u212a",
    "k",
    "İ",
    "😀",
    "\uffff",
    "日本",
    " a ",
    "a\nb",
    "null",
    "0",
    "1",
    "Inf",
    "a\0b",
)
_UUIDS = (
    UUID(int=0),
    UUID("123e4567-e89b-12d3-a456-426614174000"),
    UUID("9b2cf0de-1f3a-4c7b-8a1e-00112233aabb"),
    UUID(int=2**128 - 1),
)
_QUARTERS = (Decimal("0.00"), Decimal("0.25"), Decimal("-1.50"), Decimal("12.75"), Decimal("3.00"))
_CENTS = (Decimal("0.10"), Decimal("0.30"), Decimal("-0.01"), Decimal("99999999.99"))
_BYTES = (b"", b"\0", b"a", b"\xff\xfe", b"hekla", b"[]")
_DOCUMENTS: tuple[Any, ...] = ({}, {"a": [1, None, "ß"]}, [1.5, True], "text", 7, False)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("int", sa.Integer, (-(2**31), -1, 0, 1, 2, 3, 7, 2**31 - 1), aggregates=FIGURES),
        Kind(
            "bigint",
            sa.BigInteger,
            (0, 1, 7, 2**53 - 1, 2**53, -(2**53), 2**53 + 1),
            aggregates=FIGURES,
            json=_big,
        ),
        # A sum of these is beyond 64 bits, which is an error and not an answer.
        Kind("huge", sa.BigInteger, (0, -1, 2**63 - 1, -(2**63), 2**62), json=_big),
        Kind("text", sa.Text, _TEXTS, lookups=ORDERING | MATCHING),
        Kind("string", lambda: sa.String(40), _TEXTS, lookups=ORDERING | MATCHING),
        Kind(
            "bool",
            sa.Boolean,
            (True, False),
            lookups=EQUALITY,
            aggregates=TALLY,
            text=lambda value: "true" if value else "false",
        ),
        Kind("float", sa.Float, (0.0, 0.5, -1.25, 3.0, 1024.125), aggregates=FIGURES, json=_float),
        # Their sums depend on the order of adding.
        Kind(
            "real",
            sa.Double,
            (0.1, 0.30000000000000004, 1e300, -1e-300, 5e-324, 2.0**53, math.inf, -math.inf, 1e22),
            json=_float,
            text=lambda value: str(_float(value)),
        ),
        Kind(
            "decimal",
            lambda: sa.Numeric(10, 2),
            _QUARTERS,
            aggregates=FIGURES,
            json=lambda value: f"{value:.2f}",
        ),
        Kind("cents", lambda: sa.Numeric(10, 2), _CENTS, json=lambda value: f"{value:.2f}"),
        Kind("number", sa.Numeric, (*_QUARTERS, Decimal("1E+3"), Decimal("0.001")), json=_plain),
        Kind("date", sa.Date, _DAYS, json=date.isoformat, text=date.isoformat),
        Kind("datetime", sa.DateTime, _MOMENTS, json=_moment, text=_moment),
        Kind(
            "moment",
            lambda: sa.DateTime(timezone=True),
            tuple(value.replace(tzinfo=UTC) for value in _MOMENTS),
            json=_moment,
            text=_moment,
            rank=_aware,
        ),
        Kind(
            "time",
            sa.Time,
            (time(0), time(9, 30), time(9, 30, 0, 1), time(23, 59, 59, 999999)),
            json=lambda value: value.isoformat(timespec="microseconds"),
            text=time.isoformat,
        ),
        Kind("uuid", sa.Uuid, _UUIDS, aggregates=TALLY, json=str),
        Kind(
            "enum",
            lambda: sa.Enum(*ENUM, name="level"),
            ENUM,
            lookups=EQUALITY | MATCHING,
        ),
        Kind(
            "bytes",
            sa.LargeBinary,
            _BYTES,
            lookups=EQUALITY,
            aggregates=TALLY,
            json=lambda value: base64.b64encode(value).decode(),
            text=lambda value: base64.urlsafe_b64encode(value).decode(),
        ),
        Kind(
            "json",
            lambda: sa.JSON(none_as_null=True),
            _DOCUMENTS,
            lookups=frozenset({"isnull"}),
            aggregates=frozenset(),
            sortable=False,
        ),
    )
}

KEY_KINDS = (
    "uuid",
    "date",
    "bigint",
    "string",
    "huge",
    "real",
    "bytes",
    "datetime",
    "cents",
    "enum",
)


def figure_json(kind: Kind | None, function: str, value: Any) -> Any:
    """The JSON form of a figure over a column of ``kind``."""
    if value is None:
        return None
    if kind is None or function in ("count", "count_distinct"):
        return value
    if function == "avg":
        return _float(value)
    return _big(value) if function == "sum" and isinstance(value, int) else kind.json(value)
