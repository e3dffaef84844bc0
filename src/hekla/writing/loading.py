"""Imported rows on their way into the database: one transaction for all, or one a batch.

A row may refer to one that comes later in the same import. Such rows are put aside, and written
last, all together, while the database looks at no foreign key; then each is looked at here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from hekla.actor import Actor
from hekla.errors import (
    LIMIT_EXCEEDED,
    MISSING_REFERENCE,
    STATEMENT_TIMEOUT,
    VALIDATION_FAILED,
    Problem,
)
from hekla.policy.guard import check_writable
from hekla.query.ast import And, Compare
from hekla.query.mutation import Create, Outcome, Update
from hekla.query.shape import Which, which
from hekla.schema.resource import Resource
from hekla.store.constraints import ConstraintFailed
from hekla.writing.foreign import Foreign
from hekla.writing.intake import Intake, Item
from hekla.writing.references import missing
from hekla.writing.report import MOST_ERRORS, Outcomes
from hekla.writing.work import Work

if TYPE_CHECKING:
    from hekla.writing.writer import Writer

__all__ = ["Loading", "Progress"]

Progress = Callable[[int], None]
"""Told how many rows were dealt with so far."""

# How often rows that refer to each other are tried without those that turned out wrong.
_MOST_ROUNDS = 20
_REPORTED = 500


class _Load(Work):
    """One run of an import's steps. ``defers``: foreign keys are looked at afterwards."""

    __slots__ = ("defers",)

    defers: bool

    async def _check_references(self, resource: Resource, row: Mapping[str, Any], at: str) -> None:
        if not self.defers:
            await super()._check_references(resource, row, at)

    async def check_foreign(self, part: _Part, row: Mapping[str, Any]) -> None:
        """Raise Problem unless the rows are there that this one refers to."""
        for foreign in part.foreign:
            values = foreign.values(row)
            if values is not None and not await self.is_there(foreign, values):
                raise missing(foreign.names, foreign.target, "")
        await super()._check_references(part.resource, row, "")

    async def refers_ahead(self, part: _Part, row: Mapping[str, Any]) -> bool:
        """Whether the row refers to one that is not there, but may still come.

        One that may not be seen is taken for one that is not there: it goes the same way, and
        is told of in the same words.
        """
        seen = {
            each.names: each.plan for each in self.writer.references(self.access, part.resource)
        }
        for foreign in part.ahead:
            values = foreign.values(row)
            if values is None:
                continue
            plan = seen.get(foreign.names, foreign.plan)
            if await self.tx.fetch(plan.sql, plan.bind(values, self.actor)) is None:
                return True
        return False

    async def is_there(self, foreign: Foreign, values: Sequence[Any]) -> bool:
        plan = foreign.plan
        return await self.tx.fetch(plan.sql, plan.bind(values, self.actor)) is not None

    async def put(self, part: _Part, item: Item, at: str) -> Outcome | None:
        """Write one row; None if it is there just as it should be."""
        resource = part.resource
        if part.by is None:
            assert item.values is not None
            new = Create(resource.name, item.values, (), at)
            return (await self.create(resource, new, None)).outcome
        where = Which(part.by.pattern, item.by)
        key = await self._seek(resource, where)
        if key is None:
            if item.values is None:
                raise Problem(VALIDATION_FAILED, errors=item.faults)
            new = Create(resource.name, item.values, (), at)
            return (await self.create(resource, new, None)).outcome
        check_writable(self.access, resource, "update")
        change: Mapping[str, Any] = {
            name: value for name, value in (item.change or {}).items() if name not in part.renewed
        }
        # Whether anything would change is told only to those who may change it.
        await self._find(resource, None, key, "update", tuple(change))
        current = await self.current(resource, key)
        if all(current.get(name) == value for name, value in change.items()):
            return None
        change = await self._without_kept(resource, key, change, at)
        update = Update(resource.name, where, change, at=at)
        return (await self._update(resource, update, None, key, None)).outcome


@dataclass(slots=True)
class _Part:
    """The rows of one resource, and what is known beforehand of how they are written."""

    intake: Intake
    resource: Resource
    by: Which | None
    renewed: frozenset[str]
    foreign: tuple[Foreign, ...]
    ahead: tuple[Foreign, ...] = ()


