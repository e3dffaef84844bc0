"""A plan: the text of one statement and the recipe that turns values into its binds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter

from hekla.actor import Actor
from hekla.policy.access import Access
from hekla.policy.rules import MeValue
from hekla.schema.types import Dialect, Type, type_of

__all__ = ["Plan", "SlotParameter", "ValueSlot", "numbered", "render", "sqlalchemy_dialect"]

Convert = Callable[[Any], Any]


@cache
def sqlalchemy_dialect(dialect: Dialect) -> SQLAlchemyDialect:
    """How SQLAlchemy speaks to the raw driver; a dialect is imported when it is first needed."""
    match dialect:
        case "sqlite":
            from sqlalchemy.dialects import sqlite

            return sqlite.dialect(paramstyle="qmark")
        case "postgresql":
            from sqlalchemy.dialects.postgresql import asyncpg

            return asyncpg.dialect()  # type: ignore[no-untyped-call]
        case "mysql":
            from sqlalchemy.dialects.mysql import asyncmy

            return asyncmy.dialect()


def numbered(sql: str, dialect: Dialect) -> str:
    """A statement of our own, whose places are question marks, with those of the dialect."""
    match dialect:
        case "sqlite":
            return sql
        case "postgresql":
            first, *rest = sql.split("?")
            return first + "".join(f"${place}{part}" for place, part in enumerate(rest, 1))
        case "mysql":
            return sql.replace("?", "%s")


class SlotParameter(BindParameter[Any]):
    """A bound parameter that is filled from value number ``slot`` of a query."""

    inherit_cache = True

    def __init__(
        self, slot: int, convert: Convert | None, type_: sa.types.TypeEngine[Any] | None
    ) -> None:
        super().__init__(f"v{slot}", None, type_=type_, unique=True, required=False)
        self.slot = slot
        self.convert = convert


class ValueSlot:
    """The place of one value; see :class:`hekla.schema.types.Slot`."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def bind(
        self, convert: Convert | None = None, type_: sa.types.TypeEngine[Any] | None = None
    ) -> sa.ColumnElement[Any]:
        return SlotParameter(self.index, convert, type_)


def _actor_value(path: tuple[str, ...], type_: Type) -> Callable[[Actor], Any]:
    """How to take a value of the actor and make it fit the column it is compared with.

    A value that does not fit (a text where the column holds integers) becomes NULL, which
    equals nothing: the rule then lets nothing through.
    """

    def value(actor: Actor) -> Any:
        found = actor.claims.get(path[1]) if path[0] == "claims" else getattr(actor, path[0])
        if found is None or isinstance(found, bool):
            return found
        try:
            return type_.parse(str(found))
        except ValueError:
            return None

    return value


class Plan:
    """One compiled statement. ``columns`` names what its row holds, the JSON body first.

    ``access`` is what its rules were put in for: nobody else may run it. ``guarded``: it reads
    values that may not be what their columns say, text that is no text among them.
    ``direct``: so many values are its arguments as they are and need no ``bind``, or -1.
    """

    __slots__ = (
        "_careful",
        "_careful_sql",
        "_converts",
        "_ordered",
        "_pick",
        "_rest",
        "_slots",
        "access",
        "columns",
        "direct",
        "guarded",
        "sql",
    )

    def __init__(
        self,
        sql: str,
        slots: Sequence[tuple[int, Convert | None]],
        rest: Sequence[tuple[int, Callable[[Actor], Any]]],
        columns: tuple[str, ...],
        access: Access | None,
        guarded: bool = True,
        careful: Callable[[], str] | None = None,
    ) -> None:
        self.sql = sql
        self.access = access
        self.guarded = guarded
        self.columns = columns
        self._slots = tuple(slots)
        self._rest = tuple(rest)
        order = [slot for slot, _ in slots]
        self._ordered = order == list(range(len(slots)))
        self._pick = itemgetter(*order) if len(order) > 1 else None
        self._converts = [
            (place, convert) for place, (_, convert) in enumerate(slots) if convert is not None
        ]
        as_they_are = [(place, None) for place in range(len(slots))]
        self.direct = len(slots) if not rest and list(slots) == as_they_are else -1
        self._careful = careful
        self._careful_sql: str | None = None

    def bind(self, values: Sequence[Any], actor: Actor) -> list[Any]:
        """The arguments for the driver, in the order of the statement's parameters.

        None stays None, which is NULL.
        """
        if self._ordered and len(values) == len(self._slots):
            args = list(values)
        elif self._pick is not None:
            args = list(self._pick(values))
        else:
            args = [values[slot] for slot, _ in self._slots]
        for place, convert in self._converts:
            if args[place] is not None:
                args[place] = convert(args[place])
        # In the order of their places, so that each insertion finds its own.
        for position, take in self._rest:
            args.insert(position, take(actor))
        return args

    def careful_sql(self) -> str:
        """The same statement with the same parameters, for rows that the fast one stumbles on."""
        if self._careful_sql is None:
            self._careful_sql = self._careful() if self._careful is not None else self.sql
        return self._careful_sql


def _columns(statement: Any) -> tuple[str, ...]:
    return tuple(column.name for column in statement.selected_columns)


def _compile(statement: sa.ClauseElement, dialect: Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=sqlalchemy_dialect(dialect))
    assert isinstance(compiled, SQLCompiler)
    return compiled


def render(
    statement: sa.Select[Any] | sa.Insert | sa.Update | sa.Delete,
    dialect: Dialect,
    access: Access | None = None,
    guarded: bool = True,
    careful: Callable[[], sa.Select[Any]] | None = None,
    *,
    columns: tuple[str, ...] | None = None,
) -> Plan:
    """Compile ``statement`` to text, once, and work out where each bind comes from.

    ``columns`` names what its rows hold, where the statement itself does not.
    """
    compiled = _compile(statement, dialect)
    speaks = sqlalchemy_dialect(dialect)
    slots: list[tuple[int, Convert | None]] = []
    rest: list[tuple[int, Callable[[Actor], Any]]] = []
    for position, name in enumerate(compiled.positiontup or ()):
        bind = compiled.binds[name]
        if isinstance(bind, SlotParameter):
            slots.append((bind.slot, bind.convert))
            continue
        processor = bind.type.dialect_impl(speaks).bind_processor(speaks)
        if isinstance(bind, MeValue):
            take = _actor_value(bind.me_path, type_of(bind.type, dialect))
        else:
            take = _constant(bind.effective_value)
        rest.append((position, _processed(take, processor) if processor is not None else take))
    return Plan(
        str(compiled),
        slots,
        rest,
        _columns(statement) if columns is None else columns,
        access,
        guarded,
        (lambda: str(_compile(careful(), dialect))) if careful is not None else None,
    )


def _processed(take: Callable[[Actor], Any], processor: Convert) -> Callable[[Actor], Any]:
    return lambda actor: processor(take(actor))


def _constant(value: Any) -> Callable[[Actor], Any]:
    return lambda _: value
