"""Writes that come to one statement: then that is all their transaction runs.

Most statements that write a row ask the rules about it before and after, and give its JSON. If
there is nothing else to be asked, the steps of :class:`hekla.writing.work.Work` are no more than
that statement; here it is, the same one with the same values. Wherever it says less than the
steps would, as when it finds no row, the store runs the steps.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hekla.actor import Actor
from hekla.policy.access import Access
from hekla.policy.rules import Action
from hekla.query.mutation import Create, Delete, Mutation, Outcome, Update
from hekla.query.shape import Question
from hekla.schema.resource import Resource
from hekla.sql.mutate import WritePlan
from hekla.writing.work import Work, Written, complete

if TYPE_CHECKING:
    from hekla.store.protocol import Row, Transaction
    from hekla.writing.writer import Writer

__all__ = ["Shortcut"]

_NONE: frozenset[str] = frozenset()
_OUTCOMES: dict[Action, Outcome] = {"create": "created", "update": "updated", "delete": "deleted"}


class Shortcut(msgspec.Struct, gc=False):
    """One statement of one actor; see :class:`hekla.store.protocol.Shortcut`.

    It is for a mutation of which no hook is told and nothing is expected beforehand.
    """

    writer: Writer
    access: Access
    who: Actor
    actor: str | None
    request: str | None
    mutation: Mutation
    answer: Question | None
    resource: Resource
    action: Action = "create"
    plan: WritePlan | None = None

    def steps(self, tx: Transaction) -> Coroutine[Any, Any, Written]:
        """The work that the statement stands for."""
        tx.context(self.actor, self.request)
        work = Work(self.writer, tx, self.access, self.who)
        return work.run(self.mutation, self.answer)

    def statement(self) -> tuple[str, Sequence[Any]] | None:
        mutation = self.mutation
        if isinstance(mutation, Create):
            values = self._create(mutation)
        elif isinstance(mutation, Update):
            values = self._update(mutation)
        elif isinstance(mutation, Delete):
            values = self._delete(mutation)
        else:
            return None
        plan = self.plan
        if values is None or plan is None or not plan.complete:
            return None
        return plan.plan.sql, plan.plan.bind(values, self.who)

    def result(self, row: Row) -> Written:
        assert self.plan is not None
        action = self.action
        return complete(_OUTCOMES[action], self.plan, row, self.resource, action)

    def _create(self, new: Create) -> Sequence[Any] | None:
        if new.nested or self.access.writes(self.resource, "create") is False:
            return None
        writer, resource, row = self.writer, self.resource, new.row
        stamped = writer.stamps(resource).create(row, datetime.now(UTC), self.who)
        names = tuple(row)
        plan, refers = writer.insert(
            self.access,
            resource,
            names if stamped is row else tuple(stamped),
            names,
            self.answer,
        )
        if refers:
            return None
        self.plan = plan
        return tuple(stamped.values())

    def _update(self, change: Update) -> Sequence[Any] | None:
        where, row, version, resource = change.where, change.row, change.version, self.resource
        if change.many or change.nested or where is None or not row:
            return None
        if change.merge or resource.validators:
            # Somebody may have to look at the row as it is.
            return None
        if self.access.writes(resource, "update") is False:
            return None
        stamped = self.writer.stamps(resource).update(row, datetime.now(UTC), self.who)
        names = tuple(row)
        plan, refers = self.writer.update(
            self.access,
            resource,
            names if stamped is row else tuple(stamped),
            names,
            where.pattern,
            _NONE,
            version is not None,
            self.answer,
        )
        if refers:
            return None
        self.action, self.plan = "update", plan
        values = (*where.values, *stamped.values())
        return values if version is None else (*values, version)

    def _delete(self, gone: Delete) -> Sequence[Any] | None:
        where, resource = gone.where, self.resource
        if gone.many or where is None or resource.soft_delete is not None:
            return None
        if self.access.writes(resource, "delete") is False:
            return None
        self.action = "delete"
        self.plan = self.writer.delete(self.access, resource, where.pattern)
        return where.values
