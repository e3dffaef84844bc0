"""Clients who leave: the work that is done for them ends with them.

A request that is answered at once costs nothing here. One that has to wait is watched after a
while; a response that streams is watched from its beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar, cast

from hekla.server.overdue import Overdue
from hekla.web.request import ClientLeft

__all__ = ["attend", "resume", "watching"]

# Seconds until somebody looks whether the client is still there: most answers are ready long
# before, and setting up a watch costs more than they do.
GRACE = 0.25

T = TypeVar("T")
# Waits until the client has left.
Departure = Callable[[], Awaitable[None]]


async def attend(work: Coroutine[Any, Any, T], departure: Departure) -> T:
    """Await ``work``, and cancel it if the client leaves in the meantime.

    Raises ClientLeft then.
    """
    try:
        waiting = work.send(None)
    except StopIteration as done:
        # It never had to wait: there was nothing to watch.
        return cast("T", done.value)
    return await resume(work, waiting, departure)


async def resume(work: Coroutine[Any, Any, T], waiting: Any, departure: Departure) -> T:
    """Go on with ``work`` that was started by hand and waits for a future, as ``attend`` does."""
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(task, departure)
    overdue = Overdue.of(task.get_loop(), GRACE)
    overdue.add(watch)
    try:
        return cast("T", await _Resumed(work, waiting))
    except asyncio.CancelledError:
        if watch.client_left:
            task.uncancel()
            raise ClientLeft from None
        raise
    finally:
        overdue.remove(watch)
        watch.stop()


@contextlib.asynccontextmanager
async def watching(departure: Departure) -> AsyncIterator[None]:
    """Cancel what is awaited in this block when the client leaves; raises ClientLeft then."""
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(task, departure)
    watch.start()
    try:
        yield
    except asyncio.CancelledError:
        if watch.client_left:
            task.uncancel()
            raise ClientLeft from None
        raise
    finally:
        watch.stop()


class _Watch:
    """Waits for a departure beside the work, and cancels the work's task."""

    __slots__ = ("_departure", "_task", "_work", "client_left")

    def __init__(self, work: asyncio.Task[Any], departure: Departure) -> None:
        self._work = work
        self._departure = departure
        self._task: asyncio.Task[None] | None = None
        self.client_left = False

    def overdue(self) -> None:
        self.start()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._wait())

    def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            # No longer held here, or the two would hold each other, and with them the request
            # and its body, until the garbage is collected; Granian closes no connection before.
            task.cancel()

    async def _wait(self) -> None:
        await self._departure()
        self.client_left = True
        self._work.cancel()


class _Resumed:
    """Goes on with a coroutine that was started by hand and waits for its first future."""

    __slots__ = ("_waiting", "_work")

    def __init__(self, work: Coroutine[Any, Any, Any], waiting: Any) -> None:
        self._work = work
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, Any]:
        work, waiting = self._work, self._waiting
        try:
            while True:
                try:
                    sent = yield waiting
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as exc:  # noqa: BLE001 - it belongs to the work
                    waiting = work.throw(exc)
                else:
                    waiting = work.send(sent)
        except StopIteration as done:
            return done.value
