"""Columns of which nothing is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.strings import check_operand, match_text
from hekla.schema.types.type import (
    EQUALITY,
    MATCHING,
    ORDERING,
    STORED,
    Dialect,
    Slot,
    Type,
    as_string,
    json_list,
)

__all__ = ["Dynamic"]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_REAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True)
class Dynamic(Type):
    """Whatever is stored: in SQLite a number, a text or bytes, from row to row.

    A value is compared with texts as text, and with numbers as a number if it reads as one;
    ``5`` finds the number and the text.
    """

    name: ClassVar[str] = "any"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"count_distinct"})

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect == "sqlite":
            return expression(STORED, column)
        return as_string(dialect, column)

    def parse(self, text: str, lookup: str = "exact") -> str:
        return check_operand(text, lookup)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return {"description": "As the database holds it."}

    def comparable(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if dialect == "sqlite":
            return sa.type_coerce(column, sa.types.NullType())
        return as_string(dialect, column)

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if lookup in MATCHING:
            return match_text(dialect, column, lookup, slot)
        if dialect != "sqlite":
            return super().compare_one(dialect, column, lookup, slot)
        text = slot.bind(str, sa.Text())
        number = slot.bind(_number, sa.types.NullType())
        match lookup:
            case "exact":
                return condition("{0} IN ({1}, {2})", column, text, slot.bind(_either))
            case "ne":
                return condition("{0} NOT IN ({1}, {2})", column, text, slot.bind(_either))
        # A number is compared with numbers (which sort before ''), a text with texts.
        sign = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[lookup]
        return condition(
            f"({{0}} < '' AND {{0}} {sign} {{2}})"
            f" OR ({{0}} >= '' AND {{0}} < x'' AND {{0}} {sign} {{1}})",
            column,
            text,
            number,
        )

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect != "sqlite":
            return super().bind_list(dialect, slot)
        return slot.bind(
            lambda values: json_list(
                form for value in values for form in (str(value), _either(value))
            ),
            sa.Text(),
        )

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text()


def _number(value: Any) -> int | float | None:
    """The number that the text reads as, if it does."""
    if isinstance(value, int | float):
        return value
    if _INTEGER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return int(value)
    return float(value) if _REAL.fullmatch(value) else None


def _either(value: Any) -> int | float | str:
    number = _number(value)
    return str(value) if number is None else number
