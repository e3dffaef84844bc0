"""What of a change is told to whom: rules on the row as it was, and as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hekla import Actor, Hekla
from tests.changes.application import ADMIN, ANN, BOB, NOBODY, changes_of, must, running
from tests.databases import NewUrl
from tests.scenarios.client import ask

pytestmark = pytest.mark.anyio


def brief(changes: list[Any]) -> list[tuple[Any, ...]]:
    """Of each change the action, what changed, and the title on both sides."""
    return [
        (
            change["action"],
            change["changed"],
            change["before"] and change["before"]["title"],
            change["after"] and change["after"]["title"],
        )
        for change in changes
    ]


ALL = ["id", "title", "shared", "owner_id", "note", "deleted_at"]


async def story(app: Hekla) -> None:
    """Ann's task is renamed in private, shared, given to Bob, hidden by him, and deleted."""
    await must(app, ANN, "POST", "/tasks", {"id": 1, "title": "a", "owner_id": 1, "note": "n"})
    await must(app, ANN, "PATCH", "/tasks/1", {"title": "b"})
    await must(app, ANN, "PATCH", "/tasks/1", {"shared": True})
    await must(app, ANN, "PATCH", "/tasks/1", {"owner_id": 2})
    await must(app, BOB, "PATCH", "/tasks/1", {"shared": False, "title": "c"})
    await must(app, BOB, "DELETE", "/tasks/1")


async def test_rows_come_into_sight_and_leave_it(new_url: NewUrl) -> None:
    """Coming into sight is told as a create, leaving it as a delete, with the visible side only."""
    async with running(new_url()) as app:
        await story(app)
        assert brief(await changes_of(app, ANN)) == [
            ("create", ALL, None, "a"),
            ("update", ["title"], "a", "b"),
            ("update", ["shared"], "b", "b"),
            ("update", ["owner_id", "note"], "b", "b"),
            ("delete", ALL, "b", None),
        ]
        assert brief(await changes_of(app, BOB)) == [
            ("create", ALL, None, "b"),
            ("update", ["owner_id", "note"], "b", "b"),
            ("update", ["title", "shared"], "b", "c"),
            ("delete", ALL, "c", None),
        ]
        assert brief(await changes_of(app, NOBODY)) == [
            ("create", ALL, None, "b"),
            ("update", ["owner_id"], "b", "b"),
            ("delete", ALL, "b", None),
        ]


async def test_what_may_not_be_seen_stands_nowhere(new_url: NewUrl) -> None:
    """Neither hidden rows nor hidden columns leave a trace in what others are told."""
    async with running(new_url()) as app:
        row = {"id": 1, "title": "hidden-title", "owner_id": 1, "note": "hidden-note"}
        await must(app, ANN, "POST", "/tasks", row)
        await must(app, ANN, "PATCH", "/tasks/1", {"note": "hidden-too"})
        await must(app, ANN, "POST", "/tasks", row | {"id": 2, "shared": True, "title": "open"})
        await must(app, ANN, "PATCH", "/tasks/2", {"note": "hidden-again"})
        await must(app, ANN, "PATCH", "/tasks/2", {"token": "secret-1"})
        for target in ("/tasks/changes", "/tasks/2/history"):
            answer = await ask(app, target, actor=BOB)
            assert b"hidden" not in answer.body
            assert b"secret" not in answer.body
            # Only columns that Bob may not see changed afterwards, so nothing happened to him.
            assert [change["action"] for change in answer.json()] == ["create"]
        gone = await ask(app, "/tasks/1/history", actor=BOB)
        never = await ask(app, "/tasks/77/history", actor=BOB)
        assert gone.status == never.status == 404
        assert gone.json()["detail"] == never.json()["detail"]


async def test_a_closed_column_does_not_exist(new_url: NewUrl) -> None:
    """A column that whoever asks may not know of is in no change, and cannot be asked for."""
    async with running(new_url()) as app:
        planner = Actor(3, frozenset({"planner"}))
        row = {"id": 1, "title": "a", "shared": True, "plan": "p"}
        await must(app, planner, "POST", "/tasks", row)
        assert "plan" not in (await changes_of(app, ANN))[0]["after"]
        assert (await changes_of(app, planner))[0]["after"]["plan"] == "p"
        closed = await ask(app, "/tasks/changes?fields=plan", actor=ANN)
        absent = await ask(app, "/tasks/changes?fields=plam", actor=ANN)
        assert closed.status == absent.status == 400
        assert closed.json()["code"] == absent.json()["code"] == "unknown_column"


