"""Rules on writes: the row before and the row after, columns, and what may not be found out.

A task belongs to its owner, who alone may change it, and is read by the owner and by everybody
if it is shared. ``priority`` is set by managers only, ``note`` is read by the owner only,
``secret`` is for auditors. Projects are read by their members (another table), tasks refer to
them. Labels are created by whoever signed in and deleted by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Actor, Hekla, everyone, me, nobody, signed_in
from tests.databases import NewUrl
from tests.scenarios.client import Answer, ask

metadata = sa.MetaData()
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)
members = sa.Table(
    "members",
    metadata,
    sa.Column("project_id", sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("user_id", sa.Integer, primary_key=True),
)
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False, default=False),
    sa.Column("owner_id", sa.Integer),
    sa.Column("priority", sa.Integer, nullable=False, default=0),
    sa.Column("note", sa.Text),
    sa.Column("secret", sa.Text),
    sa.Column("project_id", sa.ForeignKey("projects.id")),
)
labels = sa.Table(
    "labels",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
)
drops = sa.Table(
    "drops",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

ANN, BEN = Actor(1), Actor(2)
MANAGER = Actor(1, frozenset({"manager"}))
NOBODY = Actor()


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = Hekla(new_url())
    member = (
        sa.exists()
        .where(members.c.project_id == projects.c.id, members.c.user_id == me.id)
        .correlate(projects)
    )
    app.resource(projects, read=member, write=nobody)
    app.resource(
        tasks,
        read=(tasks.c.owner_id == me.id) | tasks.c.shared,
        write=tasks.c.owner_id == me.id,
        columns={"note": tasks.c.owner_id == me.id, "secret": me.has_role("auditor")},
        write_columns={"priority": me.has_role("manager")},
    )
    app.resource(labels, read=everyone, create=signed_in, update=nobody, delete=nobody)
    app.resource(drops, read=nobody, create=everyone, update=nobody, delete=nobody)
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        connection.execute(
            projects.insert(), [{"id": 1, "name": "open"}, {"id": 2, "name": "closed"}]
        )
        connection.execute(members.insert(), [{"project_id": 1, "user_id": 1}])
        connection.execute(
            tasks.insert(),
            [
                {"id": 1, "title": "of user 1", "owner_id": 1, "shared": False, "note": "mine"},
                {"id": 2, "title": "of user 2", "owner_id": 2, "shared": False, "note": "theirs"},
                {"id": 3, "title": "shared", "owner_id": 2, "shared": True, "note": "theirs"},
            ],
        )
    await app.startup()
    yield app
    await app.shutdown()


async def send(app: Hekla, actor: Actor, method: str, target: str, document: Any = ...) -> Answer:
    return await ask(app, target, method=method, actor=actor, document=document)


def stored(app: Hekla) -> list[tuple[Any, ...]]:
    """All tasks as they are in the database: id, title, owner, priority."""
    with app.sessions.connect() as connection:
        found = sa.select(tasks.c.id, tasks.c.title, tasks.c.owner_id, tasks.c.priority)
        return [tuple(row) for row in connection.execute(found.order_by(tasks.c.id))]


BEFORE = [(1, "of user 1", 1, 0), (2, "of user 2", 2, 0), (3, "shared", 2, 0)]


def changes(app: Hekla) -> int:
    with app.sessions.connect() as connection:
        count = connection.exec_driver_sql(
            "select count(*) from hekla_changes where actor is not null"
        ).scalar_one()
        return int(count)


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_row_that_may_not_be_seen_is_not_there(app: Hekla, method: str) -> None:
    """Writing to it answers exactly as writing to a key that no row has."""
    document = {"title": "x", "owner_id": 1} if method != "DELETE" else ...
    hidden = await send(app, ANN, method, "/tasks/2", document)
    missing = await send(app, ANN, method, "/tasks/2222", document)
    if method == "PUT":
        # A free key can be created by PUT; a taken one is as good as missing.
        assert (hidden.status, missing.status) == (404, 201)
    else:
        assert hidden.status == missing.status == 404
        assert hidden.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
    assert stored(app)[:3] == BEFORE


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_row_that_may_be_read_but_not_written_is_forbidden(app: Hekla, method: str) -> None:
    """Who may see it is told that it may not be changed, and it is not."""
    document = {"title": "x"} if method != "DELETE" else ...
    answer = await send(app, ANN, method, "/tasks/3", document)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert stored(app) == BEFORE
    assert changes(app) == 0


async def test_a_new_row_has_to_satisfy_the_rule(app: Hekla) -> None:
    """Nobody creates a row of somebody else's, not inside of an array either."""
    assert (await send(app, ANN, "POST", "/tasks", {"title": "x", "owner_id": 2})).status == 403
    assert (await send(app, ANN, "POST", "/tasks", {"title": "x"})).status == 403
    both = [{"title": "x", "owner_id": 1}, {"title": "y", "owner_id": 2}]
    assert (await send(app, ANN, "POST", "/tasks", both)).status == 403
    assert stored(app) == BEFORE
    assert changes(app) == 0
    assert (await send(app, ANN, "POST", "/tasks", both[0])).status == 201
    *before, new = stored(app)
    # A sequence does not give a number again, though nothing came of it.
    assert (before, new[1:]) == (BEFORE, ("x", 1, 0))
    assert new[0] > 3


