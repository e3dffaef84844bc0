"""ISO 8601 durations of days, hours, minutes and seconds, to and from a timedelta."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

__all__ = ["EPOCH", "format_duration", "parse_duration"]

EPOCH: Final = datetime(1970, 1, 1)
"""What SQLAlchemy adds an interval to where the database has no intervals."""

_DURATION: Final = re.compile(
    r"(?P<sign>[+-])?P(?=[0-9T])(?:(?P<weeks>[0-9]{1,9})W)?(?:(?P<days>[0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,12})H)?(?:(?P<minutes>[0-9]{1,12})M)?"
    r"(?:(?P<seconds>[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,9}))?S)?)?",
    re.ASCII,
)


def format_duration(value: timedelta) -> str:
    """The one way to write ``value``: ``P1DT2H3.5S``, ``-PT0.000001S``, ``PT0S``."""
    sign = ""
    if value < timedelta(0):
        sign, value = "-", -value
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{value.days}D" if value.days else ""
    time = f"{hours}H" if hours else ""
    time += f"{minutes}M" if minutes else ""
    if value.microseconds:
        time += f"{seconds}.{value.microseconds:06d}".rstrip("0") + "S"
    elif seconds:
        time += f"{seconds}S"
    if time:
        text += f"T{time}"
    return f"{sign}P{text or 'T0S'}"


def parse_duration(text: str) -> timedelta:
    """The timedelta that ``text`` writes; ValueError if it is none.

    Years and months are refused: they have no fixed length.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            "must be an ISO 8601 duration of days, hours, minutes and seconds, such as P1DT2H3.5S"
        )
    parts = {name: int(match[name] or 0) for name in ("weeks", "days", "hours", "minutes")}
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    try:
        value = timedelta(**parts, seconds=int(match["seconds"] or 0), microseconds=int(fraction))
    except OverflowError:
        raise ValueError("is a longer duration than can be held") from None
    return -value if match["sign"] == "-" else value
