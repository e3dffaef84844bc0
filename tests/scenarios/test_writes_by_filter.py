"""``PATCH`` and ``DELETE`` of a list: which rows are meant is said, and is bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hekla import Hekla, Settings, everyone
from tests.scenarios.client import Answer, ask

metadata = sa.MetaData()
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False, unique=True),
    sa.Column("done", sa.Boolean, nullable=False, default=False),
)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    """Five tasks; three rows may be written at once."""
    app = Hekla(f"sqlite:///{tmp_path / 'tasks.db'}", settings=Settings(max_write_rows=3))
    app.resource(tasks, read=everyone, write=everyone, search=["title"])
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        rows = [{"id": n, "title": f"task {n}", "done": n > 3} for n in range(1, 6)]
        connection.execute(tasks.insert(), rows)
    await app.startup()
    yield app
    await app.shutdown()


async def write(app: Hekla, method: str, query: str) -> Answer:
    target = f"/tasks?{query}" if query else "/tasks"
    if method == "DELETE":
        return await ask(app, target, method=method)
    return await ask(app, target, method=method, document={"done": True})


async def done(app: Hekla) -> list[tuple[int, bool]]:
    return [(row["id"], row["done"]) for row in (await ask(app, "/tasks")).json()]


BEFORE = [(1, False), (2, False), (3, False), (4, True), (5, True)]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "invalid_syntax"),
        ("fields=id", 400, "invalid_syntax"),
        ("all=false", 400, "invalid_syntax"),
        ("all=1", 400, "invalid_syntax"),
        ("all=", 400, "invalid_syntax"),
        # A search for nothing finds everything, so it is no filter.
        ("search=", 400, "invalid_syntax"),
        ("search=%20", 400, "invalid_syntax"),
        ("and=()", 400, "invalid_syntax"),
        ("and=(and=(),and=())", 400, "invalid_syntax"),
        ("limit=1", 400, "unknown_parameter"),
        ("all=true&limit=1", 400, "unknown_parameter"),
        ("done=true&skip=1", 400, "unknown_parameter"),
        ("done=true&order_by=id", 400, "unknown_parameter"),
        ("done=true&cursor=", 400, "unknown_parameter"),
        ("done=true&count=exact", 400, "unknown_parameter"),
        ("done=true&offset=1", 400, "unknown_column"),
        ("id=x", 400, "invalid_value"),
        ("all=true", 409, "too_many_rows"),
        ("id__gt=0", 409, "too_many_rows"),
        ("id__not_in=", 409, "too_many_rows"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_nothing_is_written_by_mistake(
    app: Hekla, method: str, query: str, status: int, code: str
) -> None:
    """No filter, one that is none, what says which of the rows, and more rows than are allowed."""
    answer = await write(app, method, query)
    assert (answer.status, answer.json()["code"]) == (status, code), answer.body
    assert await done(app) == BEFORE


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("done=false", [1, 2, 3]),
        ("id__in=", []),
        ("title=nothing", []),
        ("search=task%202", [2]),
        ("or=(id:1,id:5)", [1, 5]),
        ("all=true&id=4", [4]),
    ],
)
async def test_what_a_filter_finds_is_written(app: Hekla, query: str, ids: list[int]) -> None:
    """These rows and no others; how many there were is told."""
    changed = await write(app, "PATCH", query)
    assert (changed.status, changed.headers["x-total-count"]) == (200, str(len(ids)))
    assert [row["id"] for row in changed.json()] == ids
    assert await done(app) == [(n, was or n in ids) for n, was in BEFORE]
    if "done" in query:
        return
    gone = await write(app, "DELETE", query)
    assert (gone.status, gone.headers["x-total-count"]) == (204, str(len(ids)))
    assert [n for n, _ in await done(app)] == [n for n, _ in BEFORE if n not in ids]


async def test_the_rows_are_written_together_or_not_at_all(app: Hekla) -> None:
    """Where the second one breaks a constraint the first one stays as it was."""
    answer = await ask(app, "/tasks?done=true", method="PATCH", document={"title": "same"})
    assert (answer.status, answer.json()["code"]) == (409, "already_exists")
    titles = [row["title"] for row in (await ask(app, "/tasks")).json()]
    assert titles == [f"task {n}" for n in range(1, 6)]
    assert (await ask(app, "/tasks/changes")).json() == []
