"""Keeps the write-ahead log short: moves it into the database on a thread, while others write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import apsw

from hekla.errors import OperatorError
from hekla.store.faults import is_busy
from hekla.store.worker import Worker

__all__ = ["LOG_LIMIT", "LOG_PAGES", "Checkpointer"]

_logger = logging.getLogger("hekla.store")

# Pages in the log after which they are moved, without keeping anybody waiting.
LOG_PAGES = 1000
# Pages after which writers are kept waiting until the rest is moved, too: under steady load
# somebody has always just written one more, and the log would grow without end.
_MANY_PAGES = 4 * LOG_PAGES
# Milliseconds that this may wait for readers of an old state, and writers with it.
_PATIENCE = 100
# Bytes that the log's file keeps when it begins anew after an unusually long one.
LOG_LIMIT = 64 << 20


class Checkpointer:
    """Checkpoints one database. Everything but ``_work`` is called on the event loop."""

    def __init__(
        self, connect: Callable[[], apsw.Connection], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._worker = Worker("hekla-checkpoint", loop)
        self._running = False
        self._last = 0
        self._at = LOG_PAGES
        self._forced_at = _MANY_PAGES

    def grown(self, pages: int) -> None:
        """A commit has left the log with so many pages."""
        if pages < self._last:
            # The log has begun anew.
            self._at, self._forced_at = LOG_PAGES, _MANY_PAGES
        self._last = pages
        if pages >= self._at and not self._running:
            self._running = True
            forced = pages >= self._forced_at
            self._at = pages + LOG_PAGES
            if forced:
                self._forced_at = pages + _MANY_PAGES
            self._worker.call(lambda: self._work(forced), self._done)

    async def close(self) -> None:
        """Return when the thread has ended."""
        await self._worker.close()
        if self._connection is not None:
            self._connection.close(True)
            self._connection = None

    def _done(self, _: None) -> None:
        self._running = False

    def _work(self, forced: bool) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.set_busy_timeout(_PATIENCE)
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if forced:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except (apsw.Error, OperatorError) as exc:
            # Nothing is lost by it: the log is kept, and another attempt follows.
            if not (isinstance(exc, apsw.Error) and is_busy(exc)):
                _logger.warning("checkpoint: %s", exc)
