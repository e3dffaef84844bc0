"""The header fields that tell a client about its rates.

``RateLimit-Policy`` and ``RateLimit`` as in draft-ietf-httpapi-ratelimit-headers-10: lists of
structured fields (RFC 9651), an item for each rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hekla.rates.gcra import Reading

__all__ = ["retry_after", "told"]


def told(readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """``ratelimit-policy`` and ``ratelimit``; nothing where there is no reading."""
    if not readings:
        return []
    policies = ", ".join(
        f'"{each.rate.title}";q={each.rate.burst};w={max(1, ceil(each.rate.window))}'
        for each in readings
    )
    limits = ", ".join(
        f'"{each.rate.title}";r={each.remaining};t={ceil(each.reset if each.fine else _wait(each))}'
        for each in readings
    )
    return [("ratelimit-policy", policies), ("ratelimit", limits)]


def retry_after(readings: Sequence[Reading]) -> int:
    """Whole seconds after which a client may try again, for ``Retry-After``."""
    return max(1, *(ceil(_wait(each)) for each in readings if not each.fine), 1)


def _wait(reading: Reading) -> float:
    return reading.reset if reading.retry is None else reading.retry
