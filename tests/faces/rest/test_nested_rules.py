"""Nested writes under rules: each row as if it were written on its own, and nothing leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Actor, Hekla, everyone, me, nobody, signed_in
from tests.databases import NewUrl
from tests.faces.rest.workshop import (
    Comment,
    Label,
    Member,
    Profile,
    Send,
    Task,
    User,
    sender,
    workshop,
)
from tests.scenarios.client import Answer

ADA, BOB = Actor(1), Actor(2)


@pytest.fixture
def serve(new_url: NewUrl) -> Callable[..., Any]:
    """Starts a workshop with rules and some rows in it.

    Users 1 and 2; tasks 1 and 2 of user 1, tasks 3 and 4 of user 2, 4 is a child of 1; labels 1
    and 2, task 1 has both; a comment on each of tasks 1 and 3.
    """

    @asynccontextmanager
    async def start(rules: dict[Any, dict[str, Any]]) -> AsyncIterator[tuple[Send, Hekla]]:
        app = workshop(new_url(), rules)
        await app.startup()
        with app.sessions.begin() as connection:
            for sql in (
                "insert into users (id, name) values (1, 'ada'), (2, 'bob')",
                """insert into tasks (id, title, owner_id, parent_id) values
                (1, 'a1', 1, null), (2, 'a2', 1, null), (3, 'b1', 2, null), (4, 'b2', 2, 1)""",
                "insert into labels (id, name) values (1, 'l1'), (2, 'l2')",
                """insert into task_labels (task_id, label_id, colour) values
                (1, 1, 'red'), (1, 2, 'red')""",
                "insert into comments (id, body, task_id) values (1, 'c1', 1), (2, 'c2', 3)",
                "insert into members (task_id, user_id, role) values (1, 2, 'reader')",
            ):
                connection.execute(sa.text(sql))
        try:
            yield sender(app), app
        finally:
            await app.shutdown()

    return start


def rows(app: Hekla, sql: str) -> list[tuple[Any, ...]]:
    """What is in the database, whoever may see it."""
    with app.sessions.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(sql)).fetchall()]


def told(answer: Answer) -> tuple[int, Any, Any, list[str]]:
    """A Problem, without what differs between requests."""
    problem = answer.json()
    places = [fault["location"] for fault in problem.get("errors", ())]
    return answer.status, problem["code"], problem["detail"], places


OWN = Task.owner_id == me.id


async def test_a_nested_row_is_created_under_its_own_rule(serve: Callable[..., Any]) -> None:
    """Who may not create comments cannot do so inside a task; the task is not there either."""
    async with serve({Comment: {"create": nobody}}) as (send, app):
        answer = await send("POST", "/tasks", {"title": "n", "comments": [{"body": "c"}]})
        assert told(answer) == (
            403,
            "forbidden",
            "You may not create rows of comments.",
            ["/comments/0"],
        )
        assert rows(app, "select count(*) from tasks") == [(4,)]


async def test_a_nested_row_has_to_satisfy_its_rule_afterwards(serve: Callable[..., Any]) -> None:
    """A task may be created for oneself only, also inside a user."""
    async with serve({Task: {"create": OWN}}) as (send, app):
        document = {"tasks": {"create": [{"title": "n"}]}}
        own = await send("PATCH", "/users/1", document, actor=ADA)
        assert own.status == 200
        other = await send("PATCH", "/users/2", document, actor=ADA)
        assert (told(other)[0], told(other)[3]) == (403, ["/tasks/create/0"])
        assert rows(app, "select count(*) from tasks where title = 'n'") == [(1,)]


async def test_linking_changes_the_row_that_holds_the_key(serve: Callable[..., Any]) -> None:
    """Another's task cannot be made a child of one's own; nor can it be let go of."""
    async with serve({Task: {"update": OWN}}) as (send, app):
        link = await send("PATCH", "/tasks/2", {"children": {"link": [3]}}, actor=ADA)
        assert (told(link)[0], told(link)[3]) == (403, ["/children/link/0"])
        array = await send("PATCH", "/tasks/2", {"children": [3]}, actor=ADA)
        assert (told(array)[0], told(array)[3]) == (403, ["/children/0"])
        unlink = await send("PATCH", "/tasks/1", {"children": {"unlink": [4]}}, actor=ADA)
        assert (told(unlink)[0], told(unlink)[3]) == (403, ["/children/unlink/0"])
        empty = await send("PATCH", "/tasks/1", {"children": []}, actor=ADA)
        assert (told(empty)[0], told(empty)[3]) == (403, ["/children"])
        # What is a child already needs no change.
        same = await send("PATCH", "/tasks/1", {"children": [4]}, actor=ADA)
        assert same.status == 200
        assert rows(app, "select parent_id from tasks order by id") == [
            (None,),
            (None,),
            (None,),
            (1,),
        ]


async def test_referring_to_a_row_is_no_change_of_it(serve: Callable[..., Any]) -> None:
    """Whoever may see a user may own a task to them, but not rename them by the way."""
    async with serve({User: {"update": User.id == me.id}}) as (send, app):
        refer = await send("PATCH", "/tasks/1", {"owner": 2}, actor=ADA)
        assert refer.status == 200
        rename = await send("PATCH", "/tasks/1", {"owner": {"id": 2, "name": "x"}}, actor=ADA)
        assert (told(rename)[0], told(rename)[3]) == (403, ["/owner"])
        assert rows(app, "select name from users where id = 2") == [("bob",)]


async def test_the_row_of_the_address_has_to_be_open_for_change(serve: Callable[..., Any]) -> None:
    """Even if all that is written belongs to others."""
    async with serve({Task: {"update": OWN}}) as (send, app):
        answer = await send("PATCH", "/tasks/3", {"comments": {"delete": [2]}}, actor=ADA)
        assert answer.status == 403
        nested = {"tasks": {"update": [{"id": 3, "comments": {"delete": [2]}}]}}
        inside = await send("PATCH", "/users/2", nested, actor=ADA)
        assert (told(inside)[0], told(inside)[3]) == (403, ["/tasks/update/0"])
        assert rows(app, "select count(*) from comments") == [(2,)]


@pytest.mark.parametrize(
    ("target", "document", "place"),
    [
        ("/comments/1", {"task": "KEY"}, "/task"),
        ("/comments/1", {"task": {"id": "KEY", "title": "x"}}, "/task"),
        ("/tasks/1", {"parent": "KEY"}, "/parent"),
        ("/tasks/1", {"children": ["KEY"]}, "/children/0"),
        ("/tasks/1", {"children": {"update": [{"id": "KEY", "title": "x"}]}}, "/children/update/0"),
        ("/tasks/1", {"children": {"unlink": ["KEY"]}}, "/children/unlink/0"),
        ("/tasks/1", {"children": {"delete": ["KEY"]}}, "/children/delete/0"),
        ("/labels/1", {"tasks": ["KEY"]}, "/tasks/0"),
        ("/labels/1", {"tasks": {"link": [{"id": "KEY", "title": "x"}]}}, "/tasks/link/0"),
        ("/labels/1", {"tasks": {"unlink": ["KEY"]}}, "/tasks/unlink/0"),
        ("/labels/1", {"tasks": {"delete": ["KEY"]}}, "/tasks/delete/0"),
        ("/users/1", {"shared": ["KEY"]}, "/shared/0"),
    ],
    ids=str,
)
async def test_a_hidden_row_is_as_one_that_is_not_there(
    serve: Callable[..., Any], target: str, document: Any, place: str
) -> None:
    """Every way to name a task gives the same answer for another's task and for none at all."""

    def put(value: Any, key: int) -> Any:
        if isinstance(value, dict):
            return {name: put(item, key) for name, item in value.items()}
        if isinstance(value, list):
            return [put(item, key) for item in value]
        return key if value == "KEY" else value

    async with serve({Task: {"read": OWN}}) as (send, app):
        before = rows(app, "select * from tasks")
        # Task 4 is a child of task 1, and both have labels; but it is not Ada's.
        hidden = await send("PATCH", target, put(document, 4), actor=ADA)
        absent = await send("PATCH", target, put(document, 99), actor=ADA)
        assert told(hidden) == told(absent)
        assert (told(hidden)[0], told(hidden)[3]) == (409, [place])
        assert rows(app, "select * from tasks") == before


