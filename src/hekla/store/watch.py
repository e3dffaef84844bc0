"""Watching statements on the event loop: one that works for too long is interrupted.

A handler that SQLite calls every so many steps would do as well, but each call has to take
Python's lock from the thread that talks to the clients, in the middle of a statement. A look from
another thread now and then costs the statements nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

__all__ = ["Watch"]

# How many times its budget of work a statement may take on the clock.
_PATIENCE = 4
# Looks without a statement after which nobody looks until there is one again.
_IDLE_LOOKS = 100


class Watch:
    """Interrupts what runs on one thread, statement by statement, when it is over its budget.

    Whoever runs a statement adds 1 to ``count`` before it and after it, so that it is odd while
    one runs, and calls :meth:`wake` if ``asleep``. What a statement works is measured, so that a
    busy machine does not make short ones look long; but it may not take long on the clock either,
    as when the disk lets it wait. It is interrupted after one to two budgets of work.
    """

    def __init__(self, budget: float, interrupt: Callable[[], None]) -> None:
        self.count = 0
        self.asleep = False
        self._budget = budget
        self._interrupt = interrupt
        self._ended = False
        self._wake = threading.Event()
        self._worked = _clock_of_thread()
        self._thread = threading.Thread(target=self._look_on, name="hekla-watch", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look on again: there is a statement."""
        self.asleep = False
        self._wake.set()

    def close(self) -> None:
        """End the thread; nothing is interrupted any more."""
        self._ended = True
        self._wake.set()
        self._thread.join()

    def _look_on(self) -> None:
        seen, idle = -1, 0
        worked = began = 0.0
        while not self._ended:
            time.sleep(self._budget)
            count = self.count
            if count % 2 and count == seen:
                over = (
                    self._worked() - worked >= self._budget
                    or time.perf_counter() - began >= _PATIENCE * self._budget
                )
                # One that ended since, and another that began, must not be taken for it.
                if over and self.count == count and not self._ended:
                    self._interrupt()
            elif count % 2:
                worked, began = self._worked(), time.perf_counter()
            idle = idle + 1 if count == seen and count % 2 == 0 else 0
            seen = count
            if idle >= _IDLE_LOOKS:
                self._sleep(count)
                idle = 0

    def _sleep(self, count: int) -> None:
        self._wake.clear()
        self.asleep = True
        # One that began just before had no reason to wake anybody.
        if self.count == count and not self._ended:
            self._wake.wait()
        self.asleep = False


def _clock_of_thread() -> Callable[[], float]:
    """The processor time, in seconds, that the calling thread has used, to be read by others.

    Where a system does not tell that, the clock counts.
    """
    with contextlib.suppress(AttributeError, OSError):
        clock = time.pthread_getcpuclockid(threading.get_ident())
        return lambda: time.clock_gettime(clock)
    return time.perf_counter
