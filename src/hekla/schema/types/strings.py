"""Text and enumerations."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.engine.default import DefaultDialect

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.matching import match_text
from hekla.schema.types.pattern import check_pattern
from hekla.schema.types.type import (
    AS_STORED,
    EQUALITY,
    MATCHING,
    ORDERING,
    STORED,
    Dialect,
    Slot,
    Type,
    as_string,
    kept,
)

__all__ = ["Enum", "Text", "Textual", "check_operand"]

_DIALECT: Final = DefaultDialect()


def check_operand(text: str, lookup: str) -> str:
    """``text`` itself, as what a text is compared with by ``lookup``; or ValueError."""
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return check_pattern(text) if lookup == "regex" else text


@dataclass(frozen=True)
class Textual(Type):
    """What all types that the database keeps as text have in common."""

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if lookup in MATCHING:
            if dialect == "postgresql" and type(self.bind_type(dialect)) is not sa.Text:
                # An enumeration is no text yet, and CITEXT would be matched whatever the case.
                column = as_string(dialect, column)
            return match_text(dialect, column, lookup, slot)
        if dialect != "mysql" or lookup not in ("exact", "ne"):
            return super().compare_one(dialect, column, lookup, slot)
        # MariaDB's usual collations take A for a, é for e, and "a " for "a". The first
        # comparison is for the index.
        value = self.bind(dialect, slot)
        same = f"{_BYTES.format('{0}')} = CAST({{1}} AS BINARY)"
        return condition(
            f"{{0}} = {{1}} AND {same}" if lookup == "exact" else f"NOT {same}", column, value
        )

    def compare_list(
        self, dialect: Dialect, column: sa.ColumnElement[Any], slot: Slot, negated: bool
    ) -> sa.ColumnElement[bool]:
        if dialect == "mysql":
            column = expression(_BYTES, column)
        return super().compare_list(dialect, column, slot, negated)

    def listed(self, dialect: Dialect) -> str:
        found = super().listed(dialect)
        if dialect != "mysql":
            return found
        return found.replace("SELECT value", "SELECT CAST(value AS BINARY)")

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text()

    def careful_sort_value(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # The bytes of what is no valid text, so that the cursor holds exactly what is stored.
        return expression(
            "CASE WHEN typeof({0}) = 'text'"
            " AND hekla_text(CAST({0} AS BLOB), CAST('a' AS BLOB)) != {0} COLLATE BINARY"
            " THEN json_object('text', hekla_base64(CAST({0} AS BLOB)))"
            " WHEN {0} >= x'' THEN json_object('base64', hekla_base64({0})) ELSE {0} END",
            column,
        )

    def sort_bind(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect != "sqlite":
            return super().sort_bind(dialect, slot)
        raw = slot.bind(_kept_bytes, sa.types.NullType())
        return expression(
            "coalesce(CAST({0} AS TEXT), {1})", raw, slot.bind(_kept_value, sa.types.NullType())
        )


_BYTES: Final = "CAST(CONVERT({0} USING utf8mb4) AS BINARY)"


def _kept_bytes(value: Any) -> bytes | None:
    return b64decode(value["text"]) if isinstance(value, dict) and "text" in value else None


def _kept_value(value: Any) -> Any:
    return None if isinstance(value, dict) and "text" in value else kept(value)


@dataclass(frozen=True)
class Text(Textual):
    """Text, of ``length`` characters at most where one was declared."""

    name: ClassVar[str] = "text"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"min", "max", "count_distinct"})

    length: int | None = None

    def accept(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a string")
        if self.length is not None and len(value) > self.length:
            raise ValueError(f"must be at most {self.length} characters long")
        if "\0" in value or not value.isascii():
            check_operand(value, "exact")
        return value

    def exactly(self) -> Any:
        return str if self.length is None else Annotated[str, Meta(max_length=self.length)]

    def adapt(self, value: Any) -> Any:
        return plain_text(value)

    def input_schema(self) -> dict[str, Any]:
        # Every character but U+0000.
        schema = {"type": "string", "pattern": r"^[^\u0000]*$"}
        return schema if self.length is None else schema | {"maxLength": self.length}

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return _text_json(dialect, column, guarded)

    def parse(self, text: str, lookup: str = "exact") -> str:
        return check_operand(text, lookup)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED) if guarded else {"type": "string"}

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        # CITEXT compared with TEXT would be compared by case.
        return self.sql if self.sql.__visit_name__ == "CITEXT" else sa.Text()


@dataclass(frozen=True)
class Enum(Textual):
    """One of ``members``, as the database stores them; ``native`` if it knows the type."""

    name: ClassVar[str] = "enum"
    lookups: ClassVar[frozenset[str]] = EQUALITY | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"min", "max", "count_distinct"})

    members: tuple[str, ...] = ()
    native: bool = False

    def accept(self, value: Any) -> str:
        if isinstance(value, str) and value in self.members:
            return value
        raise ValueError(f"must be one of {', '.join(self.members)}")

    def adapt(self, value: Any) -> Any:
        # A member of Python's own Enum is stored by its name, or as the column says.
        process = self.sql.bind_processor(_DIALECT)
        return plain_text(value if process is None else process(value))

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return _text_json(dialect, column, guarded)

    def parse(self, text: str, lookup: str = "exact") -> str:
        if lookup in MATCHING:
            return check_operand(text, lookup)
        if text not in self.members:
            raise ValueError(f"must be one of {', '.join(self.members)}")
        return text

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED) if guarded else {"type": "string", "enum": list(self.members)}

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return self.sql if dialect == "postgresql" and self.native else sa.Text()


def plain_text(value: Any) -> Any:
    """A str that is of no subclass, such as a member of a StrEnum."""
    return str.__str__(value) if isinstance(value, str) else value


def _text_json(
    dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool
) -> sa.ColumnElement[Any]:
    if dialect != "sqlite":
        return column
    # A BLOB inside json_object would be taken for binary JSON.
    return expression(STORED if guarded else "CAST({0} AS TEXT)", column)
