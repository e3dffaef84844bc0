"""The lookups that look into a text: contains, startswith, endswith, their i- forms, regex.

Every character of a value is literal, but for ``regex``. The forms that begin with ``i``
compare by Unicode case folding on SQLite, and by what ILIKE and LOWER know of case elsewhere.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.pattern import pattern_for, stand_in_for_nul
from hekla.schema.types.type import Convert, Dialect, Slot

__all__ = ["match_text"]

# SQLite refuses a longer pattern to LIKE (SQLITE_MAX_LIKE_PATTERN_LENGTH is 50,000 bytes).
_LONGEST_LIKE: Final = 20_000

_SURROGATES: Final = range(0xD800, 0xE000)


def match_text(
    dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
) -> sa.ColumnElement[bool]:
    """``column``, which is text, against one of the lookups in ``MATCHING``."""
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
                "regexp({1}, CASE WHEN instr({0}, char(0)) THEN"
                " hekla_without_nul(CAST({0} AS BLOB), CAST('a' AS BLOB), {2}) ELSE {0} END)",
                column,
                _pattern("sqlite", slot),
                slot.bind(stand_in_for_nul, sa.Text()),
            )
    # LIKE folds the case of ASCII only, so it is asked where both sides are ASCII: as many
    # bytes as characters.
    return condition(
        "CASE WHEN {1} AND length({0}) = octet_length({0}) THEN {0} LIKE {2} ESCAPE '\\'"
        f" ELSE hekla_{lookup}(CAST({{0}} AS BLOB), CAST('a' AS BLOB), {{3}}) END",
        column,
        slot.bind(_is_plain, sa.Integer()),
        slot.bind(_like(lookup, "\\"), sa.Text()),
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
            return condition("{0} ~ {1}", column, _pattern("postgresql", slot))
    return condition("{0} ILIKE {1} ESCAPE '\\'", column, slot.bind(_like(lookup, "\\"), sa.Text()))


def _match_mysql(column: sa.ColumnElement[Any], lookup: str, slot: Slot) -> sa.ColumnElement[bool]:
    column = expression("CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin", column)
    if lookup == "regex":
        return condition("{0} REGEXP {1}", column, _pattern("mysql", slot))
    # Not a backslash: what that means in a literal depends on the session's sql_mode.
    needle = slot.bind(_like(lookup, "|"), sa.Text())
    if lookup.startswith("i"):
        return condition("LOWER({0}) LIKE LOWER({1}) ESCAPE '|'", column, needle)
    return condition("{0} LIKE {1} ESCAPE '|'", column, needle)


def _pattern(dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
    return slot.bind(lambda value: pattern_for(dialect, value), sa.Text())


def _is_plain(text: str) -> int:
    """Whether SQLite's LIKE can look for the text."""
    return int(text.isascii() and len(text) <= _LONGEST_LIKE)


def _like(lookup: str, escape: str) -> Convert:
    """From a text to the LIKE pattern that finds it alone."""
    before = "" if lookup.endswith("startswith") else "%"
    after = "" if lookup.endswith("endswith") else "%"
    special = str.maketrans({character: escape + character for character in f"{escape}%_"})
    return lambda text: f"{before}{text.translate(special)}{after}"


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
