"""Writes, from a mutation to what became of it: statements compiled once, transactions run."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.policy.access import Access, Policy
from hekla.policy.rules import Action
from hekla.query.ast import Select
from hekla.query.mutation import Delete, Mutation, Update
from hekla.query.shape import Pattern, Question, Shape
from hekla.schema.resource import Resource, Schema
from hekla.settings import Settings
from hekla.sql.mutate import Statements, WritePlan
from hekla.sql.plan import Plan
from hekla.store.protocol import Store, Transaction
from hekla.writing.references import Reference, find_references
from hekla.writing.rows import RowReader
from hekla.writing.stamps import Stamps
from hekla.writing.work import Precondition, Work, Written

__all__ = ["Step", "Writer"]

T = TypeVar("T")

Step = Callable[[Sequence[Written]], Mutation]
"""An operation of a batch, made when those before it are done: it may speak of their results."""

# More rows than this in one write are worked on apart from the event loop.
_LIGHT = 50


class Writer:
    """Runs mutations on one store, for any actor."""

    anonymous = ANONYMOUS

    def __init__(self, schema: Schema, policy: Policy, store: Store, settings: Settings) -> None:
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

    async def write(
        self,
        mutation: Mutation,
        actor: Actor,
        answer: Question | None = None,
        precondition: Precondition | None = None,
        request: str | None = None,
    ) -> Written:
        """Do it in a transaction of its own; it is durable when this returns.

        ``answer`` is how the written row shall be told (``one``, without a condition).
        Raises Problem; then nothing was changed.
        """
        access = self.policy.access(actor)
        signature = self.signature(actor)

        async def perform(tx: Transaction) -> Written:
            tx.context(signature, request)
            return await Work(self, tx, access, actor).run(mutation, answer, precondition)

        heavy = isinstance(mutation, Update | Delete) and mutation.many
        return await self.store.write(perform, heavy=heavy)

    async def write_all(
        self,
        steps: Sequence[Step],
        actor: Actor,
        answers: Sequence[Question | None],
        preconditions: Sequence[Precondition | None] | None = None,
        request: str | None = None,
    ) -> list[Written]:
        """Do all of it in one transaction, one after the other, or nothing."""
        access = self.policy.access(actor)
        signature = self.signature(actor)

        async def perform(tx: Transaction) -> list[Written]:
            tx.context(signature, request)
            work = Work(self, tx, access, actor)
            done: list[Written] = []
            for place, (step, answer) in enumerate(zip(steps, answers, strict=True)):
                precondition = preconditions[place] if preconditions is not None else None
                done.append(await work.run(step(done), answer, precondition))
            return done

        return await self.store.write(perform, heavy=len(steps) > _LIGHT)

    async def transact(
        self,
        work: Callable[[Work], Coroutine[Any, Any, T]],
        actor: Actor,
        *,
        heavy: bool = False,
        request: str | None = None,
    ) -> T:
        """Run any steps in one transaction."""
        access = self.policy.access(actor)
        signature = self.signature(actor)

        async def perform(tx: Transaction) -> T:
            tx.context(signature, request)
            return await work(Work(self, tx, access, actor))

        return await self.store.write(perform, heavy=heavy)

    def check(self, resource: Resource, row: Mapping[str, Any], at: str) -> None:
        """Ask the resource's own validators about a whole row; raises Problem."""
        self._checkers[resource.name].check(row, at)

    def signature(self, actor: Actor) -> str | None:
        """Who writes, as the change log keeps it: the JSON of the actor's id."""
        if actor.id is None:
            return None
        signature = self._actors.get(actor.id)
        if signature is None:
            signature = json.dumps(actor.id, ensure_ascii=False)
            self._actors.put(actor.id, signature)
        return signature

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
    ) -> WritePlan:
        shape = None if answer is None else answer.shape
        return self._kept(
            ("insert", resource.name, access, names, given, shape),
            lambda: self._statements(access, resource).insert(names, given, _select(shape)),
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
    ) -> WritePlan:
        shape = None if answer is None else answer.shape
        return self._kept(
            ("update", resource.name, access, names, given, pattern, merge, versioned, shape),
            lambda: self._statements(access, resource).update(
                names, given, pattern, _select(shape), merge=merge, versioned=versioned
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


def _select(shape: Shape | None) -> Select | None:
    return None if shape is None else cast("Select", shape.query)
