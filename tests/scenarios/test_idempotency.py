"""Idempotency keys: a request that is sent again gets the first answer, and does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Actor, Hekla, Settings, everyone
from tests.databases import NewUrl
from tests.scenarios.client import Answer, ask


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))


def make_app(url: str, **settings: float) -> Hekla:
    app = Hekla(url, settings=Settings(**settings))  # type: ignore[arg-type]
    app.resource(Task, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    return app


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = make_app(new_url())
    await app.startup()
    yield app
    await app.shutdown()


async def create(app: Hekla, key: str, title: str = "a", actor: Actor | None = None) -> Answer:
    headers = {"idempotency-key": key}
    document = {"title": title}
    return await ask(
        app, "/tasks", headers, method="POST", document=document, actor=actor or Actor()
    )


async def count(app: Hekla) -> int:
    return len((await ask(app, "/tasks")).json())


async def test_a_retried_request_gets_the_first_answer(app: Hekla) -> None:
    """Status, headers and body are those of the first answer, and there is one row."""
    first = await create(app, '"8e03978e-40d5"')
    again = await create(app, '"8e03978e-40d5"')
    assert (first.status, first.headers["location"]) == (201, "/tasks/1")
    assert again == first
    assert await count(app) == 1


async def test_two_at_once_are_one(app: Hekla) -> None:
    """Of many requests that arrive together with one key, one is done."""
    answers = await asyncio.gather(*(create(app, "k") for _ in range(20)))
    assert answers == [answers[0]] * 20
    assert await count(app) == 1


async def test_the_answer_is_known_after_a_restart(new_url: NewUrl) -> None:
    """Another process that opens the file later gives the first answer."""
    url = new_url()
    app = make_app(url)
    await app.startup()
    first = await create(app, "k")
    await app.shutdown()
    app = make_app(url)
    await app.startup()
    assert await create(app, "k") == first
    assert await count(app) == 1
    await app.shutdown()


async def test_another_request_under_the_key_is_refused(app: Hekla) -> None:
    """A key stands for one request: another body, or another address, is 422."""
    await create(app, "k", "a")
    other = await create(app, "k", "b")
    assert (other.status, other.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = await ask(
        app, "/tasks/1", {"idempotency-key": "k"}, method="PATCH", document={"title": "a"}
    )
    assert elsewhere.status == 422
    assert await count(app) == 1


async def test_a_key_belongs_to_whoever_sent_it(app: Hekla) -> None:
    """The same key of another user is another key."""
    for user in (1, 2, "1"):
        assert (await create(app, "k", actor=Actor(user))).status == 201
    assert await count(app) == 3


async def test_what_was_refused_is_tried_anew(app: Hekla) -> None:
    """A request that failed left no trace, so its key is free."""
    assert (await create(app, "k", "x" * 81)).status == 422
    assert (await create(app, "k", "x" * 80)).status == 201


async def test_updates_deletions_and_arrays_are_remembered_too(app: Hekla) -> None:
    """A second DELETE with the key is 204, not 404; a second array makes no rows."""
    key = {"idempotency-key": "k"}
    rows = [{"title": "a"}, {"title": "b"}]
    first = await ask(app, "/tasks", key, method="POST", document=rows)
    assert await ask(app, "/tasks", key, method="POST", document=rows) == first
    assert first.ids == [1, 2]
    for _ in range(2):
        gone = await ask(app, "/tasks/1", {"idempotency-key": "d"}, method="DELETE")
        assert gone.status == 204
    assert await count(app) == 1


async def test_a_key_expires(new_url: NewUrl) -> None:
    """After its time a key is free, and what was kept is deleted little by little."""
    app = make_app(new_url(), idempotency_seconds=0.05)
    await app.startup()
    for number in range(12):
        await create(app, f"k{number}")
    await asyncio.sleep(0.1)
    assert (await create(app, "k0", "another")).status == 201
    await create(app, "k1", "another")
    with app.session() as session:
        (kept,) = session.connection().exec_driver_sql("select count(*) from hekla_once").one()
    assert kept == 2
    await app.shutdown()


@pytest.mark.parametrize("key", ["", '""', '"é"', "x" * 256, 'a"b', '"a', "a b"])
async def test_what_is_no_key_is_refused(app: Hekla, key: str) -> None:
    """A key is a quoted string, or the same without quotes and spaces."""
    answer = await create(app, key)
    assert answer.status == 400
    assert answer.json()["errors"][0]["location"] == "header.idempotency-key"
    assert await count(app) == 0
