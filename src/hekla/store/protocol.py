"""What the engine asks of a database; each kind of store is one class that can do this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from hekla.schema.types import Dialect

__all__ = ["Row", "Statement", "Store"]

Row = tuple[Any, ...]


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

    def stream(self, statement: Statement, args: Sequence[Any]) -> AsyncIterator[list[Row]]:
        """All rows of one moment, in batches; memory stays flat however many there are.

        What is wrong with the statement shows with the first batch. To stop early call
        ``aclose()`` (or cancel the task): the database is let go at once.
        """

    async def explain(self, statement: Statement, args: Sequence[Any]) -> list[str]:
        """How the database goes about it, a line a step, indented by two spaces a level."""
