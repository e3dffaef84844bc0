"""Rules over HTTP: who sees which rows and columns, and what nobody can find out.

Users 1 and 2 are of tenant 1, user 3 of tenant 2. A task is read by its owner, by everybody where
it is shared, and by managers. Its ``secret`` is for auditors, its ``note`` for the owner only.
Salaries of users are for themselves. Logs have no rule, letters are for whoever signed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, me, nobody, signed_in
from tests.databases import NewUrl
from tests.scenarios.client import Scenario, ask, authenticate_by_header, check

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("tenant", sa.Integer),
    sa.Column("salary", sa.Integer),
)
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("shared", sa.Boolean),
    sa.Column("owner_id", sa.ForeignKey("users.id")),
    sa.Column("secret", sa.Text),
    sa.Column("note", sa.Text),
)
comments = sa.Table(
    "comments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("task_id", sa.ForeignKey("tasks.id")),
)
teams = sa.Table(
    "teams",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("tenant", sa.Integer),
)
logs = sa.Table(
    "logs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("message", sa.Text),
    sa.Column("task_id", sa.ForeignKey("tasks.id")),
)
letters = sa.Table(
    "letters", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
)
closed = sa.Table(
    "closed", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Integer)
)

ROWS: dict[sa.Table, list[tuple[Any, ...]]] = {
    users: [(1, "Ann", 1, 100), (2, "Ben", 1, 200), (3, "Cem", 2, 300)],
    tasks: [
        (1, "private of 1", False, 1, "xray", "mine one"),
        (2, "shared of 1", True, 1, "yankee", "mine two"),
        (3, "private of 2", False, 2, "zulu", "mine three"),
        (4, "shared of 3", True, 3, None, None),
        (5, "of nobody", False, None, "whiskey", "mine five"),
    ],
    comments: [(1, "on private", 1), (2, "on shared", 2), (3, "on private", 3)],
    teams: [(1, "Reds", 1), (2, "Blues", 2)],
    logs: [(1, "logged", 2)],
    letters: [(1, "dear")],
    closed: [(1, 1)],
}

ANN = {"X-User": "1", "X-Tenant": "1"}
BEN = {"X-User": "2", "X-Tenant": "1"}
AUDITOR = {"X-User": "2", "X-Roles": "auditor"}
MANAGER = {"X-User": "9", "X-Roles": "manager"}
ADMIN = {"X-User": "9", "X-Roles": "admin"}

SECRETS = ("xray", "yankee", "zulu", "whiskey")
NOTES = ("mine one", "mine two", "mine three", "mine five")


@pytest.fixture(scope="module")
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """The application; who asks is said in headers."""
    app = Hekla(new_url())
    app.resource(
        users,
        read=everyone,
        columns={"salary": users.c.id == me.id, "tenant": me.has_role("admin")},
        search=["name"],
    )
    app.resource(
        tasks,
        read=(tasks.c.owner_id == me.id) | tasks.c.shared | me.has_role("manager"),
        columns={"secret": me.has_role("auditor"), "note": tasks.c.owner_id == me.id},
        search=["title", "secret", "note"],
    )
    visible = sa.exists().where(tasks.c.id == comments.c.task_id, tasks.c.shared)
    app.resource(comments, read=visible | me.has_role("manager"))
    app.resource(teams, read=teams.c.tenant == me.tenant)
    app.resource(logs)
    app.resource(letters, read=signed_in)
    app.resource(closed, read=nobody)
    app.create_tables()
    with app.session() as session, session.begin():
        for table, rows in ROWS.items():
            names = [column.name for column in table.columns]
            session.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
    await app.startup()
    app.parts.web.authenticate = authenticate_by_header
    yield app
    await app.shutdown()


SCENARIOS = [
    # Rows
    Scenario("/tasks", ids=[2, 4]),
    Scenario("/tasks", sent=ANN, ids=[1, 2, 4]),
    Scenario("/tasks", sent=BEN, ids=[2, 3, 4]),
    Scenario("/tasks", sent=MANAGER, ids=[1, 2, 3, 4, 5]),
    Scenario("/tasks", sent={"X-User": "9", "X-Roles": "Manager"}, ids=[2, 4]),
    Scenario("/tasks", sent={"X-User": "99"}, ids=[2, 4]),
    Scenario("/teams", json=[]),
    Scenario("/teams?fields=name", sent=BEN, json=[{"name": "Reds"}]),
    Scenario("/tasks?count=exact&limit=1", headers={"x-total-count": "2"}, ids=[2]),
    Scenario("/tasks?count=exact&limit=1", sent=ANN, headers={"x-total-count": "3"}, ids=[1]),
    Scenario("/tasks/aggregate?count&max=id", json=[{"count": 2, "max_id": 4}]),
    Scenario("/tasks/aggregate?count&max=id", sent=ANN, json=[{"count": 3, "max_id": 4}]),
    Scenario(
        "/tasks/aggregate?group_by=owner_id&count",
        json=[{"owner_id": 1, "count": 1}, {"owner_id": 3, "count": 1}],
    ),
    Scenario("/tasks?search=private", ids=[]),
    Scenario("/tasks?search=private", sent=BEN, ids=[3]),
    Scenario("/tasks?limit=1&cursor=", ids=[2], never=("private",)),
    # A row that may not be seen is not there
    Scenario("/tasks/1", sent=ANN, status=200),
    Scenario("/tasks/1", 404, code="not_found", says="Task not found", never=("private",)),
    Scenario("/tasks/1", 404, sent=BEN, code="not_found", says="Task not found"),
    Scenario("/tasks/1?fields=id", 404, sent=BEN, code="not_found"),
    Scenario("/tasks/99", 404, code="not_found", says="Task not found"),
    # Embedded, and through relations
    Scenario(
        "/users?fields=id&include=tasks(fields:id)",
        json=[
            {"id": 1, "tasks": [{"id": 2}]},
            {"id": 2, "tasks": []},
            {"id": 3, "tasks": [{"id": 4}]},
        ],
        never=("private",),
    ),
    Scenario(
        "/users/1?fields=id&include=tasks(fields:id)",
        sent=ANN,
        json={"id": 1, "tasks": [{"id": 1}, {"id": 2}]},
    ),
    Scenario("/users?tasks.title=private+of+1", ids=[]),
    Scenario("/users?tasks.title=private+of+1", sent=ANN, ids=[1]),
    Scenario("/users?tasks.title=private+of+1", sent=BEN, ids=[]),
    Scenario("/users?tasks:none.title__startswith=private", ids=[1, 2, 3]),
    Scenario("/users?tasks:all.shared=true", ids=[1, 2, 3]),
    Scenario("/users?tasks:all.shared=true", sent=BEN, ids=[1, 3]),
    Scenario("/users?tasks__isnull=true", ids=[2]),
    Scenario("/users?tasks__isnull=true", sent=BEN, ids=[]),
    Scenario("/users?not=(tasks.title=private+of+1)", ids=[1, 2, 3]),
    Scenario("/comments", ids=[2]),
    Scenario("/comments", sent=ANN, ids=[2]),
    # A manager sees every comment; who else sees the task of one is seen in include.
    Scenario(
        "/comments?fields=id&include=task(fields:id)",
        sent=MANAGER,
        json=[
            {"id": 1, "task": {"id": 1}},
            {"id": 2, "task": {"id": 2}},
            {"id": 3, "task": {"id": 3}},
        ],
    ),
    Scenario("/comments?order_by=-task.title&fields=id", json=[{"id": 2}]),
    Scenario(
        "/comments/aggregate?group_by=task.title&count",
        json=[{"task.title": "shared of 1", "count": 1}],
    ),
    # A column that is closed does not exist, wherever it stands
    Scenario(
        "/tasks/2",
        json={"id": 2, "title": "shared of 1", "shared": True, "owner_id": 1, "note": None},
    ),
    Scenario("/tasks?fields=secret", 400, code="unknown_column", location="query.fields"),
    Scenario("/tasks?secret=yankee", 400, code="unknown_column", location="query.secret"),
    Scenario("/tasks?secret__isnull=true", 400, code="unknown_column"),
    Scenario("/tasks?or=(secret=yankee)", 400, code="unknown_column"),
    Scenario("/tasks?order_by=secret", 400, code="unknown_column"),
    Scenario("/tasks/aggregate?group_by=secret", 400, code="unknown_column"),
    Scenario("/tasks/aggregate?max=secret", 400, code="unknown_column"),
    Scenario("/tasks/aggregate?count=secret", 400, code="unknown_column"),
    Scenario("/users?tasks.secret=yankee", 400, code="unknown_column"),
    Scenario("/comments?order_by=task.secret", 400, code="unknown_column"),
    Scenario("/users?include=tasks(secret:yankee)", 400, code="unknown_column"),
    Scenario("/users?include=tasks(fields:secret)", 400, code="unknown_column"),
    Scenario("/tasks?secre=x", 400, code="unknown_column", never=("“secret”",)),
    Scenario("/tasks?search=yankee", ids=[]),
    Scenario("/tasks?secret=yankee", sent=AUDITOR, ids=[2]),
    Scenario("/tasks?search=yankee", sent=AUDITOR, ids=[2]),
    Scenario(
        "/tasks?fields=secret",
        sent=AUDITOR,
        json=[{"secret": "yankee"}, {"secret": "zulu"}, {"secret": None}],
    ),
    Scenario("/users?tenant=1", 400, code="unknown_column"),
    Scenario("/users?tenant=1", sent=ADMIN, ids=[1, 2]),
    # A column whose rule depends on the row is null where it does not hold, in every use
    Scenario(
        "/users?fields=id,salary",
        json=[{"id": 1, "salary": None}, {"id": 2, "salary": None}, {"id": 3, "salary": None}],
    ),
    Scenario(
        "/users?fields=id,salary",
        sent=BEN,
        json=[{"id": 1, "salary": None}, {"id": 2, "salary": 200}, {"id": 3, "salary": None}],
    ),
    Scenario("/users?salary__gte=1", ids=[]),
    Scenario("/users?salary__gte=1", sent=BEN, ids=[2]),
    Scenario("/users?salary=300", sent=BEN, ids=[]),
    Scenario("/users?salary__ne=200", sent=BEN, ids=[]),
    Scenario("/users?salary__isnull=true", sent=BEN, ids=[1, 3]),
    Scenario("/users?not=(salary=300)", sent=BEN, ids=[1, 2, 3]),
    Scenario("/users?order_by=-salary", sent=ANN, ids=[1, 2, 3]),
    Scenario("/users?order_by=salary,-id", ids=[3, 2, 1]),
    Scenario(
        "/users/aggregate?sum=salary&max=salary&count=salary",
        sent=BEN,
        json=[{"sum_salary": 200, "max_salary": 200, "count_salary": 1}],
    ),
    Scenario(
        "/users/aggregate?group_by=salary&count",
        sent=ANN,
        json=[{"salary": None, "count": 2}, {"salary": 100, "count": 1}],
    ),
    Scenario(
        "/users?fields=salary&distinct=true", sent=ANN, json=[{"salary": None}, {"salary": 100}]
    ),
    Scenario("/tasks?search=mine", ids=[]),
    Scenario("/tasks?search=mine", sent=ANN, ids=[1, 2]),
    Scenario("/tasks?search=mine", sent=MANAGER, ids=[]),
    Scenario("/tasks?owner.salary__gt=0", sent=ANN, ids=[1, 2]),
    Scenario("/tasks?owner.salary__gt=0", sent=BEN, ids=[3]),
    # Whoever may read nothing of a resource learns nothing of it, not even by mistakes
    Scenario("/logs", 403, code="forbidden", never=("logged",)),
    Scenario("/logs", 403, sent=MANAGER, code="forbidden"),
    Scenario("/logs", sent=ADMIN, ids=[1]),
    Scenario("/logs/1", 403, code="forbidden"),
    Scenario("/logs/99", 403, code="forbidden"),
    Scenario("/logs/x", 403, code="forbidden"),
    Scenario("/logs?mesage=x", 403, code="forbidden", never=("“message”",)),
    Scenario("/logs?message=x", 403, code="forbidden"),
    Scenario("/logs?limit=x", 403, code="forbidden"),
    Scenario("/logs/aggregate?count", 403, code="forbidden"),
    Scenario("/logs/aggregate?max=mesage", 403, code="forbidden", never=("“message”",)),
    Scenario("/logs", 403, sent={"Accept": "text/csv"}, code="forbidden", never=("message",)),
    Scenario("/tasks?include=logs", 403, code="forbidden"),
    Scenario("/tasks?logs.message=logged", 403, code="forbidden"),
    Scenario("/tasks?logs.mesage=x", 403, code="forbidden", never=("“message”",)),
    Scenario("/tasks?logs__isnull=true", 403, code="forbidden"),
    Scenario(
        "/tasks?fields=id&include=logs(fields:message)&logs__isnull=false",
        sent=ADMIN,
        json=[{"id": 2, "logs": [{"message": "logged"}]}],
    ),
    Scenario("/letters", 403, code="forbidden"),
    Scenario("/letters", sent=ANN, ids=[1]),
    Scenario("/closed", 403, sent=ADMIN, code="forbidden"),
    Scenario("/closed/1", 403, sent=ADMIN, code="forbidden"),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_scenario(app: Hekla, scenario: Scenario) -> None:
    """An actor is told what its rules allow, and nothing else."""
    answer = await ask(app, scenario.target, scenario.sent)
    check(scenario, answer)
    if scenario.sent is not AUDITOR:
        assert not [
            secret
            for secret in SECRETS
            if secret in answer.body.decode() and secret not in scenario.target
        ]


@pytest.mark.parametrize("form", ["text/csv", "application/x-ndjson"])
async def test_exports_are_under_the_same_rules(app: Hekla, form: str) -> None:
    """An export holds the rows and columns of the list, whoever asks."""
    for sent, titles in ((ANN, 3), (BEN, 3), ({}, 2), (MANAGER, 5)):
        body = (await ask(app, "/tasks", {**sent, "Accept": form})).body.decode()
        assert body.count("private") + body.count("shared of") + body.count("nobody") == titles
        assert not [secret for secret in SECRETS if secret in body]
        assert "secret" not in body
        seen = [note for note in NOTES if note in body]
        expected = {"1": ["mine one", "mine two"], "2": ["mine three"]}
        assert seen == expected.get(sent.get("X-User", ""), [])


async def test_one_plan_serves_different_actors(app: Hekla) -> None:
    """Actors who may see the same kind of things share a statement, but never its rows."""
    for sent, ids in ((ANN, [1, 2, 4]), (BEN, [2, 3, 4]), (ANN, [1, 2, 4]), ({}, [2, 4])):
        assert (await ask(app, "/tasks?fields=id", sent)).ids == ids


async def test_pages_by_cursor_over_masked_values(app: Hekla) -> None:
    """Neither a cursor nor the order of the pages tells a value that its reader may not see."""
    found = []
    following: str | None = "/users?order_by=-salary&limit=1&cursor="
    while following is not None:
        answer = await ask(app, following, ANN)
        found += answer.ids
        following = answer.link("next")
    assert found == [1, 2, 3]


async def test_a_cursor_of_another_actor_shows_no_more(app: Hekla) -> None:
    """A cursor carries a place, not a right."""
    first = await ask(app, "/tasks?limit=1&cursor=", ANN)
    assert first.ids == [1]
    assert (await ask(app, first.link("next") or "", BEN)).ids == [2]
    whole = (first.link("next") or "").replace("limit=1", "limit=9")
    assert (await ask(app, whole)).ids == [2, 4]


async def test_the_index_lists_what_may_be_read(app: Hekla) -> None:
    """A resource of which nothing may be read is not in the list of resources."""
    names = {
        who: [entry["name"] for entry in (await ask(app, "/", sent)).json()["resources"]]
        for who, sent in (("nobody", {}), ("ann", ANN), ("admin", ADMIN))
    }
    assert names == {
        "nobody": ["users", "tasks", "comments", "teams"],
        "ann": ["users", "tasks", "comments", "teams", "letters"],
        "admin": ["users", "tasks", "comments", "teams", "logs", "letters"],
    }


async def test_the_index_names_no_relation_to_what_is_closed(app: Hekla) -> None:
    """The logs of a task are told to those who may read logs."""
    for sent, known in (({}, False), (ANN, False), (ADMIN, True)):
        entries = (await ask(app, "/", sent)).json()["resources"]
        (relations,) = [entry["relations"] for entry in entries if entry["name"] == "tasks"]
        assert ("logs" in relations) is known
