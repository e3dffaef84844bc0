"""A bounded set of connections to a server, taken in turn and opened as they are needed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from hekla import errors
from hekla.errors import OperatorError, Problem

__all__ = ["RETRY_AFTER", "Connection", "Pool", "closing"]

RETRY_AFTER = {"Retry-After": "1"}

# Seconds between two tries to connect to a server that is not there: the first, and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# Seconds that a connection has to come to rest after its statement was left.
_REST_SECONDS = 5.0


class Connection(Protocol):
    """What a pool asks of a driver's connection."""

    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...  # noqa: ASYNC109


C = TypeVar("C", bound=Connection)


def closing() -> Problem:
    """What somebody is told who comes when the store closes."""
    return Problem(
        errors.STORE_UNAVAILABLE, "The service is shutting down. Try again.", headers=RETRY_AFTER
    )


class Pool(Generic[C]):
    """At most ``limit`` connections, for one event loop.

    Who finds none free waits in a queue, for ``patience`` seconds at most, and with no more
    than ``waiting`` others. A connection that turns out to be lost makes room for another; while
    the server is not there one task tries again and again, as long as anybody waits.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        rest: Callable[[C], Awaitable[object]],
        *,
        limit: int,
        waiting: int,
        patience: float,
    ) -> None:
        self._connect = connect
        self._rest = rest
        self._limit = limit
        self._most_waiting = waiting
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._idle: list[C] = []
        self._queue: deque[asyncio.Future[C]] = deque()
        self._count = 0
        self._opening = 0
        self._absent = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.busy: set[C] = set()
        self._given = asyncio.Event()
        self.open = True

    async def start(self) -> None:
        """Open the first connection. Raises OperatorError."""
        connection = await self._connect()
        self._count += 1
        self._idle.append(connection)

    def take_now(self) -> C | None:
        """A connection, if one is free."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                self.busy.add(connection)
                return connection
            self._count -= 1
        return None

    async def take(self) -> C:
        """A connection, once one is free. Raises Problem STORE_BUSY, STORE_UNAVAILABLE."""
        if not self.open:
            raise closing()
        connection = self.take_now()
        if connection is not None:
            return connection
        if self._count >= self._limit and len(self._queue) >= self._most_waiting:
            raise self._taken()
        future: asyncio.Future[C] = self._loop.create_future()
        self._queue.append(future)
        self._grow()
        timer = self._loop.call_later(self._patience, self._expire, future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give(future.result())
            raise
        finally:
            timer.cancel()
            with contextlib.suppress(ValueError):
                self._queue.remove(future)

    def give(self, connection: C) -> None:
        """Take a connection back: it goes to whoever has waited longest."""
        self.busy.discard(connection)
        if not self.open:
            self._given.set()
        if connection.is_closed():
            self._lost()
        elif not self.open:
            connection.terminate()
        else:
            self._hand_on(connection)

    def rest(self, connection: C) -> None:
        """Take a connection back whose statement was left: once it is at rest, or not at all."""
        self._spawn(self._come_to_rest(connection))

    def drop(self, connection: C) -> None:
        """Take a connection back that is of no more use."""
        connection.terminate()
        self.give(connection)

    def refuse(self) -> None:
        """Refuse who waits, and whoever comes."""
        self.open = False
        for future in self._queue:
            if not future.done():
                future.set_exception(closing())
        self._queue.clear()

    async def close(self) -> None:
        """Let go of every connection; those that are busy are cut off."""
        self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        idle, self._idle = self._idle, []
        for connection in idle:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)
        for connection in tuple(self.busy):
            connection.terminate()

    async def until_given(self, connections: Sequence[C]) -> None:
        """Wait until none of them is in use any more."""
        while any(connection in self.busy for connection in connections):
            self._given.clear()
            await self._given.wait()

    def _hand_on(self, connection: C) -> None:
        while self._queue:
            future = self._queue.popleft()
            if not future.done():
                self.busy.add(connection)
                future.set_result(connection)
                return
        self._idle.append(connection)

    def _lost(self) -> None:
        self._count -= 1
        self._grow()

    def _grow(self) -> None:
        """Open more connections, as far as anybody waits for them."""
        wanted = sum(not future.done() for future in self._queue) - self._opening
        # Whoever knocks at a closed door does so alone.
        most = 1 - self._opening if self._absent else wanted
        for _ in range(min(wanted, most, self._limit - self._count)):
            self._count += 1
            self._opening += 1
            self._spawn(self._open_one())

    async def _open_one(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while self.open:
                try:
                    connection = await self._connect()
                except OperatorError:
                    self._absent = True
                else:
                    self._absent = False
                    self._count += 1
                    self._hand_on(connection)
                    return
                if all(future.done() for future in self._queue):
                    return
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._count -= 1
            self._opening -= 1
            if self.open:
                self._grow()

    async def _come_to_rest(self, connection: C) -> None:
        try:
            async with asyncio.timeout(_REST_SECONDS):
                await self._rest(connection)
        except BaseException:
            connection.terminate()
            raise
        finally:
            self.give(connection)

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # What is wrong shows to who waits; here it only must not be lost silently.
            task.exception()

    def _expire(self, future: asyncio.Future[C]) -> None:
        if not future.done():
            future.set_exception(self._taken())

    def _taken(self) -> Problem:
        if self._absent:
            return Problem(
                errors.STORE_UNAVAILABLE, "The database cannot be reached now.", headers=RETRY_AFTER
            )
        return Problem(
            errors.STORE_BUSY,
            "All connections to the database are taken. Try again.",
            headers=RETRY_AFTER,
        )
