"""Exact numbers."""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.numbers import FIGURES, NUMBER
from hekla.schema.types.type import (
    AS_STORED,
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

__all__ = ["Decimal"]


@dataclass(frozen=True)
class Decimal(Type):
    """An exact number with ``scale`` decimals, or with as many as each value has (None).

    Its JSON is a string. SQLite keeps a NUMERIC as an integer or a float, and it is compared
    as such: beyond 15 digits only what stands there as text is read exactly.

    What is written has ``places`` decimals at most, ``precision`` digits with them, and in
    SQLite (``binary``) it must be what is read again from the float that is stored.
    """

    name: ClassVar[str] = "decimal"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = FIGURES

    scale: int | None = None
    precision: int | None = field(default=None, compare=False)
    places: int | None = field(default=None, compare=False)
    binary: bool = field(default=False, compare=False)

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
        if not NUMBER.fullmatch(text) or len(text) > 1000:
            raise ValueError(_EXPECTED)
        return decimal.Decimal(text)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {
            "type": "string",
            "pattern": r"^(-?[0-9]+(\.[0-9]+)?|NaN|-?Infinity)$",
            "description": "A decimal number, exact as a string.",
        }

    def accept(self, value: Any) -> decimal.Decimal:
        number = self._number(value)
        if not number.is_finite():
            raise ValueError(_EXPECTED)
        _, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)
        whole = len(digits) + exponent
        if self.precision is not None and whole > self.precision - (self.places or 0):
            self._check_whole(number)
        if self.places is not None and -exponent > self.places:
            self._check_places(digits, exponent)
        # So many digits come back from a float of eight bytes (DBL_DIG), whatever they are.
        decimals = -exponent if self.scale is None else max(self.scale, -exponent)
        if self.binary and (len(digits) > 15 or whole + decimals > 15 or not -290 < whole < 290):
            self._check_float(number)
        return number

    def accept_text(self, text: str) -> decimal.Decimal:
        return self.accept(self.parse(text))

    def adapt(self, value: Any) -> Any:
        return self._number(value) if isinstance(value, int | float) else value

    def store(self, dialect: Dialect) -> Convert | None:
        return float if dialect == "sqlite" else None

    def input_schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "number"}
        whole, places = "{1,}", "+"
        most = None if self.precision is None else self.precision - (self.places or 0)
        if self.binary:
            # With so many decimals a float holds fewer digits before the point.
            least = 15 - max(self.places or 0, self.scale or 0)
            most = least if most is None else min(most, least)
        if most is not None:
            whole = f"{{1,{max(most, 1)}}}"
            number |= {"exclusiveMinimum": -(10**most), "exclusiveMaximum": 10**most}
        if self.binary and self.places is None:
            number["multipleOf"] = 0.0001
        if self.places is not None:
            number["multipleOf"] = 10**-self.places if self.places else 1
            places = f"{{1,{self.places}}}"
        fraction = "" if self.places == 0 else rf"(?:\.[0-9]{places})?"
        few = r"(?=(?:[0-9]\.?){1,15}$)" if self.binary else ""
        text = {"type": "string", "pattern": f"^-?{few}[0-9]{whole}{fraction}$"}
        return {"anyOf": [text, number], "description": "A decimal number, exact as a string."}

    def _number(self, value: Any) -> decimal.Decimal:
        match value:
            case decimal.Decimal():
                return value
            case str():
                return self.parse(value)
            case int() if not isinstance(value, bool):
                return decimal.Decimal(value)
            case float():
                return decimal.Decimal(repr(value))
        raise ValueError(_EXPECTED)

    def _check_whole(self, number: decimal.Decimal) -> None:
        assert self.precision is not None
        most = self.precision - (self.places or 0)
        if number and number.adjusted() >= most:
            raise ValueError(f"must have at most {most} digits before the decimal point")

    def _check_places(self, digits: tuple[int, ...], exponent: int) -> None:
        assert self.places is not None
        if any(digits[max(len(digits) + exponent + self.places, 0) :]):
            raise ValueError(f"must have at most {self.places} decimals")

    def _check_float(self, number: decimal.Decimal) -> None:
        """That reading what SQLite stores of ``number`` gives ``number``."""
        stored = decimal.Decimal(0)
        if number.adjusted() < 309:
            found = float(number)
            stored = decimal.Decimal(repr(found))
            if self.scale is not None and math.isfinite(found):
                stored = decimal.Decimal(f"{decimal.Decimal(found):.{self.scale}f}")
        if stored != number:
            raise ValueError("must have at most 15 digits, since SQLite keeps no more exactly")

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


_EXPECTED: Final = "must be a decimal number, such as 12.50"


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
