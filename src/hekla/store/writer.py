"""The one that writes: gathers works into groups, and decides where and when each is run."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import apsw

from hekla import errors
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.store.faults import FAILURES, RETRY_AFTER, is_busy, problem_of
from hekla.store.group import GroupRunner, Run, RunAgain
from hekla.store.transaction import SqliteTransaction, Work
from hekla.store.worker import Worker

__all__ = ["Writer"]

# The most works of one group.
_GROUP = 256
# Seconds after which a group on the thread takes no further work.
_LONG = 0.02
# Commits that have to be quick, one after the other, before the loop makes them itself again.
_QUICK_COMMITS = 16
# Seconds between two tries to get the lock that another process holds: the shortest, the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.01


class Writer:
    """All that is written to one database, on one event loop.

    Works that arrive within one turn of the loop are run in one transaction in the next, and
    answered once it is durable. While commits are quick the loop makes them itself; when the
    disk turns out to be slow they are made on a thread. A work that takes long, or is known to,
    runs on that thread from beginning to end. Meanwhile others gather for the next group.
    """

    def __init__(self, connection: apsw.Connection, settings: Settings) -> None:
        self._settings = settings
        self._budget = settings.inline_budget / 1000
        # The loop may wait for a commit for a fifth of what it may spend on a statement.
        self._quick = self._budget / 5
        self._loop = asyncio.get_running_loop()
        self._runner = GroupRunner(connection)
        self._worker = Worker("hekla-writer", self._loop)
        self._light: deque[SqliteTransaction] = deque()
        self._heavy: deque[SqliteTransaction] = deque()
        # Whether a turn is on its way: on the loop, on the thread or after a pause.
        self._awake = False
        self._after_light = False
        self._slow_commits = 0
        self._pause = _FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._resting: asyncio.Future[None] | None = None

    def submit(self, work: Work, single: bool, heavy: bool) -> asyncio.Future[Any]:
        """What ``work`` will return, once that is durable."""
        future = self._loop.create_future()
        transaction = SqliteTransaction(work, single, future)
        if self._runner.stopping:
            raise _closing()
        (self._heavy if heavy else self._light).append(transaction)
        if not self._awake:
            self._awake = True
            self._loop.call_soon(self._turn)
        return future

    async def close(self) -> None:
        """Refuse what waits, stop what runs on the thread, and let go of the connection."""
        self._runner.stopping = True
        if self._timer is not None:
            self._timer.cancel()
        for works in (self._light, self._heavy):
            _refuse(works, _closing)
            works.clear()
        await self._worker.close()
        self._runner.connection.close(True)

    def _turn(self) -> None:
        """Run the next group."""
        if self._heavy and (self._after_light or not self._light):
            self._after_light = False
            self._start_heavy()
            return
        group = _take(self._light)
        self._after_light = True
        if not group:
            self._go_on()
            return
        try:
            run = self._runner.run(group, self._budget, self._budget, inline=True)
        except FAILURES as exc:
            self._not_begun(self._light, group, exc)
            return
        self._light.extendleft(reversed(run.left))
        self._heavy.extend(run.slow)
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
        works: deque[SqliteTransaction],
        ran: list[SqliteTransaction],
        error: Exception | None,
    ) -> None:
        """Give the answers out, now that the commit is durable or has failed."""
        if error is None:
            self._pause = _FIRST_PAUSE
            _deliver(ran)
            self._go_on()
        elif isinstance(error, RunAgain):
            works.extendleft(reversed(ran))
            self._go_on()
        else:
            self._not_begun(works, ran, error)

    def _start_heavy(self) -> None:
        group = _take(self._heavy)
        if not group:
            self._go_on()
            return
        timeout = self._settings.statement_timeout

        def work() -> tuple[Run, Exception | None]:
            try:
                run = self._runner.run(group, _LONG, timeout, inline=False)
                return run, self._runner.commit() if run.ran else None
            except FAILURES as exc:
                return Run(ran=group), exc

        self._worker.call(work, lambda result: self._ran_heavy(*result))

    def _ran_heavy(self, run: Run, error: Exception | None) -> None:
        self._heavy.extendleft(reversed(run.left))
        _deliver(run.refused)
        if self._runner.stopping:
            _refuse(run.slow, _closing)
        else:
            _deliver(run.slow)
        if run.ran:
            self._finish(self._heavy, run.ran, error)
        else:
            self._go_on()

    def _not_begun(
        self, works: deque[SqliteTransaction], group: list[SqliteTransaction], error: Exception
    ) -> None:
        """Nothing of the group is there: another process holds the lock, or it cannot be."""
        if not is_busy(error):
            _refuse(group, lambda: problem_of(error))
            self._go_on()
            return
        works.extendleft(reversed(group))
        now = time.monotonic()
        late = now + self._settings.busy_timeout
        for queue in (self._light, self._heavy):
            for work in queue:
                work.deadline = work.deadline or late
            while queue and queue[0].deadline <= now:
                _refuse([queue.popleft()], lambda: problem_of(error))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._timer = self._loop.call_later(self._pause * random.uniform(0.5, 1.0), self._turn)  # noqa: S311

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


def _take(works: deque[SqliteTransaction]) -> list[SqliteTransaction]:
    """The next group: those whose callers are still there."""
    group: list[SqliteTransaction] = []
    while works and len(group) < _GROUP:
        work = works.popleft()
        if not work.future.done():
            group.append(work)
    return group


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
