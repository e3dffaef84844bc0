"""A column that may not be read does not show in what it ties, orders or finds either."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, me, nobody
from hekla.actor import ANONYMOUS, Actor
from hekla.web.request import Request
from tests.databases import NewUrl

metadata = sa.MetaData()
users = sa.Table(
    "users", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
)
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("owner_id", sa.ForeignKey("users.id")),
)
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("rank", sa.Integer),
)
readers = sa.Table(
    "readers",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("note_id", sa.ForeignKey("notes.id"), primary_key=True),
)

ROWS: dict[sa.Table, list[dict[str, Any]]] = {
    users: [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
    tasks: [
        {"id": 1, "title": "first", "owner_id": 1},
        {"id": 2, "title": "second", "owner_id": 2},
    ],
    notes: [
        {"id": 1, "body": "c", "rank": 1},
        {"id": 2, "body": "b", "rank": 1},
        {"id": 3, "body": "a", "rank": 2},
    ],
    readers: [{"user_id": 1, "note_id": 2}, {"user_id": 2, "note_id": 3}],
}


class Api:
    """An application whose answers are read as JSON."""

    def __init__(self, app: Hekla) -> None:
        self.app = app

    async def get(self, target: str, actor: Actor = ANONYMOUS) -> Any:
        path, _, query = target.partition("?")
        answer = await self.app.handle(Request("GET", path, query, actor=actor))
        assert isinstance(answer.body, bytes)
        return json.loads(answer.body)


@pytest.fixture
async def api(new_url: NewUrl) -> AsyncIterator[Api]:
    """Who owns a task is closed, or shown to the owner; likewise who reads a note, and its key."""
    app = Hekla(new_url())
    app.resource(users, read=everyone)
    app.resource(
        tasks,
        read=everyone,
        columns={"owner_id": me.has_role("auditor") | (tasks.c.owner_id == me.id)},
    )
    is_reader = sa.exists().where(readers.c.note_id == notes.c.id, readers.c.user_id == me.id)
    app.resource(
        notes, read=everyone, search=["body"], columns={"id": is_reader, "body": is_reader}
    )
    app.resource(readers, read=everyone, columns={"user_id": me.has_role("auditor")})
    app.create_tables()
    with app.sessions.begin() as connection:
        for table, rows in ROWS.items():
            connection.execute(table.insert(), rows)
    await app.startup()
    yield Api(app)
    await app.shutdown()


AUDITOR = Actor(9, frozenset({"auditor"}))


@pytest.mark.parametrize(
    "target",
    [
        "/users?include=notes",
        "/users?notes.rank=1",
        "/users?notes__isnull=true",
        "/users?or=(notes:none(rank=1))",
        "/notes?include=users",
        "/users/1?include=readers",
        "/readers?order_by=user.name",
        "/readers/aggregate?group_by=user.name",
    ],
)
async def test_a_relation_over_a_closed_column_is_unknown(api: Api, target: str) -> None:
    """From both ends and through a table in between: else what it ties would tell the column."""
    assert (await api.get(target))["code"] in ("unknown_relation", "unknown_column")
    assert "code" not in await api.get(target, AUDITOR)


async def test_a_relation_over_a_closed_column_is_not_suggested(api: Api) -> None:
    """The nearest right word is looked for among those that the actor may know."""
    assert "Did you mean" not in (await api.get("/users?include=noted"))["detail"]
    assert "“notes”" in (await api.get("/users?include=noted", AUDITOR))["detail"]


async def test_the_list_of_resources_names_no_relation_over_a_closed_column(api: Api) -> None:
    """Nor a key that the actor cannot read."""
    entries = {entry["name"]: entry for entry in (await api.get("/"))["resources"]}
    assert entries["users"]["relations"] == ["tasks"]
    assert entries["readers"]["key"] == []
    entries = {entry["name"]: entry for entry in (await api.get("/", AUDITOR))["resources"]}
    assert sorted(entries["users"]["relations"]) == ["notes", "readers", "tasks"]
    assert entries["readers"]["key"] == ["user_id", "note_id"]


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (
            "/tasks?fields=id&include=owner(fields:name)",
            [{"id": 1, "owner": {"name": "one"}}, {"id": 2, "owner": None}],
        ),
        (
            "/users?fields=id&include=tasks(fields:title)",
            [{"id": 1, "tasks": [{"title": "first"}]}, {"id": 2, "tasks": []}],
        ),
        ("/tasks/2?fields=id&include=owner", {"id": 2, "owner": None}),
        ("/tasks?fields=id&owner.name=two", []),
        ("/tasks?fields=id&owner__isnull=true", [{"id": 2}]),
        ("/tasks?fields=id&order_by=-owner.name", [{"id": 1}, {"id": 2}]),
        (
            "/tasks/aggregate?group_by=owner.name&count",
            [{"owner.name": None, "count": 1}, {"owner.name": "one", "count": 1}],
        ),
    ],
)
async def test_a_relation_over_a_masked_column_leads_nowhere_where_it_is_masked(
    api: Api, target: str, answer: Any
) -> None:
    """The foreign key of another's task is NULL, for relations too."""
    assert await api.get(target, Actor(1)) == answer


