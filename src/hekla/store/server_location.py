"""Where a database server is: what a URL says, as a value that can be connected to."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import sqlalchemy as sa

from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.schema.types import Dialect

__all__ = ["SERVERS", "ServerLocation", "is_server"]

SERVERS: Mapping[str, tuple[Dialect, str]] = {
    "postgresql": ("postgresql", "asyncpg"),
    "postgres": ("postgresql", "asyncpg"),
}
"""The schemes of URLs that name a server: what it speaks, and the driver."""

_EXTRAS = {"asyncpg": "postgres"}


def is_server(url: str) -> bool:
    """Whether the URL names a database server that Hekla knows."""
    return url.partition(":")[0].partition("+")[0].lower() in SERVERS


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """A database on a server. ``url`` is what the driver connects to, the password in it."""

    url: str = field(repr=False)
    name: str
    dialect: Dialect
    read_only: bool = False

    @classmethod
    def parse(cls, url: str, *, read_only: bool = False) -> ServerLocation:
        """Read ``postgresql://user:password@host:port/database?sslmode=…``.

        ``postgres://`` and ``postgresql+asyncpg://`` are the same. Options of the URL are
        libpq's (``sslmode``, ``sslrootcert``, …) or settings of the server; ``mode=ro`` (or
        ``read_only``) never writes. Raises OperatorError.
        """
        scheme, _, rest = url.partition("://")
        backend, _, driver = scheme.lower().partition("+")
        dialect, known = SERVERS[backend]
        if driver not in ("", known):
            raise OperatorError(f"{scheme}: the driver is {known}; write {backend}://…")
        try:
            parts = sa.make_url(f"{dialect}://{rest}")
        except (sa.exc.ArgumentError, ValueError):
            raise OperatorError(
                f"the database URL cannot be read; one looks like {backend}://user@host/database"
            ) from None
        mode = parts.query.get("mode", "rw")
        parts = parts.difference_update_query(["mode"])
        shown = parts.set(query={}).render_as_string(hide_password=True)
        if mode not in ("ro", "rw"):
            raise OperatorError(f"{shown}: mode={mode}: expected ro or rw")
        return cls(
            parts.render_as_string(hide_password=False), shown, dialect, read_only or mode == "ro"
        )

    def __str__(self) -> str:
        return self.name

    @property
    def seed(self) -> str:
        """What secrets may be derived from: nobody knows it who may not connect."""
        return self.url

    @property
    def path(self) -> None:
        """There is no file."""
        return None

    def open(self) -> NoReturn:
        """There is no embedded database to open. Raises OperatorError."""
        raise OperatorError(f"{self}: this is for SQLite files; a server has its own tools")

    def check_driver(self) -> None:
        """Raise OperatorError that names the extra where the driver is not installed."""
        for driver, extra in _EXTRAS.items():
            if importlib.util.find_spec(driver) is None:
                raise OperatorError(
                    f"{self}: needs the driver {driver}: pip install 'hekla[{extra}]'"
                )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process waiting that asks for the same of this database.

        For what several workers must not do at once when they start, such as creating tables.
        """
        self.check_driver()
        from hekla.store.bridge import Bridge
        from hekla.store.postgres_connection import connect

        if self.read_only:
            yield
            return
        with Bridge() as bridge:
            connection: Any = bridge.run(connect(self))
            try:
                # A lock of the transaction, which a pooler between does not give to another.
                bridge.run(
                    connection.execute(
                        "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0;"
                        f"SELECT pg_advisory_xact_lock({_STARTING})"
                    )
                )
                yield
            finally:
                bridge.run(connection.close(timeout=5))


# Any number, the same for all: "hekla" in ASCII.
_STARTING = int.from_bytes(b"hekla")
