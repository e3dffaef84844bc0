"""The one door: every face, job and page gets at rows through here, under the rules.

A question is a shape and its values. The plan of a shape, for actors who may see the same, is
compiled once; then a request is: look up the plan, fill in the values, run, hand on the body
as the database wrote it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.changes.log import ChangeLog
from hekla.errors import FORBIDDEN, Problem
from hekla.policy.access import Access, Policy
from hekla.policy.guard import check_writable, guard
from hekla.policy.rules import ADMINISTRATORS
from hekla.query.ast import Aggregate
from hekla.query.mutation import Mutation
from hekla.query.shape import Question, Shape
from hekla.schema.resource import Schema
from hekla.settings import Settings
from hekla.sql.aggregate import compile_aggregate
from hekla.sql.plan import Plan, render
from hekla.sql.scope import Scope
from hekla.sql.select import compile_rows, compile_select
from hekla.store.protocol import Row, Store
from hekla.writing.hooks import Hooks
from hekla.writing.intake import Intake, Options
from hekla.writing.loading import Loading, Progress
from hekla.writing.once import Once
from hekla.writing.work import Precondition, Work, Written
from hekla.writing.writer import LIGHT, Step, Writer

__all__ = ["Answer", "Engine", "Once", "Plan", "Precondition", "Step", "Unit", "Written"]

_decode = msgspec.json.Decoder().decode


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a question came to.

    ``body`` is JSON; of a list ``size`` is its length, ``total`` the number of rows without
    paging if that was asked for, and ``last`` the sort values that a cursor continues from.
    """

    body: bytes
    size: int = 1
    total: int | None = None
    last: tuple[Any, ...] | None = None


