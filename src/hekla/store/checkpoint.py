"""Keeps the write-ahead log short: moves it into the database on a thread, while others write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import apsw

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.connection import open_connection
from hekla.store.faults import is_busy
from hekla.store.location import Location
from hekla.store.worker import Worker

__all__ = ["LOG_LIMIT", "LOG_PAGES", "Checkpointer"]

_logger = logging.getLogger("hekla.store")

# Pages in the log after which they are moved, without keeping anybody waiting. The more there
# are, the more of them were written over since, and are moved but once.
LOG_PAGES = 2000
# Pages after which writers are kept waiting until the rest is moved, too: under steady load
# somebody has always just written one more, and the log would grow without end.
_MANY_PAGES = 2 * LOG_PAGES
# How often what was written in the meantime is moved before writers are kept waiting.
_ATTEMPTS = 3
# Seconds that this may wait for readers of an old state, and writers with it.
_PATIENCE = 0.1
# Bytes that the log's file keeps when it begins anew after an unusually long one.
LOG_LIMIT = 64 << 20


class Checkpointer:
    """Checkpoints one database. What begins with ``_move`` runs on the thread."""

    def __init__(
        self, location: Location, settings: Settings, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.holds_writers = False
        self._location = location
        self._settings = settings
        self._connection: apsw.Connection | None = None
        self._worker = Worker("hekla-checkpoint", loop)
        self._running = self._closed = False
        self._resume: Callable[[], None] | None = None
        self._last = 0
        self._at, self._all_at = LOG_PAGES, _MANY_PAGES

    def grown(self, pages: int) -> None:
        """A commit has left the log with so many pages."""
        if pages < self._last:
            # The log has begun anew.
            self._at, self._all_at = LOG_PAGES, _MANY_PAGES
        self._last = pages
        if pages >= self._at and not self._running and not self._closed:
            self._running = True
            self._at = pages + LOG_PAGES
            if pages < self._all_at:
                self._worker.call(self._move, self._moved)
            else:
                # A reader may keep this from being done, and must not make everybody wait often.
                self._all_at = pages + _MANY_PAGES
                self._worker.call(self._move_most, self._moved_most)

    def resume(self, writer: Callable[[], None]) -> None:
        """Call ``writer`` as soon as writers are no longer kept waiting."""
        self._resume = writer

    async def close(self) -> None:
        """Return when the thread has ended."""
        self._closed = True
        await self._worker.close()
        if self._connection is not None:
            self._connection.close(True)
            self._connection = None

    def _moved(self, _: object) -> None:
        self._running = self.holds_writers = False
        if self._resume is not None:
            resume, self._resume = self._resume, None
            resume()

    def _moved_most(self, _: object) -> None:
        if self._closed:
            self._moved(None)
            return
        self.holds_writers = True
        self._worker.call(self._move_all, self._moved)

    def _move_most(self) -> None:
        for _ in range(_ATTEMPTS):
            if self._last - self._move() < LOG_PAGES:
                break

    def _move_all(self) -> None:
        self._move(apsw.SQLITE_CHECKPOINT_RESTART)

    def _move(self, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE) -> int:
        """Move what can be moved, and return how many pages of the log are."""
        try:
            if self._connection is None:
                self._connection = open_connection(
                    self._location, self._settings, query_only=False, busy_timeout=_PATIENCE
                )
            return self._connection.wal_checkpoint(mode=mode)[1]
        except (apsw.Error, OperatorError) as exc:
            # Nothing is lost by it: the log is kept, and another attempt follows.
            if not (isinstance(exc, apsw.Error) and is_busy(exc)):
                _logger.warning("checkpoint: %s", exc)
            return 0
