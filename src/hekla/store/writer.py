"""The one that writes: gathers works into groups, and decides where and when each is run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import apsw

from hekla import errors
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.store.checkpoint import LOG_PAGES, Checkpointer
from hekla.store.faults import FAILURES, RETRY_AFTER, is_busy, problem_of
from hekla.store.group import GroupRunner, Run, RunAgain
from hekla.store.location import Location
from hekla.store.protocol import Shortcut
from hekla.store.transaction import SqliteTransaction, Work
from hekla.store.worker import Worker

__all__ = ["Writer"]

# The most works of one group.
_GROUP = 256
# Seconds after which a group on the loop takes no further work, however small the budget.
_SHORTEST = 0.002
# Seconds after which a group on the thread takes no further work.
_LONG = 0.02
# Commits that have to be quick, one after the other, before the loop makes them itself again.
_QUICK_COMMITS = 16
# Groups that go to the thread after one that met the lock of another process: there it can wait.
_CONTENDED = 16
# Seconds that it waits there before it looks whether anybody still wants the answer.
_PATIENCE = 0.1


class Writer:
    """All that is written to one database, on one event loop.

    Works that arrive within one turn of the loop are run in one transaction in the next, and
    answered once it is durable. While commits are quick the loop makes them itself; when the
    disk turns out to be slow they are made on a thread. A work that takes long, or is known to,
    runs on that thread from beginning to end. Meanwhile others gather for the next group.
    """

    def __init__(self, connection: apsw.Connection, location: Location, settings: Settings) -> None:
        self._settings = settings
        self._budget = settings.inline_budget / 1000
        self._group_time = max(self._budget, _SHORTEST)
        # The loop may wait for a commit for a fifth of what it may spend on a statement.
        self._quick = self._budget / 5
        self._loop = asyncio.get_running_loop()
        self._runner = GroupRunner(connection, location)
        self._worker = Worker("hekla-writer", self._loop)
        self._checkpointer = Checkpointer(location, settings, self._loop)
        self._light: list[SqliteTransaction] = []
        self._heavy: list[SqliteTransaction] = []
        # Whether a turn is on its way: on the loop, on the thread or after a pause.
        self._awake = False
        self._after_light = False
        self._slow_commits = 0
        self._contended = 0
        self._wrote = False

    def submit(
        self,
        work: Work,
        single: bool,
        heavy: bool,
        timeout: float | None = None,
        shortcut: Shortcut | None = None,
    ) -> asyncio.Future[Any]:
        """What ``work`` will return, once that is durable."""
        future = self._loop.create_future()
        transaction = SqliteTransaction(work, single, future, shortcut)
        if timeout is not None:
            transaction.timeout = timeout
        if self._runner.stopping:
            raise _closing()
        if not self._awake:
            # It may raise, deep in the stack of a hook that writes: then all is as it was.
            self._loop.call_soon(self._turn)
            self._awake = True
        (self._heavy if heavy else self._light).append(transaction)
        return future

    async def close(self) -> None:
        """Refuse what waits, stop what runs on the thread, and let go of the connection."""
        self._runner.stopping = True
        for works in (self._light, self._heavy):
            _refuse(works, _closing)
            works.clear()
        await self._checkpointer.close()
        if self._wrote:
            # The last to close moves the log into the database, which the loop must not wait for.
            self._worker.call(lambda: self._runner.connection.close(True), lambda _: None)
        await self._worker.close()
        self._runner.connection.close(True)

    def _turn(self) -> None:
        """Run the next group."""
        if self._checkpointer.holds_writers:
            self._checkpointer.resume(self._turn)
            return
        if self._heavy and (self._after_light or not self._light):
            self._after_light = False
            self._run_on_thread(self._heavy)
            return
        self._after_light = True
        if self._contended:
            self._contended -= 1
            self._run_on_thread(self._light)
            return
        group = _take(self._light)
        if not group:
            self._go_on()
            return
        try:
            run = self._runner.run(group, self._group_time, self._budget)
        except FAILURES as exc:
            self._not_begun(self._light, group, exc)
            return
        self._light[:0] = run.left
        self._heavy += run.slow
        _deliver(run.refused)
        if not run.ran:
            self._go_on()
        elif self._slow_commits:
            ran = run.ran
            self._worker.call(self._timed_commit, lambda result: self._committed(ran, *result))
        else:
            self._committed(run.ran, *self._timed_commit())

    def _timed_commit(self) -> tuple[Exception | None, float]:
        began = time.perf_counter()
        return self._runner.commit(), time.perf_counter() - began

    def _committed(
        self, ran: list[SqliteTransaction], error: Exception | None, seconds: float
    ) -> None:
        if seconds > self._quick:
            self._slow_commits = _QUICK_COMMITS
        elif self._slow_commits:
            self._slow_commits -= 1
        self._finish(self._light, ran, error)

    def _finish(
        self,
        works: list[SqliteTransaction],
        ran: list[SqliteTransaction],
        error: Exception | None,
    ) -> None:
        """Give the answers out, now that the commit is durable or has failed."""
        if error is None:
            _deliver(ran)
            self._wrote = True
            if self._runner.log_pages >= LOG_PAGES:
                self._checkpointer.grown(self._runner.log_pages)
            self._go_on()
        elif isinstance(error, RunAgain):
            works[:0] = ran
            self._go_on()
        else:
            self._not_begun(works, ran, error)

    def _run_on_thread(self, works: list[SqliteTransaction]) -> None:
        group = _take(works)
        if not group:
            self._go_on()
            return
        timeout = self._settings.statement_timeout
        runner = self._runner

        def work() -> tuple[Run, Exception | None]:
            try:
                run = runner.run_patiently(group, _LONG, timeout, _PATIENCE)
                return run, runner.commit(_PATIENCE) if run.ran else None
            except FAILURES as exc:
                return Run(ran=group), exc

        self._worker.call(work, lambda result: self._ran_on_thread(works, *result))

    def _ran_on_thread(
        self, works: list[SqliteTransaction], run: Run, error: Exception | None
    ) -> None:
        works[:0] = run.left
        _deliver(run.refused)
        if self._runner.stopping:
            _refuse(run.slow, _closing)
        else:
            _deliver(run.slow)
        if run.ran:
            self._finish(works, run.ran, error)
        else:
            self._go_on()

    def _not_begun(
        self, works: list[SqliteTransaction], group: list[SqliteTransaction], error: Exception
    ) -> None:
        """Nothing of the group is there: another process holds the lock, or it cannot be."""
        if is_busy(error):
            self._contended = _CONTENDED
            works[:0] = group
            for queue in (self._light, self._heavy):
                queue[:] = self._unexpired(queue, error)
        else:
            _refuse(group, lambda: problem_of(error))
        self._go_on()

    def _unexpired(
        self, works: list[SqliteTransaction], error: Exception
    ) -> list[SqliteTransaction]:
        """Those that have not waited for longer than ``busy_timeout``; the others are refused."""
        now = time.monotonic()
        for work in works:
            work.deadline = work.deadline or now + self._settings.busy_timeout
        _refuse((work for work in works if work.deadline <= now), lambda: problem_of(error))
        return [work for work in works if work.deadline > now]

    def _go_on(self) -> None:
        if self._runner.stopping:
            for works in (self._light, self._heavy):
                _refuse(works, _closing)
                works.clear()
        if self._light or self._heavy:
            # The answers that were just given go first.
            self._loop.call_soon(self._turn)
        else:
            self._awake = False


def _take(works: list[SqliteTransaction]) -> list[SqliteTransaction]:
    """The next group: those whose callers are still there."""
    group = works[:_GROUP]
    del works[:_GROUP]
    return [work for work in group if not work.future.done()]


def _deliver(works: Iterable[SqliteTransaction]) -> None:
    for work in works:
        future = work.future
        if future.done():
            continue
        if work.error is None:
            future.set_result(work.result)
        else:
            future.set_exception(work.error)


def _refuse(works: Iterable[SqliteTransaction], problem: Callable[[], Exception]) -> None:
    for work in works:
        if not work.future.done():
            work.future.set_exception(problem())


def _closing() -> Problem:
    return Problem(
        errors.STORE_UNAVAILABLE, "The service is shutting down. Try again.", headers=RETRY_AFTER
    )
