"""Runs random questions against a real application: one loop, one folder, bounded examples."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from hekla import Hekla
from hekla.actor import Actor
from hekla.settings import Settings
from hekla.web.request import Request
from tests.property.rules import Data
from tests.property.strategies import World

__all__ = ["APP_SETTINGS", "Reply", "Running", "examples", "running"]

SOAK = os.environ.get("HEKLA_SOAK", "") not in ("", "0")

APP_SETTINGS = Settings(secret="the same for all", default_page_size=1000)

# What becomes of the files does not matter: where there is one, a folder that is no disk.
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# Under its own name this makes most examples by changing the one before a little, which leaves
# the database as it was; what goes by another name is asked for each example anew.
AVAILABLE_PROVIDERS["independent"] = HypothesisProvider

_R = TypeVar("_R")


def examples(count: int) -> settings:
    """``count`` examples, the same every time; with ``HEKLA_SOAK=1`` many more, at random."""
    return settings(
        max_examples=count * int(os.environ.get("HEKLA_SOAK_FACTOR", "20")) if SOAK else count,
        derandomize=not SOAK,
        backend="independent",
        database=None,
        deadline=None,
        print_blob=SOAK,
        report_multiple_bugs=SOAK,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


class Running:
    """An application over a database of its own, with a loop to ask it on."""

    def __init__(self, app: Hekla, runner: asyncio.Runner) -> None:
        self.app = app
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, _R]) -> _R:
        return self._runner.run(work)

    def get(self, url: str, actor: Actor, accept: str = "", **headers: str) -> Reply:
        """The answer to ``GET url``, with the body read to its end."""
        path, _, query = url.partition("?")
        given = {"x-request-id": "r", **headers} | ({"accept": accept} if accept else {})
        request = Request("GET", path, query, list(given.items()), actor=actor)

        async def answer() -> Reply:
            response = await self.app.handle(request)
            body = response.body
            if not isinstance(body, bytes):
                body = b"".join([piece async for piece in body])
            return Reply(response.status, response.headers, body)

        return self.run(answer())

    def write(self, statement: sa.Insert | sa.Delete) -> None:
        """Run a statement that changes rows; references may lead nowhere."""
        with self.app.sessions.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = off")
            connection.execute(statement)
            connection.commit()


class Reply:
    """What came back over HTTP."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.pairs = headers
        self.headers = dict(headers)
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def running(world: World, data: Data | None = None, **options: Any) -> Iterator[Running]:
    """The application of ``world`` (over other ``data``), started, and gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="hekla-", dir=FOLDER) as folder,
        asyncio.Runner() as runner,
    ):
        app = world.model.app(f"sqlite:///{Path(folder) / 'data.db'}", APP_SETTINGS, **options)
        world.model.fill(app, world.data if data is None else data)
        runner.run(app.startup())
        try:
            yield Running(app, runner)
        finally:
            runner.run(app.shutdown())