async def test_an_array_leaves_hidden_rows_alone(serve: Callable[..., Any]) -> None:
    """What one does not see one does not let go of: children, links and members."""
    rules = {Task: {"read": OWN}, Label: {"read": Label.id == 1}, User: {"read": User.id == 1}}
    async with serve(rules) as (send, app):
        answer = await send(
            "PATCH",
            "/tasks/1?fields=id&include=children,labels,users",
            {"children": [], "labels": [], "users": []},
            actor=ADA,
        )
        assert answer.json() == {"id": 1, "children": [], "labels": [], "users": []}
        assert rows(app, "select parent_id from tasks where id = 4") == [(1,)]
        assert rows(app, "select label_id from task_labels") == [(2,)]
        assert rows(app, "select user_id from members") == [(2,)]


async def test_rows_in_between_obey_the_rules_of_their_resource(serve: Callable[..., Any]) -> None:
    """Links are created and deleted as the rows of members that they are."""
    async with serve({Member: {"create": nobody}}) as (send, app):
        link = await send("PATCH", "/tasks/1", {"users": {"link": [1]}})
        assert (told(link)[0], told(link)[3]) == (403, ["/users/link/0"])
        there = await send("PATCH", "/tasks/1", {"users": {"link": [2]}})
        assert there.status == 200
        gone = await send("PATCH", "/tasks/1", {"users": []})
        assert gone.status == 200
        assert rows(app, "select * from members") == []


