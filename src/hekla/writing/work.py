"""What one write does inside its transaction, row by row, under the rules.

The same steps for every way of writing: the rule of the action is asked of the row before and
after, the statement runs, and what the database refuses is put into words. A work may be run
again from its beginning (the store says when), so it keeps nothing but what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import msgspec

from hekla.actor import Actor
from hekla.errors import (
    ALREADY_EXISTS,
    FORBIDDEN,
    NOT_FOUND,
    PRECONDITION_FAILED,
    TOO_MANY_ROWS,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.policy.access import Access
from hekla.policy.guard import check_writable
from hekla.policy.rules import Action
from hekla.query.ast import And, Compare, Condition
from hekla.query.mutation import Create, Delete, Mutation, Outcome, Replace, Row, Update, Upsert
from hekla.query.shape import Pattern, Question, Which, which
from hekla.schema.resource import Resource
from hekla.sql.mutate import WritePlan
from hekla.store.constraints import ConstraintFailed
from hekla.writing.hooks import Rehearsal
from hekla.writing.identity import StoredKey, alone, check_key, check_still_there
from hekla.writing.merge import is_judged, patch_columns
from hekla.writing.nested import create_with, update_with
from hekla.writing.refusals import explain
from hekla.writing.rows import pointer

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction
    from hekla.writing.writer import Writer

__all__ = ["Precondition", "StoredKey", "Work", "Written", "complete"]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Precondition = Callable[[bytes | None], None]
"""Raises Problem unless the row's representation (None: there is no row) is as expected."""


class Written(msgspec.Struct, gc=False):
    """What became of one row: its stored key, and its JSON if that was asked for and may be seen.

    ``shown`` is the key of a new row as it stands in JSON. Of many rows that were changed
    together, ``body`` is the array and ``rows`` their number.
    """

    outcome: Outcome
    key: StoredKey = ()
    body: bytes | None = None
    rows: int = 1
    shown: tuple[Any, ...] = ()


