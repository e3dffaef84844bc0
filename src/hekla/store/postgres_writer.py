"""The one that writes to PostgreSQL: a transaction for each work, run again where that is safe."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import asyncpg

from hekla import errors
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.store.pool import Pool, closing
from hekla.store.postgres_faults import (
    FAILURES,
    constraint_of,
    is_conflict,
    is_constraint,
    is_lost,
    is_outdated,
    problem_of,
)
from hekla.store.postgres_transaction import PostgresTransaction
from hekla.store.protocol import Transaction

__all__ = ["Writer"]

T = TypeVar("T")

# How often a work is run again whose connection was cut, or whose statements were outdated.
_RENEWALS = 3
# How often one is run again that others were in the way of, and the longest pause before it.
_CONFLICTS = 50
_PAUSE = 0.05
# Conflicts after which a work waits until no other of this process is in that state.
_CONTENDED = 2
# Seconds that works have to end when the store closes.
_CLOSE_SECONDS = 3.0


class _Attempts:
    """What has happened to a work so far."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.careful = False
        self.conflicts = 0
        self.renewals = 0


class Writer:
    """Runs works, each in a transaction of its own, on connections of two pools.

    A work sees the database as it was when its transaction began (REPEATABLE READ): where
    somebody else has changed a row since that it wants to change, it is run again from its
    beginning, as it is after a deadlock. So works act as if one came after the other, as far as
    they change the same rows. Long works have connections of their own.
    """

    def __init__(self, light: Pool[Any], heavy: Pool[Any], settings: Settings) -> None:
        self._pools = (light, heavy)
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._committing: set[asyncio.Task[Any]] = set()
        self._contended = asyncio.Lock()
        self._open = True

    async def write(
        self,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        *,
        heavy: bool,
        timeout: float | None,  # noqa: ASYNC109 - it is the server that keeps the time
    ) -> T:
        """Run ``work``; see :meth:`hekla.store.protocol.Store.write`."""
        pool = self._pools[heavy]
        connection = pool.take_now() if self._open else None
        if connection is None:
            connection = await pool.take()
        task: asyncio.Task[T] = self._loop.create_task(
            self._perform(pool, connection, work, _Attempts(timeout))
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # Whoever leaves now leaves the work to itself: it may be committed already.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not self._open:
                raise closing() from None
            raise

    async def close(self) -> None:
        """Refuse what waits, stop what runs, wait for what is being committed."""
        self._open = False
        for pool in self._pools:
            pool.refuse()
        for task in self._tasks - self._committing:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for pool in self._pools:
            await pool.close()

    async def _perform(
        self,
        pool: Pool[Any],
        connection: Any,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        attempts: _Attempts,
    ) -> T:
        held: Any = connection
        try:
            while True:
                if attempts.conflicts > _CONTENDED:
                    async with self._contended:
                        done, result = await self._attempt(held, work, attempts)
                else:
                    done, result = await self._attempt(held, work, attempts)
                if done:
                    return result  # type: ignore[return-value]
                if held.is_closed():
                    pool.give(held)
                    held = None
                    held = await pool.take()
        except BaseException as exc:
            if held is not None and not isinstance(exc, Exception):
                # Stopped in the middle: what the connection is at, nobody knows.
                await _abandon(held)
            if isinstance(exc, asyncio.CancelledError) and not self._open:
                raise closing() from None
            raise
        finally:
            if held is not None:
                pool.give(held)

    async def _attempt(
        self,
        connection: Any,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        attempts: _Attempts,
    ) -> tuple[bool, T | None]:
        """Run the work once: whether it is done, and its result. Raises what it ends with."""
        transaction = PostgresTransaction(
            connection, careful=attempts.careful, timeout=attempts.timeout
        )
        error: Exception | None = None
        result: T | None = None
        try:
            result = await work(transaction)
        except Exception as exc:  # noqa: BLE001 - it is handed to whoever asked
            error = exc
        transaction.end()
        cause = transaction.cause
        if cause is not None and is_lost(cause):
            connection.terminate()
        if cause is None and error is None:
            cause = await self._commit(connection, transaction)
            if cause is None:
                return True, result
            if is_constraint(cause):
                failure = await self._explain(cause, connection)
                raise failure from cause
            if is_lost(cause) or isinstance(cause, asyncio.TimeoutError):
                connection.terminate()
                raise _unknown() from cause
        else:
            await _roll_back(connection, transaction)
        if cause is None:
            assert error is not None
            raise error
        if await self._again(cause, attempts):
            return False, None
        raise problem_of(cause) from cause

    async def _commit(self, connection: Any, transaction: PostgresTransaction) -> Exception | None:
        """Make the changes durable, or return why they are not."""
        if not transaction.begun:
            return None
        task = asyncio.current_task()
        assert task is not None
        self._committing.add(task)
        try:
            status = await connection.execute("COMMIT")
        except FAILURES as exc:
            return exc
        finally:
            self._committing.discard(task)
        if status != "COMMIT":
            failed: Exception = asyncpg.InFailedSQLTransactionError("rolled back")
            return failed
        return None

    async def _explain(self, cause: Exception, connection: Any) -> Exception:
        try:
            return await constraint_of(cause, connection) or problem_of(cause)
        except FAILURES as exc:
            return problem_of(exc)

    async def _again(self, cause: Exception, attempts: _Attempts) -> bool:
        """Whether the work is to be run again after ``cause``; nothing of it is there."""
        if is_constraint(cause):
            attempts.careful, before = True, attempts.careful
            return not before
        if is_conflict(cause):
            attempts.conflicts += 1
            if attempts.conflicts > _CONFLICTS:
                return False
            longest = min(_PAUSE, 0.001 * 2**attempts.conflicts)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311
            return True
        if is_lost(cause) or is_outdated(cause):
            attempts.renewals += 1
            return attempts.renewals <= _RENEWALS
        return False


async def _roll_back(connection: Any, transaction: PostgresTransaction) -> None:
    if not transaction.begun or connection.is_closed():
        return
    try:
        await connection.execute("ROLLBACK")
    except FAILURES:
        connection.terminate()


async def _abandon(connection: Any) -> None:
    """Give up a connection whose statement was stopped; the server is told to stop it too."""
    try:
        with contextlib.suppress(*FAILURES):
            await asyncio.wait_for(connection.close(), _CLOSE_SECONDS)
    finally:
        connection.terminate()


def _unknown() -> Problem:
    return Problem(
        errors.STORE_UNAVAILABLE,
        "The connection to the database was cut while the write was being made durable: it may "
        "have been made or not. Read what is there before you repeat it, or repeat it with the "
        "same Idempotency-Key.",
    )
