"""What a database refuses: each constraint is a Problem that names the field, and no trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from tests.databases import NewUrl
from tests.scenarios.client import ask

metadata = sa.MetaData()
rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("house", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("size/m~2", sa.Integer, key="size"),
    sa.CheckConstraint('"size/m~2" % 2 = 0', name="even_size"),
)
guests = sa.Table(
    "guests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("last", sa.Text, nullable=False),
    sa.Column("house", sa.Text),
    sa.Column("number", sa.Integer),
    sa.Column("host_id", sa.Integer),
    sa.UniqueConstraint("first", "last"),
    sa.ForeignKeyConstraint(["house", "number"], ["rooms.house", "rooms.number"]),
    sa.ForeignKeyConstraint(["host_id"], ["guests.id"], deferrable=True, initially="DEFERRED"),
)


_TRIGGER = "create trigger no_tens before insert on guests "
_FUNCTION = "create function no_tens() returns trigger language plpgsql as "
NO_TENS = {
    "sqlite": [
        _TRIGGER + "when new.number = 10 begin select raise(abort, 'there is no room ten'); end"
    ],
    "postgresql": [
        _FUNCTION + "'begin raise exception ''there is no room ten''; end'",
        _TRIGGER + "for each row when (new.number = 10) execute function no_tens()",
    ],
}


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = Hekla(new_url())
    app.resource(rooms, read=everyone, write=everyone)
    app.resource(guests, read=everyone, write=everyone)
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        connection.execute(rooms.insert(), [{"house": "a/b", "number": 1, "size": 4}])
        connection.execute(
            guests.insert(), [{"first": "x", "last": "y", "house": "a/b", "number": 1}]
        )
        for statement in NO_TENS[app.store.dialect]:
            connection.exec_driver_sql(statement)
    await app.startup()
    yield app
    await app.shutdown()


GUEST = {"first": "a", "last": "b"}
NOWHERE = {"house": "a/b", "number": 2}


TAKEN, GONE, IN_USE = "already_exists", "missing_reference", "still_referenced"
ROOM = "/rooms/a%2Fb,1"


@pytest.mark.parametrize(
    ("method", "target", "document", "status", "code", "locations"),
    [
        ("POST", "/guests", {"first": "x", "last": "y"}, 409, TAKEN, ["/first", "/last"]),
        ("POST", "/guests", {"id": 1, **GUEST}, 409, TAKEN, ["/id"]),
        ("POST", "/rooms", {"house": "a/b", "number": 1}, 409, TAKEN, ["/house", "/number"]),
        ("POST", "/rooms", {"house": "c", "number": 1, "size": 3}, 422, "check_failed", ["/size"]),
        ("PATCH", ROOM, {"size": 3}, 422, "check_failed", ["/size"]),
        ("POST", "/guests", GUEST | NOWHERE, 409, GONE, ["/house", "/number"]),
        ("PATCH", "/guests/1", {"number": 2}, 409, GONE, ["/number"]),
        ("DELETE", ROOM, ..., 409, IN_USE, None),
        ("PATCH", ROOM, {"number": 5}, 409, IN_USE, None),
        ("POST", "/guests", {**GUEST, "host_id": 77}, 409, GONE, None),
        ("POST", "/guests", {"first": None, "last": "b"}, 422, "validation_failed", ["/first"]),
        ("POST", "/guests", [GUEST, GUEST], 409, TAKEN, ["/1/first", "/1/last"]),
        ("POST", "/guests", {**GUEST, "house": "a/b", "number": 10}, 422, "check_failed", []),
    ],
)  # fmt: skip
async def test_a_constraint_names_its_fields(
    app: Hekla,
    method: str,
    target: str,
    document: Any,
    status: int,
    code: str,
    locations: list[str] | None,
) -> None:
    """Status, code and places say what is wrong; nothing was written and nothing is on record."""
    before = [(await ask(app, name)).json() for name in ("/rooms", "/guests")]
    answer = await ask(app, target, method=method, document=document)
    problem = answer.json()
    assert (answer.status, problem["code"]) == (status, code), problem
    if locations is not None:
        assert [fault["location"] for fault in problem.get("errors", ())] == locations
    assert [(await ask(app, name)).json() for name in ("/rooms", "/guests")] == before
    with app.sessions.connect() as connection:
        recorded = "select count(*) from hekla_changes where request is not null or action='update'"
        assert connection.exec_driver_sql(recorded).scalar_one() == 0


async def test_what_a_trigger_refuses_is_told_in_its_words(app: Hekla) -> None:
    """The text that RAISE gives is for people, so it is passed on."""
    row = {**GUEST, "house": "a/b", "number": 10}
    answer = await ask(app, "/guests", method="POST", document=row)
    assert "there is no room ten" in answer.json()["detail"]


async def test_a_deferred_reference_may_be_made_good_within_one_write(app: Hekla) -> None:
    """Two guests who host each other are created together, in any order."""
    rows = [
        {"id": 8, "first": "a", "last": "b", "host_id": 9},
        {"id": 9, "first": "c", "last": "d", "host_id": 8},
    ]
    answer = await ask(app, "/guests", method="POST", document=rows)
    assert answer.status == 201
    assert (await ask(app, "/guests/8?include=host")).json()["host"]["id"] == 9


async def test_part_of_a_composite_reference_leads_to_no_hidden_row(new_url: NewUrl) -> None:
    """Changing one column of a foreign key to a row that may not be seen is as to a missing one."""
    app = Hekla(new_url())
    app.resource(rooms, read=rooms.c.size > 0, write=everyone)
    # The relation is not served, the foreign key is there all the same.
    app.resource(guests, read=everyone, write=everyone, relations={"room": None})
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        sizes = [{"house": "a", "number": n, "size": n} for n in (0, 2)]
        connection.execute(rooms.insert(), sizes)
    await app.startup()
    guest = {**GUEST, "house": "a", "number": 2}
    assert (await ask(app, "/guests", method="POST", document=guest)).status == 201
    hidden = await ask(app, "/guests/1", method="PATCH", document={"number": 0})
    missing = await ask(app, "/guests/1", method="PATCH", document={"number": 7})
    assert (hidden.status, hidden.json()["code"]) == (409, GONE)
    assert hidden.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
    new = {"first": "c", "last": "d", "house": "a", "number": 0}
    assert (await ask(app, "/guests", method="POST", document=new)).status == 409
    assert (await ask(app, "/guests/1")).json()["number"] == 2
    await app.shutdown()


async def test_an_index_over_expressions_names_what_it_is_over(tmp_path: Path) -> None:
    """The database tells the index only; its columns are told, not those of its condition."""
    tables = sa.MetaData()
    notes = sa.Table(
        "notes",
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text),
        sa.Column("author (old)", sa.Text, key="author"),
        sa.Column("open", sa.Boolean),
        sa.Column("state", sa.Text),
    )
    app = Hekla(f"sqlite:///{tmp_path / 'notes.db'}")
    app.resource(notes, read=everyone, write=everyone)
    tables.create_all(app.sessions)
    with app.sessions.begin() as connection:
        connection.exec_driver_sql(
            """create unique index "one ' of them" on notes
            (lower(title || ')' || "author (old)" || 'state')) where open = 1"""
        )
    await app.startup()
    row = {"title": "A", "author": "x", "open": True}
    assert (await ask(app, "/notes", method="POST", document=row)).status == 201
    answer = await ask(app, "/notes", method="POST", document={**row, "title": "a"})
    assert (answer.status, answer.json()["code"]) == (409, TAKEN)
    places = [fault["location"] for fault in answer.json()["errors"]]
    assert places == ["/title", "/author"]
    assert (await ask(app, "/notes", method="POST", document={**row, "open": False})).status == 201
    await app.shutdown()