async def test_secret_columns_are_in_no_change(new_url: NewUrl) -> None:
    """Not even administrators are told a secret column, nor that it is what changed."""
    async with running(new_url()) as app:
        row = {"id": 1, "title": "a", "owner_id": 9, "token": "secret-1"}
        await must(app, ADMIN, "POST", "/tasks", row)
        await must(app, ADMIN, "PATCH", "/tasks/1", {"token": "secret-2"})
        answer = await ask(app, "/changes", actor=ADMIN)
        assert b"secret-" not in answer.body
        assert b"token" not in answer.body
        assert [(c["action"], c["changed"]) for c in answer.json()[1:]] == [("update", [])]
        with app.session() as session:
            stored = session.connection().exec_driver_sql("select * from hekla_changes").fetchall()
        assert "secret-" not in repr(stored)


async def test_who_wrote_is_told_to_administrators_and_to_themselves(new_url: NewUrl) -> None:
    """``actor`` and ``request`` are left out for others."""
    async with running(new_url()) as app:
        row = {"id": 1, "title": "a", "shared": True}
        await must(app, ANN, "POST", "/tasks", row, x_request_id="r-1")
        (mine,) = await changes_of(app, ANN)
        assert (mine["actor"], mine["request"]) == (1, "r-1")
        (other,) = await changes_of(app, BOB)
        assert not {"actor", "request"} & other.keys()
        (seen,) = await changes_of(app, ADMIN)
        assert (seen["actor"], seen["request"]) == (1, "r-1")
        await must(app, NOBODY, "PATCH", "/tasks/1", {"title": "b"}, x_request_id="r-2")
        assert "actor" not in (await changes_of(app, NOBODY))[-1]


async def test_questions_about_other_tables_are_answered_as_they_are_now(new_url: NewUrl) -> None:
    """A rule that asks another table decides about both sides by that table's present rows."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/projects", {"id": 1, "name": "p"})
        await must(app, ANN, "POST", "/projects", {"id": 2, "name": "q"})
        assert await changes_of(app, ANN, "/projects/changes") == []
        await must(app, ANN, "POST", "/members", {"project_id": 1, "user_id": 1})
        (change,) = await changes_of(app, ANN, "/projects/changes")
        assert change["after"] == {"id": 1, "name": "p"}
        assert await changes_of(app, BOB, "/projects/changes") == []


async def test_a_rule_over_what_the_log_does_not_hold_lets_nobody_see(new_url: NewUrl) -> None:
    """A column that was added after a change leaves the rule without an answer: it is hidden."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/tasks", {"id": 1, "title": "a", "shared": True})
        with app.session() as session:
            less = {
                "sqlite": """json_remove("after", '$.shared')""",
                "postgresql": """(("after"::jsonb) - 'shared')::text""",
            }[app.store.dialect]
            statement = f'update hekla_changes set "after" = {less}'
            session.connection().exec_driver_sql(statement)
            session.commit()
        assert await changes_of(app, NOBODY) == []
        assert await changes_of(app, ANN) == []
        assert len(await changes_of(app, ADMIN, "/changes")) == 1


async def test_a_text_is_compared_by_the_collation_of_its_column(tmp_path: Path) -> None:
    """The history of a key is found by the spelling that finds the row."""
    async with running(tmp_path / "a.db") as app:
        await must(app, ANN, "POST", "/labels", {"name": "Bug"})
        assert (await ask(app, "/labels/bug")).status == 200
        (change,) = await changes_of(app, ANN, "/labels/bug/history")
        assert change["key"] == ["Bug"]


async def test_all_changes_are_for_administrators(new_url: NewUrl) -> None:
    """The whole log is told to the role admin, whatever the rules of the rows, to nobody else."""
    async with running(new_url()) as app:
        await story(app)
        for actor in (NOBODY, ANN, Actor(3, frozenset({"planner", "administrator"}))):
            answer = await ask(app, "/changes", actor=actor)
            assert (answer.status, answer.json()["code"]) == (403, "forbidden")
        changes = await changes_of(app, ADMIN, "/changes")
        # As it was stored: to delete softly is to mark.
        assert [change["action"] for change in changes] == ["create"] + ["update"] * 5
        assert changes[0]["after"]["note"] is None
        assert "plan" not in changes[0]["after"]
