"""Counting in this process, in a bounded amount of memory, whoever comes with whatever keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hekla.rates.gcra import Charge, Reading, read
from hekla.rates.rate import Rate

__all__ = ["MemoryMeter"]

# Parts of a table: only one of them is looked through at a time, which takes a millisecond.
_SHARDS = 16


class MemoryMeter:
    """At most ``size`` counts for each rate.

    A bucket that is full again is forgotten, since a new one is full too. Where there are still
    too many, those go that owe the least: a flood of ever-new keys, each used once, drives out
    its like and not those who were shut out.
    """

    def __init__(self, size: int = 65_536, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = max(2, size // _SHARDS)
        self._clock = clock
        self._tables: dict[Rate, list[dict[str, float]]] = {}

    async def take(self, charges: Sequence[Charge]) -> list[Reading]:
        return self.count(charges)

    def count(self, charges: Sequence[Charge]) -> list[Reading]:
        """The same, at once."""
        now = self._clock()
        found = []
        for charge in charges:
            shards = self._tables.get(charge.rate)
            if shards is None:
                shards = self._tables[charge.rate] = [{} for _ in range(_SHARDS)]
            shard = shards[hash(charge.key) % _SHARDS]
            found.append((charge, shard, shard.get(charge.key, now) - now))
        readings = [read(charge, ahead, False) for charge, _, ahead in found]
        if not all(each.fine for each in readings):
            return readings
        readings = []
        for charge, shard, ahead in found:
            reading = read(charge, ahead, True)
            readings.append(reading)
            if charge.key not in shard and len(shard) >= self._most:
                self._make_room(shard, now)
            shard[charge.key] = now + reading.reset
        return readings

    async def close(self) -> None:
        self._tables.clear()

    def __len__(self) -> int:
        return sum(len(shard) for shards in self._tables.values() for shard in shards)

    def _make_room(self, shard: dict[str, float], now: float) -> None:
        """Forget what is full again, or else the half that owes the least."""
        kept = {key: full for key, full in shard.items() if full > now}
        if len(kept) > self._most // 2:
            most = sorted(kept.items(), key=lambda each: each[1], reverse=True)
            kept = dict(most[: self._most // 2])
        shard.clear()
        shard.update(kept)