class Engine:
    """Answers questions about the rows of one store, as far as an actor may see them."""

    def __init__(
        self,
        schema: Schema,
        policy: Policy,
        store: Store,
        settings: Settings,
        hooks: Hooks | None = None,
    ) -> None:
        self.schema = schema
        self.policy = policy
        self.store = store
        self.settings = settings
        self.writer = Writer(schema, policy, store, settings, hooks)
        self.changes = ChangeLog(schema, policy, store, settings)
        self._plans: Cache[tuple[Shape, Access, bool], Plan] = Cache(settings.plan_cache_size)
        self._fetch = store.fetch_at_once

    async def read(self, question: Question, actor: Actor) -> Answer | None:
        """The answer, or None where the one row that was asked for is not there to be seen.

        Raises Problem for what may not be asked, and for what the store cannot do.
        """
        plan = self.plan(question.shape, self.policy.access(actor))
        return await self.run(plan, question.values, actor)

    async def run(self, plan: Plan, values: Sequence[Any], actor: Actor) -> Answer | None:
        """The answer of a plan that was kept; only for an actor of the access it was made for."""
        row = await self.store.fetch(plan, self._arguments(plan, values, actor))
        return None if row is None else _answer(plan, row)

    def answer(
        self, plan: Plan, values: Sequence[Any], actor: Actor
    ) -> Answer | Coroutine[Any, Any, Answer | None] | None:
        """As :meth:`run` for a request that came in, but what is there at once is not waited for.

        See :meth:`hekla.store.protocol.Store.fetch_at_once`.
        """
        row = self._fetch(plan, self._arguments(plan, values, actor))
        if isinstance(row, tuple):
            if len(row) == 1 and type(row[0]) is bytes:
                return Answer(row[0])
            return _answer(plan, row)
        return None if row is None else _answered(plan, row)

    def reader(self, plan: Plan) -> Callable[[Sequence[Any]], bytes | Row | None]:
        """What reads a plan's row by its arguments, or None where :meth:`answer` has to be asked.

        It asks nobody who they are: only for actors of the access that ``plan`` was made for.
        See :meth:`hekla.store.protocol.Store.reader`, and :meth:`told` for rows.
        """
        return self.store.reader(plan)

    @staticmethod
    def told(plan: Plan, row: Row) -> Answer:
        """What a row says that was read by a plan."""
        return _answer(plan, row)

    def _arguments(self, plan: Plan, values: Sequence[Any], actor: Actor) -> Sequence[Any]:
        """The arguments of a plan; nobody runs one that was made for others."""
        policy = self.policy
        access = policy.anonymous if actor is ANONYMOUS else policy.access(actor)
        if plan.access is not access:
            raise ValueError("the plan was made for an actor who may see something else")
        return values if len(values) == plan.direct else plan.bind(values, actor)

    def write(
        self,
        mutation: Mutation,
        actor: Actor,
        answer: Question | None = None,
        precondition: Precondition | None = None,
        request: str | None = None,
        once: Once | None = None,
    ) -> Coroutine[Any, Any, Written]:
        """Change rows; what was changed is durable, and on record, when this returns.

        ``answer`` is how the row that was written shall be told: a selection of ``one`` without
        a condition. ``precondition`` is asked about the row as it was, told in the same way.
        ``request`` is the id that the change log keeps. With ``once`` a write that was done
        already is not done again. Raises Problem; then nothing changed.
        """
        return self.writer.write(mutation, actor, answer, precondition, request, once)

    async def write_all(
        self,
        steps: Sequence[Step],
        actor: Actor,
        answers: Sequence[Question | None],
        preconditions: Sequence[Precondition | None] | None = None,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """Change rows by several mutations, all of them or none; each step sees those before."""
        return await self.writer.write_all(steps, actor, answers, preconditions, request, once)

    async def write_each(
        self,
        mutations: Sequence[Mutation],
        actor: Actor,
        answer: Question | None = None,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """The same of mutations that are known beforehand, all told as ``answer`` asks."""
        return await self.writer.write_each(mutations, actor, answer, request, once)

    async def transact(
        self,
        steps: Callable[[Unit], Coroutine[Any, Any, list[Written]]],
        actor: Actor,
        *,
        rows: int = 0,
        request: str | None = None,
        once: Once | None = None,
    ) -> list[Written]:
        """Do several steps in one transaction, all of them or none, and return what they do.

        They wait for nothing but the unit they are given, and may be run more than once.
        ``rows`` is about how many rows they write.
        """

        async def run(work: Work) -> list[Written]:
            return await steps(Unit(self, work))

        heavy = rows > LIGHT
        return await self.writer.transact(run, actor, heavy=heavy, request=request, once=once)

    def intake(
        self, name: str, actor: Actor, options: Options, header: Sequence[str] | None = None
    ) -> Intake:
        """What reads the records of an import into ``name``, for :meth:`load`.

        ``header`` are the columns of a CSV file. Raises Problem where the actor may import
        nothing, or not these columns.
        """
        resource, access = self.schema[name], self.policy.access(actor)
        if not options.upsert or access.writes(resource, "update") is False:
            check_writable(access, resource, "create")
        if options.read_only == "keep" and ADMINISTRATORS.name not in actor.roles:
            raise Problem(FORBIDDEN, "Only administrators may set what is read-only.")
        return Intake(resource, access, self.store.dialect, options, header)

    async def load(
        self,
        intakes: Sequence[Intake],
        actor: Actor,
        *,
        request: str | None = None,
        hooks: bool = True,
        progress: Progress | None = None,
    ) -> bool:
        """Write what intakes of several resources have read, whose options are the same.

        What becomes of the rows is in ``outcomes`` of each. False: there were faults, and
        nothing was kept for that reason. ``progress`` may be called on another thread.
        """
        loading = Loading(
            self.writer, actor, intakes, request=request, hooks=hooks, progress=progress
        )
        return await loading.run()

    def stream(self, question: Question, actor: Actor) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows one by one, in batches, each a tuple that holds its JSON."""
        plan = self.plan(question.shape, self.policy.access(actor), rows=True)
        return self.store.stream(plan, plan.bind(question.values, actor))

    async def explain(self, question: Question, actor: Actor) -> tuple[str, list[Any], list[str]]:
        """The statement, its binds, and how the database goes about it."""
        plan = self.plan(question.shape, self.policy.access(actor))
        args = plan.bind(question.values, actor)
        return plan.sql, args, await self.store.explain(plan, args)

    def plan(self, shape: Shape, access: Access, *, rows: bool = False) -> Plan:
        """The statement for ``shape``, compiled when it is first asked for."""
        key = (shape, access, rows)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._compile(shape, access, rows)
            self._plans.put(key, plan)
        return plan

    def _compile(self, shape: Shape, access: Access, rows: bool) -> Plan:
        query = guard(shape.query, access)

        def statement(scope: Scope) -> Any:
            if isinstance(query, Aggregate):
                return compile_aggregate(scope, query)
            return compile_rows(scope, query) if rows else compile_select(scope, query)

        dialect = self.store.dialect
        scope = Scope(self.schema, access, dialect)
        return render(
            statement(scope),
            dialect,
            access,
            scope.guarded,
            lambda: statement(Scope(self.schema, access, dialect, careful=True)),
        )


class Unit:
    """One transaction of one actor: what is written in it shows to what is read after that."""

    __slots__ = ("_engine", "_work")

    def __init__(self, engine: Engine, work: Work) -> None:
        self._engine = engine
        self._work = work

    @property
    def access(self) -> Access:
        return self._work.access

    async def write(
        self,
        mutation: Mutation,
        answer: Question | None = None,
        precondition: Precondition | None = None,
    ) -> Written:
        """Change rows; see :meth:`Engine.write`."""
        return await self._work.run(mutation, answer, precondition)

    async def read(self, question: Question) -> Answer | None:
        """The answer, or None where the one row that was asked for is not there to be seen."""
        work = self._work
        plan = self._engine.plan(question.shape, work.access)
        # Nobody can run it again if it meets a value that does not fit.
        sql = plan.careful_sql() if plan.guarded else plan.sql
        row = await work.tx.fetch(sql, plan.bind(question.values, work.actor))
        return None if row is None else _answer(plan, row)


async def _answered(plan: Plan, pending: Coroutine[Any, Any, Row | None]) -> Answer | None:
    row = await pending
    return None if row is None else _answer(plan, row)


def _answer(plan: Plan, row: tuple[Any, ...]) -> Answer:
    body = row[0] if isinstance(row[0], bytes) else row[0].encode()
    columns = plan.columns
    if len(columns) == 1:
        return Answer(body)
    size = row[1]
    if len(columns) == 2:
        return Answer(body, size)
    total = row[2] if columns[2] == "total" else None
    after = None
    if size and columns[-1] == "last":
        keys = _decode(row[-1])
        # Of the sort values of all rows the last count; a single value stands by itself.
        after = tuple(keys[-1]) if isinstance(keys[-1], list) else tuple(keys)
    return Answer(body, size, total, after)
