"""Writes that come to one statement: then that is all their transaction runs.

Most statements that write a row ask the rules about it before and after, and give its JSON. If
there is nothing else to be asked, the steps of :class:`hekla.writing.work.Work` are no more than
that statement; here it is, the same one with the same values. Wherever it says less than the
steps would, as when it finds no row, the store runs the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hekla.actor import Actor
from hekla.policy.access import Access
from hekla.policy.guard import check_writable
from hekla.policy.rules import Action
from hekla.query.mutation import Create, Delete, Mutation, Outcome, Update
from hekla.query.shape import Question
from hekla.schema.resource import Resource
from hekla.sql.mutate import WritePlan
from hekla.writing.work import Written, complete

if TYPE_CHECKING:
    from hekla.store.protocol import Row
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
    action: Action = "create"
    plan: WritePlan | None = None

    def statement(self) -> tuple[str, Sequence[Any]] | None:
        mutation = self.mutation
        resource = self.access.schema[mutation.resource]
        if isinstance(mutation, Create):
            values = self._create(resource, mutation)
        elif isinstance(mutation, Update):
            values = self._update(resource, mutation)
        elif isinstance(mutation, Delete):
            values = self._delete(resource, mutation)
        else:
            return None
        if values is None or self.plan is None or not self.plan.complete:
            return None
        return self.plan.plan.sql, self.plan.plan.bind(values, self.who)

    def result(self, row: Row) -> Written:
        assert self.plan is not None
        resource = self.access.schema[self.mutation.resource]
        return complete(_OUTCOMES[self.action], self.plan, row, resource, self.action)

    def _create(self, resource: Resource, new: Create) -> Sequence[Any] | None:
        if new.nested:
            return None
        check_writable(self.access, resource, "create")
        row = new.row
        stamped = self.writer.stamps(resource).create(row, datetime.now(UTC), self.who)
        self.plan, refers = self.writer.insert(
            self.access, resource, tuple(stamped), tuple(row), self.answer
        )
        return None if refers else tuple(stamped.values())

    def _update(self, resource: Resource, change: Update) -> Sequence[Any] | None:
        row, where, version = change.row, change.where, change.version
        if change.many or change.nested or where is None or not row:
            return None
        if change.merge or resource.validators:
            # Somebody may have to look at the row as it is.
            return None
        self.action = "update"
        check_writable(self.access, resource, "update")
        stamped = self.writer.stamps(resource).update(row, datetime.now(UTC), self.who)
        self.plan, refers = self.writer.update(
            self.access,
            resource,
            tuple(stamped),
            tuple(row),
            where.pattern,
            _NONE,
            version is not None,
            self.answer,
        )
        if refers:
            return None
        values = (*where.values, *stamped.values())
        return values if version is None else (*values, version)

    def _delete(self, resource: Resource, gone: Delete) -> Sequence[Any] | None:
        if gone.many or gone.where is None or resource.soft_delete is not None:
            return None
        self.action = "delete"
        check_writable(self.access, resource, "delete")
        self.plan = self.writer.delete(self.access, resource, gone.where.pattern)
        return gone.where.values
