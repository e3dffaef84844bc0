"""Rates of an application: declared in code, by settings, of a resource, in batches."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, OperatorError, Rate, Settings, everyone
from hekla.rates.shared import RedisMeter
from tests.brokers import REDIS, redis_or_skip
from tests.scenarios.client import ask


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@asynccontextmanager
async def served(
    declare: Callable[[Hekla], None] = lambda app: None,
    rate: Any = (),
    **settings: Any,
) -> AsyncIterator[Hekla]:
    app = Hekla("sqlite://", settings=Settings(**settings))
    app.resource(Task, read=everyone, write=everyone, rate_limit=rate)
    app.resource(Label, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    declare(app)
    await app.startup()
    try:
        yield app
    finally:
        await app.shutdown()


async def statuses(app: Hekla, *targets: str) -> list[int]:
    return [(await ask(app, target)).status for target in targets]


async def test_without_a_word_nobody_is_counted() -> None:
    """No rate, no field, and the application is asked without anything before it."""
    async with served() as app:
        answer = await ask(app, "/tasks")
        assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()
        assert app.parts.rates is None
        assert app.answer == app.parts.web.answer


async def test_a_rate_of_a_resource() -> None:
    """It bounds that resource, whoever else is asked for."""
    async with served(rate="2/day") as app:
        assert await statuses(app, "/tasks", "/tasks/1", "/tasks", "/labels", "/labels") == [
            200,
            404,
            429,
            200,
            200,
        ]
        answer = await ask(app, "/tasks")
        assert answer.json()["code"] == "rate_limited"
        assert 40_000 < int(answer.headers["retry-after"]) <= 43_200


async def test_rates_for_everything_by_setting_and_in_code() -> None:
    """Both hold; addresses that are nowhere count too."""
    async with served(rate_limits=("3/day by address",)) as app:
        assert await statuses(app, "/tasks", "/nothing", "/labels", "/tasks") == [
            200,
            404,
            200,
            429,
        ]
        assert await statuses(app, "/healthz", "/readyz") == [200, 200]
    async with served(lambda app: app.rate_limit("1/day by actor and route")) as app:
        assert await statuses(app, "/tasks", "/labels", "/tasks") == [200, 200, 429]


async def test_an_operation_of_a_batch_counts_as_a_request_of_its_own() -> None:
    """A batch is no way around the rate of a resource, and is refused as a whole."""
    create = {"method": "POST", "path": "/tasks", "body": {"title": "a"}}
    other = {"method": "POST", "path": "/labels", "body": {"name": "b"}}
    async with served(rate="3/day") as app:
        statuses = [
            (await ask(app, "/batch", method="POST", document=document)).status
            for document in ([create, create, other], [create, create], [other], [create] * 4)
        ]
        assert statuses == [200, 429, 200, 429]
        answer = await ask(app, "/labels?fields=name")
        assert len(answer.json()) == 2


async def test_an_operation_whose_resource_is_a_reference_is_refused() -> None:
    """It could not be counted for the resource that it turns out to be about."""
    named = {"method": "POST", "path": "/labels", "body": {"name": "tasks"}}
    hidden = {"method": "POST", "path": "/$0.name", "body": {"title": "a"}}
    async with served(rate="1/day") as app:
        answer = await ask(app, "/batch", method="POST", document=[named, hidden])
        assert answer.status in (400, 404, 422)
        assert (await ask(app, "/labels")).json() == []


async def test_a_rate_of_a_route_that_is_no_resource() -> None:
    """By the first segment of its address."""
    only_posts = Rate.parse("1/day", methods=frozenset({"POST"}))
    async with served(lambda app: app.rate_limit(only_posts, route="/batch")) as app:
        answers = [await ask(app, "/batch", method="POST", document=[]) for _ in range(2)]
        assert answers[0].status != 429
        assert answers[1].status == 429


async def test_machines_share_their_rates_through_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two applications with one Redis let in what one would."""
    redis_or_skip()
    # On a busy machine it may take its time.
    monkeypatch.setattr("hekla.app.RedisMeter", partial(RedisMeter, patience=30))
    rate = Rate.parse("2/day in all", name=f"test-{uuid.uuid4().hex}")
    async with (
        served(rate=rate, redis_url=REDIS) as one,
        served(rate=rate, redis_url=REDIS) as other,
    ):
        found = [(await ask(app, "/tasks")).status for app in (one, other, one, other)]
    assert found == [200, 200, 429, 429]


def test_a_rate_for_what_is_not_there() -> None:
    """It would bound nothing, so it is said at the start."""
    app = Hekla("sqlite://")
    app.resource(Task)
    app.rate_limit("1/second", route="task")
    with pytest.raises(OperatorError, match="'task', which is no route"):
        app.prepare()


def test_a_rate_that_cannot_be_read() -> None:
    """In code as in a setting."""
    app = Hekla("sqlite://")
    with pytest.raises(OperatorError, match="is no rate"):
        app.resource(Task, rate_limit="often")
    with pytest.raises(OperatorError, match="is no rate"):
        Hekla("sqlite://", settings=Settings(rate_limits=("seldom",)))
