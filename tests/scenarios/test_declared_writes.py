"""What a declaration says of writing: stamps, versions, soft deletion, what is written once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Actor, Hekla, everyone
from tests.databases import NewUrl
from tests.scenarios.client import Answer, ask


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    text: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(DateTime(True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(True))
    made_by: Mapped[int | None]
    changed_by: Mapped[int | None]
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(True))
    version: Mapped[int]


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = Hekla(new_url())
    app.resource(
        Page,
        read=everyone,
        write=everyone,
        write_once=["slug"],
        created="made_at",
        updated="changed_at",
        created_by="made_by",
        updated_by="changed_by",
        soft_delete="deleted_at",
        version="version",
    )
    app.on_startup(app.create_tables)
    await app.startup()
    yield app
    await app.shutdown()


async def send(
    app: Hekla, method: str, target: str, document: Any = ..., user: int | None = None, **more: Any
) -> Answer:
    return await ask(app, target, method=method, document=document, actor=Actor(user), **more)


async def test_stamps_say_when_and_by_whom(app: Hekla) -> None:
    """A new row has both stamps alike; a change renews those of the change only."""
    began = datetime.now(UTC)
    made = (await send(app, "POST", "/pages", {"slug": "a"}, 7)).json()
    assert made["made_at"] == made["changed_at"]
    assert timedelta(0) <= datetime.fromisoformat(made["made_at"]) - began < timedelta(seconds=30)
    assert (made["made_by"], made["changed_by"], made["version"]) == (7, 7, 1)
    changed = (await send(app, "PATCH", "/pages/1", {"text": "x"}, 8)).json()
    assert changed["made_at"] == made["made_at"]
    assert changed["changed_at"] > made["changed_at"]
    assert (changed["made_by"], changed["changed_by"], changed["version"]) == (7, 8, 2)


@pytest.mark.parametrize("name", ["made_at", "changed_at", "made_by", "changed_by"])
async def test_stamps_are_not_written_by_requests(app: Hekla, name: str) -> None:
    """A stamp in a document is refused, with its place."""
    value = 1 if name.endswith("by") else "2026-01-01T00:00:00Z"
    answer = await send(app, "POST", "/pages", {"slug": "a", name: value})
    assert answer.status == 422
    assert answer.json()["errors"] == [{"location": f"/{name}", "message": "is read-only"}]


async def test_a_lost_update_is_refused_by_its_version(app: Hekla) -> None:
    """Of two changes of one version the second is 412; without a version the last one wins."""
    await send(app, "POST", "/pages", {"slug": "a"})
    first = await send(app, "PATCH", "/pages/1", {"text": "one", "version": 1})
    second = await send(app, "PATCH", "/pages/1", {"text": "two", "version": 1})
    assert (first.status, first.json()["version"]) == (200, 2)
    assert (second.status, second.json()["code"]) == (412, "precondition_failed")
    replaced = await send(app, "PUT", "/pages/1", {"slug": "a", "text": "three", "version": 1})
    assert replaced.status == 412
    assert (await send(app, "PATCH", "/pages/1", {"text": "four"})).json()["version"] == 3
    assert (await send(app, "GET", "/pages/1")).json()["text"] == "four"


async def test_of_eight_racing_writers_one_wins(app: Hekla) -> None:
    """All read the same state and write with If-Match: one is answered 200, seven 412."""
    await send(app, "POST", "/pages", {"slug": "a"})
    tag = (await send(app, "GET", "/pages/1")).headers["etag"]
    answers = await asyncio.gather(
        *(
            send(app, "PATCH", "/pages/1", {"text": str(n)}, headers={"if-match": tag})
            for n in range(8)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    (winner,) = [answer.json() for answer in answers if answer.status == 200]
    assert (await send(app, "GET", "/pages/1")).json() == winner
    tag = (await send(app, "GET", "/pages/1")).headers["etag"]
    assert tag == next(a.headers["etag"] for a in answers if a.status == 200)
    gone = await send(app, "DELETE", "/pages/1", headers={"if-match": '"other"'})
    assert gone.status == 412
    assert (await send(app, "DELETE", "/pages/1", headers={"if-match": tag})).status == 204


async def test_what_is_written_once_stays(app: Hekla) -> None:
    """A slug is given with the new row, and refused or left alone ever after."""
    await send(app, "POST", "/pages", {"slug": "a"})
    assert (await send(app, "PATCH", "/pages/1", {"slug": "b"})).status == 422
    assert (await send(app, "PUT", "/pages/1", {"slug": "b"})).status == 422
    same = await send(app, "PUT", "/pages/1", {"slug": "a", "text": "x"})
    assert (same.status, same.json()["text"]) == (200, "x")
    upserted = await send(app, "PUT", "/pages?slug=a", {"text": "y"})
    assert (upserted.status, upserted.json()["slug"]) == (200, "a")


async def test_a_row_that_was_deleted_softly_is_gone_for_everybody(app: Hekla) -> None:
    """It is in no list, at no address and in no count, but still in the table."""
    for slug in ("a", "b"):
        await send(app, "POST", "/pages", {"slug": slug})
    assert (await send(app, "DELETE", "/pages/1", user=9)).status == 204
    assert (await send(app, "GET", "/pages/1")).status == 404
    assert (await send(app, "DELETE", "/pages/1")).status == 404
    assert (await send(app, "PATCH", "/pages/1", {"text": "x"})).status == 404
    listed = await send(app, "GET", "/pages?count=exact")
    assert (listed.ids, listed.headers["x-total-count"]) == ([2], "1")
    assert (await send(app, "GET", "/pages/aggregate?count")).json() == [{"count": 1}]
    with app.session() as session:
        page = session.get_one(Page, 1)
        assert page.deleted_at is not None
        assert (page.slug, page.changed_by) == ("a", 9)


async def test_minimal_answers(app: Hekla) -> None:
    """With ``Prefer: return=minimal`` no body is sent, but where the row is and its tag are."""
    headers = {"prefer": "return=minimal"}
    made = await send(app, "POST", "/pages", {"slug": "a"}, headers=headers)
    assert (made.status, made.body, made.headers["location"]) == (201, b"", "/pages/1")
    assert made.headers["preference-applied"] == "return=minimal"
    changed = await send(app, "PATCH", "/pages/1", {"text": "x"}, headers=headers)
    assert (changed.status, changed.body) == (204, b"")
    assert changed.headers["etag"] == (await send(app, "GET", "/pages/1")).headers["etag"]
