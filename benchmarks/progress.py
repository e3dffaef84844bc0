"""A progress bar on standard error."""

import sys
import time
from types import TracebackType


class Progress:
    """A bar of a known number of steps, each with a text; silent when not on a terminal."""

    WIDTH = 30

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.done = 0
        self.started = time.monotonic()
        self.shown = sys.stderr.isatty()

    def step(self, text: str) -> None:
        """Say that the next step begins."""
        share = min(1.0, self.done / self.steps)
        self.done += 1
        if self.shown:
            bar = ("#" * round(share * self.WIDTH)).ljust(self.WIDTH, ".")
            elapsed = time.monotonic() - self.started
            line = f"[{bar}] {share:4.0%} {elapsed:4.0f} s  {text}"
            sys.stderr.write(f"\r{line:<100.100}")
            sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.shown:
            sys.stderr.write("\r" + " " * 100 + "\r")
