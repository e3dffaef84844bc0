"""Moments as Hekla's own tables keep them: RFC 3339 in UTC, to the microsecond, as text.

In this form they sort as they follow each other, on every database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "later", "moment", "now", "parse_moment"]


def moment(at: datetime) -> str:
    """The text of a moment."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_moment(text: str) -> datetime:
    """The moment of a text that :func:`moment` made."""
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


class Clock:
    """What time it is; a test puts another in its place."""

    def __init__(self) -> None:
        # Asked for by each request of somebody who signed in: not through a method.
        self.time: Callable[[], float] = time.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)


def now(clock: Clock) -> str:
    """The text of this moment."""
    return moment(clock.now())


def later(clock: Clock, seconds: float) -> str:
    """The text of the moment that many seconds from now."""
    return moment(clock.now() + timedelta(seconds=seconds))
