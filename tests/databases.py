"""The servers that tests write to: each test in a schema of its own, which is gone afterwards."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from hekla.store.bridge import Bridge

__all__ = ["DATABASES", "NewUrl", "Postgres", "postgres"]

SERVER = "postgresql://root@127.0.0.1:5432/test"

DATABASES = ("sqlite", "postgresql")
"""What scenarios are run on."""

NewUrl = Callable[[], str]
"""Gives the URL of an empty database."""


class Postgres:
    """An empty schema: ``url`` is what a store connects to, ``run`` a connection apart from it."""

    def __init__(self, schema: str, bridge: Bridge, connection: Any) -> None:
        self.schema = schema
        self.url = f"{SERVER}?search_path={schema},public"
        self._bridge = bridge
        self._connection = connection

    def run(self, sql: str, *args: Any) -> list[Any]:
        """The rows of a statement, which is committed; of several without values none."""
        self._enter()
        if args or sql.lstrip()[:6].lower() in ("select", "insert", "explai", "with n"):
            return list(self._bridge.run(self._connection.fetch(sql, *args)))
        self._bridge.run(self._connection.execute(sql))
        return []

    def change(self, sql: str) -> None:
        """Run a statement that has no rows, and commit."""
        self.run(sql)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._enter()
        self._bridge.run(self._connection.executemany(sql, rows))

    def _enter(self) -> None:
        if _entered[:1] != [self.schema]:
            statement = f"SET search_path TO {self.schema}, public"
            self._bridge.run(self._connection.execute(statement))
            _entered[:] = [self.schema]

    def empty(self) -> None:
        """Throw away all that is in the schema."""
        self.run(f"DROP SCHEMA {self.schema} CASCADE; CREATE SCHEMA {self.schema}")


# Where the connection is now.
_entered: list[str] = []


@cache
def _connected() -> tuple[Bridge, Any]:
    import asyncpg

    bridge = Bridge()
    quick = {"synchronous_commit": "off", "client_min_messages": "warning"}
    connection = bridge.run(asyncpg.connect(SERVER, timeout=10, server_settings=quick))

    def leave() -> None:
        bridge.run(connection.close())
        bridge.close()

    atexit.register(leave)
    return bridge, connection


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A schema of its own; the test is skipped where there is no server, except in CI."""
    asyncpg = pytest.importorskip("asyncpg")
    try:
        bridge, connection = _connected()
    except (OSError, asyncpg.PostgresError) as error:
        if os.environ.get("CI", "") not in ("", "0"):
            raise
        pytest.skip(f"no PostgreSQL server on 127.0.0.1: {error}")
    schema = f"hekla_{uuid4().hex}"
    bridge.run(connection.execute(f"CREATE SCHEMA {schema}"))
    try:
        yield Postgres(schema, bridge, connection)
    finally:
        bridge.run(connection.execute(f"DROP SCHEMA {schema} CASCADE"))
