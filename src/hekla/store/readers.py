"""Threads for statements that take too long for the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import apsw

from hekla import errors
from hekla.errors import Problem
from hekla.store.faults import RETRY_AFTER

__all__ = ["Readers"]

T = TypeVar("T")

# How often a statement is told to stop until it has: an interrupt that comes just before the
# statement takes its first step is forgotten by SQLite.
_REPEAT = 0.05
_PAUSE = 0.005


class _Job(Generic[T]):
    """One piece of work on its way: waiting, then running, then over (or left by its caller)."""

    __slots__ = (
        "connect",
        "connection",
        "future",
        "lock",
        "loop",
        "started",
        "state",
        "stopped",
        "timeout",
        "work",
    )

    def __init__(
        self,
        work: Callable[[apsw.Connection], T],
        timeout: float,
        connect: Callable[[], apsw.Connection] | None,
    ) -> None:
        self.work = work
        self.timeout = timeout
        self.connect = connect
        self.connection: apsw.Connection | None = None
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.lock = threading.Lock()
        self.state = "waiting"
        self.started = 0.0
        self.stopped = False

    def begin(self) -> bool:
        with self.lock:
            if self.stopped:
                return False
            self.state = "running"
            self.started = time.monotonic()
            return True

    def do(self, connection: apsw.Connection) -> T:
        with self.lock:
            if self.stopped:
                raise apsw.InterruptError("stopped before it began")
            self.connection = connection
        return self.work(connection)

    def end(self) -> None:
        with self.lock:
            self.state = "over"
            self.connection = None

    def interrupt(self) -> bool:
        """Tell the work to stop; false once it has."""
        with self.lock:
            self.stopped = True
            if self.connection is not None:
                self.connection.interrupt()
            return self.state == "running"

    def stop(self) -> None:
        """Withdraw the work, or interrupt it until it ends. Called on the event loop."""
        if self.interrupt():
            self.loop.call_later(_REPEAT, self.stop)

    def expire(self) -> None:
        """The time is up, unless the work began later than it was asked for."""
        with self.lock:
            waited = self.state == "waiting"
            left = 0.0 if waited else self.started + self.timeout - time.monotonic()
        if self.future.done():
            return
        if left > 0:
            self.loop.call_later(left, self.expire)
            return
        self.stop()
        if waited:
            self.future.set_exception(_all_taken())

    def deliver(self, result: T | None, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]


def _all_taken() -> Problem:
    return Problem(
        errors.STORE_BUSY, "Too many long queries are running. Try again.", headers=RETRY_AFTER
    )


def _closing() -> Problem:
    return Problem(
        errors.STORE_UNAVAILABLE, "The service is shutting down. Try again.", headers=RETRY_AFTER
    )


class Readers:
    """A fixed number of threads, each with a connection of its own, started as they are needed.

    Everything but the threads' own loop is called on the event loop.
    """

    def __init__(self, connect: Callable[[], apsw.Connection], threads: int, waiting: int) -> None:
        self._connect = connect
        self._limit = threads
        self._waiting_limit = waiting
        self._changed = threading.Condition()
        self._jobs: deque[_Job[Any]] = deque()
        self._running: set[_Job[Any]] = set()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._open = True

    async def run(
        self,
        work: Callable[[apsw.Connection], T],
        seconds: float,
        connect: Callable[[], apsw.Connection] | None = None,
    ) -> T:
        """What ``work`` returns, called on a thread with a connection.

        The connection is the thread's own, or what ``connect`` returns there. After running
        for ``seconds`` the work is interrupted; a cancelled caller interrupts it, too. Raises
        whatever ``work`` raises, and STORE_BUSY when no thread is to be had.
        """
        job = _Job(work, seconds, connect)
        with self._changed:
            if not self._open:
                raise _closing()
            if len(self._jobs) + len(self._running) >= self._limit + self._waiting_limit:
                raise _all_taken()
            self._jobs.append(job)
            if len(self._jobs) > self._idle and len(self._threads) < self._limit:
                self._start_thread()
            self._changed.notify()
        timer = job.loop.call_later(seconds, job.expire)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.stop()
            raise
        finally:
            timer.cancel()
            # What nobody waits for any more must not keep others out.
            with self._changed, contextlib.suppress(ValueError):
                self._jobs.remove(job)

    async def close(self) -> None:
        """Refuse what waits, interrupt what runs, and return when every thread has ended."""
        with self._changed:
            self._open = False
            waiting = list(self._jobs)
            self._jobs.clear()
            self._changed.notify_all()
        for job in waiting:
            job.deliver(None, _closing())
        while any(thread.is_alive() for thread in self._threads):
            with self._changed:
                running = list(self._running)
            for job in running:
                job.interrupt()
            await asyncio.sleep(_PAUSE)
        self._threads.clear()

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=self._serve, name=f"hekla-reader-{len(self._threads) + 1}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _next(self) -> _Job[Any] | None:
        with self._changed:
            self._idle += 1
            while not self._jobs and self._open:
                self._changed.wait()
            self._idle -= 1
            if not self._open:
                return None
            job = self._jobs.popleft()
            self._running.add(job)
            return job

    def _serve(self) -> None:
        connection: apsw.Connection | None = None
        while (job := self._next()) is not None:
            result, error = None, None
            try:
                if job.begin():
                    if job.connect is not None:
                        result = job.do(job.connect())
                    else:
                        connection = connection or self._connect()
                        result = job.do(connection)
            except Exception as exc:  # noqa: BLE001 - it is handed to whoever asked
                closed = isinstance(exc, apsw.InterruptError) and not self._open
                error = _closing() if closed else exc
            job.end()
            with self._changed:
                self._running.discard(job)
            # Where the loop has ended, so has whoever asked.
            with contextlib.suppress(RuntimeError):
                job.loop.call_soon_threadsafe(job.deliver, result, error)
            del job, result, error
        if connection is not None:
            connection.close(True)