class Work:
    """The steps of one write of one actor, in one transaction."""

    __slots__ = ("access", "actor", "now", "rehearsal", "tx", "writer")

    def __init__(
        self,
        writer: Writer,
        tx: Transaction,
        access: Access,
        actor: Actor,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self.writer = writer
        self.tx = tx
        self.access = access
        self.actor = actor
        self.rehearsal = rehearsal
        self.now = datetime.now(UTC) if rehearsal is None else rehearsal.now

    def run(
        self,
        mutation: Mutation,
        answer: Question | None = None,
        precondition: Precondition | None = None,
    ) -> Coroutine[Any, Any, Written]:
        """The steps that do it. They raise Problem; then the transaction has to be rolled back."""
        resource = self.access.schema[mutation.resource]
        match mutation:
            case Create():
                return self.create(resource, mutation, answer)
            case Update(many=True):
                return self.update_many(resource, mutation, answer)
            case Update():
                return self.update(resource, mutation, answer, precondition)
            case Replace():
                return self.replace(resource, mutation, answer, precondition)
            case Upsert():
                return self.upsert(resource, mutation, answer, precondition)
            case Delete(many=True):
                return self.delete_many(resource, mutation)
            case Delete():
                return self.delete(resource, mutation, precondition, answer)

    # One row

    def create(
        self, resource: Resource, new: Create, answer: Question | None
    ) -> Coroutine[Any, Any, Written]:
        check_writable(self.access, resource, "create")
        if new.nested:
            return create_with(self, resource, new, answer)
        rehearsal = self.rehearsal
        if rehearsal is not None and (
            rehearsal.hooks.watches("create", resource) or self.writer.skips_keys
        ):
            return self._create_watched(resource, new, answer, rehearsal)
        return self._create(resource, new, new.row, answer)

    async def _create(
        self, resource: Resource, new: Create, row: Mapping[str, Any], answer: Question | None
    ) -> Written:
        """Create ``row``, which holds what the document gave, and perhaps more."""
        given = tuple(new.row)
        stamped = self.writer.stamps(resource).create(row, self.now, self.actor)
        plan, refers = self.writer.insert(self.access, resource, tuple(stamped), given, answer)
        if refers:
            await self._check_references(resource, row, new.at)
        values = tuple(stamped.values())
        try:
            found = await self._execute(plan, values, resource, row, new.at)
        except Problem as problem:
            if problem.code is not ALREADY_EXISTS or {*resource.key} & stamped.keys():
                raise
            if not await self._count_on(resource, problem):
                raise
            found = await self._execute(plan, values, resource, row, new.at)
        assert found is not None
        if plan.complete:
            return complete("created", plan, found, resource, "create")
        return await self.written("created", plan, found, resource, given, "create", answer)

    async def _count_on(self, resource: Resource, problem: Problem) -> bool:
        """Whether it was the database's own counting that gave a key which was there already.

        Then it counts on from the greatest key there is.
        """
        failure = problem.__cause__
        plan = self.writer.count_on(self.access, resource)
        if plan is None or not isinstance(failure, ConstraintFailed):
            return False
        if failure.columns != (resource.columns[resource.key[0]].source.name,):
            return False
        found = await self.tx.fetch(plan.sql)
        return found is not None and found[0] is not None

    async def _try_to_create(
        self, resource: Resource, new: Create, row: Mapping[str, Any], answer: Question | None
    ) -> Written | None:
        """Create ``row`` unless something of it is taken already."""
        try:
            return await self._create(resource, new, row, answer)
        except Problem as problem:
            if problem.code is not ALREADY_EXISTS:
                raise
            return None

    async def _create_watched(
        self, resource: Resource, new: Create, answer: Question | None, rehearsal: Rehearsal
    ) -> Written:
        values = rehearsal.before(resource, "create", new.row, None, new.at)
        altered = _altered(values, new.row)
        if altered and resource.validators:
            self.writer.check(resource, values, new.at)
        written = None
        pinned = rehearsal.pinned(resource, values)
        if pinned is not None:
            written = await self._try_to_create(resource, new, pinned, answer)
            if written is None:
                # Somebody else has taken its key.
                rehearsal.unpin()
        if written is None:
            row = await self.writer.reserve(self, resource, values, anew=False)
            if row is not values:
                written = await self._try_to_create(resource, new, row, answer)
        if written is None:
            row = await self.writer.reserve(self, resource, values, anew=True)
            written = await self._create(resource, new, row, answer)
        after = await self.current(resource, written.key, altered, new.at)
        rehearsal.after(resource, "create", values, None, after, new.at)
        return written

    def update(
        self,
        resource: Resource,
        change: Update,
        answer: Question | None,
        precondition: Precondition | None = None,
    ) -> Coroutine[Any, Any, Written]:
        where = change.where
        assert where is not None
        check_writable(self.access, resource, "update")
        if precondition is not None:
            return self._update_if(resource, change, where, answer, precondition)
        return self._update(resource, change, where.pattern, where.values, answer)

    async def _update_if(
        self,
        resource: Resource,
        change: Update,
        where: Which,
        answer: Question | None,
        precondition: Precondition,
    ) -> Written:
        key = await self.find(resource, where, "update", tuple(change.row))
        precondition(await self.body(resource, key, answer))
        return await self._update(resource, change, where.pattern, where.values, answer)

    async def _update(
        self,
        resource: Resource,
        change: Update,
        pattern: Pattern | None,
        place: Sequence[Any],
        answer: Question | None,
    ) -> Written:
        """Change the one row of ``pattern`` with the values ``place``, or of a stored key."""
        if change.nested:
            return await update_with(self, resource, change, pattern, place, answer)
        row, given, merge = change.row, tuple(change.row), change.merge
        altered: Collection[str] = ()
        rehearsal = self.rehearsal
        watched = rehearsal is not None and rehearsal.hooks.watches("update", resource)
        before = None
        if not row and change.version is None:
            # Nothing is set, so nothing happens: no stamp, no version, no change on record.
            key = await self._find(resource, pattern, place, "update", ())
            return Written("updated", key, await self.body(resource, key, answer))
        judged = merge and any(is_judged(resource.column(name)) for name in merge)
        if (resource.validators and row) or watched or judged:
            key = await self._find(resource, pattern, place, "update", given)
            before = await self.current(resource, key)
            if merge:
                # Who looks at the row looks at what there will be, not at the patch.
                patched = patch_columns(resource, before, row, merge, change.at)
                row, merge = {**row, **patched}, frozenset()
        if watched and rehearsal is not None:
            asked = row
            row = rehearsal.before(resource, "update", asked, before, change.at)
            altered = _altered(row, asked)
        if resource.validators and row and before is not None:
            self.writer.check(resource, {**before, **row}, change.at)
        stamped = self.writer.stamps(resource).update(row, self.now, self.actor)
        plan, refers = self.writer.update(
            self.access,
            resource,
            tuple(stamped),
            given,
            pattern,
            merge,
            change.version is not None,
            answer,
        )
        if refers:
            await self._check_references(resource, row, change.at)
        values = (*place, *stamped.values())
        if change.version is not None:
            values = (*values, change.version)
        found = await self._execute(plan, values, resource, row, change.at)
        if found is None:
            await self._find(resource, pattern, place, "update", given)
            raise Problem(PRECONDITION_FAILED, "Somebody else has changed it since: read it again.")
        if plan.complete:
            written = complete("updated", plan, found, resource, "update")
        else:
            written = await self.written("updated", plan, found, resource, given, "update", answer)
        if refers:
            await self._check_kept(resource, written.key, row, change.at)
        if watched and rehearsal is not None:
            after = await self.current(resource, written.key, altered, change.at)
            rehearsal.after(resource, "update", row, before, after, change.at)
        return written

    async def delete(
        self,
        resource: Resource,
        gone: Delete,
        precondition: Precondition | None = None,
        answer: Question | None = None,
    ) -> Written:
        assert gone.where is not None
        check_writable(self.access, resource, "delete")
        if precondition is not None:
            key = await self.find(resource, gone.where, "delete", ())
            precondition(await self.body(resource, key, answer))
        return await self._delete(resource, gone.where.pattern, gone.where.values, gone.at)

    async def _delete(
        self, resource: Resource, pattern: Pattern | None, place: Sequence[Any], at: str
    ) -> Written:
        rehearsal = self.rehearsal
        before = None
        watched = rehearsal is not None and rehearsal.hooks.watches("delete", resource)
        if watched and rehearsal is not None:
            key = await self._find(resource, pattern, place, "delete", ())
            before = await self.current(resource, key)
            rehearsal.before(resource, "delete", {}, before, at)
        mark = resource.soft_delete
        if mark is None:
            plan = self.writer.delete(self.access, resource, pattern)
            found = await self._execute(plan, place, resource, None, at)
        else:
            flag = resource.column(mark).type.name == "boolean"
            marked = {mark: True if flag else self.now}
            row = self.writer.stamps(resource).update(marked, self.now, self.actor)
            plan = self.writer.mark(self.access, resource, tuple(row), pattern)
            found = await self._execute(plan, (*place, *row.values()), resource, None, at)
        if found is None:
            await self._find(resource, pattern, place, "delete", ())
            raise Problem(FORBIDDEN, f"You may not delete this row of {resource.name}.")
        if watched and rehearsal is not None:
            rehearsal.after(resource, "delete", {}, before, None, at)
        return Written("deleted", tuple(found[: plan.key]))

    async def replace(
        self,
        resource: Resource,
        new: Replace,
        answer: Question | None,
        precondition: Precondition | None,
    ) -> Written:
        where = which(_equal(new.key))
        key = await self._seek(resource, where)
        if precondition is not None:
            precondition(None if key is None else await self.body(resource, key, answer))
        if key is None:
            check_still_there(new.version)
            row = {**new.row, **new.key}
            try:
                return await self.create(
                    resource, Create(new.resource, row, new.nested, new.at), answer
                )
            except Problem as problem:
                if problem.code.code == "already_exists" and self._is_key(resource, problem):
                    # The key is taken by a row that may not be seen.
                    raise Problem(NOT_FOUND, f"{resource.title} not found") from problem
                raise
        check_writable(self.access, resource, "update")
        kept = await self._without_kept(resource, key, new.row, new.at)
        change = Update(new.resource, where, kept, new.nested, version=new.version, at=new.at)
        return await self._update(resource, change, None, key, answer)

    async def _without_kept(
        self, resource: Resource, key: StoredKey, row: Row, at: str
    ) -> Mapping[str, Any]:
        """``row`` for a row that is there: what was written once is left as it is.

        Raises Problem ``validation_failed`` where it would change.
        """
        once = [name for name in row if resource.column(name).write_once]
        if not once:
            return row
        current = await self.current(resource, key)
        message = "may be given only when the row is created"
        faults = [Fault(pointer(at, n), message) for n in once if row[n] != current.get(n)]
        if faults:
            raise Problem(VALIDATION_FAILED, message, errors=faults)
        return {name: value for name, value in row.items() if name not in once}

    def _is_key(self, resource: Resource, problem: Problem) -> bool:
        return {fault.location.rpartition("/")[2] for fault in problem.errors} == {*resource.key}

    async def upsert(
        self,
        resource: Resource,
        new: Upsert,
        answer: Question | None,
        precondition: Precondition | None = None,
    ) -> Written:
        where = which(_equal({name: new.row[name] for name in new.by}))
        key = await self._seek(resource, where)
        if precondition is not None:
            precondition(None if key is None else await self.body(resource, key, answer))
        if key is None:
            check_still_there(new.version)
            create = Create(new.resource, new.row, new.nested, new.at)
            return await self.create(resource, create, answer)
        check_writable(self.access, resource, "update")
        row = await self._without_kept(resource, key, new.change, new.at)
        change = Update(new.resource, where, row, new.nested, version=new.version, at=new.at)
        return await self._update(resource, change, None, key, answer)

    # Many rows

    async def update_many(
        self, resource: Resource, change: Update, answer: Question | None
    ) -> Written:
        check_writable(self.access, resource, "update")
        keys = await self._keys(resource, change.where, "update", tuple(change.row))
        bodies = []
        for key in keys:
            written = await self._update(resource, change, None, key, answer)
            if written.body is not None:
                bodies.append(written.body)
        return Written("updated", (), b"[" + b",".join(bodies) + b"]", len(keys))

    async def delete_many(self, resource: Resource, gone: Delete) -> Written:
        check_writable(self.access, resource, "delete")
        keys = await self._keys(resource, gone.where, "delete", ())
        for key in keys:
            await self._delete(resource, None, key, gone.at)
        return Written("deleted", (), None, len(keys))

    async def _keys(
        self, resource: Resource, where: Which | None, action: Action, given: Sequence[str]
    ) -> list[StoredKey]:
        """The rows that may be changed among those that ``where`` finds, bounded in number."""
        check_key(resource)
        most = self.writer.settings.max_write_rows
        pattern = None if where is None else where.pattern
        plan = self.writer.keys(self.access, resource, pattern, action, tuple(given))
        values = () if where is None else where.values
        found = await self.tx.fetch_all(plan.sql, plan.bind((*values, most + 1), self.actor))
        if len(found) > most:
            raise Problem(
                TOO_MANY_ROWS,
                f"More than {most} rows would be written at once (setting max_write_rows).",
            )
        return [alone(resource, key) for key in found]

    # Steps

    async def find(
        self, resource: Resource, where: Which, action: Action, given: Sequence[str]
    ) -> StoredKey:
        """The stored key of a row that may be seen, for which the action is allowed.

        Raises Problem ``not_found`` or ``forbidden``.
        """
        return await self._find(resource, where.pattern, where.values, action, given)

    async def _find(
        self,
        resource: Resource,
        pattern: Pattern | None,
        place: Sequence[Any],
        action: Action,
        given: Sequence[str],
    ) -> StoredKey:
        check_key(resource)
        plan = self.writer.find(self.access, resource, pattern, action, tuple(given))
        found = await self.tx.fetch(plan.plan.sql, plan.plan.bind(place, self.actor))
        if found is None:
            raise Problem(NOT_FOUND, f"{resource.title or resource.name} not found")
        if not found[plan.ok]:
            raise Problem(FORBIDDEN, f"You may not {action} this row of {resource.name}.")
        return alone(resource, tuple(found[: plan.key]))

    async def _seek(self, resource: Resource, where: Which) -> StoredKey | None:
        """The stored key of a row, if there is one that may be seen."""
        check_key(resource)
        plan = self.writer.find(self.access, resource, where.pattern, "update", ())
        found = await self.tx.fetch(plan.plan.sql, plan.plan.bind(where.values, self.actor))
        return None if found is None else alone(resource, tuple(found[: plan.key]))

    async def current(
        self, resource: Resource, key: StoredKey, fitting: Collection[str] = (), at: str = ""
    ) -> dict[str, Any]:
        """All columns of a row as typed values, whoever asks: for validators and hooks.

        A value that does not fit its column is given as its JSON; of a column in ``fitting`` it
        is Problem ``validation_failed``, in a document at ``at``.
        """
        check_key(resource)
        plan = self.writer.whole(self.access, resource)
        found = await self.tx.fetch(plan.sql, plan.bind(key, self.actor))
        if found is None:
            raise Problem(NOT_FOUND, f"{resource.title or resource.name} not found")
        values = _decode(found[0])
        faults = []
        for name, value in values.items():
            if value is None:
                continue
            column = resource.column(name)
            try:
                values[name] = column.type.accept(value)
                if name in fitting:
                    for check in column.checks:
                        check(values[name])
            except ValueError as error:
                if name in fitting:
                    faults.append(Fault(pointer(at, name), str(error)))
        if faults:
            detail = f"{faults[0].location}: {faults[0].message}."
            raise Problem(VALIDATION_FAILED, detail, errors=faults)
        return cast("dict[str, Any]", values)

    async def body(
        self, resource: Resource, key: StoredKey, answer: Question | None
    ) -> bytes | None:
        """The row's JSON as ``answer`` asks for it; None if it may not be seen."""
        if answer is None or self.access.rows(resource) is False:
            return None
        check_key(resource)
        plan = self.writer.answer(self.access, answer.shape)
        found = await self.tx.fetch(plan.sql, plan.bind((*answer.values, *key), self.actor))
        if found is None:
            return None
        return found[0] if isinstance(found[0], bytes) else found[0].encode()

    async def _execute(
        self,
        plan: WritePlan,
        values: Sequence[Any],
        resource: Resource,
        row: Mapping[str, Any] | None,
        at: str,
    ) -> tuple[Any, ...] | None:
        try:
            return await self.tx.fetch(plan.plan.sql, plan.plan.bind(values, self.actor))
        except ConstraintFailed as failure:
            problem = await explain(failure, self.tx, resource, row, at, self.writer, self.access)
            raise problem from failure

    async def written(
        self,
        outcome: Outcome,
        plan: WritePlan,
        found: tuple[Any, ...],
        resource: Resource,
        given: Sequence[str],
        action: Action,
        answer: Question | None,
    ) -> Written:
        """What was written, once the row as it is now was found to satisfy the rules."""
        written = complete(outcome, plan, found, resource, action)
        if plan.complete:
            return written
        key = written.key
        if not plan.checked:
            check_key(resource)
            holds = self.writer.holds(self.access, resource, action, tuple(given))
            if holds is not None and not await self.tx.fetch(
                holds.sql, holds.bind(key, self.actor)
            ):
                raise _beyond(resource, action)
        if not plan.answered:
            written.body = await self.body(resource, key, answer)
        return written

    async def _check_references(self, resource: Resource, row: Mapping[str, Any], at: str) -> None:
        """Refuse to refer to a row that may not be seen as though it were not there."""
        for reference in self.writer.references(self.access, resource):
            values = [row.get(name) for name in reference.names]
            if None in values:
                continue
            plan = reference.plan
            if await self.tx.fetch(plan.sql, plan.bind(values, self.actor)) is None:
                raise reference.problem(at, row)

    async def _check_kept(
        self, resource: Resource, key: StoredKey, row: Mapping[str, Any], at: str
    ) -> None:
        """The same, where only some columns of a foreign key were changed."""
        for reference in self.writer.references(self.access, resource):
            given = [name for name in reference.names if name in row]
            plan = reference.kept
            if plan is None or not given or len(given) == len(reference.names):
                continue
            if await self.tx.fetch(plan.sql, plan.bind(key, self.actor)) is None:
                raise reference.problem(at, row)


def complete(
    outcome: Outcome,
    plan: WritePlan,
    found: tuple[Any, ...],
    resource: Resource,
    action: Action,
) -> Written:
    """What the statement itself tells of the row that it wrote."""
    if plan.checked and not found[plan.ok]:
        raise _beyond(resource, action)
    key = found[: plan.key]
    shown = tuple(_decode(found[plan.key])) if plan.shown else key
    return Written(outcome, key, found[-1] if plan.answered else None, 1, shown)


def _equal(values: Mapping[str, Any]) -> Condition:
    parts = tuple(
        Compare(name, "isnull", True) if value is None else Compare(name, "exact", value)
        for name, value in values.items()
    )
    return parts[0] if len(parts) == 1 else And(parts)


def _altered(values: Row, asked: Row) -> Collection[str]:
    """The columns whose values hooks have made or changed."""
    if values is asked:
        return ()
    missing = object()
    return [name for name, value in values.items() if asked.get(name, missing) is not value]


def _beyond(resource: Resource, action: Action) -> Problem:
    return Problem(
        FORBIDDEN, f"You may not {action} such a row of {resource.name}: the rules forbid it."
    )
