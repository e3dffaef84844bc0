"""One run of a work on PostgreSQL: its transaction, begun with its first statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hekla.store.postgres_faults import FAILURES, constraint_of, is_tried_again, problem_of
from hekla.store.protocol import Row

__all__ = ["PostgresTransaction"]


_CONTROLS = ("savepoint ", "release ", "rollback to ")


class _RunAgain(Exception):
    """The transaction is of no more use, and the work will be run again from its beginning."""


class PostgresTransaction:
    """A work's view of the database. See :class:`hekla.store.protocol.Transaction`.

    A statement that fails ends the whole transaction in PostgreSQL, unless there is a savepoint
    before it, and those cost as much as a statement. So a work is first run without; only if a
    constraint refuses something it is run again, ``careful``, with one before each statement.

    ``cause`` is the error that has ended the transaction, whatever the work made of it.
    """

    def __init__(self, connection: Any, *, careful: bool, timeout: float | None) -> None:
        self.cause: Exception | None = None
        self.begun = False
        self._connection = connection
        self._careful = careful
        self._timeout = timeout
        self._context: tuple[str | None, str | None] = (None, None)
        self._unsaid = False
        self._over = False

    def context(self, actor: str | None, request: str | None) -> None:
        if (actor, request) != self._context:
            self._context = (actor, request)
            self._unsaid = True

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        rows = await self.fetch_all(sql, args)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        if self._over:
            raise RuntimeError("a transaction was used outside of its work")
        if self.cause is not None:
            raise self._raised(self.cause, sql)
        connection = self._connection
        # A work's own savepoints must not stand within those of its statements.
        saved = self._careful and not sql.startswith(_CONTROLS)
        try:
            if not self.begun or self._unsaid or saved:
                await connection.execute(self._preamble(saved=saved))
            # To the end, whatever is wanted of it: half a statement has not checked everything.
            rows = await connection.fetch(sql, *args, timeout=self._timeout)
            if saved:
                await connection.execute("RELEASE SAVEPOINT hekla_statement")
        except FAILURES as exc:
            raise await self._failed(exc, sql, saved=saved) from exc
        return [tuple(row) for row in rows]

    def end(self) -> None:
        """From now on nobody can use it."""
        self._over = True

    def _preamble(self, *, saved: bool) -> str:
        """What has to be said before the next statement."""
        parts = []
        if not self.begun:
            parts.append("BEGIN ISOLATION LEVEL REPEATABLE READ")
            if self._timeout is not None:
                parts.append(f"SET LOCAL statement_timeout = {round(self._timeout * 1000)}")
        if self._unsaid:
            names = zip(("actor", "request"), self._context, strict=True)
            settings = (
                f"set_config('hekla.{name}', {_text(value)}, true)"
                for name, value in names
                if value is not None or self.begun
            )
            parts.append("SELECT " + ", ".join(settings))
        if saved:
            parts.append("SAVEPOINT hekla_statement")
        self.begun, self._unsaid = True, False
        return ";".join(parts)

    async def _failed(self, error: Exception, sql: str, *, saved: bool) -> Exception:
        """What an error of a statement is to the work."""
        if saved and getattr(error, "sqlstate", None):
            try:
                await self._connection.execute("ROLLBACK TO SAVEPOINT hekla_statement")
                failure = await constraint_of(error, self._connection)
                await self._connection.execute("RELEASE SAVEPOINT hekla_statement")
            except FAILURES as exc:
                error = exc
            else:
                if failure is not None:
                    return failure
        self.cause = error
        return self._raised(error, sql)

    def _raised(self, error: Exception, sql: str) -> Exception:
        if is_tried_again(error, careful=self._careful):
            return _RunAgain()
        return problem_of(error, sql)


def _text(value: str | None) -> str:
    """A text in SQL that cannot be anything else: its bytes, in digits."""
    if not value:
        return "''"
    digits = value.replace("\0", "").encode(errors="replace").hex()
    return f"convert_from('\\x{digits}', 'UTF8')"
