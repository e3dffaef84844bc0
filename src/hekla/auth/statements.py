"""Statements on Hekla's own tables: compiled once for a dialect, their values given by name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import SQLCompiler

from hekla.schema.types import Dialect
from hekla.sql.json import Json, array_of, object_of
from hekla.sql.plan import sqlalchemy_dialect

__all__ = ["Given", "Prepared", "create", "insert", "listed", "prepare", "prepare_list", "value"]

Given = int | str | bytes | None
"""What a column of Hekla's own tables holds: what every driver takes as it is."""


class Prepared:
    """A statement: its text, compiled when it is first needed, and the order of its values."""

    __slots__ = ("_constants", "_dialect", "_names", "_statement", "_text")

    guarded = False

    def __init__(self, statement: sa.ClauseElement, dialect: Dialect) -> None:
        self._statement: sa.ClauseElement | None = statement
        self._dialect = dialect
        self._text = ""
        self._names: tuple[str, ...] = ()
        self._constants: dict[str, Given] = {}

    @property
    def sql(self) -> str:
        if self._statement is not None:
            self._compile(self._statement)
        return self._text

    def careful_sql(self) -> str:
        return self.sql

    def __call__(self, **given: Given) -> list[Given]:
        """The arguments for the driver; KeyError for a value that is missing."""
        if self._statement is not None:
            self._compile(self._statement)
        constants = self._constants
        return [given[n] if n in given else constants[n] for n in self._names]

    def _compile(self, statement: sa.ClauseElement) -> None:
        compiled = statement.compile(dialect=sqlalchemy_dialect(self._dialect))
        assert isinstance(compiled, SQLCompiler)
        self._text = str(compiled)
        self._names = tuple(name.removeprefix("g_") for name in compiled.positiontup or ())
        self._constants = {
            name.removeprefix("g_"): bind.effective_value
            for name, bind in compiled.binds.items()
            if not name.startswith("g_")
        }
        self._statement = None


def value(name: str) -> Any:
    """A parameter of that name."""
    return sa.bindparam(f"g_{name}", required=True, type_=sa.types.NullType())


def prepare(statement: sa.ClauseElement, dialect: Dialect) -> Prepared:
    """A statement whose parameters are those that :func:`value` made."""
    return Prepared(statement, dialect)


def prepare_list(statement: sa.Select[Any], dialect: Dialect) -> Prepared:
    """Compile a statement whose one row holds all rows of ``statement`` as JSON; see ``listed``."""
    rows = statement.subquery("r")
    element = object_of([(column.name, Json(column)) for column in rows.c], dialect)
    return prepare(sa.select(array_of(element, dialect)), dialect)


_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


def listed(row: tuple[Any, ...] | None) -> list[dict[str, Any]]:
    """The rows in what :func:`prepare_list` found."""
    return [] if row is None or row[0] is None else _decode(row[0])


@lru_cache(maxsize=256)
def insert(table: sa.Table, dialect: Dialect, *columns: str) -> Prepared:
    """The statement that adds a row; without ``columns`` it gives a value to each."""
    names = columns or tuple(column.name for column in table.columns)
    return prepare(sa.insert(table).values({name: value(name) for name in names}).inline(), dialect)


def create(tables: Iterable[sa.Table], dialect: Dialect) -> list[str]:
    """The statements that create tables, and their indexes, where there are none."""
    speaks = sqlalchemy_dialect(dialect)
    statements: list[Any] = []
    for table in tables:
        statements.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        # MariaDB knows IF NOT EXISTS too, but SQLAlchemy does not say it there.
        statements += [CreateIndex(index, if_not_exists=True) for index in indexes]
    return [str(statement.compile(dialect=speaks)).strip() for statement in statements]
