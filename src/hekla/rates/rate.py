"""A rate, as an application or a setting says it: ``600/minute by address``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from hekla.errors import OperatorError

__all__ = ["Part", "Rate", "rates_of"]

Part = Literal["actor", "address", "key", "tenant", "route"]
"""What tells those apart that are counted each by itself."""

_PARTS: Final = get_args(Part)
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SECONDS_OF_LETTER: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TEXT: Final = re.compile(
    r"(?P<count>\d+)\s*/\s*(?:(?P<word>second|minute|hour|day)|(?P<number>\d+)(?P<letter>[smhd]))"
    r"(?:\s+burst\s+(?P<burst>\d+))?"
    r"(?:\s+(?:by\s+(?P<by>[a-z]+(?:\s+and\s+[a-z]+)*)|(?P<together>in\s+all)))?",
)
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,64}")
_EXPECTED: Final = (
    'expected such as "100/minute", "20/10s burst 40 by actor", "600/minute by address and route" '
    'or "1000/second in all"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``count`` requests in ``period`` seconds; ``burst`` of them may come at once.

    ``by`` says who is counted apart: an ``actor`` (its address while nobody signed in), an
    ``address`` (an IPv6 network of 64 bits is one), an API ``key`` (else the actor), a ``tenant``,
    each ``route``, or several of those together; nothing: all share one count. ``methods`` are
    those that count, all by default. ``name`` is what clients are told.

    Raises OperatorError for a rate that cannot be.
    """

    count: int
    period: float
    burst: int = 0
    by: tuple[Part, ...] = ("actor",)
    methods: frozenset[str] | None = None
    name: str = ""
    interval: float = field(init=False, repr=False, compare=False)
    """Seconds between two requests that come evenly."""
    window: float = field(init=False, repr=False, compare=False)
    """Seconds after which all of ``burst`` is there again."""
    title: str = field(init=False, repr=False, compare=False)
    """What clients are told it is called: its name, or what it says."""
    # Asked for by each request that is counted.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 < self.period <= 366 * 86400 or self.burst < 0:
            raise OperatorError(
                f"a rate of {self.count} in {self.period:g} seconds cannot be: "
                "both have to be at least 1, and the time at most a year"
            )
        unknown = [part for part in self.by if part not in _PARTS]
        if unknown:
            raise OperatorError(
                f"a rate cannot go by {unknown[0]!r}; it can by {', '.join(_PARTS)}"
            )
        if self.name and not _NAME.fullmatch(self.name):
            raise OperatorError(f"{self.name!r} cannot be the name of a rate")
        burst = self.burst or self.count
        interval = self.period / self.count
        title = self.name or f"{self.count}-per-{self.period:g}s-{'-'.join(self.by) or 'all'}"
        fields: dict[str, object] = {
            "burst": burst,
            "interval": interval,
            "window": interval * burst,
            "title": title,
            "_hash": hash((self.count, self.period, burst, self.by, self.methods, self.name)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def parse(cls, text: str, **more: Any) -> Rate:
        """Read a rate; ``more`` are fields of it. Raises OperatorError."""
        found = _TEXT.fullmatch(text.strip().lower())
        if found is None:
            raise OperatorError(f"{text!r} is no rate; {_EXPECTED}")
        if found["word"]:
            period = _SECONDS[found["word"]]
        else:
            period = int(found["number"]) * _SECONDS_OF_LETTER[found["letter"]]
        fields: dict[str, Any] = {"count": int(found["count"]), "period": float(period)}
        if found["burst"]:
            fields["burst"] = int(found["burst"])
        if found["together"]:
            fields["by"] = ()
        elif found["by"]:
            fields["by"] = tuple(re.split(r"\s+and\s+", found["by"]))
        return cls(**{**fields, **more})

    def counts(self, method: str) -> bool:
        """Whether a request of this method counts."""
        return self.methods is None or method in self.methods


def rates_of(said: str | Rate | Iterable[str | Rate]) -> tuple[Rate, ...]:
    """One rate or several, as text or as they are. Raises OperatorError."""
    several = (said,) if isinstance(said, str | Rate) else said
    return tuple(each if isinstance(each, Rate) else Rate.parse(each) for each in several)
