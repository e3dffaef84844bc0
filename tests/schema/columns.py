"""A table of one column in a real database: what the tests of types ask their questions of.

Its rows have the ids 1, 2, 3, … in the order of the values given, which are SQL literals.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.mysql import asyncmy as mysql
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.sql.compiler import SQLCompiler

from hekla.schema.types import Dialect, Type, type_of
from hekla.store.functions import register_functions

DIALECTS: dict[Dialect, sa.Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
    "mysql": mysql.dialect(),
}


@dataclass
class Given:
    """A slot whose value is known already."""

    value: Any

    def bind(
        self,
        convert: Callable[[Any], Any] | None = None,
        type_: sa.types.TypeEngine[Any] | None = None,
    ) -> sa.ColumnElement[Any]:
        value = convert(self.value) if convert else self.value
        # A NULL that keeps its type, whatever it is.
        return sa.bindparam(None, value, type_=type_ or sa.types.NullType(), required=False)


def compiled(statement: sa.ClauseElement, dialect: Dialect) -> tuple[str, list[Any]]:
    """The text of a statement and its arguments, as the driver takes them."""
    result = statement.compile(dialect=DIALECTS[dialect])
    assert isinstance(result, SQLCompiler)
    return str(result), [result.params[name] for name in result.positiontup or ()]


@dataclass
class Asked:
    """What all databases are asked, as statements."""

    table: sa.Table
    type: Type
    dialect: Dialect

    @property
    def column(self) -> sa.ColumnElement[Any]:
        return self.table.c.value

    def ids(self, lookup: str, value: Any) -> sa.Select[Any]:
        condition = self.type.compare(self.dialect, self.column, lookup, Given(value))
        return sa.select(self.table.c.id).where(condition).order_by(self.table.c.id)

    def objects(self, value: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Each row's ``{"v": value}`` as the text that the database writes."""
        if self.dialect == "postgresql":
            return _as_rows(sa.select(value.label("v")).order_by(self.table.c.id))
        make = sa.func.json_object(sa.literal_column("'v'"), value)
        return sa.select(make).order_by(self.table.c.id)

    def figure(self, function: str) -> sa.Select[Any]:
        value = self.type.aggregate_json(self.dialect, function, self.column)
        if self.dialect == "postgresql":
            return _as_rows(sa.select(value.label("v")))
        return sa.select(sa.func.json_object(sa.literal_column("'v'"), value))


def _as_rows(inner: sa.Select[Any]) -> sa.Select[Any]:
    row = sa.func.row_to_json(sa.literal_column("o"))
    return sa.select(sa.cast(row, sa.Text())).select_from(inner.subquery("o"))


class SqliteColumn(Asked):
    """A column in an empty SQLite database."""

    def __init__(
        self, sa_type: sa.types.TypeEngine[Any], *literals: str, declared: str | None = None
    ) -> None:
        table = _table(sa_type)
        super().__init__(table, type_of(sa_type, "sqlite"), "sqlite")
        self.connection = apsw.Connection(":memory:")
        register_functions(self.connection)
        if declared is None:
            declared = sa_type.compile(dialect=DIALECTS["sqlite"])
        self.connection.execute(
            f"CREATE TABLE {table.name} (id INTEGER PRIMARY KEY, value {declared})"
        )
        for literal in literals:
            self.connection.execute(f"INSERT INTO {table.name} (value) VALUES ({literal})")

    def keep(self, *values: Any) -> None:
        """Store these values, and no others, by binding them."""
        self.connection.execute(f"DELETE FROM {self.table.name}")
        for value in values:
            self.connection.execute(f"INSERT INTO {self.table.name} (value) VALUES (?)", (value,))

    def run(self, statement: sa.ClauseElement) -> list[Any]:
        text, arguments = compiled(statement, self.dialect)
        return [row[0] for row in self.connection.execute(text, arguments)]

    def find(self, lookup: str, value: Any) -> list[int]:
        return self.run(self.ids(lookup, value))

    def json(self, guarded: bool = False) -> list[str]:
        found = self.run(self.objects(self.type.json("sqlite", self.column, guarded)))
        return [_unwrapped(text) for text in found]

    def careful_json(self) -> list[str]:
        found = self.run(self.objects(self.type.careful_json(self.column)))
        return [_unwrapped(text) for text in found]

    def measure(self, function: str) -> str:
        return _unwrapped(self.run(self.figure(function))[0])

    def plan(self, statement: sa.Select[Any]) -> str:
        """How SQLite goes about a statement."""
        text, arguments = compiled(statement, self.dialect)
        rows = self.connection.execute(f"EXPLAIN QUERY PLAN {text}", arguments)
        return " ".join(row[3] for row in rows)


