"""One work on an SQLite store: what was asked, the transaction it sees, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from hekla.store.constraints import ConstraintFailed
from hekla.store.faults import FAILURES
from hekla.store.protocol import Row, Shortcut

__all__ = ["SqliteTransaction", "Work"]

Work = Callable[["SqliteTransaction"], Coroutine[Any, Any, Any]]


class SqliteTransaction:
    """A work and what becomes of it. See :class:`hekla.store.protocol.Transaction`.

    Its methods never suspend, so the work is one ``send`` from beginning to end. It may be run
    again from the beginning, for as long as its result was not given out.

    ``shortcut`` is the statement that stands for the work as a rule.
    """

    # What one has that was not begun yet; it takes no time to set on each.
    error: BaseException | None = None
    result: Any = None
    deadline = 0.0
    begun = False
    timeout: float | None = None
    execute: Callable[..., Any]
    failed: Callable[[Exception, str], Exception]
    context: Callable[[str | None, str | None], None]

    def __init__(
        self,
        work: Work,
        single: bool,
        future: asyncio.Future[Any],
        shortcut: Shortcut | None = None,
    ) -> None:
        self.work = work
        self.single = single
        self.future = future
        self.shortcut = shortcut

    def run(self) -> Any:
        """What the work returns, run from beginning to end; it raises what the work raises."""
        shortcut = self.shortcut
        if shortcut is not None and (statement := shortcut.statement()) is not None:
            sql, args = statement
            self.context(shortcut.actor, shortcut.request)
            try:
                rows = self.execute(sql, args).fetchall()
            except FAILURES as exc:
                error = self.failed(exc, sql)
                if not isinstance(error, ConstraintFailed):
                    raise error from exc
                # The work knows how to say it, and finds everything as this has found it.
            else:
                if rows:
                    return shortcut.result(rows[0])
        steps = self.work(self)
        try:
            steps.send(None)
        except StopIteration as returned:
            return returned.value
        # It gave way to others.
        with contextlib.suppress(RuntimeError):
            steps.close()
        raise RuntimeError("a work waited for something else than its transaction")

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        try:
            # To the end: a statement that is left in the middle has not checked everything.
            rows: list[Row] = self.execute(sql, args).fetchall()
        except FAILURES as exc:
            raise self.failed(exc, sql) from exc
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        try:
            rows: list[Row] = self.execute(sql, args).fetchall()
        except FAILURES as exc:
            raise self.failed(exc, sql) from exc
        return rows


class Context(list[str | None]):
    """Who writes, by which request, and when: what the functions of these names give to SQL."""

    def __init__(self) -> None:
        super().__init__((None, None, None))

    def begin(self) -> None:
        """From now on it is now."""
        moment = datetime.now(UTC).replace(tzinfo=None)
        self[2] = moment.isoformat(timespec="microseconds") + "Z"

    def set(self, actor: str | None, request: str | None) -> None:
        self[0] = actor
        self[1] = request


def over(*_: object) -> NoReturn:
    """Stand in for ``execute`` once the work is over."""
    raise RuntimeError("a transaction was used outside of its work")
