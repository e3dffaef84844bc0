"""What SQLite itself says about a database: every row, read without Hekla, as JSON has to show it.

The conventions of the JSON are written down here a second time, from the design and from
docs/reference/types.md, so that both would have to be wrong in the same way.
"""

from __future__ import annotations

import calendar
import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

__all__ = ["PlainReading", "canonical"]

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_LAST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def canonical(value: Any) -> str:
    """A JSON value as text in which an integer is no float and members keep their order."""
    return json.dumps(value)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kind(declared: str) -> str:
    """What a column's declared type promises about the JSON of its values."""
    name = re.sub(r"\(.*", "", declared).strip().upper()
    if name in ("BOOLEAN", "BOOL", "DATE", "DATETIME", "TIMESTAMP", "TIME", "JSON", "UUID"):
        return {"BOOL": "boolean", "TIMESTAMP": "datetime"}.get(name, name.lower())
    if name in ("NUMERIC", "DECIMAL"):
        return "decimal"
    return "any"


def _as_stored(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


class _Column:
    """A column's name in the database and how its values stand in JSON."""

    def __init__(self, name: str, declared: str) -> None:
        self.name = name
        self.kind = _kind(declared)
        scale = re.search(r"\(\s*\d+\s*,\s*(\d+)\s*\)", declared)
        self.scale = int(scale[1]) if scale else None

    def shown(self, value: Any, text: bool) -> Any:
        """``value``, which is bytes for a text; ``text`` tells these from a BLOB's."""
        if value is None:
            return None
        if text:
            return self._shown_text(value.decode("utf-8", "replace"))
        if isinstance(value, bytes):
            return self._shown_blob(value)
        if self.kind == "boolean" and value in (0, 1):
            return bool(value)
        if self.kind == "decimal":
            return self._shown_decimal(value)
        if self.kind == "json" and isinstance(value, int):
            return value
        return _as_stored(value)

    def _shown_decimal(self, value: int | float) -> Any:
        if not math.isfinite(value):
            return _as_stored(value)
        if self.scale is not None:
            return f"{Decimal(value):.{self.scale}f}"
        return (
            str(value) if isinstance(value, int) else f"{Decimal(repr(value)):f}".removesuffix(".0")
        )

    def _shown_text(self, text: str) -> Any:
        match = _MOMENT.fullmatch(text)
        if self.kind == "datetime" and match and _exists(text):
            return f"{match[1]}T{match[2]}{match[3] or 'Z'}"
        if self.kind == "uuid" and re.fullmatch("[0-9a-fA-F]{32}", text):
            return "-".join(re.fullmatch("(.{8})(.{4})(.{4})(.{4})(.{12})", text.lower()).groups())  # type: ignore[union-attr]
        if self.kind == "json":
            try:
                return json.loads(text, parse_constant=_refuse)
            except ValueError:
                return text
        return text

    def _shown_blob(self, value: bytes) -> Any:
        if self.kind == "json" and value:
            found = apsw.Connection(":memory:").execute(
                "SELECT CASE WHEN json_valid(?1, 8) THEN json(?1) END", (value,)
            )
            text = next(found)[0]
            if text is not None:
                return json.loads(text)
        return b64encode(value).decode()


def _exists(moment: str) -> bool:
    """Whether what is written as a moment is one of the calendar and the clock."""
    year, month, day, hour, minute, second, *_ = (int(n) for n in re.findall(r"\d+", moment))
    zone = re.search(r"[+-](\d\d):(\d\d)$", moment)
    return (
        1 <= month <= 12
        and 1 <= day <= _LAST_DAYS[month - 1]
        and ((month, day) != (2, 29) or calendar.isleap(year))
        and hour < 24
        and minute < 60
        and second < 60
        and (zone is None or (int(zone[1]) < 24 and int(zone[2]) < 60))
    )


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


class PlainReading:
    """A database file, read with statements that anybody would write."""

    def __init__(self, path: Path) -> None:
        self.db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self.db.create_collation(
            "collation_that_is_gone", lambda one, other: (one > other) - (one < other)
        )

    def names(self) -> set[str]:
        """All tables and views."""
        return {
            name
            for (name,) in self.db.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
        }

    def columns(self, table: str) -> list[_Column]:
        found = self.db.execute(
            "SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1", (table,)
        )
        return [_Column(name, declared) for name, declared in found]

    def rows(self, table: str, key: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Every row as an object by the names of the columns, in the order of ``key``."""
        columns = self.columns(table)
        chosen = ", ".join(_value(f"t.{quoted(column.name)}") for column in columns)
        order = f" ORDER BY {', '.join(f't.{quoted(name)}' for name in key)}" if key else ""
        found = self.db.execute(f"SELECT {chosen} FROM {quoted(table)} AS t{order}")
        return [_shown(columns, row) for row in found]

    def joined(
        self, near: str, far: str, steps: Iterable[tuple[str, Iterable[tuple[str, str]]]]
    ) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Every row of ``near`` with the rows of ``far`` that belong to it.

        ``steps`` lead there: each a table and the pairs of columns, of the table before and of
        itself, that must be equal.
        """
        here, there = self.columns(near), self.columns(far)
        joins, last = "", "n"
        for number, (table, pairs) in enumerate(steps):
            alias = f"s{number}"
            equal = " AND ".join(f"{last}.{quoted(a)} = {alias}.{quoted(b)}" for a, b in pairs)
            joins += f" JOIN {quoted(table)} AS {alias} ON {equal}"
            last = alias
        numbered = f"WITH n AS (SELECT row_number() OVER () AS 'the number', * FROM {quoted(near)})"
        chosen = ", ".join(_value(f"n.{quoted(column.name)}") for column in here)
        result = {
            number: (_shown(here, row), list[dict[str, Any]]())
            for number, *row in self.db.execute(
                f"{numbered} SELECT n.'the number', {chosen} FROM n"
            )
        }
        chosen = ", ".join(_value(f"{last}.{quoted(column.name)}") for column in there)
        for number, *row in self.db.execute(
            f"{numbered} SELECT n.'the number', {chosen} FROM n{joins}"
        ):
            result[number][1].append(_shown(there, row))
        return list(result.values())


def _value(column: str) -> str:
    """A value and whether it is a text; a text as its bytes, since they may be no UTF-8."""
    is_text = f"typeof({column}) = 'text'"
    return f"{is_text}, CASE WHEN {is_text} THEN CAST({column} AS BLOB) ELSE {column} END"


def _shown(columns: Sequence[_Column], row: Sequence[Any]) -> dict[str, Any]:
    return {
        column.name: column.shown(row[2 * place + 1], bool(row[2 * place]))
        for place, column in enumerate(columns)
    }
