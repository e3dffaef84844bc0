"""The watch over statements on the event loop: what it interrupts, and what it lets be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from hekla.store.watch import Watch

BUDGET = 0.02
# A busy machine may take its time; what never happens is waited for this long.
LONG = 20.0


class Work:
    """Something that runs on this thread and may be interrupted from another."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self.watch = Watch(BUDGET, self.interrupted.set)

    def run(self, seconds: float, *, busy: bool) -> bool:
        """Be one statement that works, or only waits, for so long; True if it was interrupted."""
        self.interrupted.clear()
        if self.watch.asleep:
            self.watch.wake()
        self.watch.count += 1
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not self.interrupted.is_set():
            if not busy:
                self.interrupted.wait(0.001)
        self.watch.count += 1
        return self.interrupted.is_set()


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.watch.close()


@pytest.mark.parametrize("busy", [True, False])
def test_what_takes_too_long_is_interrupted(work: Work, busy: bool) -> None:
    """Whether it works or waits for the disk, and also the next time."""
    for _ in range(2):
        began = time.perf_counter()
        assert work.run(LONG, busy=busy)
        assert time.perf_counter() - began < LONG / 2


def test_short_statements_are_let_be_however_many_there_are(work: Work) -> None:
    """What counts is how long one of them takes, not all of them together."""
    assert not any(work.run(BUDGET / 50, busy=False) for _ in range(200))


def test_it_sleeps_while_there_is_nothing_and_wakes_for_a_statement(work: Work) -> None:
    """Nobody looks at an idle connection, and the first long statement after that is seen."""
    end = time.monotonic() + LONG
    while not work.watch.asleep and time.monotonic() < end:
        time.sleep(BUDGET)
    assert work.watch.asleep
    assert work.run(LONG, busy=True)
    assert not work.watch.asleep


def test_closing_ends_its_thread() -> None:
    """Asleep or awake, the thread is gone when ``close`` returns."""
    before = threading.active_count()
    work = Work()
    assert threading.active_count() == before + 1
    work.watch.close()
    assert threading.active_count() == before
