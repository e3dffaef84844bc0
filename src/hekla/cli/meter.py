"""How far an import or an export is, on one line of the standard error, if somebody looks on."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

__all__ = ["Meter"]

# Seconds between two changes of the line.
_PAUSE = 0.1


class Meter:
    """Counts rows: ``tasks: 12,300 of 50,000 rows, 41,000 rows/s, 0:01 left``."""

    def __init__(self, label: str, total: int | None = None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self._began = self._shown = time.monotonic()
        self._width = 0
        self._looks_on = sys.stderr.isatty()

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def begin(self, label: str, total: int | None = None) -> None:
        """Count something else from here on."""
        self.label, self.total, self.done = label, total, 0
        self._began = time.monotonic()

    def add(self, rows: int) -> None:
        """So many rows more are done."""
        self.reach(self.done + rows)

    def reach(self, done: int) -> None:
        """So many rows are done in all."""
        self.done = done
        now = time.monotonic()
        if self._looks_on and now - self._shown > _PAUSE:
            self._shown = now
            line = self._line(now - self._began)
            click.echo("\r" + line.ljust(self._width), err=True, nl=False)
            self._width = len(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0

    def _line(self, seconds: float) -> str:
        rate = self.done / max(seconds, 1e-9)
        of = "" if self.total is None else f" of {self.total:,}"
        line = f"{self.label}: {self.done:,}{of} rows, {rate:,.0f} rows/s"
        if self.total is not None and rate > 0:
            left = max(0, round((self.total - self.done) / rate))
            line += f", {left // 60}:{left % 60:02} left"
        return line
