"""Writes, from a mutation to what became of it: statements compiled once, transactions run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import sqlalchemy as sa

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.errors import Problem
from hekla.policy.access import Access, Policy
from hekla.policy.rules import Action
from hekla.query.ast import Select
from hekla.query.mutation import Delete, Mutation, Row, Update, size
from hekla.query.shape import Pattern, Question, Shape
from hekla.schema.resource import Resource, Schema
from hekla.settings import Settings
from hekla.sql.mutate import Statements, WritePlan
from hekla.sql.plan import Plan
from hekla.sql.ties import TieStatements
from hekla.store.constraints import ConstraintFailed
from hekla.store.protocol import Store, Transaction
from hekla.writing.alike import run_each
from hekla.writing.foreign import Foreign, find_foreign
from hekla.writing.hooks import Hooks, Rehearsal, Unsettled
from hekla.writing.once import Once, keep, recall
from hekla.writing.references import Reference, find_references
from hekla.writing.refusals import left_open
from hekla.writing.rows import RowReader
from hekla.writing.shortcut import Shortcut
from hekla.writing.stamps import Stamps
from hekla.writing.ties import Tie, find_ties
from hekla.writing.work import Precondition, Work, Written

__all__ = ["LIGHT", "Step", "Writer"]

T = TypeVar("T")

Step = Callable[[Sequence[Written]], Mutation]
"""An operation of a batch, made when those before it are done: it may speak of their results."""

# More rows than this in one write are worked on apart from the event loop.
LIGHT = 50


class Prepared(NamedTuple):
    """A statement that writes a row, and the foreign keys that are looked at before it runs."""

    plan: WritePlan
    references: tuple[Reference, ...]


class Writer:
    """Runs mutations on one store, for any actor."""

    anonymous = ANONYMOUS

    def __init__(
        self,
        schema: Schema,
        policy: Policy,
        store: Store,
        settings: Settings,
        hooks: Hooks | None = None,
    ) -> None:
        self.hooks = hooks or Hooks()
        self._telling: set[asyncio.Task[None]] = set()
        self._reserved: dict[str, set[int]] = {}
        # Whether a work that is run again gets other keys: what counts them is not rolled back.
        self.skips_keys = store.dialect != "sqlite"
        self.schema = schema
        self.policy = policy
        self.store = store
        self.settings = settings
        self._plans: Cache[Any, Any] = Cache(settings.plan_cache_size)
        self._stamps = {resource.name: Stamps(resource) for resource in schema}
        self._checkers = {
            resource.name: RowReader(resource, resource.columns, store.dialect)
            for resource in schema
            if resource.validators
        }
        self._actors: Cache[Any, str | None] = Cache(1024)

    def write(
        self,
        mutation: Mutation,
        actor: Actor,
        answer: Question | None = None,
        precondition: Precondition | None = None,
        request: str | None = None,
        once: Once | None = None,
    ) -> Coroutine[Any, Any, Written]:
        """Do it in a transaction of its own; it is durable when this returns.

        ``answer`` is how the written row shall be told (``one``, without a condition). With
        ``once`` it is not done if it was done before.
        Raises Problem; then nothing was changed.
        """
        access = self.policy.access(actor)
        heavy = isinstance(mutation, Update | Delete) and mutation.many
        if not isinstance(mutation, Delete) and mutation.nested:
            heavy = heavy or size(mutation) > LIGHT
        if once is None and precondition is None and not self.hooks:
            signature = None if actor.id is None else self.signature(actor)
            resource = self.schema[mutation.resource]
            return self._shortly(
                Shortcut(self, access, actor, signature, request, mutation, answer, resource), heavy
            )

        def perform(tx: Transaction, rehearsal: Rehearsal | None) -> Coroutine[Any, Any, Written]:
            work = Work(self, tx, access, actor, rehearsal)
            return work.run(mutation, answer, precondition)

        if once is None:
            return self._run(perform, actor, request, heavy)
        return self._write_once(perform, actor, request, heavy, once)

    async def _shortly(self, shortcut: Shortcut, heavy: bool) -> Written:
        """Do it by one statement, if that is all there is to do."""
        try:
            return await self.store.write(shortcut.steps, heavy=heavy, shortcut=shortcut)
        except ConstraintFailed as failure:
            raise left_open(failure) from failure

    async def _write_once(
        self,
        perform: Callable[[Transaction, Rehearsal | None], Coroutine[Any, Any, Written]],
        actor: Actor,
        request: str | None,
        heavy: bool,
        once: Once,
    ) -> Written:
        async def listed(tx: Transaction, rehearsal: Rehearsal | None) -> list[Written]:
            return [await perform(tx, rehearsal)]

        (written,) = await self._run(self._once(listed, actor, once), actor, request, heavy)
        return written

    def _once(
        self,
        perform: Callable[[Transaction, Rehearsal | None], Coroutine[Any, Any, list[Written]]],
        actor: Actor,
        once: Once,
    ) -> Callable[[Transaction, Rehearsal | None], Coroutine[Any, Any, list[Written]]]:
        """``perform``, unless it was done before: then what became of it."""
        signature, seconds = self.signature(actor), self.settings.idempotency_seconds
        dialect = self.store.dialect

        async def perform_once(tx: Transaction, rehearsal: Rehearsal | None) -> list[Written]:
            known = await recall(tx, dialect, signature, once, seconds)
            if known is not None:
                return known
            written = await perform(tx, rehearsal)
            await keep(tx, dialect, signature, once, written, seconds)
            return written

        return perform_once

    async def write_all(
        self,
        steps: Sequence[Step],
        actor: Actor,
        answers: Sequence[Question | None],
        preconditions: Sequence[Precondition | None] | None = None,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """Do all of it in one transaction, one after the other, or nothing."""
        access = self.policy.access(actor)

        async def perform(tx: Transaction, rehearsal: Rehearsal | None) -> list[Written]:
            work = Work(self, tx, access, actor, rehearsal)
            done: list[Written] = []
            for place, (step, answer) in enumerate(zip(steps, answers, strict=True)):
                precondition = preconditions[place] if preconditions is not None else None
                done.append(await work.run(step(done), answer, precondition))
            return done

        run = perform if once is None else self._once(perform, actor, once)
        return await self._run(run, actor, request, len(steps) > LIGHT)

    async def write_each(
        self,
        mutations: Sequence[Mutation],
        actor: Actor,
        answer: Question | None,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """The same of mutations that are known beforehand and told in the same way."""
        access = self.policy.access(actor)

        def perform(
            tx: Transaction, rehearsal: Rehearsal | None
        ) -> Coroutine[Any, Any, list[Written]]:
            return run_each(Work(self, tx, access, actor, rehearsal), mutations, answer)

        run = perform if once is None else self._once(perform, actor, once)
        return await self._run(run, actor, request, len(mutations) > LIGHT)

    async def transact(
        self,
        work: Callable[[Work], Coroutine[Any, Any, list[Written]]],
        actor: Actor,
        *,
        heavy: bool = False,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """Run any steps in one transaction."""
        access = self.policy.access(actor)

        async def perform(tx: Transaction, rehearsal: Rehearsal | None) -> list[Written]:
            return await work(Work(self, tx, access, actor, rehearsal))

        run = perform if once is None else self._once(perform, actor, once)
        return await self._run(run, actor, request, heavy)

    async def perform(
        self,
        steps: Callable[[Work], Coroutine[Any, Any, T]],
        actor: Actor,
        *,
        request: str | None = None,
        seconds: float | None = None,
        hooks: bool = True,
    ) -> T:
        """Run many steps in one transaction, apart from the event loop.

        They may take ``seconds``. Without ``hooks`` nobody is asked about them.
        """
        access = self.policy.access(actor)

        async def perform(tx: Transaction, rehearsal: Rehearsal | None) -> T:
            return await steps(Work(self, tx, access, actor, rehearsal))

        return await self._run(perform, actor, request, True, seconds=seconds, hooks=hooks)

    async def _run(
        self,
        perform: Callable[[Transaction, Rehearsal | None], Coroutine[Any, Any, T]],
        actor: Actor,
        request: str | None,
        heavy: bool,
        *,
        seconds: float | None = None,
        hooks: bool = True,
    ) -> T:
        """Run ``perform`` in a transaction, until the hooks agree with what it does."""
        signature = None if actor.id is None else self.signature(actor)
        if self.hooks and hooks:
            rehearsal = Rehearsal(self.hooks, actor, request)
            return await self._rehearse(perform, rehearsal, signature, heavy, seconds)

        def attempt(tx: Transaction) -> Coroutine[Any, Any, T]:
            tx.context(signature, request)
            return perform(tx, None)

        try:
            return await self.store.write(attempt, heavy=heavy, timeout=seconds)
        except ConstraintFailed as failure:
            raise left_open(failure) from failure

    async def _rehearse(
        self,
        perform: Callable[[Transaction, Rehearsal | None], Coroutine[Any, Any, T]],
        rehearsal: Rehearsal,
        signature: str | None,
        heavy: bool,
        seconds: float | None,
    ) -> T:
        request = rehearsal.request

        async def attempt(tx: Transaction) -> T:
            tx.context(signature, request)
            rehearsal.begin()
            try:
                result = await perform(tx, rehearsal)
            except Problem:
                if rehearsal.is_open:
                    # What hooks make of it may be all right.
                    raise Unsettled from None
                raise
            rehearsal.end()
            return result

        try:
            result = await self._settled(attempt, rehearsal, heavy, seconds)
        finally:
            for name, key in rehearsal.reserved:
                self._reserved[name].discard(key)
        if rehearsal.has_news:
            task = asyncio.create_task(rehearsal.tell())
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return result

    async def _settled(
        self,
        attempt: Callable[[Transaction], Coroutine[Any, Any, T]],
        rehearsal: Rehearsal,
        heavy: bool,
        seconds: float | None,
    ) -> T:
        while True:
            try:
                return await self.store.write(attempt, heavy=heavy, timeout=seconds)
            except Unsettled:
                await rehearsal.settle()
            except ConstraintFailed as failure:
                raise left_open(failure) from failure

    async def drain(self) -> None:
        """Wait until the hooks on commit were told of all that was written."""
        while self._telling:
            await asyncio.wait(self._telling)

    async def reserve(self, work: Work, resource: Resource, values: Row, *, anew: bool) -> Row:
        """``values`` with a key that no other write of this process will take meanwhile.

        For rows that hooks after their creation wait with; and for all that stand beside hooks
        where the database counts on in what is rolled back, since each run would show the hooks
        another key. ``anew``: the one that was kept for this row is taken after all.
        """
        rehearsal = work.rehearsal
        name = _counted_key(resource)
        if (
            rehearsal is None
            or name is None
            or name in values
            or not (self.skips_keys or self.hooks.of("after", "create", resource))
        ):
            return values
        place, rehearsal.used = rehearsal.used, rehearsal.used + 1
        if place < len(rehearsal.reserved) and not anew:
            return {**values, name: rehearsal.reserved[place][1]}
        plan = self._kept(
            ("last", resource.name), lambda: self._statements(work.access, resource).last_key()
        )
        found = await work.tx.fetch(plan.sql)
        kept = self._reserved.setdefault(resource.name, set())
        key = max([found[0] if found is not None and found[0] is not None else 0, *kept]) + 1
        kept.add(key)
        rehearsal.reserved[place:] = [(resource.name, key)]
        return {**values, name: key}

    def count_on(self, access: Access, resource: Resource) -> Plan | None:
        """The statement after which no key is counted twice; None if none ever is."""
        if _counted_key(resource) is None:
            return None
        return self._kept(
            ("count on", resource.name),
            lambda: (self._statements(access, resource).count_on(),),
        )[0]

    def signature(self, actor: Actor) -> str | None:
        """Who writes, as the change log keeps it: the JSON of the actor's id.

        Of somebody who acts for another both are on record: ``{"id": 7, "behind": 1}``.
        """
        if actor.id is None:
            return None
        behind = actor.claims.get("behind")
        if behind is not None:
            return json.dumps({"id": actor.id, "behind": behind}, ensure_ascii=False)
        signature = self._actors.get(actor.id)
        if signature is None:
            signature = json.dumps(actor.id, ensure_ascii=False)
            self._actors.put(actor.id, signature)
        return signature

    def check(self, resource: Resource, row: Mapping[str, Any], at: str) -> None:
        """Ask the resource's own validators about a whole row; raises Problem."""
        self._checkers[resource.name].check(row, at)

    # Statements, compiled once for each form of a write

    def _kept(self, key: Any, make: Callable[[], T]) -> T:
        kept = self._plans.get(key)
        if kept is None:
            kept = make()
            self._plans.put(key, kept)
        return cast("T", kept)

    def _statements(self, access: Access, resource: Resource) -> Statements:
        return Statements(self.schema, access, self.store.dialect, resource)

    def stamps(self, resource: Resource) -> Stamps:
        return self._stamps[resource.name]

    def insert(
        self,
        access: Access,
        resource: Resource,
        names: tuple[str, ...],
        given: tuple[str, ...],
        answer: Question | None,
    ) -> Prepared:
        shape = None if answer is None else answer.shape
        return self._kept(
            ("insert", resource.name, access, names, given, shape),
            lambda: Prepared(
                self._statements(access, resource).insert(names, given, _select(shape)),
                self.references(access, resource),
            ),
        )

    def update(
        self,
        access: Access,
        resource: Resource,
        names: tuple[str, ...],
        given: tuple[str, ...],
        pattern: Pattern | None,
        merge: frozenset[str],
        versioned: bool,
        answer: Question | None,
    ) -> Prepared:
        shape = None if answer is None else answer.shape
        return self._kept(
            ("update", resource.name, access, names, given, pattern, merge, versioned, shape),
            lambda: Prepared(
                self._statements(access, resource).update(
                    names, given, pattern, _select(shape), merge=merge, versioned=versioned
                ),
                self.references(access, resource),
            ),
        )

    def delete(self, access: Access, resource: Resource, pattern: Pattern | None) -> WritePlan:
        return self._kept(
            ("delete", resource.name, access, pattern),
            lambda: self._statements(access, resource).delete(pattern),
        )

    def mark(
        self, access: Access, resource: Resource, names: tuple[str, ...], pattern: Pattern | None
    ) -> WritePlan:
        """The statement that marks a row as deleted."""
        return self._kept(
            ("mark", resource.name, access, names, pattern),
            lambda: self._statements(access, resource).update(
                names, (), pattern, None, action="delete"
            ),
        )

    def whole(self, access: Access, resource: Resource) -> Plan:
        """The question for all columns of a row of a stored key, whoever asks."""
        return self._kept(
            ("whole", resource.name), lambda: self._statements(access, resource).whole()
        )

    def find(
        self,
        access: Access,
        resource: Resource,
        pattern: Pattern | None,
        action: Action,
        given: tuple[str, ...],
    ) -> WritePlan:
        return self._kept(
            ("find", resource.name, access, pattern, action, given),
            lambda: self._statements(access, resource).find(pattern, action, given),
        )

    def keys(
        self,
        access: Access,
        resource: Resource,
        pattern: Pattern | None,
        action: Action,
        given: tuple[str, ...],
    ) -> Plan:
        return self._kept(
            ("keys", resource.name, access, pattern, action, given),
            lambda: self._statements(access, resource).keys(pattern, action, given),
        )

    def holds(
        self, access: Access, resource: Resource, action: Action, given: tuple[str, ...]
    ) -> Plan | None:
        """The question whether a row satisfies the action's rules; None if it always does."""
        return self._kept(
            ("holds", resource.name, access, action, given),
            lambda: (self._statements(access, resource).holds(action, given),),
        )[0]

    def answer(self, access: Access, shape: Shape) -> Plan:
        query = _select(shape)
        assert query is not None
        return self._kept(
            ("answer", access, shape),
            lambda: self._statements(access, self.schema[query.resource]).answer(shape),
        )

    def references(self, access: Access, resource: Resource) -> tuple[Reference, ...]:
        return self._kept(
            ("references", resource.name, access),
            lambda: find_references(self.schema, access, self.store.dialect, resource),
        )

    def foreign(self, resource: Resource) -> tuple[Foreign, ...]:
        """The foreign keys of a resource, each with the question whether its row is there."""
        return self._kept(
            ("foreign", resource.name),
            lambda: find_foreign(self.schema, resource, self.store.dialect),
        )

    # Relations, for nested writes

    def ties(self, access: Access, resource: Resource) -> Mapping[str, Tie]:
        """The relations that a document of the resource may speak of."""
        return self._kept(
            ("ties", resource.name, access), lambda: find_ties(self.schema, access, resource)
        )

    def _of_tie(self, access: Access, resource: Resource, tie: Tie) -> TieStatements:
        dialect = self.store.dialect
        return TieStatements(self.schema, access, dialect, resource, tie.relation)

    def tied(self, access: Access, resource: Resource, tie: Tie, *, one: bool) -> Plan:
        """The question for the rows that are tied to the one of a stored key."""
        return self._kept(
            ("tied", resource.name, access, tie.relation.name, one),
            lambda: self._of_tie(access, resource, tie).tied(one=one),
        )

    def tie(
        self, access: Access, resource: Resource, tie: Tie
    ) -> tuple[Plan, Sequence[Callable[[], Any]]]:
        """The statement that ties two rows in a table between, and what else it is given."""

        def make() -> tuple[Plan, Sequence[Callable[[], Any]]]:
            statements = self._of_tie(access, resource, tie)
            return statements.tie(), [default for _, default in statements.fills()]

        return self._kept(("tie", resource.name, access, tie.relation.name), make)

    def untie(self, access: Access, resource: Resource, tie: Tie) -> Plan:
        """The statement that unties two rows in a table between."""
        return self._kept(
            ("untie", resource.name, access, tie.relation.name),
            lambda: self._of_tie(access, resource, tie).untie(),
        )


def _counted_key(resource: Resource) -> str | None:
    """The key that the database counts up by itself, if that is what it does."""
    if len(resource.key) != 1 or not isinstance(resource.table, sa.Table):
        return None
    column = resource.columns[resource.key[0]]
    return column.name if resource.table.autoincrement_column is column.source else None


def _select(shape: Shape | None) -> Select | None:
    return None if shape is None else cast("Select", shape.query)
