"""Which connection records changes by itself, and how one that Hekla does not write with does."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import apsw

from hekla.sql.changes import ASKED, RECORDED

__all__ = ["record", "register_asked"]

_COMPILED = frozenset(option.upper().removeprefix("SQLITE_") for option in apsw.compile_options)
_TRIGGERS = (
    "SELECT DISTINCT lower(tbl_name) FROM sqlite_temp_schema "
    "WHERE type = 'trigger' AND substr(name, 1, 12) = 'hekla_write_'"
)


def register_asked(connection: apsw.Connection) -> None:
    """Let triggers that are kept in the database find out what ``connection`` records itself.

    See :data:`hekla.sql.changes.ASKED`: for all other questions the function stays what it was.
    """
    # The connection keeps the function, so the function must not keep the connection.
    refer = weakref.ref(connection)
    found: set[str] = set()

    def asked(*given: Any) -> int | None:
        option = given[0]
        if not isinstance(option, str):
            return None
        if option in found:
            return 1
        if not option.startswith(RECORDED):
            name = option.upper().removeprefix("SQLITE_")
            return int(any(each == name or each.startswith(f"{name}=") for each in _COMPILED))
        asking = refer()
        table = option.removeprefix(RECORDED).lower()
        if asking is not None and (table,) in asking.execute(_TRIGGERS).fetchall():
            found.add(option)
            return 1
        return 0

    connection.create_scalar_function(ASKED, asked, 1, flags=apsw.SQLITE_INNOCUOUS)


def record(
    connection: apsw.Connection, log: Sequence[str], triggers: Mapping[str, Collection[str]]
) -> None:
    """Have ``connection`` record its changes, with nobody as who made them.

    ``log`` are the statements that create the log, ``triggers`` those of each table. Tables
    that are not there yet are left out; called again, it makes up for them.
    """
    there = {row[0] for row in connection.execute(_TRIGGERS)}
    if len(there) >= len(triggers):
        return
    names = {str(row[0]).lower() for row in connection.execute(_TABLES)}
    missing = [name for name in triggers if name.lower() in names and name.lower() not in there]
    if not missing:
        return
    for name, function in _FUNCTIONS.items():
        connection.create_scalar_function(name, function, 0, flags=apsw.SQLITE_INNOCUOUS)
    for statement in log:
        connection.execute(statement).fetchall()
    for name in missing:
        for statement in triggers[name]:
            connection.execute(statement).fetchall()


_TABLES = "SELECT name FROM main.sqlite_schema WHERE type = 'table'"


def _now(*_: object) -> str:
    moment = datetime.now(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds") + "Z"


def _nobody(*_: object) -> None:
    return None


_FUNCTIONS: Mapping[str, Callable[..., str | None]] = {
    "hekla_now": _now,
    "hekla_actor": _nobody,
    "hekla_request": _nobody,
}
