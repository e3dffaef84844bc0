"""Integers, floats, decimals and booleans."""

from __future__ import annotations

import decimal
import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.type import (
    AS_STORED,
    BIGGEST,
    EQUALITY,
    ORDERING,
    STORED,
    Convert,
    Dialect,
    Slot,
    Type,
    as_string,
    json_list,
)

__all__ = ["Bits", "Boolean", "Decimal", "Float", "Integer"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII
)

_FIGURES: Final = frozenset({"sum", "avg", "min", "max", "count_distinct"})


@dataclass(frozen=True)
class Integer(Type):
    """An integer; ``big`` if it may be beyond 2^53, where its JSON is a string.

    ``least`` and ``most`` bound what can be asked for, not what is stored.
    """

    name: ClassVar[str] = "integer"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _FIGURES

    big: bool = False
    least: int = -(2**63)
    most: int = 2**63 - 1

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if not self.big and not guarded:
            return column
        small = f"CASE WHEN {{0}} BETWEEN -{BIGGEST} AND {BIGGEST} THEN"
        match dialect:
            case "sqlite":
                return expression(f"{small} {{0}} ELSE {STORED} END", column)
            case "postgresql":
                large = "to_json(CAST({0} AS TEXT))"
                return expression(f"{small} to_json({{0}}) ELSE {large} END", column)
            case "mysql":
                text = "CAST({0} AS CHAR)"
                chosen = f"{small} {text} ELSE json_quote({text}) END"
                return expression(f"json_compact({chosen})", column)

    def parse(self, text: str, lookup: str = "exact") -> int:
        # The pattern costs more than all the rest, and the commonest texts do not need it.
        common = len(text) < 19 and text.isascii() and text.isdecimal()
        if not common and not _INTEGER.fullmatch(text):
            raise ValueError("must be an integer, such as 42")
        value = int(text)
        if not self.least <= value <= self.most:
            raise ValueError(f"must be between {self.least} and {self.most}")
        return value

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        if not self.big:
            return {"type": "integer"}
        return {
            "anyOf": [
                {"type": "integer", "minimum": -BIGGEST, "maximum": BIGGEST},
                {"type": "string", "pattern": "^-?[0-9]{16,40}$"},
            ],
            "description": "Beyond 2^53 a string, so that no reader rounds it.",
        }

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.BigInteger()

    def mysql_type(self) -> str:
        return "BIGINT UNSIGNED" if self.least == 0 else "BIGINT"

    def aggregate_type(self, function: str) -> Type:
        return BIG if function == "sum" else super().aggregate_type(function)


