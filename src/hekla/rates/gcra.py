"""The generic cell rate algorithm: one number for each count, and no window that can be gamed.

The number is the *theoretical arrival time*: when the bucket will be full again (ITU-T I.371,
annex A). A request moves it on by the interval of its rate; one that would move it further
ahead than the burst allows is refused and moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from hekla.rates.rate import Rate

__all__ = ["Charge", "Meter", "Reading", "read"]


class Charge(msgspec.Struct, frozen=True):
    """``cost`` requests, to be counted under ``key`` by ``rate``."""

    rate: Rate
    key: str
    cost: int = 1


class Reading(msgspec.Struct, frozen=True):
    """What a meter says of a charge.

    ``remaining`` requests may come at once, after ``reset`` seconds all are there again. Where
    it is not ``fine``, it may be tried again in ``retry`` seconds; None: however long one waits.
    """

    rate: Rate
    fine: bool
    remaining: int
    reset: float
    retry: float | None = 0.0


class Meter(Protocol):
    """Counts charges."""

    async def take(self, charges: Sequence[Charge]) -> list[Reading]:
        """Count all of the charges if every one is fine, else none of them."""

    async def close(self) -> None:
        """Let go of what is held."""


def read(charge: Charge, ahead: float, taken: bool) -> Reading:
    """The reading of a bucket that will be full in ``ahead`` seconds, before the charge.

    ``taken`` says whether the charge is counted, which it may not be for another's sake.
    """
    rate = charge.rate
    interval, window = rate.interval, rate.window
    # Never more than the whole: a clock that was set back must not shut anybody out.
    ahead = min(max(ahead, 0.0), window)
    after = ahead + interval * charge.cost
    fine = after <= window + interval * 1e-6
    if taken:
        ahead = min(after, window)
    remaining = max(0, int((window - ahead) / interval + 1e-6))
    if fine:
        return Reading(rate, True, remaining, ahead)
    retry = after - window if charge.cost <= rate.burst else None
    return Reading(rate, False, remaining, ahead, retry)
