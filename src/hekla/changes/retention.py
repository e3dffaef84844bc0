"""How long changes are kept: the oldest are thrown away, in steps that hold nobody up."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from hekla.errors import Problem
from hekla.sql.plan import numbered
from hekla.store.protocol import Store, Transaction

__all__ = ["Retention"]

logger = logging.getLogger("hekla.changes")

# Changes that one transaction throws away at most: some milliseconds of work.
_STEP = 500
# Seconds between two steps, which belong to those who write, and between two looks.
_PAUSE = 0.05
_INTERVAL = 60.0

_ENDS = "SELECT min(seq), max(seq) FROM hekla_changes"
_FIRST_YOUNG = "SELECT min(seq) FROM hekla_changes WHERE seq BETWEEN ? AND ? AND at >= ?"
_DELETE = "DELETE FROM hekla_changes WHERE seq <= ?"


class Retention:
    """Keeps the log of one store within an age (seconds) and a number of changes.

    Zero is no bound. Changes go from the oldest on, so those that are kept have no gap; the
    newest is never thrown away, so numbers go on where they were.
    """

    def __init__(self, store: Store, max_age: float, max_rows: int) -> None:
        self.store = store
        self.max_age = max_age
        self.max_rows = max_rows

    async def step(self) -> int:
        """Throw away some of what is too old or too much; how many changes that were."""
        dialect = self.store.dialect
        first_young, delete = numbered(_FIRST_YOUNG, dialect), numbered(_DELETE, dialect)

        async def work(tx: Transaction) -> int:
            row = await tx.fetch(_ENDS)
            if row is None or row[0] is None:
                return 0
            first, end = row
            last = min(first + _STEP, end) - 1
            upto = first - 1
            if self.max_rows:
                upto = max(upto, min(last, end - self.max_rows))
            if self.max_age:
                young = await tx.fetch(first_young, (first, last, self._oldest()))
                found = None if young is None else young[0]
                upto = max(upto, last if found is None else found - 1)
            if upto < first:
                return 0
            await tx.fetch(delete, (upto,))
            return int(upto - first + 1)

        return await self.store.write(work, single=True, heavy=True)

    async def prune(self, pause: float = 0.0) -> int:
        """Throw away all that is too old or too much; how many changes that were."""
        gone = 0
        while found := await self.step():
            gone += found
            await asyncio.sleep(pause)
        return gone

    async def keep(self) -> None:
        """Do so from time to time, until the task is cancelled."""
        while self.max_age or self.max_rows:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.prune(_PAUSE)
            except Problem as problem:
                # The next look makes up for it.
                logger.warning("old changes could not be thrown away: %s", problem)

    def _oldest(self) -> str:
        moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=self.max_age)
        return moment.isoformat(timespec="microseconds") + "Z"
