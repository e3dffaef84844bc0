"""Connections to PostgreSQL as the project wants them: timeouts, codecs, prepared statements."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.settings import Settings
    from hekla.store.server_location import ServerLocation

__all__ = ["CONNECT_SECONDS", "connect", "open_connection"]

CONNECT_SECONDS = 10.0
# Seconds that the server has to end a statement by itself before the client gives it up.
_GRACE = 5.0
# Milliseconds between two looks of the server whether the client of a running statement is there.
_WATCH = 2000


async def connect(location: ServerLocation, **options: Any) -> Any:
    """A bare connection of asyncpg. Raises OperatorError with one line that says why not."""
    location.check_driver()
    import asyncpg

    try:
        return await asyncpg.connect(location.url, timeout=CONNECT_SECONDS, **options)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise OperatorError(f"{location}: {_explain(exc)}") from exc
    except (ValueError, asyncpg.InternalClientError) as exc:
        raise OperatorError(f"{location}: cannot be connected to ({exc})") from exc


def _explain(error: BaseException) -> str:
    text = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None)
    if state in ("28P01", "28000"):
        return f"the server lets nobody in like that ({text}); look at user and password"
    if state == "3D000":
        return f"{text}; create it, as with createdb"
    if isinstance(error, asyncio.TimeoutError):
        return f"the server did not answer within {CONNECT_SECONDS:g} seconds"
    if isinstance(error, OSError):
        return f"no server can be reached there ({text})"
    return text


async def open_connection(location: ServerLocation, settings: Settings, *, query_only: bool) -> Any:
    """A connection ready for use; ``query_only`` refuses to write whatever it is told.

    With ``statement_cache_size`` 0 it works through a pooler that gives every transaction
    another connection (PgBouncer): nothing is kept on the server, and so the client keeps the
    time, too.
    """
    pooled = settings.statement_cache_size == 0
    limit = settings.statement_timeout
    options: dict[str, str] = {}
    if not pooled:
        options = {
            "application_name": "hekla",
            "statement_timeout": str(round(limit * 1000)),
            "idle_in_transaction_session_timeout": "0",
        }
        if query_only:
            options["default_transaction_read_only"] = "on"
    connection = await connect(
        location,
        server_settings=options,
        command_timeout=limit if pooled else limit + _GRACE,
        statement_cache_size=settings.statement_cache_size,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=1 << 20,
    )
    try:
        # JSON leaves as it comes: as bytes, which nobody decodes.
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=_as_they_are, decoder=_as_they_are, format="binary"
        )
        # The driver takes the last day of Python's calendar for infinity: texts are exact.
        for name in ("date", "timestamp", "timestamptz"):
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=_moment, decoder=str, format="text"
            )
        if not pooled and connection.get_server_version() >= (14,):
            await connection.execute(f"SET client_connection_check_interval = {_WATCH}")
    except BaseException:
        connection.terminate()
        raise
    return connection


def _moment(value: Any) -> str:
    return value if isinstance(value, str) else str(value.isoformat())


def _as_they_are(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
