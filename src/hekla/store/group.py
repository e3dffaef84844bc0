"""Group commit: several works in one SQLite transaction, where one that fails harms no other."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

import apsw

from hekla.store.constraints import CONSTRAINT_ERRORS, ConstraintFailed, constraint_failed
from hekla.store.faults import MovedError, is_busy, problem_of
from hekla.store.location import Location
from hekla.store.transaction import Context, SqliteTransaction, over

__all__ = ["GroupRunner", "Run", "RunAgain"]

_DEFERRED = apsw.SQLITE_DBSTATUS_DEFERRED_FKS
# So many groups after a work had to be undone, each work gets its savepoint at once.
_CAREFUL_GROUPS = 64
# Steps of SQLite's machine between two looks at the clock, and how many times its budget of
# work a statement may take on the clock: as for reads.
_STEPS = 4000
_PATIENCE = 4
# Seconds between two tries, on a thread, to get the lock that another process holds.
_PAUSE = 0.0004
# Seconds that a thread leaves to readers who kept it from committing.
_RESPITE = 0.02
# After these the transaction is gone, or of no more use to the others in it.
_ENDS = (
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.NoMemError,
    apsw.NotADBError,
)
_NOBODY = (None, None)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RunAgain(Exception):
    """The group was rolled back through no fault of most of it, and has to be run again."""


@dataclass(slots=True)
class Run:
    """What became of a group: ``ran`` waits for the commit, ``left`` has to be run (again).

    ``slow`` are works that were stopped since they took too long, ``refused`` have their error.
    """

    ran: list[SqliteTransaction] = field(default_factory=list)
    left: list[SqliteTransaction] = field(default_factory=list)
    slow: list[SqliteTransaction] = field(default_factory=list)
    refused: list[SqliteTransaction] = field(default_factory=list)


class GroupRunner:
    """Runs groups of works on one connection; used by one thread at a time.

    A savepoint costs as much as an insert, and is needed only for a work that fails after it
    has changed something. So a group is first run without them. If such a work turns up, all
    is rolled back and the group run again, with a savepoint for each: nothing was given out.
    """

    def __init__(self, connection: apsw.Connection, location: Location) -> None:
        self.connection = connection
        self._identity = location.identity
        self._file = location.identity()
        self.stopping = False
        self.log_pages = 0
        self._execute: Callable[..., Any] = connection.cursor().execute
        self._current: SqliteTransaction | None = None
        self._lost: Exception | None = None
        self._lost_error: Exception | None = None
        self._careful = 0
        self._defers = self._checks = False
        self._clock: Callable[[], float] = time.perf_counter
        self._budget = self._allowed = self._worked = self._began = 0.0
        connection.set_progress_handler(self._is_over, _STEPS)
        # In place of SQLite's own hook, which would checkpoint within the commit.
        connection.set_wal_hook(self._logged)
        # What these functions give; called for every change, so no code of Python's is in them.
        self._context = Context()
        for place, name in enumerate(("hekla_actor", "hekla_request", "hekla_now")):
            connection.create_scalar_function(
                name,
                partial(itemgetter(place), self._context),
                0,
                flags=apsw.SQLITE_INNOCUOUS,
            )

    def run(self, group: list[SqliteTransaction], seconds: float, budget: float) -> Run:
        """Run works of the group on the event loop, until it took ``seconds``.

        Each may take ``budget`` seconds of the processor's time, so that a busy machine does
        not make it look long. If any work ``ran``, the transaction is left open for
        :meth:`commit`. Raises apsw.Error if it cannot begin.
        """
        self._begin()
        return self._begun(group, seconds, budget, time.thread_time)

    def run_patiently(
        self, group: list[SqliteTransaction], seconds: float, budget: float, patience: float
    ) -> Run:
        """Do the same on a thread, which may wait ``patience`` seconds for another process."""
        end = time.monotonic() + patience
        while True:
            try:
                self._begin()
                break
            except (apsw.BusyError, apsw.LockedError):
                if self.stopping or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE * random.uniform(0.5, 1.5))  # noqa: S311
        return self._begun(group, seconds, budget, time.perf_counter)

    def _begin(self) -> None:
        # Of a log SQLite does not check whether it still belongs to the file of that name.
        if self._identity() != self._file:
            raise MovedError
        self._execute("begin immediate")

    def _begun(
        self,
        group: list[SqliteTransaction],
        seconds: float,
        budget: float,
        clock: Callable[[], float],
    ) -> Run:
        self._budget, self._clock = budget, clock
        self._lost = self._lost_error = None
        try:
            return self._run(group, seconds)
        except BaseException:
            self.roll_back()
            raise

    def _run(self, group: list[SqliteTransaction], seconds: float) -> Run:
        execute, failed, changes = self._execute, self._failed, self.connection.total_changes
        careful = self._careful > 0
        if careful:
            self._careful -= 1
        self._checks = careful and self._defers
        changed = changes()
        end = time.perf_counter() + seconds
        context = self._context
        context.begin()
        for number, work in enumerate(group):
            kept = careful and (self._defers or not work.single)
            if kept:
                execute("savepoint hekla_work")
            if work.begun:
                work.error = work.result = None
            work.begun = True
            work.execute, work.failed, work.context = execute, failed, context.set
            context[:2] = _NOBODY
            self._current, self._began = work, 0.0
            self._allowed = self._budget if work.timeout is None else work.timeout
            try:
                work.result = work.run()
            except BaseException as exc:  # noqa: BLE001 - it is handed to whoever asked
                work.error = exc
            work.execute, work.context, self._current = over, over, None
            if self._lost is not None:
                return self._without(group, number, self._lost)
            if work.error is None and self._checks and self.connection.status(_DEFERRED)[0]:
                work.error = ConstraintFailed("foreign_key")
            if work.error is not None and changes() != changed:
                if not kept:
                    work.single = False
                    self._careful = _CAREFUL_GROUPS
                    self.roll_back()
                    return Run(left=group)
                execute("rollback to hekla_work")
            if kept:
                execute("release hekla_work")
            changed = changes()
            if time.perf_counter() > end:
                return Run(ran=group[: number + 1], left=group[number + 1 :])
        return Run(ran=group)

    def commit(self, patience: float = 0.0) -> Exception | None:
        """Make durable what ran, or return why it is not: then nothing of it is there.

        On a thread it may wait ``patience`` seconds for those who read a database in memory:
        only there readers and writers keep each other out.
        """
        end = time.monotonic() + patience if patience else 0.0
        while True:
            try:
                self._execute("commit")
                return None
            except apsw.Error as exc:
                error: Exception = exc
            waits = is_busy(error) and self.connection.in_transaction and not self.stopping
            if not (waits and time.monotonic() < end):
                break
            time.sleep(_PAUSE)
        self.roll_back()
        if is_busy(error) and patience:
            # Those who read come first now: nobody could begin to while this waited.
            time.sleep(_RESPITE)
        if isinstance(error, CONSTRAINT_ERRORS) and not self._checks:
            # One of them left a deferred foreign key open: find out which.
            self._defers = True
            self._careful = _CAREFUL_GROUPS
            return RunAgain()
        return self._cause(error)

    def roll_back(self) -> None:
        """End the transaction, if there still is one."""
        if self.connection.in_transaction:
            self._execute("rollback")

    def _failed(self, error: Exception, sql: str) -> Exception:
        """What an error of a statement is to the work."""
        raised: Exception
        if isinstance(error, CONSTRAINT_ERRORS):
            raised = constraint_failed(error, self._ask)
        else:
            raised = problem_of(self._cause(error), sql)
        ended = isinstance(error, _ENDS) or is_busy(error)
        if (ended or not self.connection.in_transaction) and self._lost is None:
            self._lost, self._lost_error = error, raised
            if self._current is not None:
                self._current.execute = self._again
        return raised

    def _cause(self, error: Exception) -> Exception:
        """The error, or that there is no room where SQLite only says that it cannot write."""
        if isinstance(error, apsw.IOError) and self.connection.system_errno in _NO_ROOM:
            return apsw.FullError(str(error))
        return error

    def _again(self, *_: object) -> None:
        raise self._lost or RuntimeError

    def _without(self, group: list[SqliteTransaction], number: int, lost: Exception) -> Run:
        """Roll back, if SQLite has not yet, and leave out the work that it was for."""
        self.roll_back()
        if is_busy(lost):
            raise lost
        work = group[number]
        work.error = work.error or self._lost_error
        run = Run(left=[*group[:number], *group[number + 1 :]])
        (run.slow if isinstance(lost, apsw.InterruptError) else run.refused).append(work)
        return run

    def _is_over(self) -> bool:
        """Called every so many steps of a statement: is its work's budget used up?"""
        if self._current is None:
            return False
        if self._began == 0.0:
            self._worked, self._began = self._clock(), time.perf_counter()
            return self.stopping
        return (
            self.stopping
            or self._clock() - self._worked > self._allowed
            or time.perf_counter() - self._began > _PATIENCE * self._allowed
        )

    def _logged(self, _: apsw.Connection, __: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK

    def _ask(self, sql: str, args: tuple[Any, ...]) -> Any:
        rows = self.connection.execute(sql, args).fetchall()
        return rows[0][0] if rows else None