async def test_a_changed_row_has_to_satisfy_the_rule(app: Hekla) -> None:
    """A row cannot be given away, nor can one be made nobody's."""
    for owner in (2, None):
        answer = await send(app, ANN, "PATCH", "/tasks/1", {"owner_id": owner})
        assert answer.status == 403
    replaced = await send(app, ANN, "PUT", "/tasks/1", {"title": "x", "owner_id": 2})
    assert replaced.status == 403
    assert stored(app) == BEFORE
    assert changes(app) == 0


async def test_nobody_means_nobody(app: Hekla) -> None:
    """Who may not write is told so; what nobody may ever do is no method of the address."""
    assert (await send(app, NOBODY, "POST", "/labels", {"name": "x"})).status == 403
    assert (await send(app, ANN, "POST", "/labels", {"name": "x"})).status == 201
    assert (await send(app, ANN, "PATCH", "/labels/1", {"name": "y"})).status == 405
    assert (await send(app, ANN, "DELETE", "/labels/1")).status == 405
    assert (await send(app, ANN, "DELETE", "/labels?all=true")).status == 405
    assert (await send(app, ANN, "PUT", "/labels?name=x", {})).status == 403
    assert (await send(app, ANN, "POST", "/labels?upsert=name", {"name": "x"})).status == 403
    assert (await send(app, ANN, "POST", "/projects", {"name": "x"})).status == 405
    assert (await send(app, ANN, "GET", "/labels")).json() == [{"id": 1, "name": "x"}]


async def test_a_column_that_may_not_be_written_is_refused(app: Hekla) -> None:
    """``priority`` is for managers; ``secret`` does not exist for who may not read it."""
    row = {"title": "x", "owner_id": 1, "priority": 3}
    refused = await send(app, ANN, "POST", "/tasks", row)
    assert refused.status == 422
    assert refused.json()["errors"][0]["location"] == "/priority"
    assert (await send(app, ANN, "PATCH", "/tasks/1", {"priority": 3})).status == 422
    assert (await send(app, MANAGER, "PATCH", "/tasks/1", {"priority": 3})).status == 200
    hidden = await send(app, ANN, "PATCH", "/tasks/1", {"secret": "x"})
    unknown = await send(app, ANN, "PATCH", "/tasks/1", {"secrez": "x"})
    assert hidden.status == unknown.status == 422
    told = hidden.json()["errors"][0]["message"]
    assert told == unknown.json()["errors"][0]["message"]
    assert stored(app)[0] == (1, "of user 1", 1, 3)


async def test_a_column_masked_in_a_row_may_not_be_written_there(new_url: NewUrl) -> None:
    """A manager who may change everybody's tasks does not write notes that only owners read."""
    app = Hekla(new_url())
    app.resource(
        tasks,
        read=everyone,
        write=everyone,
        columns={"note": tasks.c.owner_id == me.id},
        relations={},
    )
    app.on_startup(app.create_tables)
    await app.startup()
    with app.sessions.begin() as connection:
        connection.execute(
            tasks.insert(),
            [{"id": n, "title": "t", "owner_id": n, "shared": False, "note": "n"} for n in (1, 2)],
        )
    assert (await send(app, ANN, "PATCH", "/tasks/1", {"note": "x"})).status == 200
    assert (await send(app, ANN, "PATCH", "/tasks/2", {"note": "x"})).status == 403
    assert (await send(app, ANN, "PATCH", "/tasks/2", {"title": "x"})).status == 200
    made = {"title": "x", "owner_id": 2, "note": "x"}
    assert (await send(app, ANN, "POST", "/tasks", made)).status == 403
    await app.shutdown()


async def test_writes_by_filter_touch_only_what_may_be_touched(app: Hekla) -> None:
    """Rows of others stay as they are, be they seen or not, and are not counted."""
    patched = await send(app, ANN, "PATCH", "/tasks?all=true", {"title": "x"})
    assert (patched.status, patched.headers["x-total-count"]) == (200, "1")
    assert [row["id"] for row in patched.json()] == [1]
    assert stored(app) == [(1, "x", 1, 0), *BEFORE[1:]]
    gone = await send(app, BEN, "DELETE", "/tasks?id__gte=1")
    assert (gone.status, gone.headers["x-total-count"]) == (204, "2")
    assert stored(app) == [(1, "x", 1, 0)]


