"""What waits for too long is noticed by one timer for all, since most waits are short.

A timer for each of them would cost more than most of them take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import ClassVar, Protocol, TypeVar

__all__ = ["Overdue", "Wait", "in_time"]

T = TypeVar("T")


class Wait(Protocol):
    """Something that waits."""

    def overdue(self) -> None:
        """Called once, when it has waited for too long."""


class Overdue:
    """All that waits on one event loop for at most the same time, the oldest first."""

    _last: ClassVar[dict[float, Overdue]] = {}

    __slots__ = ("_loop", "_seconds", "_timer", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: dict[Wait, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop, seconds: float) -> Overdue:
        """The one of an event loop: a process has one loop and few limits, as a rule."""
        found = cls._last.get(seconds)
        if found is None or found._loop is not loop:
            found = cls._last[seconds] = cls(loop, seconds)
        return found

    def add(self, wait: Wait) -> None:
        self._waiting[wait] = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def remove(self, wait: Wait) -> None:
        self._waiting.pop(wait, None)

    def _look(self) -> None:
        self._timer = None
        due = self._loop.time() - self._seconds
        for wait, since in list(self._waiting.items()):
            if since > due:
                self._timer = self._loop.call_later(since - due, self._look)
                return
            del self._waiting[wait]
            wait.overdue()


class _Awaited:
    """A task that waits for something, and is cancelled when that takes too long."""

    __slots__ = ("is_over", "task")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task
        self.is_over = False

    def overdue(self) -> None:
        self.is_over = True
        self.task.cancel()


async def in_time(awaited: Awaitable[T], seconds: float) -> T:
    """What is awaited; TimeoutError if it takes longer."""
    task = asyncio.current_task()
    assert task is not None
    wait = _Awaited(task)
    overdue = Overdue.of(task.get_loop(), seconds)
    overdue.add(wait)
    try:
        return await awaited
    except asyncio.CancelledError:
        if not wait.is_over:
            raise
        task.uncancel()
        raise TimeoutError from None
    finally:
        overdue.remove(wait)
