"""The change log as an actor may read it: a page after a number, one statement a resource."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.changes.entry import Entry
from hekla.errors import CHANGES_GONE, FORBIDDEN, NOT_FOUND, Problem
from hekla.policy.access import Access, Policy
from hekla.policy.guard import check_readable, find_column
from hekla.policy.rules import ADMINISTRATORS, Role
from hekla.schema.resource import Resource, Schema
from hekla.settings import Settings
from hekla.sql.changes import logged_tables
from hekla.sql.past import (
    Told,
    compile_heads,
    compile_rows_told,
    compile_start,
    compile_told,
)
from hekla.sql.past_key import compile_key
from hekla.sql.plan import Plan, render
from hekla.sql.scope import Scope
from hekla.store.protocol import Store

__all__ = ["ChangeLog", "ChangePage", "is_administrator"]

# How many numbers of the log one request goes through, and how many changes of its resource it
# looks at: so its work is bounded, however much of it the actor may not see.
_NUMBERS = 10_000
_LOOKED = 1_000
# Of a single row, whose changes are found by its key.
_LOOKED_OF_ROW = 10_000

_Side = tuple[msgspec.Raw, msgspec.Raw] | None
_told = msgspec.json.Decoder(list[tuple[int, str, str | None, str | None, _Side, _Side]]).decode
_rows = msgspec.json.Decoder(list[tuple[int, _Side, _Side]]).decode
_heads = msgspec.json.Decoder(
    list[tuple[int, str, str | None, str | None, str, msgspec.Raw, str, msgspec.Raw, msgspec.Raw]]
).decode


class ChangePage(msgspec.Struct, gc=False):
    """Some changes in order; ``cursor`` is the number to go on after, ``more`` if there is."""

    changes: list[Entry]
    cursor: int
    more: bool


class _Bounds(msgspec.Struct, gc=False):
    """What the row of a page says beside its body."""

    size: int
    last: int | None
    looked: int | None
    first: int | None
    end: int | None


def is_administrator(actor: Actor) -> bool:
    """Whether ``actor`` may read the whole log, and who made each change."""
    assert isinstance(ADMINISTRATORS, Role)
    return ADMINISTRATORS.name in actor.roles


class ChangeLog:
    """Tells the changes of one store's rows."""

    def __init__(self, schema: Schema, policy: Policy, store: Store, settings: Settings) -> None:
        self.schema = schema
        self.policy = policy
        self.store = store
        self.settings = settings
        self._plans: Cache[Any, Plan] = Cache(settings.plan_cache_size)
        self.tables: frozenset[sa.Table] = frozenset()
        """The tables whose changes are on record."""
        self._by_table: dict[str, Resource] = {}
        self.keep(policy.writable)

    def keep(self, kept: bool) -> None:
        """Say whether changes are on record at all."""
        self.tables = frozenset(logged_tables(self.schema)) if kept else frozenset()
        self._by_table = {}
        for resource in self.schema:
            if isinstance(resource.table, sa.Table) and resource.table in self.tables:
                self._by_table.setdefault(resource.table.fullname, resource)

    def holds(self, resource: Resource) -> bool:
        """Whether the changes of the resource are on record."""
        return resource.table in self.tables

    async def of_resource(
        self,
        resource: Resource,
        actor: Actor,
        *,
        after: int | None = None,
        limit: int,
        fields: tuple[str, ...] | None = None,
    ) -> ChangePage:
        """The changes of a resource that ``actor`` may see, after the number ``after``.

        A change is told if the row may be read as it was or as it is, each side as far as it
        may be. Raises Problem ``changes_gone`` where those after ``after`` were thrown away.
        """
        access = self._check(resource, actor, fields)
        told = Told(resource.name, fields)
        values = (-1 if after is None else after, max(_LOOKED, limit), limit, _NUMBERS)
        entries, bounds = await self._told(told, access, actor, values)
        _check_held(after, bounds, resource.name)
        return _page(entries, bounds, after, limit)

    async def of_row(
        self,
        resource: Resource,
        key: tuple[Any, ...],
        actor: Actor,
        *,
        after: int | None = None,
        limit: int,
        fields: tuple[str, ...] | None = None,
    ) -> ChangePage:
        """What ``actor`` may see of the changes of one row, which may be there no more.

        There are none where no such row ever was, as where nothing of it may be seen.
        """
        access = self._check(resource, actor, fields)
        nulls = tuple(value is None for value in key)
        plan = self._plan(
            ("key", resource.name, nulls),
            access,
            lambda scope: compile_key(scope, resource, nulls),
        )
        found = await self.store.fetch(plan, plan.bind(key, actor))
        if found is None:
            return ChangePage([], max(after or 0, 0), False)
        told = Told(resource.name, fields, keyed=True)
        values = (-1 if after is None else after, max(_LOOKED_OF_ROW, limit), limit, found[0])
        entries, bounds = await self._told(told, access, actor, values)
        if bounds.size < limit and bounds.looked is None:
            # All of the row's were looked at.
            return ChangePage(entries, bounds.last or max(after or 0, 0), False)
        return _page(entries, bounds, after, limit)

    async def of_all(
        self,
        actor: Actor,
        *,
        after: int | None = None,
        limit: int,
        tables: Sequence[str] = (),
        actors: Sequence[str] = (),
        action: str | None = None,
        since: str | None = None,
    ) -> ChangePage:
        """The changes of all tables as the log has them, for administrators.

        Rows are told whatever their rules say; columns that are closed to the actor are not.
        ``tables`` are names of tables, ``actors`` JSON of actors' ids, ``since`` is the text of
        a moment in UTC as the log has it. Raises Problem ``forbidden``, ``changes_gone``.
        """
        self.check_administrator(actor)
        access = self.policy.access(actor)
        if after is None and since is not None:
            plan = self._plan(("start",), access, compile_start)
            row = await self.store.fetch(plan, plan.bind((since,), actor))
            after_since = row[0] if row is not None else None
        else:
            after_since = after
        given = {"table": tables and json.dumps(list(tables)), "action": action, "since": since}
        given["actor"] = actors and json.dumps(list(actors))
        filters = tuple(name for name, value in given.items() if value)
        plan = self._plan(("heads", filters), access, lambda scope: compile_heads(scope, filters))
        values = (
            -1 if after_since is None else after_since,
            _NUMBERS,
            limit,
            *(given[name] for name in filters),
            json.dumps(list(self._by_table)),
        )
        row = await self.store.fetch(plan, plan.bind(values, actor))
        assert row is not None
        bounds = _Bounds(*row[1:])
        _check_held(after, bounds, "")
        heads = _heads(row[0])
        sides = await self._sides(heads, access, actor)
        entries = []
        for seq, at, who, request, table, key, action_, before, after_ in heads:
            resource = self._by_table.get(table)
            raw = (_unless_null(before), _unless_null(after_))
            if resource is None:
                told: tuple[bytes, bytes | None, bytes | None] = (bytes(key), *raw)
            elif (found := sides.get(seq)) is None:
                continue  # It was thrown away in the meantime.
            else:
                told = found
            name = table if resource is None else resource.name
            entries.append(
                Entry(seq, at, name, told[0], action_, told[1], told[2], who, request, True)
            )
        return _page(entries, bounds, after_since, limit)

    def check_administrator(self, actor: Actor) -> None:
        """Raise Problem ``forbidden`` unless the actor may read the whole log."""
        if not is_administrator(actor):
            raise Problem(FORBIDDEN, "Only administrators may read the changes of everything.")

    async def end(self) -> int:
        """The number of the last change, 0 if there is none."""
        plan = self._plan(("heads", ()), None, lambda scope: compile_heads(scope, ()))
        row = await self.store.fetch(plan, plan.bind((-1, 0, 0, "[]"), ANONYMOUS))
        assert row is not None
        return _Bounds(*row[1:]).end or 0

    def table_of(self, name: str) -> str | None:
        """The table that a resource or a table of that name keeps its changes under."""
        for resource in self._by_table.values():
            if resource.name == name:
                assert isinstance(resource.table, sa.Table)
                return resource.table.fullname
        return name if any(table.fullname == name for table in self.tables) else None

    def names(self) -> list[str]:
        """What :meth:`table_of` knows, a resource's name before its table's."""
        names = [resource.name for resource in self._by_table.values()]
        return list(dict.fromkeys([*names, *sorted(table.fullname for table in self.tables)]))

    # Statements

    def _check(self, resource: Resource, actor: Actor, fields: Sequence[str] | None) -> Access:
        if not self.holds(resource):
            raise Problem(NOT_FOUND, f"The changes of {resource.name} are not on record.")
        access = self.policy.access(actor)
        check_readable(access, resource)
        for name in fields or ():
            find_column(access, resource, name)
        return access

    def _plan(
        self, key: Any, access: Access | None, compile_: Callable[[Scope], sa.Select[Any]]
    ) -> Plan:
        plan = self._plans.get((key, access))
        if plan is None:
            dialect = self.store.dialect
            scope = Scope(self.schema, access or self.policy.access(ANONYMOUS), dialect)
            statement = compile_(scope)
            plan = render(
                statement,
                dialect,
                access,
                True,
                lambda: compile_(Scope(self.schema, scope.access, dialect, careful=True)),
            )
            self._plans.put((key, access), plan)
        return plan

    async def _told(
        self, told: Told, access: Access, actor: Actor, values: Sequence[Any]
    ) -> tuple[list[Entry], _Bounds]:
        plan = self._plan(told, access, lambda scope: compile_told(scope, told))
        row = await self.store.fetch(plan, plan.bind(values, actor))
        assert row is not None
        administers = is_administrator(actor)
        mine = None if actor.id is None else json.dumps(actor.id, ensure_ascii=False)
        entries = []
        for seq, at, who, request, before, after in _told(row[0]):
            if after is not None:
                key, action = after[0], "update" if before is not None else "create"
            else:
                assert before is not None
                key, action = before[0], "delete"
            entries.append(
                Entry(
                    seq,
                    at,
                    told.resource,
                    bytes(key),
                    action,
                    None if before is None else bytes(before[1]),
                    None if after is None else bytes(after[1]),
                    who,
                    request,
                    administers or (mine is not None and who == mine),
                )
            )
        return entries, _Bounds(*row[1:])

    async def _sides(
        self, heads: Sequence[tuple[Any, ...]], access: Access, actor: Actor
    ) -> dict[int, tuple[bytes, bytes | None, bytes | None]]:
        """Key, row before and row after of changes of resources, by their numbers."""
        numbers: dict[str, list[int]] = {}
        for head in heads:
            resource = self._by_table.get(head[4])
            if resource is not None:
                numbers.setdefault(resource.name, []).append(head[0])
        found: dict[int, tuple[bytes, bytes | None, bytes | None]] = {}
        for name, wanted in numbers.items():
            told = Told(name, all=True)
            plan = self._plan(told, access, partial(compile_rows_told, told=told))
            row = await self.store.fetch(plan, plan.bind((json.dumps(wanted),), actor))
            assert row is not None
            for seq, before, after in _rows(row[0]):
                side = after or before
                found[seq] = (
                    b"null" if side is None else bytes(side[0]),
                    None if before is None else bytes(before[1]),
                    None if after is None else bytes(after[1]),
                )
        return found


def _unless_null(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    return None if text == b"null" else text


def _check_held(after: int | None, bounds: _Bounds, resource: str) -> None:
    """Raise Problem ``changes_gone`` where the changes after a number are not all there."""
    end = bounds.end or 0
    if after is None or (bounds.first or 1) - 1 <= after <= end:
        return
    rows = f"GET /{resource}" if resource else "the rows"
    what = (
        f"The log ends at {end}: the database was set back"
        if after > end
        else f"The changes up to {(bounds.first or 1) - 1} were thrown away"
    )
    raise Problem(
        CHANGES_GONE,
        f"{what}. Read {rows} anew, then go on with after={end}.",
        headers={"x-next-cursor": str(end)},
    )


def _page(entries: list[Entry], bounds: _Bounds, after: int | None, limit: int) -> ChangePage:
    end = bounds.end or 0
    begun = max(after or 0, (bounds.first or 1) - 1)
    if bounds.size >= limit and bounds.last is not None:
        cursor = bounds.last
    elif bounds.looked is not None:
        cursor = bounds.looked
    else:
        cursor = min(begun + _NUMBERS, end)
    cursor = max(cursor, begun)
    return ChangePage(entries, cursor, cursor < end)
