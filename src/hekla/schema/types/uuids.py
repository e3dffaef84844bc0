"""Universally unique identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.type import AS_STORED, EQUALITY, ORDERING, STORED, Convert, Dialect, Type

__all__ = ["Uuid"]


@dataclass(frozen=True)
class Uuid(Type):
    """A UUID, in JSON lower case with dashes; ``native`` if the database has the type."""

    name: ClassVar[str] = "uuid"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING

    native: bool = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect == "postgresql" and self.native:
            return column
        dashed = (
            "CONCAT_WS('-', substr({0}, 1, 8), substr({0}, 9, 4), substr({0}, 13, 4),"
            " substr({0}, 17, 4), substr({0}, 21))"
        )
        rest = STORED if dialect == "sqlite" else "{0}"
        return expression(
            f"CASE WHEN length({{0}}) = 32 THEN lower({dashed}) ELSE {rest} END", column
        )

    def parse(self, text: str, lookup: str = "exact") -> UUID:
        try:
            if text.isascii():
                return UUID(text)
        except ValueError:
            pass
        raise ValueError("must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000")

    def accept(self, value: Any) -> UUID:
        return self.parse(value if isinstance(value, str) else "")

    def adapt(self, value: Any) -> Any:
        return UUID(value) if isinstance(value, str) else value

    def store(self, dialect: Dialect) -> Convert | None:
        return self.convert(dialect)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {"type": "string", "format": "uuid"}

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Uuid() if dialect == "postgresql" and self.native else sa.Text()

    def convert(self, dialect: Dialect) -> Convert | None:
        return None if dialect == "postgresql" and self.native else _hex


def _hex(value: UUID) -> str:
    return value.hex
