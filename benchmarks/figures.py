"""What was measured: figures of each window, and their medians."""

from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figures:
    """One timed window of one app and operation, or the median of several."""

    requests_per_second: float
    cpu_microseconds: float
    """CPU time of the whole process tree of the server, for each request."""
    p50_milliseconds: float
    p99_milliseconds: float
    peak_megabytes: float


class Results:
    """The windows of a whole run, by app and operation."""

    def __init__(self) -> None:
        self._windows: defaultdict[tuple[str, str], list[Figures]] = defaultdict(list)

    def add(self, app: str, operation: str, figures: Figures) -> None:
        """Keep one window."""
        self._windows[app, operation].append(figures)

    def median(self, app: str, operation: str) -> Figures | None:
        """Return the median of each figure (of memory: the most), or None without windows."""
        windows = self._windows.get((app, operation))
        if not windows:
            return None
        values = {
            field.name: median(getattr(window, field.name) for window in windows)
            for field in fields(Figures)
        }
        values["peak_megabytes"] = max(window.peak_megabytes for window in windows)
        return Figures(**values)

    def as_json(self) -> dict[str, Any]:
        """Return all windows, by app and operation."""
        out: dict[str, Any] = {}
        for (app, operation), windows in self._windows.items():
            out.setdefault(app, {})[operation] = [asdict(window) for window in windows]
        return out


@dataclass(frozen=True)
class Ratio:
    """How many times as well one app does as another."""

    throughput: float
    """Requests a second, divided by the other's."""
    cpu: float
    """The other's CPU time a request, divided by this one's: more is better here too."""


def ratio(this: Figures, other: Figures) -> Ratio:
    """Return how many times as well `this` does as `other`."""
    return Ratio(
        this.requests_per_second / other.requests_per_second,
        other.cpu_microseconds / this.cpu_microseconds,
    )
