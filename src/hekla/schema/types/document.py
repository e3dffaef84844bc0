"""JSON columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.type import STORED, Dialect, Type

__all__ = ["Document"]


@dataclass(frozen=True)
class Document(Type):
    """JSON kept as it is. It can be told from NULL, and no more."""

    name: ClassVar[str] = "json"
    lookups: ClassVar[frozenset[str]] = frozenset({"isnull"})
    aggregates: ClassVar[frozenset[str]] = frozenset()
    sortable: ClassVar[bool] = False

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

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return {"description": "Any JSON."}
