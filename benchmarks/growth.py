"""Memory over time: samples, their slope, and whether it grows.

Judged is anonymous memory, which is what a process allocates. Resident memory also counts the
pages of a mapped database file, which belong to the system's cache and come with every new
page that is read.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.server import Server

SLOPE_LIMIT = 0.5
"""MB a minute."""
GROWTH_LIMIT = 4.0
"""MB over the samples that are judged."""


@dataclass
class Memory:
    """Samples of a server's memory: seconds, and bytes."""

    samples: list[tuple[float, int, int]] = field(default_factory=list)

    def add(self, seconds: float, anonymous: int, resident: int) -> None:
        """Keep one sample."""
        self.samples.append((seconds, anonymous, resident))

    @property
    def peak(self) -> float:
        """The most anonymous memory, in MB."""
        return max((sample[1] for sample in self.samples), default=0) / 1e6

    @property
    def peak_resident(self) -> float:
        """The most resident memory, in MB."""
        return max((sample[2] for sample in self.samples), default=0) / 1e6

    def judged(self) -> list[tuple[float, float]]:
        """Return minutes and MB of the samples after the first third, which is the warm-up."""
        later = self.samples[len(self.samples) // 3 :]
        return [(seconds / 60, anonymous / 1e6) for seconds, anonymous, _ in later]

    def slope(self) -> float:
        """Return MB a minute, by least squares over the samples that are judged."""
        points = self.judged()
        if len(points) < 2:
            return 0.0
        middle = sum(x for x, _ in points) / len(points)
        mean = sum(y for _, y in points) / len(points)
        spread = sum((x - middle) ** 2 for x, _ in points)
        if not spread:
            return 0.0
        return sum((x - middle) * (y - mean) for x, y in points) / spread

    def grows(self) -> bool:
        """Say whether the memory grows, by its slope and by what that makes in all."""
        points = self.judged()
        minutes = points[-1][0] - points[0][0] if points else 0.0
        slope = self.slope()
        return slope > SLOPE_LIMIT and slope * minutes > GROWTH_LIMIT

    def summary(self) -> str:
        """Return slope and peaks as text."""
        return (
            f"slope {self.slope():+.2f} MB/min, peak {self.peak:.1f} MB"
            f" (resident {self.peak_resident:.1f} MB)"
        )


@contextmanager
def watch(server: Server, memory: Memory, interval: float) -> Iterator[None]:
    """Sample the server's memory every `interval` seconds until the block ends."""
    stop = threading.Event()
    began = time.monotonic()

    def sample() -> None:
        while True:
            anonymous, resident = server.anonymous_and_resident_bytes()
            memory.add(time.monotonic() - began, anonymous, resident)
            if stop.wait(interval):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
