"""A server under load that falls at a random moment, again and again, on the same database."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults.evidence import Evidence
from tests.faults.load import Load
from tests.faults.operations import NAMES
from tests.faults.served import Served, served
from tests.faults.wire import Wire

__all__ = ["SOAK", "Ordeal", "Siege"]

SOAK = os.environ.get("HEKLA_SOAK", "") not in ("", "0")

_CLIENTS = 16
# How many answers there are between two falls, and then how many seconds more.
_ANSWERS = (20, 300)
_SECONDS = (0.0, 0.01)
# Seconds in which that many answers come on the slowest of machines.
_PATIENCE = 60

Ordeal = Callable[[Load], Awaitable[None]]


class Siege:
    """The database ``file``, what writes to it, and what is found in it after each fall."""

    def __init__(self, file: Path, log: Path, seed: int, workers: int = 1) -> None:
        # What soaks is never the same twice.
        seed = random.SystemRandom().randrange(1 << 32) if SOAK else seed
        self.draw = random.Random(seed)
        self.load = Load(_CLIENTS, seed)
        self.evidence = Evidence(file)
        self.log = log
        self._workers = workers
        self._begun = False

    def fall(self, end: Callable[[Served], None], during: Ordeal | None = None) -> None:
        """Serve under load until a random moment, then ``end`` it, which has to kill the server.

        ``during`` is what happens to the server meanwhile, under load.
        """
        with served(self.evidence.path, self.log, self._workers) as server:
            asyncio.run(self._write_until(server, end, during))

    def examine(self) -> None:
        """Fail unless the file holds all that was answered, and nothing that was refused."""
        self.evidence.examine(self.load)

    def has_seen_everything(self) -> bool:
        """Whether operations of every kind were answered."""
        return {name for name, _ in self.load.seen} == NAMES

    async def _write_until(
        self, server: Served, end: Callable[[Served], None], during: Ordeal | None
    ) -> None:
        if not self._begun:
            await _make_counter(server.port)
            self._begun = True
        writing = asyncio.create_task(self.load.run(server.port))
        living = asyncio.create_task(self._live(during))
        done, _ = await asyncio.wait(
            [writing, living], timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        await asyncio.sleep(self.draw.uniform(*_SECONDS))
        end(server)
        living.cancel()
        await writing
        assert living in done, f"the clients got no answers any more:\n{server.output}"
        living.result()

    async def _live(self, during: Ordeal | None) -> None:
        if during is not None:
            await during(self.load)
        await self.load.reach(self.draw.randint(*_ANSWERS))


async def _make_counter(port: int) -> None:
    """The row that all clients write to."""
    wire = Wire(port)
    reply = await wire.ask("POST", "/counters", {"value": 0}, {"X-Request-Id": "first"})
    assert (reply.status, reply.document) == (201, {"id": 1, "value": 0})
    wire.close()