async def test_rows_in_between_are_kept_where_nobody_may_delete_them(
    serve: Callable[..., Any],
) -> None:
    """Neither by an array nor by name, nor together with the row at the far end."""
    async with serve({Member: {"delete": nobody}}) as (send, app):
        wishes: list[object] = [[], {"unlink": [2]}, {"delete": [2]}]
        for wish in wishes:
            answer = await send("PATCH", "/tasks/1", {"users": wish})
            assert answer.status == 403
            assert told(answer)[3][0].startswith("/users")
        assert rows(app, "select user_id from members") == [(2,)]


async def test_a_plain_table_in_between_belongs_to_the_row_of_the_document(
    serve: Callable[..., Any],
) -> None:
    """Links need a near row that may be changed, and a far one that may be seen."""
    async with serve({Task: {"update": OWN}, Label: {"update": me.has_role("editor")}}) as (
        send,
        app,
    ):
        own = await send("PATCH", "/tasks/2", {"labels": [1]}, actor=ADA)
        assert own.status == 200
        other = await send("PATCH", "/tasks/3", {"labels": [1]}, actor=ADA)
        assert other.status == 403
        back = await send("PATCH", "/labels/1", {"tasks": [3]}, actor=ADA)
        assert back.status == 403
        assert rows(app, "select label_id from task_labels where task_id = 3") == []


async def test_a_column_that_ties_may_be_closed(serve: Callable[..., Any]) -> None:
    """Who may not write parent_id can neither link children nor create them."""
    async with serve({Task: {"write_columns": {"parent_id": nobody}}}) as (send, _):
        for document, place in (
            ({"children": {"link": [2]}}, "/children/link/0"),
            ({"children": {"create": [{"title": "n"}]}}, "/children/create/0"),
            ({"children": {"unlink": [4]}}, "/children/unlink/0"),
            ({"parent": 2}, "/parent"),
        ):
            answer = await send("PATCH", "/tasks/1", document)
            assert (told(answer)[0], told(answer)[3]) == (403, [place])
        # Nothing that ties is written by these.
        assert (await send("PATCH", "/tasks/1", {"children": [4]})).status == 200


