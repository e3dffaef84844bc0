"""What the engine asks of a database; each kind of store is one class that can do this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from hekla.schema.types import Dialect

__all__ = ["Row", "Shortcut", "Statement", "Store", "Transaction"]

Row = tuple[Any, ...]
T = TypeVar("T")


class Statement(Protocol):
    """SQL text whose values come apart from it. A plan of :mod:`hekla.sql` is one."""

    @property
    def sql(self) -> str:
        """The text, with positional parameters."""

    @property
    def guarded(self) -> bool:
        """Whether it may meet values that do not fit, text that is no text among them."""

    def careful_sql(self) -> str:
        """A slower text with the same rows and parameters that withstands any stored value.

        It is asked for when ``sql`` met a value that does not fit the type of its column.
        """


class Shortcut(Protocol):
    """One statement that does by itself what a work does, as a rule.

    ``actor`` and ``request`` are the context that the work would give. Both methods may raise
    what the work would raise.
    """

    actor: str | None
    request: str | None

    def statement(self) -> tuple[str, Sequence[Any]] | None:
        """The text and the values of its parameters, of now; None if the work has to be run."""

    def result(self, row: Row) -> Any:
        """What the work returns where the statement gives ``row``."""


class Transaction(Protocol):
    """What a work sees of the database: its own changes and all that was committed before.

    Every statement runs to its end. What a constraint refuses raises
    :class:`~hekla.store.constraints.ConstraintFailed` and leaves no trace, so the work may go
    on; anything else that goes wrong is a Problem.
    """

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row, or None where there is none."""

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows."""

    def context(self, actor: str | None, request: str | None) -> None:
        """From now on ``hekla_actor()`` and ``hekla_request()`` give these to triggers.

        Until then both are NULL. ``hekla_now()`` is the moment when those began that are written
        together: RFC 3339, in UTC, to the microsecond.
        """


class Store(Protocol):
    """Runs statements on one database.

    What goes wrong is a :class:`~hekla.errors.Problem` once the store has started, and an
    :class:`~hekla.errors.OperatorError` while it starts. Nothing is opened before ``start``,
    so a store may be made before a process forks. ``start`` and ``close`` may be called
    again and again, each on whatever event loop runs then.
    """

    dialect: Dialect

    async def start(self) -> None:
        """Open the database."""

    async def close(self) -> None:
        """End what is running and let go of every thread and connection."""

    async def ping(self) -> None:
        """Return if the database answers; otherwise raise a Problem."""

    async def fetch(self, statement: Statement, args: Sequence[Any]) -> Row | None:
        """The first row, or None where there is none.

        Bytes in the first column are a body: text, and in UTF-8.
        """

    def fetch_at_once(
        self, statement: Statement, args: Sequence[Any]
    ) -> Row | Coroutine[Any, Any, Row | None] | None:
        """As :meth:`fetch`, but what need not be waited for is there at once.

        Anything but a row or None has to be awaited; then it is either. It is for requests as
        they come in: the rows may be those of a moment ago, in the same turn of the event loop,
        but never older than what was committed before that turn began.
        """

    def reader(self, statement: Statement) -> Callable[[Sequence[Any]], bytes | Row | None]:
        """What reads a statement's only row by its arguments, like ``fetch_at_once``.

        A body alone comes as it is. None stands for everything else: no row, a row of something
        else, or a wait. Then ``fetch_at_once`` has to be asked.
        """

    def stream(self, statement: Statement, args: Sequence[Any]) -> AsyncIterator[list[Row]]:
        """All rows of one moment, in batches; memory stays flat however many there are.

        What is wrong with the statement shows with the first batch. To stop early call
        ``aclose()`` (or cancel the task): the database is let go at once.
        """

    async def explain(self, statement: Statement, args: Sequence[Any]) -> list[str]:
        """How the database goes about it, a line a step, indented by two spaces a level."""

    def prepare_writer(self, statements: Sequence[str]) -> None:
        """Have these run on every connection that is going to write, such as TEMP triggers.

        Only before ``start``, which raises OperatorError if one of them cannot be run.
        """

    def write(
        self,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        *,
        single: bool = False,
        heavy: bool = False,
        timeout: float | None = None,
        shortcut: Shortcut | None = None,
    ) -> Awaitable[T]:
        """Run ``work`` in a transaction; what it returns, once that is durable.

        The work awaits nothing but its transaction, and has no effect but through it: it may
        be run more than once before its result is given out, also on another thread. What it
        raises undoes all it did, and is raised here; so is ConstraintFailed for a constraint
        that is only checked at the end. If the commit fails, nothing of the work is there.

        ``single``: it is one statement, or nothing after its first change can fail. ``heavy``:
        it is known to take longer than the event loop should wait; ``timeout`` are the seconds
        it may take then, in place of ``statement_timeout``. A caller that is cancelled before
        the work began takes it back; later it runs on.

        ``shortcut`` may be run in the place of the work. Where its statement gives no row, or meets
        a constraint, it has changed nothing, and the work is run after all.

        Raises Problem: STORE_BUSY, STORE_FULL, STORE_UNAVAILABLE, STATEMENT_TIMEOUT.
        """