@dataclass(slots=True)
class _Run:
    """What came of one run: of each part, and the rows that were put aside."""

    outcomes: list[Outcomes]
    aside: list[array[int]] = field(default_factory=list)

    @classmethod
    def of(cls, parts: Sequence[_Part]) -> _Run:
        return cls([Outcomes() for _ in parts], [array("Q") for _ in parts])

    @property
    def failed(self) -> bool:
        return any(outcome.failed for outcome in self.outcomes)


class Loading:
    """Writes what several intakes have read, of which each is a resource's, for one actor."""

    def __init__(
        self,
        writer: Writer,
        actor: Actor,
        intakes: Sequence[Intake],
        *,
        request: str | None = None,
        hooks: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.writer = writer
        self.actor = actor
        self.access = writer.policy.access(actor)
        self.options = intakes[0].options
        self._request = request
        self._hooks = hooks
        self._progress = progress
        self._done = 0
        self._parts = [self._part(intake) for intake in intakes]
        # Tables of which some rows may have been put aside when their turn comes.
        aside: set[Any] = set()
        for place, part in enumerate(self._parts):
            later = aside.union(each.resource.table for each in self._parts[place:])
            part.ahead = tuple(each for each in part.foreign if each.table in later)
            if part.ahead:
                aside.add(part.resource.table)
        self._watched = hooks and any(
            writer.hooks.watches(action, part.resource)
            for part in self._parts
            for action in ("create", "update")
        )

    def _part(self, intake: Intake) -> _Part:
        resource, upsert = intake.resource, intake.options.upsert
        by = None
        if upsert:
            terms = tuple(Compare(name, "exact", "") for name in upsert)
            by = which(terms[0] if len(terms) == 1 else And(terms))
        # Of a row that is there Hekla writes these itself, whatever is said of them.
        columns = resource.columns.values()
        renewed = {column.name for column in columns if column.stamp or column.generated}
        if resource.version is not None:
            renewed.add(resource.version)
        return _Part(intake, resource, by, frozenset(renewed), self.writer.foreign(resource))

    async def run(self) -> bool:
        """Write all that may be written; what becomes of it goes into each intake's outcomes.

        False: there were faults, and nothing was kept for that reason.
        Raises Problem for what is nobody's row: a full disk, a database that is busy.
        """
        options = self.options
        faulty = any(part.intake.outcomes.failed for part in self._parts)
        if faulty and options.on_error == "abort" and not options.dry_run:
            return False
        if options.on_error == "skip" and not options.dry_run:
            await self._in_batches()
            return True
        if self._watched:
            self._bound()
        failures = Outcomes()
        try:
            run = await self._perform(self._all)
        except Problem as problem:
            # What a hook raises ends the whole write.
            if problem.status >= 500:
                raise
            row, skip = _row_of(problem)
            failures.fail(row, None, problem, skip)
            self._parts[0].intake.outcomes.add(failures)
            return False
        kept = options.on_error == "skip" or not (faulty or run.failed)
        self._count(run, kept=kept)
        return kept

    def _bound(self) -> None:
        most = self.writer.settings.max_bulk_rows
        if sum(part.intake.rows.size for part in self._parts) > most:
            raise Problem(
                LIMIT_EXCEEDED,
                f"Where hooks are asked one transaction takes {most} rows (setting max_bulk_rows);"
                " on_error=skip takes any number.",
            )

    async def _perform(self, steps: Callable[[_Load], Any]) -> _Run:
        async def perform(work: Work) -> _Run:
            load = _Load(work.writer, work.tx, work.access, work.actor, work.rehearsal)
            load.defers = False
            run: _Run = await steps(load)
            return run

        try:
            return await self.writer.perform(
                perform,
                self.actor,
                request=self._request,
                seconds=self.writer.settings.import_timeout,
                hooks=self._hooks,
            )
        except ConstraintFailed as failure:
            raise Problem(MISSING_REFERENCE, "A row refers to one that is not there.") from failure
        except Problem as problem:
            if problem.code is STATEMENT_TIMEOUT:
                raise Problem(
                    STATEMENT_TIMEOUT,
                    "The import took too long (setting import_timeout). Nothing of this "
                    "transaction is kept; on_error=skip commits in batches.",
                ) from problem
            raise

    def _count(self, run: _Run, *, kept: bool) -> None:
        for part, found in zip(self._parts, run.outcomes, strict=True):
            if not kept:
                found.created = found.updated = found.unchanged = 0
            part.intake.outcomes.add(found)
            part.intake.outcomes.order()

    # One transaction

    async def _all(self, load: _Load) -> _Run:
        """All rows; undone again if that is what the options say of how it went."""
        self._done = 0
        run = _Run.of(self._parts)
        await load.tx.fetch("savepoint hekla_import")
        skips = self.options.on_error == "skip"
        for place, part in enumerate(self._parts):
            for where, item in part.intake.rows:
                await self._first(load, run, place, where, item, alone=skips)
                if run.outcomes[place].failed >= MOST_ERRORS and not skips:
                    # More would not be told of, and others wait to write.
                    break
        await self._rest(load, run)
        if self.options.dry_run or (run.failed and not skips):
            await load.tx.fetch("rollback to hekla_import")
            _forget(load, 0)
        await load.tx.fetch("release hekla_import")
        return run

    async def _first(
        self, load: _Load, run: _Run, place: int, where: int, item: Item, *, alone: bool
    ) -> None:
        """Write one row, or put it aside if it refers to one that is yet to come."""
        part = self._parts[place]
        if part.ahead:
            row = item.values if item.values is not None else _changed(part, item)
            if await load.refers_ahead(part, row):
                run.aside[place].append(where)
                return
        await self._put(load, run.outcomes[place], part, item, alone=alone)

    async def _put(
        self, load: _Load, outcomes: Outcomes, part: _Part, item: Item, *, alone: bool
    ) -> bool:
        """Write one row and count it; ``alone``: one that fails leaves no trace."""
        at = f"/{item.row}" if self._watched else ""
        news = 0 if load.rehearsal is None else load.rehearsal.news
        if alone:
            await load.tx.fetch("savepoint hekla_row")
        try:
            outcome = await load.put(part, item, at)
        except Problem as problem:
            if problem.status >= 500:
                raise
            if alone:
                await load.tx.fetch("rollback to hekla_row")
                await load.tx.fetch("release hekla_row")
                _forget(load, news)
            outcomes.fail(item.row, item.line, problem, len(at))
            return False
        if alone:
            await load.tx.fetch("release hekla_row")
        match outcome:
            case "created":
                outcomes.created += 1
            case "updated":
                outcomes.updated += 1
            case _:
                outcomes.unchanged += 1
        self._tell()
        return True

    def _tell(self) -> None:
        self._done += 1
        if self._progress is not None and self._done % _REPORTED == 0:
            self._progress(self._done)

    # Rows that refer to each other

    async def _rest(self, load: _Load, run: _Run) -> None:
        """Write what was put aside, with the foreign keys looked at afterwards."""
        aside = run.aside
        skips = self.options.on_error == "skip"
        for _ in range(_MOST_ROUNDS):
            if not any(aside):
                return
            news = 0 if load.rehearsal is None else load.rehearsal.news
            await load.tx.fetch("savepoint hekla_rest")
            tried = _Run.of(self._parts)
            lost = _Run.of(self._parts)
            await self._defer(load, on=True)
            load.defers = True
            written = await self._try(load, tried, aside)
            await self._look(load, lost, written)
            load.defers = False
            if not lost.failed or not skips:
                _add(run, tried)
                _add(run, lost)
                if lost.failed:
                    await load.tx.fetch("rollback to hekla_rest")
                await self._defer(load, on=False)
                await load.tx.fetch("release hekla_rest")
                return
            await load.tx.fetch("rollback to hekla_rest")
            await self._defer(load, on=False)
            await load.tx.fetch("release hekla_rest")
            _forget(load, news)
            # Those that refer to the ones without a target have none either, next time.
            _add(run, lost)
            failed = [set(each) for each in lost.aside]
            aside = [
                array("Q", (where for where in wheres if where not in gone))
                for wheres, gone in zip(aside, failed, strict=True)
            ]
        for place, item in self._items(aside):
            problem = Problem(MISSING_REFERENCE, "Rows it refers to, in turn, were not kept.")
            run.outcomes[place].fail(item.row, item.line, problem)

    async def _defer(self, load: _Load, *, on: bool) -> None:
        """Have foreign keys looked at when the transaction ends, or at once again.

        A server does so for those that are declared DEFERRABLE, and then until the end.
        """
        if self.writer.store.dialect == "sqlite":
            await load.tx.fetch(f"pragma defer_foreign_keys = {'on' if on else 'off'}")
        elif on:
            await load.tx.fetch("SET CONSTRAINTS ALL DEFERRED")

    async def _try(self, load: _Load, tried: _Run, aside: Sequence[array[int]]) -> list[array[int]]:
        """Write them all; the places of those that were written."""
        written = [array("Q") for _ in aside]
        for place, wheres in enumerate(aside):
            part = self._parts[place]
            for where in wheres:
                _, item = next(part.intake.rows.read(where))
                if await self._put(load, tried.outcomes[place], part, item, alone=True):
                    written[place].append(where)
        return written

    async def _look(self, load: _Load, lost: _Run, written: Sequence[array[int]]) -> None:
        """Find those among the rows written that refer to no row."""
        for place, wheres in enumerate(written):
            part = self._parts[place]
            for where in wheres:
                _, item = next(part.intake.rows.read(where))
                row = item.values if item.values is not None else _changed(part, item)
                try:
                    await load.check_foreign(part, row)
                except Problem as problem:
                    if problem.status >= 500:
                        raise
                    lost.outcomes[place].fail(item.row, item.line, problem)
                    lost.aside[place].append(where)

    def _items(self, aside: Sequence[array[int]]) -> Iterator[tuple[int, Item]]:
        for place, wheres in enumerate(aside):
            for where in wheres:
                yield place, next(self._parts[place].intake.rows.read(where))[1]

    # Many transactions

    async def _in_batches(self) -> None:
        """A transaction for each so many rows; others write between them."""
        size = 1 if self._watched else self.options.batch
        aside = [array("Q") for _ in self._parts]
        for place, part in enumerate(self._parts):
            at = 0
            while True:
                batch = list(islice(part.intake.rows.read(at), size))
                if not batch:
                    break
                run = await self._kept(self._batch(place, batch), place, batch)
                for each, more in zip(aside, run.aside, strict=True):
                    each.extend(more)
                self._count(run, kept=True)
                at = part.intake.rows.after(batch[-1][0])
        if any(aside):

            async def rest(load: _Load) -> _Run:
                run = _Run.of(self._parts)
                run.aside = [array("Q", each) for each in aside]
                await self._rest(load, run)
                return run

            self._count(await self._perform(rest), kept=True)

    def _batch(self, place: int, batch: Sequence[tuple[int, Item]]) -> Callable[[_Load], Any]:
        before = self._done

        async def write(load: _Load) -> _Run:
            self._done = before
            run = _Run.of(self._parts)
            for where, item in batch:
                await self._first(load, run, place, where, item, alone=True)
            return run

        return write

    async def _kept(
        self, write: Callable[[_Load], Any], place: int, batch: Sequence[tuple[int, Item]]
    ) -> _Run:
        """What a batch came to; where hooks are asked it is one row, which they may refuse."""
        try:
            return await self._perform(write)
        except Problem as problem:
            if problem.status >= 500 or len(batch) > 1:
                raise
            item = batch[0][1]
            run = _Run.of(self._parts)
            run.outcomes[place].fail(item.row, item.line, problem, len(f"/{item.row}"))
            return run


def _changed(part: _Part, item: Item) -> dict[str, Any]:
    row = dict(item.change or {})
    row.update(zip(part.intake.options.upsert, item.by, strict=True))
    return row


def _add(run: _Run, other: _Run) -> None:
    for mine, more in zip(run.outcomes, other.outcomes, strict=True):
        mine.add(more)


def _forget(load: _Load, news: int) -> None:
    if load.rehearsal is not None:
        load.rehearsal.forget(news)


def _row_of(problem: Problem) -> tuple[int | None, int]:
    """The number of the row that a fault's location begins with, and how long that is."""
    for fault in problem.errors:
        number = fault.location.split("/")[1:2]
        if number and number[0].isdecimal():
            return int(number[0]), 1 + len(number[0])
    return None, 0
