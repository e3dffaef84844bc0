"""A constraint that a write does not keep, and where: the same value from every database."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import apsw

__all__ = ["CONSTRAINT_ERRORS", "ConstraintFailed", "ConstraintKind", "constraint_failed"]

ConstraintKind = Literal["unique", "foreign_key", "not_null", "check"]


class ConstraintFailed(Exception):
    """A statement was refused by a constraint of the database, and undone as a whole.

    ``table`` and ``columns`` are names of the database (not of the API), as far as the database
    tells: SQLite names neither for a foreign key and no table for a CHECK. ``name`` is that of
    the constraint or index, a CHECK's own text where it has no name, or what a trigger said.
    ``text`` is what an index over expressions is over.
    """

    def __init__(
        self,
        kind: ConstraintKind,
        table: str = "",
        columns: tuple[str, ...] = (),
        name: str = "",
        text: str = "",
    ) -> None:
        super().__init__(kind, table, columns, name, text)
        self.kind = kind
        self.table = table
        self.columns = columns
        self.name = name
        self.text = text

    def __str__(self) -> str:
        place = ", ".join(f"{self.table}.{column}" for column in self.columns) or self.table
        return " ".join(filter(None, [self.kind, place, self.name]))


CONSTRAINT_ERRORS = (apsw.ConstraintError, apsw.MismatchError)

_UNIQUE = "UNIQUE constraint failed: "
_NOT_NULL = "NOT NULL constraint failed: "
_CHECK = "CHECK constraint failed: "
_INDEX = re.compile("index '(.*)'", re.DOTALL)
# What a table declared STRICT says.
_STRICT = re.compile(r"cannot store \w+ value in \w+ column (.*)", re.DOTALL)


def constraint_failed(error: apsw.Error, ask: Callable[[str, tuple[Any, ...]], Any]) -> Exception:
    """What SQLite's message says; ``ask(sql, args)`` gives a value of the database or None.

    It is asked only where a name holds the characters that SQLite puts between names.
    """
    text = str(error)
    for prefix, kind in _NAMED:
        if text.startswith(prefix):
            return _named(kind, text[len(prefix) :], ask)
    if text == "FOREIGN KEY constraint failed":
        return ConstraintFailed("foreign_key")
    if strict := _STRICT.fullmatch(text):
        return _named("check", strict[1], ask, text)
    return ConstraintFailed("check", name=text.removeprefix(_CHECK))


_NAMED: tuple[tuple[str, ConstraintKind], ...] = ((_UNIQUE, "unique"), (_NOT_NULL, "not_null"))
_TABLE_OF_INDEX = "select tbl_name from sqlite_schema where type = 'index' and name = ?"
_TEXT_OF_INDEX = "select sql from sqlite_schema where type = 'index' and name = ?"
_TABLE_AT_START = """select name from sqlite_schema where type = 'table'
    and substr(?, 1, length(name) + 1) = name || '.' order by length(name) desc limit 1"""


def _named(
    kind: ConstraintKind,
    places: str,
    ask: Callable[[str, tuple[Any, ...]], Any],
    name: str = "",
) -> ConstraintFailed:
    """The failure of ``table.column, table.column``, or of ``index 'name'``."""
    if index := _INDEX.fullmatch(places):
        made = index[1].replace("''", "'")
        table = str(ask(_TABLE_OF_INDEX, (made,)) or "")
        text = str(ask(_TEXT_OF_INDEX, (made,)) or "")
        return ConstraintFailed(kind, table, name=made, text=_indexed(text))
    table = places.partition(".")[0]
    parts = places.split(", ")
    if any(part.count(".") != 1 or not part.startswith(f"{table}.") for part in parts):
        table = str(ask(_TABLE_AT_START, (places,)) or table)
        parts = places.split(f", {table}.")
    columns = tuple(part.removeprefix(f"{table}.") for part in parts)
    return ConstraintFailed(kind, table, columns, name)


# What an SQL text is made of, as far as brackets go: those within quotes are none.
_PIECES = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^]]*\]|[^'"`[]""", re.DOTALL)


def _indexed(statement: str) -> str:
    """What stands between the first brackets of the statement that makes an index."""
    depth, inside = 0, []
    for piece in _PIECES.findall(statement):
        if piece == ")":
            depth -= 1
            if depth == 0:
                break
        if depth > 0:
            inside.append(piece)
        if piece == "(":
            depth += 1
    return "".join(inside)