@dataclass(frozen=True)
class Bits(Integer):
    """MariaDB's BIT, read as the number that its bits write."""

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return super().json(dialect, expression("({0} + 0)", column), guarded)

    def sort_value(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return super().sort_value(dialect, expression("({0} + 0)", column))


@dataclass(frozen=True)
class Float(Type):
    """A binary floating-point number; ``single`` if the database keeps four bytes of it."""

    name: ClassVar[str] = "float"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _FIGURES

    single: bool = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        # PostgreSQL writes NaN and the infinities as strings by itself; MariaDB has none.
        if dialect != "sqlite":
            return column
        small = f"{{0}} BETWEEN -{BIGGEST} AND {BIGGEST}"
        return expression(f"CASE WHEN {small} THEN {{0}} ELSE {STORED} END", column)

    def parse(self, text: str, lookup: str = "exact") -> float:
        if text in ("Infinity", "-Infinity"):
            return math.copysign(math.inf, -1 if text[0] == "-" else 1)
        if not _NUMBER.fullmatch(text):
            raise ValueError("must be a number, such as 1.5")
        return float(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        names = ["NaN", "Infinity", "-Infinity"]
        return {"anyOf": [{"type": "number"}, {"type": "string", "enum": names}]}

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Double()

    def mysql_type(self) -> str:
        return "FLOAT" if self.single else "DOUBLE"

    def bind(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        value = super().bind(dialect, slot)
        # Else a value of four bytes is compared as one of eight, and 0.1 is not 0.1.
        single = self.single and dialect != "sqlite"
        return expression(f"CAST({{0}} AS {_SINGLE[dialect]})", value) if single else value

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect == "postgresql":
            values = super().bind_list(dialect, slot)
            return expression("CAST({0} AS REAL[])", values) if self.single else values
        return slot.bind(_float_list, sa.Text())

    def sort_value(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if dialect == "mysql":
            return expression("CAST({0} AS DOUBLE)", column)
        return super().sort_value(dialect, column)

    def aggregate_type(self, function: str) -> Type:
        return DOUBLE if function == "sum" else super().aggregate_type(function)


_SINGLE: Final = {"postgresql": "REAL", "mysql": "FLOAT"}


def _float_list(values: Any) -> str:
    # JSON has no infinity, but a number that is read as one.
    return json_list(float(value) for value in values).replace("Infinity", "9e999")


@dataclass(frozen=True)
class Decimal(Type):
    """An exact number with ``scale`` decimals, or with as many as each value has (None).

    Its JSON is a string. SQLite keeps a NUMERIC as an integer or a float, and it is compared
    as such: beyond 15 digits only what stands there as text is read exactly.
    """

    name: ClassVar[str] = "decimal"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = _FIGURES

    scale: int | None = None

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect != "sqlite":
            return as_string(dialect, column)
        if self.scale is None:
            number = "hekla_plain({0})"
        else:
            # printf is fast, and right where a value has no more decimals than the scale and
            # no more digits than a float keeps; Python writes the others.
            most = 10 ** max(15 - self.scale, 0)
            number = (
                f"CASE WHEN {{0}} BETWEEN -{most} AND {most}"
                f" AND round({{0}}, {self.scale}) = {{0}} THEN printf('%.{self.scale}f', {{0}})"
                f" ELSE hekla_decimal({{0}}, {self.scale}) END"
            )
        # Numbers sort before every text, and texts before every BLOB.
        return expression(
            f"CASE WHEN {{0}} < '' THEN {number} WHEN {{0}} < x'' THEN {{0}} ELSE {STORED} END",
            column,
        )

    def parse(self, text: str, lookup: str = "exact") -> decimal.Decimal:
        if not _NUMBER.fullmatch(text) or len(text) > 1000:
            raise ValueError("must be a decimal number, such as 12.50")
        return decimal.Decimal(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {
            "type": "string",
            "pattern": r"^(-?[0-9]+(\.[0-9]+)?|NaN|-?Infinity)$",
            "description": "A decimal number, exact as a string.",
        }

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Numeric() if dialect == "postgresql" else sa.types.NullType()

    def mysql_type(self) -> str:
        return "DECIMAL(65,30)"

    def convert(self, dialect: Dialect) -> Convert | None:
        return _sqlite_number if dialect == "sqlite" else None

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        match dialect:
            case "postgresql":
                return super().bind_list(dialect, slot)
            case "sqlite":
                return slot.bind(lambda values: _float_or_integer_list(values), sa.Text())
            case "mysql":
                return slot.bind(lambda values: json_list(map(str, values)), sa.Text())

    def aggregate_type(self, function: str) -> Type:
        return self if function == "sum" else super().aggregate_type(function)


def _sqlite_number(value: decimal.Decimal | float) -> int | float:
    if not isinstance(value, decimal.Decimal):
        return value
    # The exponent is looked at first: 1E+1000 would be written out as an integer.
    if value.is_finite() and value.adjusted() < 19 and value == int(value):
        number = int(value)
        if -(2**63) <= number < 2**63:
            return number
    return float(value)


def _float_or_integer_list(values: Any) -> str:
    return json_list(map(_sqlite_number, values)).replace("Infinity", "9e999")


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
        return dict(AS_STORED) if guarded else {"type": "boolean"}

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        # Written out: of a comparison of booleans SQLAlchemy would make another one.
        operator = "!=" if lookup == "ne" else "="
        return condition(f"{{0}} {operator} {{1}}", column, self.bind(dialect, slot))

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Boolean() if dialect == "postgresql" else sa.Integer()

    def mysql_type(self) -> str:
        return "BIGINT"

    def convert(self, dialect: Dialect) -> Convert | None:
        return None if dialect == "postgresql" else int


BIG: Final = Integer(big=True, sql=sa.BigInteger())
DOUBLE: Final = Float(sql=sa.Double())

Type.count_type = BIG
Type.average_type = DOUBLE
