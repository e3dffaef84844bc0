"""Counting: the same of every meter, whatever it keeps its counts in."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hekla.errors import OperatorError
from hekla.rates.gcra import Charge
from hekla.rates.memory import MemoryMeter
from hekla.rates.rate import Rate
from hekla.rates.shared import RedisMeter
from tests.brokers import REDIS, redis_or_skip
from tests.servers import free_port

# On a busy machine Redis, or the test itself, may have to wait for its turn.
PATIENCE = 30.0


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


MONTH = 30 * 86_400


def per_month(count: int, burst: int = 0) -> Rate:
    """A rate by which nothing comes back while a test runs, however long that takes."""
    # A name of its own, since Redis outlives the test.
    return Rate(count=count, period=MONTH, burst=burst, name=f"test-{uuid.uuid4().hex}")


@pytest.fixture(params=["memory", "redis"])
async def meter(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield MemoryMeter()
        return
    redis_or_skip()
    made = RedisMeter(REDIS, patience=PATIENCE)
    yield made
    await made.close()


async def test_a_burst_and_then_no_more(meter: Any) -> None:
    """All of a burst may come at once; the next one waits for a thirtieth of the time."""
    rate = per_month(30, 3)
    told = [(await meter.take([Charge(rate, "k")]))[0] for _ in range(4)]
    assert [each.fine for each in told] == [True, True, True, False]
    assert [each.remaining for each in told] == [2, 1, 0, 0]
    assert told[3].retry == pytest.approx(86_400, abs=3600)
    # Somebody else has a count of their own.
    assert (await meter.take([Charge(rate, "other")]))[0].remaining == 2


async def test_all_of_several_are_counted_or_none(meter: Any) -> None:
    """What one rate refuses costs nothing by the others."""
    wide, narrow = per_month(100), per_month(1)
    both = [Charge(wide, "k"), Charge(narrow, "k")]
    assert [each.fine for each in await meter.take(both)] == [True, True]
    for _ in range(3):
        told = await meter.take(both)
        assert [each.fine for each in told] == [True, False]
        assert told[0].remaining == 99
    assert (await meter.take([Charge(wide, "k")]))[0].remaining == 98


async def test_a_cost_beyond_the_burst_is_never_fine(meter: Any) -> None:
    """No time to wait is told where waiting does not help, and nothing is counted."""
    rate = per_month(5)
    told = (await meter.take([Charge(rate, "k", 6)]))[0]
    assert (told.fine, told.retry, told.remaining) == (False, None, 5)
    assert (await meter.take([Charge(rate, "k", 5)]))[0].remaining == 0


async def test_together_they_get_no_more_than_one_after_the_other(meter: Any) -> None:
    """Of requests that come at the same moment exactly a burst is let in."""
    rate = per_month(10)
    told = await asyncio.gather(*(meter.take([Charge(rate, "k")]) for _ in range(40)))
    assert sum(each[0].fine for each in told) == 10


async def test_machines_share_what_is_in_redis() -> None:
    """Two processes with one Redis count as one."""
    redis_or_skip()
    rate = per_month(4)
    one, other = RedisMeter(REDIS, patience=PATIENCE), RedisMeter(REDIS, patience=PATIENCE)
    try:
        fine = [(await each.take([Charge(rate, "k")]))[0].fine for each in [one, other] * 3]
    finally:
        await one.close()
        await other.close()
    assert fine == [True] * 4 + [False] * 2


async def test_a_count_in_redis_goes_when_it_says_nothing_any_more() -> None:
    """A key expires when its bucket is full again, so that hostile keys do not pile up."""
    redis_or_skip()
    from redis import asyncio as redis

    rate = Rate(count=60, period=60, name=f"test-{uuid.uuid4().hex}")
    meter, client = RedisMeter(REDIS, patience=PATIENCE), redis.Redis.from_url(REDIS)
    try:
        await meter.take([Charge(rate, "k")])
        left = await client.pttl(f"hekla:rate:{rate.title}:k")
    finally:
        await meter.close()
        await client.aclose()
    # -2: it is gone already.
    assert left == -2 or 0 < left <= 1001


async def test_while_redis_is_down_each_process_counts(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is locked out, nobody is let in without bounds, and it is logged once."""
    clock = Clock()
    meter = RedisMeter(f"redis://:hush@127.0.0.1:{free_port()}/0", clock=clock)
    rate = per_month(3)
    with caplog.at_level(logging.WARNING, "hekla"):
        fine = []
        for _ in range(5):
            fine.append((await meter.take([Charge(rate, "k")]))[0].fine)
            clock.now += 2
    await meter.close()
    assert fine == [True] * 3 + [False] * 2
    assert caplog.text.count("Redis does not answer") == 1
    assert "hush" not in caplog.text