async def test_a_column_that_ties_may_be_closed_in_some_rows(serve: Callable[..., Any]) -> None:
    """A rule on parent_id is asked of the child, before and after."""
    async with serve({Task: {"write_columns": {"parent_id": OWN}}}) as (send, _):
        own = await send("PATCH", "/tasks/1", {"children": {"link": [2]}}, actor=ADA)
        assert own.status == 200
        other = await send("PATCH", "/tasks/1", {"children": {"link": [3]}}, actor=ADA)
        assert (told(other)[0], told(other)[3]) == (403, ["/children/link/0"])


async def test_a_relation_over_a_closed_column_is_unknown(serve: Callable[..., Any]) -> None:
    """The answer is the one for a field that does not exist."""
    async with serve({Task: {"columns": {"owner_id": nobody}}}) as (send, _):
        closed = await send("PATCH", "/tasks/1", {"owner": 1})
        unknown = await send("PATCH", "/tasks/1", {"ownex": 1})
        assert closed.status == unknown.status == 422
        assert closed.json()["errors"][0]["message"] == "there is no such field"
        assert unknown.json()["errors"][0]["message"] == "there is no such field"
        back = await send("PATCH", "/users/1", {"tasks": [1]})
        assert back.json()["errors"] == [
            {"location": "/tasks", "message": back.json()["errors"][0]["message"]}
        ]
        assert back.json()["errors"][0]["message"].startswith("there is no such field")


async def test_a_write_once_column_ties_new_rows_only(serve: Callable[..., Any]) -> None:
    """A comment is created with its task, and never moved to another one."""
    async with serve({Comment: {"write_once": ["task_id"]}}) as (send, _):
        made = await send("PATCH", "/tasks/1", {"comments": {"create": [{"body": "n"}]}})
        assert made.status == 200
        moved = await send("PATCH", "/tasks/1", {"comments": {"link": [2]}})
        assert (told(moved)[0], told(moved)[3]) == (422, ["/comments/link/0"])
        other = await send("PATCH", "/comments/2", {"task": 1})
        assert (told(other)[0], told(other)[3]) == (422, ["/task"])


async def test_rows_that_may_not_be_read_can_still_be_made(serve: Callable[..., Any]) -> None:
    """A drop box: comments go in, and nobody learns which are there."""
    async with serve({Comment: {"read": nobody}}) as (send, app):
        made = await send("POST", "/tasks?fields=id", {"title": "n", "comments": [{"body": "n"}]})
        assert (made.status, made.json()) == (201, {"id": 5})
        assert rows(app, "select body from comments where task_id = 5") == [("n",)]
        for wish in ([], [1], [99], {"delete": [1]}, {"delete": [99]}):
            answer = await send("PATCH", "/tasks/1", {"comments": wish})
            assert (told(answer)[0], told(answer)[1]) == (403, "forbidden")
        assert rows(app, "select count(*) from comments") == [(3,)]


async def test_the_answer_tells_only_what_may_be_read(serve: Callable[..., Any]) -> None:
    """A row that was just linked to a hidden one does not show it."""
    async with serve({Profile: {"read": Profile.user_id != 1}}) as (send, app):
        answer = await send(
            "PATCH", "/users/1?fields=id&include=profile", {"profile": {"bio": "secret"}}
        )
        assert answer.json() == {"id": 1, "profile": None}
        assert b"secret" not in answer.body
        assert rows(app, "select bio from profiles") == [("secret",)]


async def test_who_is_not_signed_in_changes_nothing(serve: Callable[..., Any]) -> None:
    """A rule on the nested resource holds although the outer one is open to everybody."""
    async with serve({User: {"write": signed_in}, Task: {"write": everyone}}) as (send, app):
        answer = await send("POST", "/tasks", {"title": "n", "owner": {"name": "new"}})
        assert (told(answer)[0], told(answer)[3]) == (403, ["/owner"])
        known = await send("POST", "/tasks", {"title": "n", "owner": {"name": "new"}}, actor=BOB)
        assert known.status == 201
        assert rows(app, "select count(*) from users") == [(3,)]
