"""Clients that write at once, each for itself and all to one counter, until the server is gone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace

from tests.faults.ledger import Ledger, Operation
from tests.faults.operations import COUNTER, count, draw
from tests.faults.wire import Reply, Unanswered, Wire

__all__ = ["Load"]


@dataclass
class Load:
    """The clients of one database; they outlive the servers. ``seen`` counts kinds by status.

    ``failing`` is set once the disk has failed: from then on the server may say so (5xx), and
    whether such a request was carried out nobody can know. ``refusals`` are statuses by which
    the server may refuse whatever it is asked; then nothing was carried out.
    """

    clients: int
    seed: int
    failing: bool = False
    refusals: frozenset[int] = frozenset()
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ledgers = [Ledger(number) for number in range(self.clients)]
        self._goal, self._reached = 0, asyncio.Event()
        self._draws = [random.Random(f"{self.seed} {number}") for number in range(self.clients)]

    async def reach(self, answers: int) -> None:
        """Return as soon as so many more answers have come."""
        self._goal, self._reached = self.seen.total() + answers, asyncio.Event()
        await self._reached.wait()

    async def run(self, port: int) -> None:
        """Write until no answer comes any more."""
        self.failing = False
        wires = [Wire(port) for _ in self.ledgers]
        try:
            async with asyncio.TaskGroup() as group:
                for wire, ledger, random_ in zip(wires, self.ledgers, self._draws, strict=True):
                    group.create_task(self._write(wire, ledger, random_))
        finally:
            for wire in wires:
                wire.close()

    async def _write(self, wire: Wire, ledger: Ledger, random_: random.Random) -> None:
        try:
            unfinished = ledger.again()
            if unfinished is not None and not await self._send(wire, ledger, *unfinished):
                return
            while True:
                operation = draw(ledger, random_)
                if random_.random() < 0.1:
                    read = await wire.ask("GET", COUNTER)
                    if self._is_broken(read):
                        return
                    operation = count(read.document["value"], read.headers["etag"])
                operation = replace(operation, once=random_.random() < 0.2)
                if not await self._send(wire, ledger, ledger.send(operation), operation):
                    return
        except Unanswered:
            return

    async def _send(self, wire: Wire, ledger: Ledger, mark: str, operation: Operation) -> bool:
        """Send a request; returns whether it was answered as by a server that works."""
        headers = {**operation.headers, "X-Request-Id": mark}
        if operation.once:
            headers["Idempotency-Key"] = f'"{mark}"'
        reply = await wire.ask(operation.method, operation.target, operation.document, headers)
        if self._is_broken(reply):
            return False
        ledger.settle(reply, self.refusals)
        self.seen[operation.name, reply.status] += 1
        if self.seen.total() >= self._goal:
            self._reached.set()
        return True

    def _is_broken(self, reply: Reply) -> bool:
        return self.failing and reply.status >= 500
