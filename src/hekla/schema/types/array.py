"""Arrays, which PostgreSQL has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.numbers import Boolean, Float, Integer
from hekla.schema.types.strings import Enum, Text
from hekla.schema.types.temporal import Date, Time
from hekla.schema.types.type import Convert, Dialect, Slot, Type
from hekla.schema.types.uuids import Uuid

__all__ = ["Array"]

# PostgreSQL writes an array of these just as it should be.
_PLAIN: Final = (Boolean, Date, Enum, Float, Text, Time, Uuid)


@dataclass(frozen=True)
class Array(Type):
    """A list of values of one type. ``contains`` asks whether a value is among them."""

    name: ClassVar[str] = "array"
    lookups: ClassVar[frozenset[str]] = frozenset({"isnull", "contains"})
    aggregates: ClassVar[frozenset[str]] = frozenset()
    sortable: ClassVar[bool] = False

    item: Type

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        plain = isinstance(self.item, Integer) and not self.item.big
        if plain or isinstance(self.item, _PLAIN):
            return column
        item = self.item.json(dialect, sa.literal_column("item.value"))
        return expression(
            "CASE WHEN array_ndims({0}) > 1 THEN to_json({0}) WHEN {0} IS NOT NULL THEN"
            " (SELECT coalesce(json_agg({1} ORDER BY item.place), '[]')"
            " FROM unnest({0}) WITH ORDINALITY AS item (value, place)) END",
            column,
            item,
        )

    def parse(self, text: str, lookup: str = "exact") -> Any:
        return self.item.parse(text)

    def accept(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("must be an array")
        return [self._accept_item(place, item) for place, item in enumerate(value)]

    def store(self, dialect: Dialect) -> Convert | None:
        convert = self.item.store(dialect)
        return None if convert is None else lambda values: _stored(values, convert)

    def input_schema(self) -> dict[str, Any]:
        items = {"anyOf": [self.item.input_schema(), {"type": ["null", "array"]}]}
        return {"type": "array", "items": items}

    def _accept_item(self, place: int, item: Any) -> Any:
        if item is None:
            return None
        try:
            return self.accept(item) if isinstance(item, list) else self.item.accept(item)
        except ValueError as error:
            raise ValueError(f"item {place} {error}") from None

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        # An array may have several dimensions, whatever it was declared to have.
        item = self.item.schema(guarded)
        return {"type": "array", "items": {"anyOf": [item, {"type": ["null", "array"]}]}}

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        return condition("{1} = ANY ({0})", column, self.item.bind(dialect, slot))


def _stored(values: list[Any], convert: Convert) -> list[Any]:
    return [
        None
        if value is None
        else _stored(value, convert)
        if isinstance(value, list)
        else convert(value)
        for value in values
    ]
