"""SQLite as a store: short statements run on the event loop, long ones on threads."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import apsw

from hekla import errors
from hekla.errors import OperatorError, Problem
from hekla.settings import Settings
from hekla.store.body import UTF_8, as_utf8
from hekla.store.checkpoint import LOG_LIMIT
from hekla.store.connection import open_connection
from hekla.store.faults import FAILURES, is_busy, is_unfit_value, problem_of
from hekla.store.location import Location
from hekla.store.protocol import Row, Shortcut, Statement, Transaction
from hekla.store.readers import Readers
from hekla.store.stream import Export
from hekla.store.watch import Watch
from hekla.store.writer import Writer

if TYPE_CHECKING:
    from hekla.schema.types import Dialect

__all__ = ["SqliteStore"]

T = TypeVar("T")

# Statements that follow each other within so many seconds read together.
_CLOSE = 0.0005
_REMEMBERED = 1024
_PREPARED = 512
# Most bytes of pages that the writer keeps: indexes are written all over.
_WRITER_CACHE = 64 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_CAREFUL_SECONDS = 600.0


class _Habit:
    """What a statement was found to need.

    Until ``slow_until`` it runs on a thread, since it was over the budget of the event loop;
    until ``careful_until`` its text is ``careful``, since a value did not fit.
    """

    __slots__ = ("careful", "careful_until", "pause", "slow_until")

    def __init__(self) -> None:
        self.slow_until = 0.0
        self.pause = _FIRST_PAUSE
        self.careful = ""
        self.careful_until = 0.0

    def is_slow(self) -> None:
        """Keep to threads for a while, a longer one each time that the loop was tried in vain."""
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)

    def ran(self, seconds: float, budget: float) -> None:
        """Learn from a run on a thread; well within the budget, the loop is tried again."""
        self.slow_until = 0.0 if seconds < budget / 2 else time.monotonic() + self.pause

    def is_careful(self, text: str) -> str:
        self.careful = text
        self.careful_until = time.monotonic() + _CAREFUL_SECONDS
        return text


class SqliteStore:
    """One SQLite database. See :class:`hekla.store.protocol.Store`."""

    dialect: Dialect = "sqlite"

    def __init__(self, location: Location, settings: Settings) -> None:
        self.location = location
        self.settings = settings
        self._budget = settings.inline_budget / 1000
        self._habits: OrderedDict[str, _Habit] = OrderedDict()
        self._inline: apsw.Connection | None = None
        self._readers: Readers | None = None
        self._writer: Writer | None = None
        self._writer_statements: Sequence[str] = ()
        self._exports: set[Export] = set()
        self._identity: tuple[int, int] | None = None
        self._encoding, self._recodes = UTF_8, False
        self._execute: Callable[..., Any] = _not_started
        self._watch: Watch | None = None
        # Statements of one turn of the event loop share a transaction, which each of them would
        # have to open and close for itself; where the file is not in WAL mode, that would keep
        # writers out.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shares = self._together = False
        self._last = 0.0

    async def start(self) -> None:
        if self._inline is not None:
            return
        if not self.location.read_only:
            # First, since readers cannot bring the database into WAL mode.
            self._writer = Writer(self._open_writer(), self.location, self.settings)
        inline = open_connection(
            self.location, self.settings, query_only=True, busy_timeout=0, statements=_PREPARED
        )
        cursor = inline.cursor()
        self._watch = Watch(self._budget, inline.interrupt)
        self._loop = asyncio.get_running_loop()
        self._shares = inline.pragma("journal_mode") == "wal"
        self._execute = cursor.execute
        self._encoding = str(inline.pragma("encoding"))
        self._recodes = self._encoding != UTF_8
        self._inline = inline
        self._identity = self.location.identity()
        self._readers = Readers(
            lambda: open_connection(self.location, self.settings, query_only=True),
            self.settings.threads,
            self.settings.max_waiting,
        )

    async def close(self) -> None:
        inline, readers, writer = self._inline, self._readers, self._writer
        if self._watch is not None:
            self._watch.close()
        self._clear()
        for export in tuple(self._exports):
            export.leave()
        if readers is not None:
            await readers.close()
        if inline is not None:
            inline.close(True)
        if writer is not None:
            # The last one to close checkpoints.
            await writer.close()

    def _clear(self) -> None:
        self._inline = self._readers = self._writer = self._watch = self._loop = None
        self._shares = self._together = False
        self._execute = _not_started
        self._habits.clear()

    async def fetch(self, statement: Statement, args: Sequence[Any]) -> Row | None:
        # Whoever asks in this way may have written by other means a moment ago.
        if self._together:
            self._end_together()
        self._last = 0.0
        row = self.fetch_at_once(statement, args)
        return row if row is None or isinstance(row, tuple) else await row

    def fetch_at_once(
        self, statement: Statement, args: Sequence[Any]
    ) -> Row | Coroutine[Any, Any, Row | None] | None:
        sql = statement.sql
        if sql in self._habits:
            return self._fetch_aside(statement, args)
        watch = self._watch
        if watch is None:
            _not_started()
        if watch.asleep:
            watch.wake()
        if not self._together and self._shares:
            self._read_together()
        try:
            watch.count += 1
            try:
                found = self._execute(sql, args).get
            finally:
                watch.count += 1
            if not (self._recodes or statement.guarded):
                # The commonest: a body shortcut, or a body and what is said about it.
                if type(found) is bytes:
                    return (found,)
                if type(found) is tuple:
                    return found
            return self._row_of(found, sql, args, statement.guarded)
        except FAILURES as exc:
            return self._fetch_aside(statement, args, exc)

    def reader(self, statement: Statement) -> Callable[[Sequence[Any]], bytes | Row | None]:
        sql, unfit, habits = statement.sql, statement.guarded, self._habits

        def read(args: Sequence[Any]) -> bytes | Row | None:
            watch = self._watch
            if watch is None or unfit or self._recodes or (habits and sql in habits):
                return None
            if watch.asleep:
                watch.wake()
            if not self._together and self._shares:
                self._read_together()
            watch.count += 1
            try:
                found = self._execute(sql, args).get
            except FAILURES:
                return None
            finally:
                watch.count += 1
            return found if type(found) is bytes or type(found) is tuple else None

        return read

    async def ping(self) -> None:
        if self._identity != self.location.identity():
            raise Problem(errors.STORE_UNAVAILABLE, "The database file was moved or replaced.")
        await self.fetch(_Text("select count(*) from (select 1 from sqlite_schema limit 1)"), ())

    async def explain(self, statement: Statement, args: Sequence[Any]) -> list[str]:
        sql = "explain query plan " + statement.sql
        try:
            steps = await self._running_readers().run(
                lambda connection: connection.execute(sql, args).fetchall(),
                self.settings.statement_timeout,
            )
        except FAILURES as exc:
            raise problem_of(exc, sql) from exc
        depth: dict[Any, int] = {0: -1}
        lines = []
        for number, parent, _, detail in steps:
            depth[number] = depth.get(parent, -1) + 1
            lines.append("  " * depth[number] + str(detail))
        return lines

    async def stream(self, statement: Statement, args: Sequence[Any]) -> AsyncIterator[list[Row]]:
        readers = self._running_readers()
        if len(self._exports) >= self.settings.max_streams:
            raise Problem(errors.STORE_BUSY, "Too many exports are running. Try again.")
        export = Export(self.location, self.settings, statement, args, self._encoding)
        self._exports.add(export)
        try:
            while batch := await export.next_batch(readers):
                yield batch
        finally:
            self._exports.discard(export)
            export.leave()

    def prepare_writer(self, statements: Sequence[str]) -> None:
        self._writer_statements = tuple(statements)

    def write(
        self,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        *,
        single: bool = False,
        heavy: bool = False,
        timeout: float | None = None,
        shortcut: Shortcut | None = None,
    ) -> Awaitable[T]:
        if self._writer is None:
            _not_writable(self._inline is not None)
        return self._writer.submit(work, single, heavy, timeout, shortcut)

    def _open_writer(self) -> apsw.Connection:
        connection = open_connection(
            self.location, self.settings, query_only=False, statements=_PREPARED
        )
        if self._writer_statements:
            self._prepare(connection)
        # What does not fit is written to the log before its time, and read from there again.
        connection.pragma("cache_size", -(_WRITER_CACHE >> 10))
        if self.location.path is not None:
            connection.pragma("journal_size_limit", LOG_LIMIT)
        # From here on whoever waits for a lock does so without holding up the loop.
        connection.set_busy_timeout(0)
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        """Run what every connection that writes has to, in one transaction: one commit is quick."""
        statement = "begin immediate"
        try:
            connection.execute(statement)
            for statement in self._writer_statements:
                connection.execute(statement).fetchall()
            statement = "commit"
            connection.execute(statement)
        except apsw.Error as exc:
            connection.close(True)
            raise OperatorError(f"{self.location}: {exc}, in: {statement}") from exc

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """A connection of its own that may write, for work that is not a request's."""
        connection = open_connection(self.location, self.settings, query_only=False)
        try:
            yield connection
        finally:
            connection.close(True)

    def _running_readers(self) -> Readers:
        return self._readers or _not_started()

    def _read_together(self) -> None:
        """Open a transaction for all statements of this turn, if there are several as a rule.

        Whatever came in after it began comes after its end in the loop's queue, as do the
        answers to writes that were committed since: nobody reads what was true before they asked.
        """
        now = time.perf_counter()
        busy, self._last = now - self._last < _CLOSE, now
        if busy and self._loop is not None:
            self._execute("begin")
            self._together = True
            self._loop.call_soon(self._end_together)

    def _end_together(self) -> None:
        if not self._together:
            return
        self._together = False
        self._last = time.perf_counter()
        # Where the database was found broken, it has ended by itself.
        with suppress(apsw.Error):
            self._execute("commit")

    async def _fetch_aside(
        self, statement: Statement, args: Sequence[Any], error: Exception | None = None
    ) -> Row | None:
        """Fetch as the statement's habit asks, or as ``error`` has just taught."""
        habit = self._habits.get(statement.sql) or _Habit()
        now = time.monotonic()
        inline = now >= habit.slow_until
        careful = now < habit.careful_until
        sql = habit.careful if careful else statement.sql
        while True:
            if error is None:
                try:
                    if inline:
                        row = self._fetch_inline(sql, args, statement.guarded)
                    else:
                        row = await self._fetch_on_thread(sql, args, habit, statement.guarded)
                except FAILURES as exc:
                    error = exc
                else:
                    if inline and not careful:
                        self._habits.pop(statement.sql, None)
                    return row
            if inline and isinstance(error, apsw.InterruptError):
                habit.is_slow()
                self._remember(statement.sql, habit)
                inline = False
            elif inline and is_busy(error):
                inline = False
            elif not careful and is_unfit_value(error):
                sql = habit.is_careful(statement.careful_sql())
                self._remember(statement.sql, habit)
                careful = True
            else:
                raise problem_of(error, sql) from error
            error = None

    def _fetch_inline(self, sql: str, args: Sequence[Any], guarded: bool) -> Row | None:
        watch = self._watch
        if watch is None:
            _not_started()
        if watch.asleep:
            watch.wake()
        watch.count += 1
        try:
            # ``get`` reads to the end, which ends the read transaction too.
            found = self._execute(sql, args).get
        finally:
            watch.count += 1
        return self._row_of(found, sql, args, guarded)

    def _row_of(self, found: Any, sql: str, args: Sequence[Any], guarded: bool) -> Row | None:
        """The first row of what ``apsw.Cursor.get`` gives."""
        kind = type(found)
        row: Row
        if kind is bytes:
            row = (found,)
        elif kind is tuple:
            row = found
        elif found is None:
            # No row, or one with nothing but a NULL: ``get`` does not tell.
            rows = self._execute(sql, args).fetchall()
            return rows[0] if rows else None
        else:
            row = _first_row(found)
        return as_utf8(row, self._encoding) if guarded or self._recodes else row

    async def _fetch_on_thread(
        self, sql: str, args: Sequence[Any], habit: _Habit, guarded: bool
    ) -> Row | None:
        def work(connection: apsw.Connection) -> Row | None:
            began = time.perf_counter()
            cursor = connection.cursor()
            try:
                row: Row | None = cursor.execute(sql, args).fetchone()
            finally:
                cursor.close(True)
                habit.ran(time.perf_counter() - began, self._budget)
            if row is not None and (guarded or self._recodes):
                row = as_utf8(row, self._encoding)
            return row

        return await self._running_readers().run(work, self.settings.statement_timeout)

    def _remember(self, sql: str, habit: _Habit) -> None:
        self._habits[sql] = habit
        self._habits.move_to_end(sql)
        if len(self._habits) > _REMEMBERED:
            self._habits.popitem(last=False)


def _first_row(found: Any) -> Row:
    """The first row of what ``apsw.Cursor.get`` gives: a single value stands for itself."""
    if type(found) is not list:
        return (found,)
    return found[0] if type(found[0]) is tuple else (found[0],)


class _Text:
    """A statement of our own."""

    guarded = False

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def careful_sql(self) -> str:
        return self.sql


def _not_started(*_: Any) -> NoReturn:
    raise Problem(errors.STORE_UNAVAILABLE, "The database is not open.")


def _not_writable(started: bool) -> NoReturn:
    if not started:
        _not_started()
    raise Problem(errors.STORE_UNAVAILABLE, "The database is open for reading only.")
