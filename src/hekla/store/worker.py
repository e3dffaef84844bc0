"""A thread that does one thing after the other, and tells the event loop what came of each."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Worker"]

T = TypeVar("T")


class Worker:
    """Started when there is something to do. Everything but ``_serve`` is called on the loop."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._loop = loop
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None]
        self._orders = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] = loop.create_future()

    def call(self, function: Callable[[], T], then: Callable[[T], None]) -> None:
        """Call ``function``, which raises nothing, on the thread; then ``then`` on the loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        self._orders.put((function, then))

    async def close(self) -> None:
        """Return when all that was asked for is done and the thread has ended."""
        if self._thread is not None:
            self._orders.put(None)
            await asyncio.shield(self._ended)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            function, then = order
            self._tell(then, function())
            del function, then, order
        self._tell(self._end)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _tell(self, then: Callable[..., None], *result: Any) -> None:
        # Where the loop has ended, so has whoever asked.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(then, *result)