async def test_filters_of_writes_reach_no_hidden_column(app: Hekla) -> None:
    """A closed column is unknown to a filter; a masked one is NULL in the rows of others."""
    answer = await send(app, ANN, "DELETE", "/tasks?secret=x")
    assert (answer.status, answer.json()["code"]) == (400, "unknown_column")
    answer = await send(app, BEN, "PATCH", "/tasks?note=mine", {"title": "x"})
    assert answer.headers["x-total-count"] == "0"
    assert stored(app) == BEFORE


async def test_a_reference_to_a_row_that_may_not_be_seen_is_missing(app: Hekla) -> None:
    """A project of others is as missing as one that is not there."""
    hidden = await send(app, ANN, "PATCH", "/tasks/1", {"project_id": 2})
    missing = await send(app, ANN, "PATCH", "/tasks/1", {"project_id": 2222})
    assert hidden.status == missing.status == 409
    assert hidden.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
    assert hidden.json()["errors"][0]["location"] == "/project_id"
    assert (await send(app, ANN, "PATCH", "/tasks/1", {"project_id": 1})).status == 200


async def test_what_is_written_blindly_tells_nothing(app: Hekla) -> None:
    """A row that its writer may not read is created, and only its address is told."""
    answer = await send(app, NOBODY, "POST", "/drops", {"text": "x"})
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["location"] == "/drops/1"
    assert (await send(app, NOBODY, "GET", "/drops/1")).status == 403


async def test_the_answer_of_a_write_is_masked_like_a_read(app: Hekla) -> None:
    """What the writer may not read is not in the answer either."""
    answer = await send(app, ANN, "PATCH", "/tasks/1", {"title": "x"})
    assert "secret" not in answer.json()
    assert answer.json() == (await send(app, ANN, "GET", "/tasks/1")).json()
    auditor = Actor(1, frozenset({"auditor"}))
    assert "secret" in (await send(app, auditor, "PATCH", "/tasks/1", {"title": "y"})).json()


async def test_a_precondition_tells_nothing_of_hidden_rows(app: Hekla) -> None:
    """If-Match on a row that may not be seen is 404, whatever tag is sent."""
    for tag in ("*", '"x"'):
        answer = await ask(
            app,
            "/tasks/2",
            {"if-match": tag},
            method="PATCH",
            actor=ANN,
            document={"title": "x"},
        )
        assert answer.status == 404
    assert stored(app) == BEFORE


async def test_an_upsert_obeys_the_rule_of_what_it_comes_to(app: Hekla) -> None:
    """PUT to a free key is a create, to a taken one an update; each has its own rule."""
    made = await send(app, ANN, "PUT", "/tasks/50", {"title": "x", "owner_id": 1})
    assert made.status == 201
    assert (await send(app, ANN, "PUT", "/tasks/51", {"title": "x", "owner_id": 2})).status == 403
    assert (await send(app, BEN, "PUT", "/tasks/50", {"title": "x", "owner_id": 2})).status == 404
    assert stored(app) == [*BEFORE, (50, "x", 1, 0)]


async def test_replacing_a_row_leaves_alone_what_may_not_be_set(app: Hekla) -> None:
    """PUT resets what its sender may set, and nothing else: not even to the default."""
    assert (await send(app, MANAGER, "PATCH", "/tasks/1", {"priority": 3})).status == 200
    answer = await send(app, ANN, "PUT", "/tasks/1", {"title": "x", "owner_id": 1})
    assert answer.status == 200
    assert answer.json()["note"] is None
    assert stored(app)[0] == (1, "x", 1, 3)
    assert (
        await send(app, MANAGER, "PUT", "/tasks/1", {"title": "x", "owner_id": 1})
    ).status == 200
    assert stored(app)[0] == (1, "x", 1, 0)


async def test_the_address_of_a_row_tells_no_closed_key(new_url: NewUrl) -> None:
    """Where the key is closed, or open in some rows only, ``Location`` is not sent."""
    told: list[tuple[Any, str | None]] = []
    for rule in (everyone, nobody, labels.c.name == "open"):
        app = Hekla(new_url())
        app.resource(labels, read=everyone, write=everyone, columns={"id": rule})
        app.on_startup(app.create_tables)
        await app.startup()
        made = await send(app, ANN, "POST", "/labels", {"name": f"label {len(told)}"})
        assert made.status == 201
        told.append((made.json().get("id"), made.headers.get("location")))
        await app.shutdown()
    assert told == [(1, "/labels/1"), (None, None), (None, None)]
