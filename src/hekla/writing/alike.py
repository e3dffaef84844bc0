"""Many mutations that are known beforehand: new rows that are alike share one statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hekla.policy.guard import check_writable
from hekla.query.mutation import Create, Mutation
from hekla.query.shape import Question
from hekla.store.constraints import ConstraintFailed
from hekla.writing.refusals import explain
from hekla.writing.work import Written

if TYPE_CHECKING:
    from hekla.writing.work import Work

__all__ = ["run_each"]


async def run_each(
    work: Work, mutations: Sequence[Mutation], answer: Question | None
) -> list[Written]:
    """Do one after the other, as :meth:`Work.run` does each."""
    done: list[Written] = []
    for form, alike in groupby(mutations, _form):
        if form is None or work.rehearsal is not None:
            for mutation in alike:
                done.append(await work.run(mutation, answer))  # noqa: PERF401 - in their order
        else:
            await _create(work, [each for each in alike if isinstance(each, Create)], answer, done)
    return done


def _form(mutation: Mutation) -> tuple[Any, ...] | None:
    """What new rows have in common that are written by one statement; None for all else."""
    if not isinstance(mutation, Create) or mutation.nested:
        return None
    return mutation.resource, *mutation.row


async def _create(
    work: Work, creates: Sequence[Create], answer: Question | None, done: list[Written]
) -> None:
    """Create rows that have values for the same columns."""
    writer, tx, access, actor = work.writer, work.tx, work.access, work.actor
    resource = access.schema[creates[0].resource]
    check_writable(access, resource, "create")
    if len(creates) == 1 or writer.references(access, resource):
        for new in creates:
            done.append(await work.run(new, answer))  # noqa: PERF401 - in their order
        return
    stamp, given = writer.stamps(resource).create, tuple(creates[0].row)
    rows = [stamp(new.row, work.now, actor) for new in creates]
    plan, _ = writer.insert(access, resource, tuple(rows[0]), given, answer)
    sql, bind = plan.plan.sql, plan.plan.bind
    for new, row in zip(creates, rows, strict=True):
        try:
            found = await tx.fetch(sql, bind(tuple(row.values()), actor))
        except ConstraintFailed as failure:
            raise await explain(failure, tx, resource, new.row, new.at, writer, access) from failure
        assert found is not None
        done.append(await work.written("created", plan, found, resource, given, "create", answer))
