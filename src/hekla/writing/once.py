"""Idempotency keys: a write that is sent again is answered again, and not done again.

What became of a write is kept in the same transaction (draft-ietf-httpapi-idempotency-key-header):
so it is known as surely as the write is durable, after a restart too, and of two that arrive
at once the second finds what the first has done. Only what was done is kept; a write that was
refused left nothing behind, and is tried anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from hekla.errors import IDEMPOTENCY_KEY_REUSED, Problem
from hekla.schema.types import Dialect
from hekla.sql.plan import numbered, sqlalchemy_dialect
from hekla.writing.work import Written

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["Once", "create_once", "keep", "recall"]


class Once(msgspec.Struct, frozen=True, gc=False):
    """A write that shall be done once: the client's key, and a digest of all that it asked."""

    key: str
    digest: bytes


ONCE = sa.Table(
    "hekla_once",
    sa.MetaData(),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("written", sa.LargeBinary, nullable=False),
    sa.Index("hekla_once_at", "at"),
    sqlite_with_rowid=False,
)
"""What became of each write with a key; a key belongs to whoever sent it."""

_FIND = "SELECT digest, written, at FROM hekla_once WHERE actor = ? AND key = ?"
_KEEP = "INSERT INTO hekla_once (actor, key, at, digest, written) VALUES (?, ?, ?, ?, ?)"
_REPLACE = _KEEP.replace("INSERT INTO", "INSERT OR REPLACE INTO")
_DROP = "DELETE FROM hekla_once WHERE actor = ? AND key = ?"
# A few at a time, so that no write has to tidy up after all others.
_FORGET = (
    "DELETE FROM hekla_once WHERE (actor, key) IN"
    " (SELECT actor, key FROM hekla_once WHERE at < ? ORDER BY at LIMIT 8)"
)
# Of two that tidy up at once none waits for the other.
_FORGET_UNLOCKED = _FORGET.replace("LIMIT 8", "LIMIT 8 FOR UPDATE SKIP LOCKED")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Written]).decode


def create_once(dialect: Dialect) -> list[str]:
    """The statements that create the table where there is none."""
    speaks = sqlalchemy_dialect(dialect)
    statements: list[Any] = [CreateTable(ONCE, if_not_exists=True)]
    statements += [CreateIndex(index, if_not_exists=True) for index in ONCE.indexes]
    return [str(statement.compile(dialect=speaks)).strip() for statement in statements]


def _expired(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")


async def recall(
    tx: Transaction, dialect: Dialect, actor: str | None, once: Once, seconds: float
) -> list[Written] | None:
    """What became of the write when it was done, or None if it was not in that many seconds.

    Raises Problem where the key stands for another write.
    """
    found = await tx.fetch(numbered(_FIND, dialect), (actor or "", once.key))
    if found is None or found[2] < _expired(seconds):
        return None
    if found[0] != once.digest:
        raise Problem(
            IDEMPOTENCY_KEY_REUSED,
            "The Idempotency-Key was used for another request. Take a new key for a new request.",
        )
    return _decode(found[1])


async def keep(
    tx: Transaction,
    dialect: Dialect,
    actor: str | None,
    once: Once,
    written: Sequence[Written],
    seconds: float,
) -> None:
    """Keep what became of the write, and forget some that are older than that many seconds.

    Where writers do not wait for each other, of two that come at once the second is refused by
    the table's key, is run again, and recalls what the first has kept.
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    row = (actor or "", once.key, now, once.digest, _encode(list(written)))
    if dialect == "sqlite":
        await tx.fetch(_REPLACE, row)
        await tx.fetch(_FORGET, (_expired(seconds),))
        return
    # What is there has expired.
    await tx.fetch(numbered(_DROP, dialect), row[:2])
    await tx.fetch(numbered(_KEEP, dialect), row)
    await tx.fetch(numbered(_FORGET_UNLOCKED, dialect), (_expired(seconds),))
