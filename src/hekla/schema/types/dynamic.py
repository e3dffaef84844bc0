"""Columns of which nothing is known."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.matching import match_text
from hekla.schema.types.strings import Textual, check_operand
from hekla.schema.types.type import (
    ANY,
    AS_STORED,
    EQUALITY,
    MATCHING,
    ORDERING,
    Dialect,
    Slot,
    Type,
    as_string,
    json_list,
)

__all__ = ["Dynamic", "Opaque"]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_REAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?")

_SIGNS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Dynamic(Textual):
    """Whatever SQLite holds: a number, a text or bytes, from row to row.

    A value that reads as a number is compared with numbers as a number, and with texts as text:
    ``5`` finds both. Bytes are found by nothing but ``ne``, ``not_in`` and ``isnull``.
    """

    name: ClassVar[str] = "any"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"count_distinct"})

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return expression(ANY, column)

    def parse(self, text: str, lookup: str = "exact") -> str:
        return check_operand(text, lookup)

    def accept(self, value: Any) -> int | float | str:
        match value:
            case str():
                return check_operand(value, "exact")
            case bool():
                pass
            case int() if -(2**63) <= value < 2**63:
                return value
            case Decimal():
                number = float(value)
                if math.isfinite(number) and Decimal(repr(number)) == value:
                    return number
                raise ValueError("is no number that can be kept exactly")
            case float() if math.isfinite(value):
                return value
        raise ValueError("must be a text or a number of 64 bits")

    def accept_text(self, text: str) -> int | float | str:
        return _number_or_text(check_operand(text, "exact"))

    def input_schema(self) -> dict[str, Any]:
        number = {"type": "number", "minimum": -(2**63), "exclusiveMaximum": 2**63}
        return {"anyOf": [{"type": "string", "pattern": r"^[^\u0000]*$"}, number]}

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED)

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if lookup in MATCHING:
            matches = match_text(dialect, column, lookup, slot)
            return condition("typeof({0}) = 'text' AND {1}", column, matches)
        text = slot.bind(str, sa.Text())
        if lookup in ("exact", "ne"):
            operator = "IN" if lookup == "exact" else "NOT IN"
            either = slot.bind(_number_or_text, sa.types.NullType())
            return condition(f"{{0}} {operator} ({{1}}, {{2}})", column, text, either)
        # Numbers sort before every text, and texts before every BLOB.
        number = slot.bind(_number, sa.types.NullType())
        sign = _SIGNS[lookup]
        return condition(
            f"({{0}} < '' AND {{0}} {sign} {{2}})"
            f" OR ({{0}} >= '' AND {{0}} < x'' AND {{0}} {sign} {{1}})",
            column,
            text,
            number,
        )

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        return slot.bind(
            lambda values: json_list(
                form for value in values for form in (str(value), _number_or_text(value))
            ),
            sa.Text(),
        )


def _number(value: Any) -> int | float | None:
    """The number that a text reads as, if it is written just as one."""
    if isinstance(value, int | float):
        return value
    if _INTEGER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return int(value)
    return float(value) if _REAL.fullmatch(value) else None


def _number_or_text(value: Any) -> int | float | str:
    number = _number(value)
    return str(value) if number is None else number


@dataclass(frozen=True)
class Opaque(Type):
    """A type of PostgreSQL or MariaDB that is known by the text of its values only."""

    name: ClassVar[str] = "any"
    lookups: ClassVar[frozenset[str]] = EQUALITY
    aggregates: ClassVar[frozenset[str]] = frozenset()
    sortable: ClassVar[bool] = False
    writable: ClassVar[bool] = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return as_string(dialect, column)

    def parse(self, text: str, lookup: str = "exact") -> str:
        return check_operand(text, lookup)

    def accept(self, value: Any) -> str:
        raise ValueError("cannot be written, its type is not known")

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED)

    def comparable(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return as_string(dialect, column)

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text()
