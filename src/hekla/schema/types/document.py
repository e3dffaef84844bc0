"""JSON columns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec
import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.type import STORED, Convert, Dialect, Type

__all__ = ["Document"]


@dataclass(frozen=True)
class Document(Type):
    """JSON kept as it is. It can be told from NULL, and no more.

    ``depth``: how deeply what is written may be nested.
    """

    name: ClassVar[str] = "json"
    lookups: ClassVar[frozenset[str]] = frozenset({"isnull"})
    aggregates: ClassVar[frozenset[str]] = frozenset()
    sortable: ClassVar[bool] = False

    depth: int = field(default=200, compare=False)

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        match dialect:
            case "sqlite":
                # 9: a text of RFC 8259, or SQLite's own binary JSON.
                template = f"CASE WHEN json_valid({{0}}, 9) THEN json({{0}}) ELSE {STORED} END"
                return expression(template, column)
            case "postgresql":
                return column
            case "mysql":
                template = "json_compact(IF(json_valid({0}), {0}, json_quote({0})))"
                return expression(template, column)

    def parse(self, text: str, lookup: str = "exact") -> Any:
        return json.loads(text)

    def accept(self, value: Any) -> Any:
        return _accept(value, self.depth)

    def accept_text(self, text: str) -> Any:
        try:
            return self.accept(json.loads(text, parse_float=Decimal, parse_constant=_refuse))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"must be JSON: {error}") from None

    def store(self, dialect: Dialect) -> Convert | None:
        return _written

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return {"description": "Any JSON."}


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _written(value: Any) -> str:
    """The text that SQLAlchemy stores; a number that no float holds keeps its digits."""
    try:
        return json.dumps(value)
    except TypeError:
        return _ENCODER.encode(value).decode()


def _accept(value: Any, depth: int) -> Any:
    """The value with plain floats where they are the same numbers; ValueError if it is no JSON."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("must be valid Unicode text") from None
            return value
        case dict() | list() if depth == 0:
            raise ValueError("is nested too deeply")
        case dict():
            return {_accept(name, 0): _accept(each, depth - 1) for name, each in value.items()}
        case list():
            return [_accept(each, depth - 1) for each in value]
        case Decimal():
            number = float(value)
            return number if Decimal(repr(number)) == value else value
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
