"""Text and enumerations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.pattern import check_pattern, pattern_for
from hekla.schema.types.type import (
    EQUALITY,
    MATCHING,
    ORDERING,
    STORED,
    Dialect,
    Slot,
    Type,
    as_string,
)

__all__ = ["Enum", "Text", "check_operand", "check_text", "match_text"]

# SQLite refuses a longer pattern to LIKE (SQLITE_MAX_LIKE_PATTERN_LENGTH, 50000 bytes).
_LONGEST_LIKE = 20_000

_SURROGATES = range(0xD800, 0xE000)


def check_text(text: str) -> str:
    """``text`` itself; ValueError if no database could hold it."""
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    if any(ord(character) in _SURROGATES for character in text):
        raise ValueError("must be valid Unicode text")
    return text


def check_operand(text: str, lookup: str) -> str:
    """``text`` itself, as what a text is compared with by ``lookup``; or ValueError."""
    text = check_text(text)
    return check_pattern(text) if lookup == "regex" else text


@dataclass(frozen=True)
class Text(Type):
    """Text, of ``length`` characters at most where one was declared."""

    name: ClassVar[str] = "text"
    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"min", "max", "count_distinct"})

    length: int | None = None

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect != "sqlite":
            return column
        if guarded:
            # Every BLOB sorts after every text.
            return expression(f"CASE WHEN {{0}} < x'' THEN {{0}} ELSE {STORED} END", column)
        return expression("CAST({0} AS TEXT)", column)

    def parse(self, text: str, lookup: str = "exact") -> str:
        return check_operand(text, lookup)

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return {"description": "As the database holds it."} if guarded else {"type": "string"}

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if lookup in MATCHING:
            return match_text(dialect, column, lookup, slot)
        return super().compare_one(dialect, column, lookup, slot)

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text()


@dataclass(frozen=True)
class Enum(Type):
    """One of ``members``, as the database stores them."""

    name: ClassVar[str] = "enum"
    lookups: ClassVar[frozenset[str]] = EQUALITY | MATCHING
    aggregates: ClassVar[frozenset[str]] = frozenset({"min", "max", "count_distinct"})

    members: tuple[str, ...] = ()
    native: bool = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        return Text().json(dialect, column, guarded)

    def parse(self, text: str, lookup: str = "exact") -> str:
        if lookup in MATCHING:
            return check_operand(text, lookup)
        if text not in self.members:
            raise ValueError(f"must be one of {', '.join(self.members)}")
        return text

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return {"description": "As the database holds it."}
        return {"type": "string", "enum": list(self.members)}

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if lookup in MATCHING:
            return match_text(dialect, as_string(dialect, column), lookup, slot)
        return super().compare_one(dialect, column, lookup, slot)

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return self.sql if dialect == "postgresql" and self.native else sa.Text()


def match_text(
    dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
) -> sa.ColumnElement[bool]:
    """``column`` against one of the lookups in ``MATCHING``.

    Every character of the value is literal, but for ``regex``.
    """
    match dialect:
        case "sqlite":
            return _match_sqlite(column, lookup, slot)
        case "postgresql":
            return _match_postgresql(column, lookup, slot)
        case "mysql":
            return _match_mysql(column, lookup, slot)


def _match_sqlite(column: sa.ColumnElement[Any], lookup: str, slot: Slot) -> sa.ColumnElement[bool]:
    plain = slot.bind(None, sa.Text())
    match lookup:
        case "contains":
            return condition("instr({0}, {1}) > 0", column, plain)
        case "startswith":
            # The range lets an index find the rows; the comparison is exact.
            return condition(
                "{0} COLLATE BINARY >= {1} AND {0} COLLATE BINARY < {2}"
                " AND substr({0}, 1, length({1})) = {1}",
                column,
                plain,
                slot.bind(_after_prefix, sa.types.NullType()),
            )
        case "endswith":
            # SQLite's length() ends at the first NUL.
            return condition(
                "CASE WHEN instr({0}, char(0)) THEN"
                " hekla_endswith(CAST({0} AS BLOB), CAST('a' AS BLOB), {1})"
                " ELSE substr({0}, length({0}) - length({1}) + 1) = {1} END",
                column,
                plain,
            )
        case "regex":
            return condition(
                "regexp({1}, {0})", column, slot.bind(lambda v: pattern_for("sqlite", v), sa.Text())
            )
    # LIKE folds the case of ASCII only, so it is asked where both sides are ASCII: as many
    # bytes as characters. The rest is compared by Unicode case folding.
    before = "" if lookup == "istartswith" else "%"
    after = "" if lookup == "iendswith" else "%"
    return condition(
        "CASE WHEN {1} AND length({0}) = octet_length({0}) THEN {0} LIKE {2} ESCAPE '\\'"
        f" ELSE hekla_{lookup}(CAST({{0}} AS BLOB), CAST('a' AS BLOB), {{3}}) END",
        column,
        slot.bind(lambda v: int(v.isascii() and len(v) <= _LONGEST_LIKE), sa.Integer()),
        slot.bind(lambda v: before + _escaped(v[:_LONGEST_LIKE]) + after, sa.Text()),
        slot.bind(str.casefold, sa.Text()),
    )


def _match_postgresql(
    column: sa.ColumnElement[Any], lookup: str, slot: Slot
) -> sa.ColumnElement[bool]:
    plain = slot.bind(None, sa.Text())
    match lookup:
        case "contains":
            return condition("strpos({0}, {1}) > 0", column, plain)
        case "startswith":
            return condition("starts_with({0}, {1})", column, plain)
        case "endswith":
            return condition("right({0}, length({1})) = {1}", column, plain)
        case "regex":
            pattern = slot.bind(lambda v: pattern_for("postgresql", v), sa.Text())
            return condition("{0} ~ {1}", column, pattern)
    before = "" if lookup == "istartswith" else "%"
    after = "" if lookup == "iendswith" else "%"
    needle = slot.bind(lambda v: before + _escaped(v) + after, sa.Text())
    return condition("{0} ILIKE {1}", column, needle)


def _match_mysql(column: sa.ColumnElement[Any], lookup: str, slot: Slot) -> sa.ColumnElement[bool]:
    column = expression("CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin", column)
    if lookup == "regex":
        pattern = slot.bind(lambda v: pattern_for("mysql", v), sa.Text())
        return condition("{0} REGEXP {1}", column, pattern)
    before = "" if lookup.endswith("startswith") else "%"
    after = "" if lookup.endswith("endswith") else "%"
    needle = slot.bind(lambda v: before + _escaped(v) + after, sa.Text())
    if lookup.startswith("i"):
        return condition("LOWER({0}) LIKE LOWER({1})", column, needle)
    return condition("{0} LIKE {1}", column, needle)


def _escaped(text: str) -> str:
    """``text`` as a LIKE pattern that matches it alone, with a backslash as the escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _after_prefix(prefix: str) -> str | bytes:
    """The least text after all that begin with ``prefix``, by code points.

    Where there is none: a BLOB, which SQLite sorts after every text.
    """
    for position in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[position]) + 1
        if code in _SURROGATES:
            code = _SURROGATES.stop
        if code <= 0x10FFFF:
            return prefix[:position] + chr(code)
    return b""