async def test_when_redis_is_back_it_counts_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a pause one request tries it; that is logged too."""
    redis_or_skip()
    clock = Clock()
    port = free_port()
    meter = RedisMeter(f"redis://127.0.0.1:{port}/0", clock=clock, patience=PATIENCE)
    rate = per_month(3)
    relays: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", 6379)
        relays.extend([writer, back])

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()

        await asyncio.gather(pump(reader, back), pump(there, writer))

    with caplog.at_level(logging.WARNING, "hekla"):
        await meter.take([Charge(rate, "k")])
        server = await asyncio.start_server(relay, "127.0.0.1", port)
        clock.now += 0.5
        # It is not asked yet.
        assert (await meter.take([Charge(rate, "k")]))[0].remaining == 1
        assert not relays
        clock.now += 1
        assert (await meter.take([Charge(rate, "k")]))[0].remaining == 2
    await meter.close()
    server.close()
    for writer in relays:
        writer.close()
    await server.wait_closed()
    await asyncio.sleep(0)
    assert "Redis answers again" in caplog.text


async def test_a_redis_that_hangs_is_one_that_is_down() -> None:
    """A server that takes connections and says nothing holds up nobody for long."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        meter = RedisMeter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        async with asyncio.timeout(20):
            told = await asyncio.gather(
                *(meter.take([Charge(per_month(2), "k")]) for _ in range(8))
            )
        await meter.close()
    assert all(each[0].fine for each in told)


def test_a_url_that_cannot_be_right() -> None:
    """It is said at the start, without the password that it may hold."""
    with pytest.raises(OperatorError) as caught:
        RedisMeter("http://:hush@host/")
    assert "hush" not in str(caught.value)


async def test_hostile_keys_take_no_more_memory_than_is_allowed() -> None:
    """Ever-new keys drive out each other, and not those who were shut out."""
    clock = Clock()
    meter = MemoryMeter(1600, clock)
    rate = Rate(count=10, period=3600)
    for _ in range(10):
        await meter.take([Charge(rate, "victim")])
    assert not (await meter.take([Charge(rate, "victim")]))[0].fine
    for number in range(50_000):
        await meter.take([Charge(rate, f"attacker-{number}")])
    assert len(meter) <= 1600
    assert not (await meter.take([Charge(rate, "victim")]))[0].fine


async def test_what_is_full_again_is_forgotten_first() -> None:
    """A count that says nothing any more makes room before one that does."""
    clock = Clock()
    meter = MemoryMeter(320, clock)
    rate = Rate(count=60, period=60)
    for number in range(1000):
        await meter.take([Charge(rate, f"old-{number}")])
    clock.now += 61
    await meter.take([Charge(rate, "now", 60)])
    for number in range(300):
        await meter.take([Charge(rate, f"new-{number}")])
    assert not (await meter.take([Charge(rate, "now")]))[0].fine


async def test_a_clock_that_is_set_back_shuts_nobody_out() -> None:
    """Whatever a clock does, nobody waits longer than for a whole burst."""
    clock = Clock()
    meter = MemoryMeter(clock=clock)
    rate = Rate(count=2, period=2)
    for _ in range(2):
        await meter.take([Charge(rate, "k")])
    clock.now -= 500
    told = (await meter.take([Charge(rate, "k")]))[0]
    assert told.retry is not None
    assert told.retry <= 1.01


@given(
    st.integers(1, 20),
    st.sampled_from([1, 7, 60, 3600]),
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 3)), max_size=40),
)
def test_it_counts_as_a_bucket_does(
    count: int, period: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    """A bucket that is filled drop by drop, in exact numbers, lets in the very same requests."""
    clock = Clock()
    clock.now = 0.0
    meter = MemoryMeter(clock=clock)
    rate = Rate(count=count, period=period, burst=burst)
    drops, at = Fraction(burst), Fraction(0)
    for eighths, cost in steps:
        # An eighth of a second is exact in both.
        clock.now += eighths / 8
        now = at + Fraction(eighths, 8)
        drops = min(Fraction(burst), drops + (now - at) * Fraction(count, period))
        at = now
        fine = drops >= cost
        if fine:
            drops -= cost
        told = meter.count([Charge(rate, "k", cost)])[0]
        assert told.fine == fine
        assert told.remaining == int(drops)
