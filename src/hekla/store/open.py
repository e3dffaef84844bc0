"""From a database URL to the store that serves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.protocol import Store
from hekla.store.server_location import ServerLocation, is_server

if TYPE_CHECKING:
    import apsw
    import sqlalchemy as sa

__all__ = ["DatabaseLocation", "locate", "open_engine", "open_store"]

DatabaseLocation = Location | ServerLocation


def locate(url: str, *, read_only: bool = False) -> DatabaseLocation:
    """What a database URL names, for any database that Hekla knows. Raises OperatorError."""
    if is_server(url):
        return ServerLocation.parse(url, read_only=read_only)
    return Location.parse(url, read_only=read_only)


def open_store(
    url: str | DatabaseLocation, settings: Settings, *, read_only: bool = False
) -> Store:
    """The store for ``url`` (or what was made of one), not yet started: nothing is opened here.

    ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (in memory); each with
    ``?mode=ro`` or ``?immutable=1``. ``postgresql://user@host/database``. Raises OperatorError.
    """
    location = locate(url, read_only=read_only) if isinstance(url, str) else url
    if isinstance(location, Location):
        from hekla.store.sqlite import SqliteStore

        return SqliteStore(location, settings)
    location.check_driver()
    from hekla.store.postgres import PostgresStore

    return PostgresStore(location, settings)


def open_engine(
    location: DatabaseLocation,
    settings: Settings,
    *,
    read_only: bool = False,
    prepare: Callable[[apsw.Connection], None] | None = None,
) -> sa.Engine:
    """An SQLAlchemy engine on the database, over the driver that the store uses.

    ``prepare`` is called with each SQLite connection that somebody takes. Raises OperatorError,
    when it first connects, where that cannot be done.
    """
    if isinstance(location, Location):
        from hekla.store.apsw_dialect import engine_for

        return engine_for(location, settings, read_only=read_only, prepare=prepare)
    from hekla.store.asyncpg_dialect import postgres_engine

    return postgres_engine(location, settings)
