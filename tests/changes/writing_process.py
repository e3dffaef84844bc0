"""A process that writes rows through an app of its own: ``PLACE NAME ROWS``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hekla import Actor
from tests.changes.application import make
from tests.scenarios.client import ask


async def write(place: Path, name: str, rows: int) -> None:
    app = make(place)
    await app.startup()
    actor = Actor(name)

    async def one(number: int) -> None:
        document = {"word": f"{name}-{number}", "times": number}
        while True:
            answer = await ask(app, "/words", method="POST", actor=actor, document=document)
            if answer.status != 503:
                break
        assert answer.status == 201, answer.body

    for start in range(0, rows, 5):
        # In order, and several at a time: they share commits.
        await asyncio.gather(*(one(number) for number in range(start, start + 5)))
    await app.shutdown()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
