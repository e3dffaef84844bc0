"""How often somebody may fail to sign in before they have to wait.

Three counts, each of failures in a row, each of which lets some pass and then doubles the time
to wait up to ``signin_longest_wait``:

- of one account from one address: for whoever tries passwords
- of one address: for whoever tries accounts
- of one account from everywhere: for those who have many addresses. This one could be used to
  keep a user out; so it is not asked where the account was signed in to before (a device
  presents a secret that it was given then), and it never waits longer than a minute.

A try is counted before the password is looked at, so that many at once gain nothing; success
forgets them. What is counted belongs to the text that was typed, whether there is such an
account or not: the answer is the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from hekla.auth.moments import Clock, moment, parse_moment
from hekla.auth.statements import Prepared, prepare, value
from hekla.auth.tables import ATTEMPTS
from hekla.errors import TOO_MANY_ATTEMPTS, Problem
from hekla.schema.types import Dialect
from hekla.settings import Settings
from hekla.store.constraints import ConstraintFailed

if TYPE_CHECKING:
    from hekla.store.protocol import Store, Transaction

__all__ = ["Throttle", "Try"]

# Seconds for which failures are remembered after the last of them.
_MEMORY = 24 * 3600
_SHORT_WAIT = 60.0
_ADDRESS_FREE = 10
_ACCOUNT_FREE = 20
_ROUNDS = 10


class _Count(NamedTuple):
    """One count: its bucket, the failures that pass freely, and the longest wait in seconds.

    ``shared``: others are counted there too.
    """

    bucket: str
    free: int
    longest: float
    shared: bool = False


class Try(NamedTuple):
    """A try to sign in, which was counted."""

    counts: tuple[_Count, ...]


class Throttle:
    """Counts tries in the database, so that all workers, and a restart, know of them."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        table = ATTEMPTS
        self._find = _find(store.dialect)
        self._change = prepare(
            sa.update(table)
            .where(table.c.bucket == value("bucket"))
            .values(failures=value("failures"), until=value("until"), forget_at=value("forget")),
            store.dialect,
        )
        self._insert = prepare(
            sa.insert(table)
            .values(
                bucket=value("bucket"),
                failures=value("failures"),
                until=value("until"),
                forget_at=value("forget"),
            )
            .inline(),
            store.dialect,
        )
        self._forgive = prepare(
            sa.update(table)
            .where(table.c.bucket == value("bucket"))
            .values(failures=table.c.failures - 1),
            store.dialect,
        )
        self._delete = prepare(
            sa.delete(table).where(table.c.bucket == value("bucket")), store.dialect
        )

    async def begin(self, account: str, address: str, *, purpose: str, known: bool) -> Try:
        """Count a try, or raise Problem ``too_many_attempts`` that says how long to wait.

        ``account`` is the text that was typed; ``known``: it comes from a device that signed in
        to it before.
        """
        free, longest = self._settings.signin_attempts, self._settings.signin_longest_wait
        counts = [_Count(_bucket(purpose, "pair", account, address), free, longest)]
        if known:
            # On its own: what else comes from the same address does not count against it.
            counts = [_Count(_bucket(purpose, "device", account), free, longest)]
        else:
            many = _bucket(purpose, "address", address)
            counts.append(_Count(many, free + _ADDRESS_FREE, longest, shared=True))
            short = min(_SHORT_WAIT, longest)
            counts.append(_Count(_bucket(purpose, "account", account), free + _ACCOUNT_FREE, short))
        this = Try(tuple(counts))
        at = self._clock.now()

        async def count(tx: Transaction) -> float:
            wait = 0.0
            found = []
            for each in counts:
                row = await tx.fetch(self._find.sql, self._find(bucket=each.bucket))
                if row is not None and parse_moment(row[2]) <= at:
                    row = (0, row[1], row[2])
                found.append(row)
                if row is not None:
                    wait = max(wait, (parse_moment(row[1]) - at).total_seconds())
            if wait > 0:
                return wait
            for each, row in zip(counts, found, strict=True):
                failures = 1 if row is None else row[0] + 1
                statement = self._insert if row is None else self._change
                await tx.fetch(statement.sql, self._args(statement, each, failures, at))
            return 0.0

        wait = await self._counted(count)
        if wait > 0:
            seconds = math.ceil(wait)
            raise Problem(
                TOO_MANY_ATTEMPTS,
                f"There were too many tries. Wait {seconds} second{'s' * (seconds != 1)}.",
                headers={"retry-after": str(seconds)},
            )
        return this

    async def _counted(self, count: Callable[[Transaction], Coroutine[Any, Any, float]]) -> float:
        """Run ``count``, anew where another process has begun the same count meanwhile."""
        for _ in range(_ROUNDS):
            try:
                return await self._store.write(count)
            except ConstraintFailed:
                continue
        return await self._store.write(count)

    async def succeed(self, tx: Transaction, this: Try) -> None:
        """Forget what was counted: whoever tried is who they say.

        Of an address only this try is forgotten, or an account of one's own would do for a key
        to all others.
        """
        for each in this.counts:
            statement = self._forgive if each.shared else self._delete
            await tx.fetch(statement.sql, statement(bucket=each.bucket))

    def _args(
        self, statement: Prepared, count: _Count, failures: int, at: datetime
    ) -> list[int | str | bytes | None]:
        over = failures - count.free
        wait = min(2.0 ** min(over, 30), count.longest) if over >= 0 else 0.0
        return statement(
            bucket=count.bucket,
            failures=failures,
            until=moment(at + timedelta(seconds=wait)),
            forget=moment(at + timedelta(seconds=_MEMORY)),
        )


def _find(dialect: Dialect) -> Prepared:
    c = ATTEMPTS.c
    return prepare(
        sa.select(c.failures, c.until, c.forget_at).where(c.bucket == value("bucket")), dialect
    )


def _bucket(purpose: str, *what: str) -> str:
    # Neither is long then, nor are the addresses of people kept.
    return hashlib.sha256(repr((purpose, *what)).encode("ascii", "backslashreplace")).hexdigest()
