"""Nested writes of resources with hooks, validators, stamps, versions and soft deletion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Actor, Hekla, everyone
from hekla.writing.hooks import Event
from tests.databases import NewUrl
from tests.faces.rest.workshop import Send, sender


class Base(DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey(Shelf.id))
    made_by: Mapped[int | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    made: Mapped[datetime] = mapped_column(server_default=func.now())


class Note(Base):
    """Refers to a book as far as the model knows, and the database does not."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    about_id: Mapped[int | None]
    about: Mapped[Book | None] = relationship(
        primaryjoin=lambda: Note.about_id == Book.id, foreign_keys=lambda: [Note.about_id]
    )


def has_a_place(row: Mapping[str, Any]) -> None:
    if row["shelf_id"] is None and row["title"] != "loose":
        raise ValueError("a book stands on a shelf")


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = Hekla(new_url())
    app.resource(Shelf, read=everyone, write=everyone, version="version")
    app.resource(
        Book,
        read=everyone,
        write=everyone,
        version="version",
        soft_delete="deleted_at",
        created_by="made_by",
        validate=has_a_place,
    )
    app.resource(Note, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    yield app
    await app.shutdown()


@pytest.fixture
def send(app: Hekla) -> Send:
    return sender(app)


def places(answer: Any) -> list[str]:
    return [fault["location"] for fault in answer.json()["errors"]]


async def test_validators_see_what_a_row_has_from_where_it_is_written(
    app: Hekla, send: Send
) -> None:
    """A book on a new shelf, and a shelf with a new book: the book stands on it either way."""
    await app.startup()
    inside = await send("POST", "/shelves", {"name": "s", "books": [{"title": "a"}]})
    assert inside.status == 201
    outside = await send("POST", "/books", {"title": "b", "shelf": {"name": "t"}})
    assert (outside.status, outside.json()["shelf_id"]) == (201, 2)
    alone = await send("POST", "/books", {"title": "c"})
    assert alone.status == 422
    nowhere = await send("POST", "/shelves", {"name": "u", "books": [{"title": "c"}, {"titel": 1}]})
    assert sorted(places(nowhere)) == ["/books/1/titel", "/books/1/title"]
    taken = await send("PATCH", "/shelves/1", {"books": []})
    assert (taken.status, places(taken)) == (422, ["/books"])
    assert (await send("GET", "/shelves/1?fields=name&include=books(fields:title)")).json() == {
        "name": "s",
        "books": [{"title": "a"}],
    }


async def test_nested_rows_are_stamped_counted_and_merged(app: Hekla, send: Send) -> None:
    """Who wrote, the version, and a merge patch of a JSON column, as for a row by itself."""
    await app.startup()
    made = await send(
        "POST",
        "/shelves?fields=version&include=books(fields:(id,made_by,version,extra))",
        {"name": "s", "books": [{"title": "a", "extra": {"x": 1, "y": 2}}]},
        actor=Actor(7),
    )
    assert made.json() == {
        "version": 1,
        "books": [{"id": 1, "made_by": 7, "version": 1, "extra": {"x": 1, "y": 2}}],
    }
    changed = await send(
        "PATCH",
        "/shelves/1?fields=version&include=books(fields:(version,extra))",
        {"books": [{"id": 1, "extra": {"x": None}}]},
    )
    # The shelf itself was not changed.
    assert changed.json() == {"version": 1, "books": [{"version": 2, "extra": {"y": 2}}]}


async def test_a_nested_row_may_say_at_which_version_it_was_read(app: Hekla, send: Send) -> None:
    """An old one fails the whole write, with its place."""
    await app.startup()
    await send("POST", "/shelves", {"name": "s", "books": [{"title": "a"}]})
    good = await send("PATCH", "/shelves/1", {"books": [{"id": 1, "title": "b", "version": 1}]})
    assert good.status == 200
    bad = await send(
        "PATCH", "/shelves/1", {"name": "t", "books": [{"id": 1, "title": "c", "version": 1}]}
    )
    assert (bad.status, places(bad)) == (412, ["/books/0"])
    assert (await send("GET", "/shelves/1")).json()["name"] == "s"


async def test_a_nested_row_is_deleted_softly(app: Hekla, send: Send) -> None:
    """It is marked, and belongs to nobody's list any more."""
    await app.startup()
    await send("POST", "/shelves", {"name": "s", "books": [{"title": "a"}, {"title": "b"}]})
    gone = await send(
        "PATCH", "/shelves/1?fields=id&include=books(fields:id)", {"books": {"delete": [1]}}
    )
    assert gone.json() == {"id": 1, "books": [{"id": 2}]}
    again = await send("PATCH", "/shelves/1", {"books": {"delete": [1]}})
    assert (again.status, again.json()["code"]) == (409, "missing_reference")
    with app.sessions.connect() as connection:
        found = connection.exec_driver_sql("select id from books where deleted_at is not null")
        assert [row[0] for row in found] == [1]


async def test_hooks_are_asked_about_nested_rows(app: Hekla, send: Send) -> None:
    """They see the key of the row around, may alter values, and refuse with the place."""
    seen: list[Any] = []

    @app.before("create", Book)
    async def look(event: Event) -> None:
        if event.values["title"] == "bad":
            raise event.refuse("not this one", "title")
        event.values["title"] = event.values["title"].upper()

    @app.after("create", Book)
    def tell(event: Event) -> None:
        assert event.after is not None
        seen.append((event.after["title"], event.after["shelf_id"]))

    await app.startup()
    made = await send(
        "POST",
        "/shelves?fields=id&include=books(fields:title)",
        {"name": "s", "books": [{"title": "a"}, {"title": "b"}]},
    )
    assert made.json() == {"id": 1, "books": [{"title": "A"}, {"title": "B"}]}
    assert set(seen) == {("A", 1), ("B", 1)}
    refused = await send("POST", "/shelves", {"name": "t", "books": [{"title": "bad"}]})
    assert (refused.status, places(refused)) == (422, ["/books/0/title"])
    together = await send(
        "POST",
        "/batch",
        [
            {"method": "POST", "path": "/shelves", "body": {"name": "u"}},
            {"method": "POST", "path": "/books", "body": {"title": "c", "shelf": "$0.id"}},
            {"method": "GET", "path": "/books/$1.id?fields=title,shelf_id"},
        ],
    )
    # A database that counts keys apart leaves out those of runs that came to nothing.
    shelf = together.json()[0]["body"]["id"]
    assert together.json()[2]["body"] == {"title": "C", "shelf_id": shelf}
    first = {"method": "POST", "path": "/shelves", "body": {"name": "v"}}
    second = {"method": "POST", "path": "/books", "body": {"title": "bad", "shelf": 1}}
    batch = await send("POST", "/batch", [first, second])
    assert (batch.status, places(batch)) == (422, ["/1/body/title"])
    assert batch.json()["operation"] == 1
    assert len((await send("GET", "/shelves")).json()) == 2


async def test_a_relation_needs_no_foreign_key_in_the_database(app: Hekla, send: Send) -> None:
    """The row that is referred to has to be there all the same."""
    await app.startup()
    made = await send("POST", "/notes", {"about": {"title": "loose"}})
    assert made.json() == {"id": 1, "about_id": 1}
    linked = await send("POST", "/notes", {"about": 1})
    assert linked.json() == {"id": 2, "about_id": 1}
    absent = await send("POST", "/notes", {"about": 9})
    assert (absent.status, absent.json()["code"]) == (409, "missing_reference")
    assert places(absent) == ["/about"]
