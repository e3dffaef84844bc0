"""Integers, floats and booleans."""

from __future__ import annotations

import decimal
import math
import re
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final

import sqlalchemy as sa
from msgspec import Meta

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
    json_list,
)

__all__ = ["FIGURES", "NUMBER", "Bits", "Boolean", "Float", "Integer"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_DIGITS: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,39})", re.ASCII)
NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII
)

FIGURES: Final = frozenset({"sum", "avg", "min", "max", "count_distinct"})


@dataclass(frozen=True)
class Integer(Type):
    """An integer; ``big`` if it may be beyond 2^53, where its JSON is a string.

    ``least`` and ``most`` bound what can be asked for, ``lowest`` and ``highest`` what the
    column takes: beyond 2^53 only if it is big, so that no reader of its JSON rounds it.
    """

    name: ClassVar[str] = "integer"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = FIGURES

    big: bool = False
    least: int = -(2**63)
    most: int = 2**63 - 1
    lowest: int = field(default=-(2**63), compare=False)
    highest: int = field(default=2**63 - 1, compare=False)

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

    def accept(self, value: Any) -> int:
        number: int = value if type(value) is int else self._whole(value)
        if not self.lowest <= number <= self.highest:
            raise ValueError(f"must be between {self.lowest} and {self.highest}")
        return number

    def exactly(self) -> Any:
        if not -(2**63) <= self.lowest <= self.highest < 2**63:
            return None
        return Annotated[int, Meta(ge=self.lowest, le=self.highest)]

    def accept_text(self, text: str) -> int:
        return self.accept(self.parse(text))

    def adapt(self, value: Any) -> Any:
        # A bool, or a member of an IntEnum, is no other number.
        return int(value) if isinstance(value, int) else value

    def input_schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": self.lowest, "maximum": self.highest}
        if not self.big:
            return number
        text = {"type": "string", "pattern": digits_between(self.lowest, self.highest)}
        return {"anyOf": [number, text]}

    def _whole(self, value: Any) -> int:
        """The integer that another kind of JSON value is, if it is one."""
        match value:
            case decimal.Decimal():
                # The exponent is looked at first: 1E+1000000 would be written out.
                whole = value.is_finite() and value.adjusted() < 40 and value == int(value)
            case str():
                whole = self.big and _DIGITS.fullmatch(value) is not None
            case float():
                whole = value.is_integer()
            case _:
                whole = False
        if not whole:
            raise ValueError("must be an integer")
        return int(value)

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
    """A binary floating-point number; ``single`` if the database keeps four bytes of it.

    ``unusual`` names the values beyond numbers that the database keeps as such.
    """

    name: ClassVar[str] = "float"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = FIGURES

    single: bool = False
    unusual: tuple[str, ...] = field(default=("NaN", "Infinity", "-Infinity"), compare=False)

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
        if not NUMBER.fullmatch(text):
            raise ValueError("must be a number, such as 1.5")
        return float(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        names = ["NaN", "Infinity", "-Infinity"]
        return {"anyOf": [{"type": "number"}, {"type": "string", "enum": names}]}

    def accept(self, value: Any) -> float:
        if type(value) is float or type(value) is decimal.Decimal or type(value) is int:
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if abs(number) <= (_MOST_SINGLE if self.single else sys.float_info.max):
                return number
            if type(value) is not float or math.isfinite(value):
                raise ValueError("is a larger number than can be held")
            value = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        if isinstance(value, str) and value in self.unusual:
            return float(value)
        raise ValueError("must be a number")

    def accept_text(self, text: str) -> float:
        return self.accept(text if text in self.unusual else self.parse(text))

    def adapt(self, value: Any) -> Any:
        return float(value) if isinstance(value, int | decimal.Decimal) else value

    def input_schema(self) -> dict[str, Any]:
        most = _MOST_SINGLE if self.single else sys.float_info.max
        number = {"type": "number", "minimum": -most, "maximum": most}
        if not self.unusual:
            return number
        return {"anyOf": [number, {"type": "string", "enum": list(self.unusual)}]}

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
_MOST_SINGLE: Final = (2 - 2**-23) * 2.0**127


def _float_list(values: Any) -> str:
    # JSON has no infinity, but a number that is read as one.
    return json_list(float(value) for value in values).replace("Infinity", "9e999")


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
                    # NULL does not equal itself, and becomes NULL.
                    "CASE {0} WHEN 1 THEN json('true') WHEN 0 THEN json('false')"
                    " WHEN {0} THEN hekla_stored({0}) END",
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

    def accept(self, value: Any) -> bool:
        if value is True or value is False:
            return value
        raise ValueError("must be true or false")

    def exactly(self) -> Any:
        return bool

    def accept_text(self, text: str) -> bool:
        return self.parse(text)

    def adapt(self, value: Any) -> Any:
        return bool(value) if isinstance(value, int) else value

    def store(self, dialect: Dialect) -> Convert | None:
        # To SQLite a bool is the integer that it is.
        return int if dialect == "mysql" else None

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


def digits_between(least: int, most: int) -> str:
    """A pattern for integers from ``least`` to ``most``, written without leading zeros.

    Whatever it matches is one, but it is too short to match those next to the bounds.
    """
    below = f"-(?:{_digits_up_to(-least)})" if least < 0 else ""
    return f"^(?:0|{_digits_up_to(most)}{'|' if below else ''}{below})$"


def _digits_up_to(most: int) -> str:
    digits = str(most)
    first, second, more = int(digits[0]), int(digits[1]), len(digits) - 2
    forms = [f"[1-9][0-9]{{0,{more}}}"]
    if first > 1:
        forms.append(f"[1-{first - 1}][0-9]{{{more + 1}}}")
    if second > 0:
        forms.append(f"{first}[0-{second - 1}][0-9]{{{more}}}")
    return "|".join(forms)


BIG: Final = Integer(big=True, sql=sa.BigInteger())
DOUBLE: Final = Float(sql=sa.Double())

Type.count_type = BIG
Type.average_type = DOUBLE
