"""Integers, floats, decimals and booleans."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal as Number
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.type import (
    BIGGEST,
    EQUALITY,
    ORDERING,
    STORED,
    Convert,
    Dialect,
    Slot,
    Type,
    as_string,
)

__all__ = ["Boolean", "Decimal", "Float", "Integer"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII
)

_SUMMED: Final = frozenset({"sum", "avg", "min", "max", "count_distinct"})

_ANYTHING: Final = {"description": "As the database holds it."}


@dataclass(frozen=True)
class Integer(Type):
    """An integer; ``big`` if it may be beyond 2^53, where its JSON is a string.

    ``least`` and ``most`` bound what can be asked for, not what is stored.
    """

    name: ClassVar[str] = "integer"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _SUMMED

    big: bool = False
    least: int = -(2**63)
    most: int = 2**63 - 1

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if not self.big and not guarded:
            return column
        within = f"{{0}} BETWEEN -{BIGGEST} AND {BIGGEST}"
        match dialect:
            case "sqlite":
                return expression(f"CASE WHEN {within} THEN {{0}} ELSE {STORED} END", column)
            case "postgresql":
                return expression(
                    f"CASE WHEN {within} THEN to_json({{0}}) ELSE to_json(CAST({{0}} AS TEXT)) END",
                    column,
                )
            case "mysql":
                return expression(
                    f"json_compact(CASE WHEN {within} THEN CAST({{0}} AS CHAR)"
                    " ELSE json_quote(CAST({0} AS CHAR)) END)",
                    column,
                )

    def parse(self, text: str, lookup: str = "exact") -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError("must be an integer, such as 42")
        value = int(text)
        if not self.least <= value <= self.most:
            raise ValueError(f"must be between {self.least} and {self.most}")
        return value

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(_ANYTHING)
        if not self.big:
            return {"type": "integer"}
        return {
            "anyOf": [
                {"type": "integer", "minimum": -BIGGEST, "maximum": BIGGEST},
                {"type": "string", "pattern": "^-?[0-9]{16,20}$"},
            ],
            "description": "Beyond 2^53 a string, so that no reader rounds it.",
        }

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.BigInteger()

    def aggregate_type(self, function: str) -> Type:
        return BIG if function == "sum" else super().aggregate_type(function)


@dataclass(frozen=True)
class Float(Type):
    """A binary floating-point number; ``single`` if the database keeps four bytes of it."""

    name: ClassVar[str] = "float"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _SUMMED

    single: bool = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        # PostgreSQL writes NaN and the infinities as strings by itself; MariaDB has none.
        if dialect != "sqlite":
            return column
        finite = "{0} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
        return expression(f"CASE WHEN {finite} THEN {{0}} ELSE {STORED} END", column)

    def parse(self, text: str, lookup: str = "exact") -> float:
        if text in ("Infinity", "-Infinity"):
            return math.copysign(math.inf, -1 if text[0] == "-" else 1)
        if not _NUMBER.fullmatch(text):
            raise ValueError("must be a number, such as 1.5")
        return float(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(_ANYTHING)
        return {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
            ]
        }

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.REAL() if self.single else sa.Double()

    def aggregate_type(self, function: str) -> Type:
        return DOUBLE if function == "sum" else super().aggregate_type(function)


@dataclass(frozen=True)
class Decimal(Type):
    """An exact number with ``scale`` decimals, or with as many as each value has (None).

    Its JSON is a string. SQLite keeps a NUMERIC as an integer or a float, so it is compared
    as one; beyond 15 digits only what is stored as text is exact there.
    """

    name: ClassVar[str] = "decimal"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _SUMMED

    scale: int | None = None

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect != "sqlite":
            return as_string(dialect, column)
        if self.scale is None:
            number = "hekla_plain({0})"
        else:
            # printf is fast and right for a value that has no more decimals than the scale
            # and no more digits than a float keeps; Python rounds the others.
            limit = 10 ** max(15 - self.scale, 0)
            number = (
                f"CASE WHEN {{0}} BETWEEN -{limit} AND {limit}"
                f" AND round({{0}}, {self.scale}) = {{0}} THEN printf('%.{self.scale}f', {{0}})"
                f" ELSE hekla_decimal({{0}}, {self.scale}) END"
            )
        return expression(
            f"CASE WHEN {{0}} < '' THEN {number} WHEN {{0}} < x'' THEN {{0}} ELSE {STORED} END",
            column,
        )

    def parse(self, text: str, lookup: str = "exact") -> Number:
        if not _NUMBER.fullmatch(text) or len(text) > 1000:
            raise ValueError("must be a decimal number, such as 12.50")
        return Number(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(_ANYTHING)
        return {
            "type": "string",
            "pattern": r"^(-?[0-9]+(\.[0-9]+)?|NaN|-?Infinity)$",
            "description": "An exact decimal number, as a string.",
        }

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        # Without processors of its own: the driver takes a Decimal as it is.
        return sa.types.NullType() if dialect != "postgresql" else sa.Numeric()

    def convert(self, dialect: Dialect) -> Convert | None:
        return _sqlite_number if dialect == "sqlite" else None

    def aggregate_type(self, function: str) -> Type:
        return self if function == "sum" else super().aggregate_type(function)


def _sqlite_number(value: Any) -> int | float:
    number = Number(value)
    if number == number.to_integral_value() and abs(number) < 2**63:
        return int(number)
    return float(number)


@dataclass(frozen=True)
class Boolean(Type):
    """True or false, which SQLite and MariaDB keep as 1 and 0."""

    name: ClassVar[str] = "boolean"

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        match dialect:
            case "sqlite":
                return expression(
                    "CASE {0} WHEN 1 THEN json('true') WHEN 0 THEN json('false')"
                    f" ELSE {STORED} END",
                    column,
                )
            case "postgresql":
                return column
            case "mysql":
                return expression(
                    "json_compact(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false'"
                    " ELSE CAST({0} AS CHAR) END)",
                    column,
                )

    def parse(self, text: str, lookup: str = "exact") -> bool:
        match text.lower():
            case "true" | "1":
                return True
            case "false" | "0":
                return False
        raise ValueError("must be true or false")

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(_ANYTHING) if guarded else {"type": "boolean"}

    def comparable(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # Not as a BOOLEAN: SQLAlchemy would rewrite the comparison.
        kind = sa.Boolean() if dialect == "postgresql" else sa.Integer()
        return sa.type_coerce(column, kind)

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        operator = "!=" if lookup == "ne" else "="
        return expression(f"({{0}} {operator} {{1}})", column, self.bind(dialect, slot))

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Boolean() if dialect == "postgresql" else sa.Integer()

    def convert(self, dialect: Dialect) -> Convert | None:
        return None if dialect == "postgresql" else int


BIG: Final = Integer(big=True, sql=sa.BigInteger())
DOUBLE: Final = Float(sql=sa.Double())

Type.count_type = BIG
Type.average_type = DOUBLE