async def test_a_masked_key_does_not_order_rows(api: Api) -> None:
    """What of the key shows comes first, then every other column: never the key that is there."""
    assert await api.get("/notes?fields=id,rank,body", Actor(1)) == [
        {"id": None, "rank": 1, "body": None},
        {"id": None, "rank": 2, "body": None},
        {"id": 2, "rank": 1, "body": "b"},
    ]
    assert (await api.get("/notes?cursor=", Actor(1)))["code"] == "unsupported"


async def test_a_search_finds_a_masked_column_in_the_rows_that_show_it(api: Api) -> None:
    """A rule with a subquery is asked of the row that is searched, however deep it stands."""
    assert await api.get("/notes?search=b&fields=id", Actor(1)) == [{"id": 2}]
    assert await api.get("/notes?search=a&fields=id", Actor(1)) == []
    assert await api.get("/notes?search=a&fields=id", Actor(2)) == [{"id": 3}]


def test_nobody_is_what_closes_a_column_for_all(new_url: NewUrl) -> None:
    """A relation over such a column is known to no access at all."""
    app = Hekla(new_url())
    app.resource(users, read=everyone)
    app.resource(tasks, read=everyone, columns={"owner_id": nobody})
    policy = app.engine.policy
    for actor in (ANONYMOUS, Actor(1), AUDITOR):
        assert dict(policy.access(actor).relations(app.schema["tasks"])) == {}
        assert dict(policy.access(actor).relations(app.schema["users"])) == {}


@pytest.mark.parametrize("path", ["/notes", "/notes/aggregate"])
async def test_a_search_over_closed_columns_is_one_over_none(new_url: NewUrl, path: str) -> None:
    """Its refusal is the same to the byte as where no column was named for it."""
    bodies = []
    for search in ([], ["body"]):
        app = Hekla(new_url())
        app.resource(notes, read=everyone, search=search, columns={"body": nobody})
        request = Request("GET", path, "search=a&count", [("x-request-id", "same")])
        answer = await app.handle(request)
        bodies.append((answer.status, answer.body))
    assert bodies[0] == bodies[1]
    assert bodies[0][0] == 400


@pytest.mark.parametrize(
    ("query", "form", "body"),
    [
        ("", "application/json", b"[{},{}]"),
        ("limit=1&count=exact", "application/json", b"[{}]"),
        ("distinct=true&count=exact", "application/json", b"[{}]"),
        ("", "application/x-ndjson", b"{}\n{}\n"),
        # An empty line would be no row.
        ("", "text/csv", b'""\r\n""\r\n""\r\n'),
    ],
)
async def test_rows_are_there_without_an_open_column(
    new_url: NewUrl, query: str, form: str, body: bytes
) -> None:
    """Where every column is closed nothing of a row shows but that it is there."""
    app = Hekla(new_url())
    app.resource(readers, read=everyone, columns={"user_id": nobody, "note_id": nobody})
    app.create_tables()
    with app.sessions.begin() as connection:
        for table in (users, notes, readers):
            table.create(connection, checkfirst=True)
            connection.execute(table.insert(), ROWS[table])
    await app.startup()
    try:
        answer = await app.handle(Request("GET", "/readers", query, [("accept", form)]))
        read = answer.body
        if not isinstance(read, bytes):
            read = b"".join([piece async for piece in read])
        # PostgreSQL puts a blank between the rows of an array.
        assert (answer.status, read.replace(b"}, {", b"},{")) == (200, body)
        total = {"limit=1&count=exact": "2", "distinct=true&count=exact": "1"}.get(query)
        assert dict(answer.headers).get("x-total-count") == total
    finally:
        await app.shutdown()
