"""Work that ends with the client it is done for."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable

import pytest

from hekla.server import departure as subject
from hekla.server.departure import attend, watching
from hekla.web.request import ClientLeft


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch after a hundredth of a second instead of a quarter."""
    monkeypatch.setattr(subject, "GRACE", 0.01)


class Client:
    """A client that leaves after some seconds, or never; it knows whether it was watched."""

    def __init__(self, leaves: float | None = None) -> None:
        self.leaves = leaves
        self.watched = 0
        self.watching = 0

    @property
    def departure(self) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            self.watched += 1
            self.watching += 1
            try:
                await asyncio.sleep(100 if self.leaves is None else self.leaves)
            finally:
                self.watching -= 1

        return wait


async def test_work_that_never_waits_is_not_watched() -> None:
    """An answer that is there at once costs no watch."""

    async def work() -> int:
        return 7

    client = Client()
    assert await attend(work(), client.departure) == 7
    assert client.watched == 0


async def test_work_that_waits_is_watched_until_it_is_done() -> None:
    """A result comes back whatever it waited for, and the watch ends with the work."""

    async def work() -> int:
        total = 0
        for number in range(3):
            total += await asyncio.sleep(0.02, number)
            total += await asyncio.to_thread(int, "10")
            await asyncio.sleep(0)
        return total

    client = Client()
    assert await attend(work(), client.departure) == 33
    await asyncio.sleep(0)
    assert (client.watched, client.watching) == (1, 0)


@pytest.mark.parametrize("ends", ["work", "block"])
async def test_who_was_watched_is_let_go(ends: str) -> None:
    """The request is freed with its watch, not when garbage is collected.

    A server may close the connection only then (Granian, when a body was not read to its end).
    """

    async def work() -> None:
        await asyncio.sleep(0.05)

    client = Client()
    freed = weakref.ref(client)
    gc.collect()
    gc.disable()
    try:
        if ends == "work":
            await attend(work(), client.departure)
        else:
            async with watching(client.departure):
                await work()
        del client
        for _ in range(3):
            await asyncio.sleep(0)
        assert freed() is None
    finally:
        gc.enable()


async def test_a_departure_ends_the_work() -> None:
    """The work is cancelled where it waits, can clean up, and its task lives on."""
    trace: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            trace.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0.01)
            trace.append("cleaned up")

    with pytest.raises(ClientLeft):
        await attend(work(), Client(leaves=0.02).departure)
    assert trace == ["cancelled", "cleaned up"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_an_exception_of_the_work_comes_through() -> None:
    """What the work raises is raised, before its first wait and after it."""
    for waits in (0, 2):

        async def work(waits: int = waits) -> None:
            for _ in range(waits):
                await asyncio.sleep(0)
            raise ZeroDivisionError

        client = Client()
        with pytest.raises(ZeroDivisionError):
            await attend(work(), client.departure)
        await asyncio.sleep(0)
        assert client.watching == 0


async def test_a_cancellation_by_others_is_not_a_departure() -> None:
    """A server that shuts down cancels the task: that stays a cancellation."""
    task = asyncio.ensure_future(attend(asyncio.sleep(10), Client().departure))
    await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_limit_of_time_within_the_work_holds() -> None:
    """Work that is driven by hand still knows its task: timeouts work in it."""

    async def work() -> str:
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(10)
        except TimeoutError:
            return "timed out"
        return "not timed out"

    assert await attend(work(), Client().departure) == "timed out"


async def test_a_block_is_watched_from_its_beginning() -> None:
    """A stream is watched at once; without a departure the block ends as any other."""
    async with watching(Client().departure):
        await asyncio.sleep(0.01)
    with pytest.raises(ClientLeft):
        async with watching(Client(leaves=0).departure):
            await asyncio.sleep(10)