def _table(sa_type: sa.types.TypeEngine[Any], name: str = "kept") -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("value", sa_type),
    )


def _unwrapped(text: str) -> str:
    """What stands between ``{"v":`` and ``}``, after a proof that it is JSON."""
    json.loads(text)
    return text.removeprefix("{").removesuffix("}").strip().removeprefix('"v"').lstrip(" :")


class ServerColumn(Asked):
    """A column in a database server."""

    def __init__(self, table: sa.Table, type_: Type, dialect: Dialect, fetch: Any) -> None:
        super().__init__(table, type_, dialect)
        self.fetch = fetch

    async def run(self, statement: sa.ClauseElement) -> list[Any]:
        text, arguments = compiled(statement, self.dialect)
        return [row[0] for row in await self.fetch(text, arguments)]

    async def find(self, lookup: str, value: Any) -> list[int]:
        return await self.run(self.ids(lookup, value))

    async def json(self) -> list[str]:
        found = await self.run(self.objects(self.type.json(self.dialect, self.column)))
        return [_unwrapped(text) for text in found]

    async def measure(self, function: str) -> str:
        return _unwrapped((await self.run(self.figure(function)))[0])


Make = Callable[..., Any]


@asynccontextmanager
async def postgresql_columns() -> AsyncIterator[Make]:
    """Makes columns in the PostgreSQL of this machine; skips the test if there is none."""
    asyncpg = pytest.importorskip("asyncpg")
    try:
        connection = await asyncpg.connect("postgresql://root@127.0.0.1:5432/test", timeout=5)
    except OSError as error:
        pytest.skip(f"no PostgreSQL at 127.0.0.1:5432: {error}")

    async def fetch(text: str, arguments: Sequence[Any]) -> Any:
        return await connection.fetch(text, *arguments)

    async def make(sa_type: sa.types.TypeEngine[Any], *literals: str) -> ServerColumn:
        table = _table(sa_type, "hekla_types")
        for enum in (sa_type,) if isinstance(sa_type, sa.Enum) and sa_type.native_enum else ():
            members = ", ".join(f"'{member}'" for member in enum.enums)
            await connection.execute(f"CREATE TYPE pg_temp.{enum.name} AS ENUM ({members})")
        if sa_type.__visit_name__ == "CITEXT":
            await connection.execute("CREATE EXTENSION IF NOT EXISTS citext")
        declared = sa_type.compile(dialect=DIALECTS["postgresql"])
        await connection.execute(f"DROP TABLE IF EXISTS {table.name}")
        await connection.execute(
            f"CREATE TEMPORARY TABLE {table.name} (id serial PRIMARY KEY, value {declared})"
        )
        for literal in literals:
            await connection.execute(f"INSERT INTO {table.name} (value) VALUES ({literal})")
        return ServerColumn(table, type_of(sa_type, "postgresql"), "postgresql", fetch)

    try:
        await connection.execute("SET timezone = 'Asia/Kolkata'")
        yield make
    finally:
        await connection.close()


@asynccontextmanager
async def mariadb_columns() -> AsyncIterator[Make]:
    """Makes columns in the MariaDB of this machine; skips the test if there is none."""
    asyncmy = pytest.importorskip("asyncmy")
    try:
        connection = await asyncmy.connect(
            host="127.0.0.1", port=3306, user="root", database="test", charset="utf8mb4"
        )
    except (OSError, asyncmy.errors.OperationalError) as error:
        pytest.skip(f"no MariaDB at 127.0.0.1:3306: {error}")

    async def fetch(text: str, arguments: Sequence[Any]) -> Any:
        async with connection.cursor() as cursor:
            await cursor.execute(text, tuple(arguments))
            return await cursor.fetchall()

    async def make(
        sa_type: sa.types.TypeEngine[Any], *literals: str, declared: str | None = None
    ) -> ServerColumn:
        table = _table(sa_type, "hekla_types")
        declared = declared or sa_type.compile(dialect=DIALECTS["mysql"])
        await fetch(f"DROP TEMPORARY TABLE IF EXISTS {table.name}", ())
        await fetch(
            f"CREATE TEMPORARY TABLE {table.name}"
            f" (id INTEGER AUTO_INCREMENT PRIMARY KEY, value {declared}) CHARACTER SET utf8mb4",
            (),
        )
        for literal in literals:
            escaped = literal.replace("%", "%%")
            await fetch(f"INSERT INTO {table.name} (value) VALUES ({escaped})", ())
        return ServerColumn(table, type_of(sa_type, "mysql"), "mysql", fetch)

    try:
        await fetch("SET time_zone = '+00:00'", ())
        yield make
    finally:
        connection.close()
