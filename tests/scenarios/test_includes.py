"""One row, and rows with others embedded in them, of the example application.

``tests/scenarios/test_lists.py`` tells what is in its tables. Comments are numbered in the order
of their tasks: task 2 has comment 1, task 3 has 2 and 3, task 6 has 4, task 7 has 5 and 6.
"""

from __future__ import annotations

from typing import Any

import pytest

from hekla import Hekla
from tests.scenarios.client import Scenario, ask, check

USER_4 = {"id": 4, "name": "user 4"}
SCENARIOS = [
    # One row
    Scenario("/tasks/3?fields=id,title", json={"id": 3, "title": "Test page 3"}),
    Scenario("/tasks/3?fields=title", body=b'{"title":"Test page 3"}'),
    Scenario("/users/4", json=USER_4),
    Scenario("/task_labels/3,3", 404, code="not_found"),
    Scenario("/tasks/999999", 404, code="not_found", says="Task not found"),
    Scenario("/users/999999", 404, code="not_found", says="User not found"),
    Scenario("/tasks/1,2", 404, code="not_found"),
    Scenario("/tasks/one", 404, code="not_found"),
    Scenario("/tasks/3/", 404, code="not_found"),
    Scenario("/tasks/3/comments", 404, code="not_found"),
    Scenario("/tasks//3", 404, code="not_found"),
    Scenario("/tasks/3.0", 404, code="not_found"),
    Scenario("/tasks/%33?fields=id", json={"id": 3}),
    Scenario("/tasks/=3?fields=id", json={"id": 3}),
    # To one
    Scenario("/tasks/3?fields=id&include=owner", json={"id": 3, "owner": USER_4}),
    Scenario("/tasks/7?fields=id&include=owner", json={"id": 7, "owner": None}),
    Scenario(
        "/tasks/3?fields=id&include=owner(fields:name),project",
        json={"id": 3, "owner": {"name": "user 4"}, "project": {"id": 1, "name": "project 1"}},
    ),
    Scenario(
        "/tasks/3?fields=id&include=owner(name:user+5)",
        json={"id": 3, "owner": None},
    ),
    # To many
    Scenario(
        "/tasks/3?fields=id&include=comments",
        json={
            "id": 3,
            "comments": [
                {"id": 2, "body": "Note 1.", "task_id": 3, "author_id": 1},
                {"id": 3, "body": "Note 2.", "task_id": 3, "author_id": 2},
            ],
        },
    ),
    Scenario("/tasks/1?fields=id&include=comments", json={"id": 1, "comments": []}),
    Scenario(
        "/tasks/3?fields=id&include=comments(limit:1,order_by:-id,fields:id)",
        json={"id": 3, "comments": [{"id": 3}]},
    ),
    Scenario(
        "/tasks/3?fields=id&include=comments(limit=1,skip=1,fields=id)",
        json={"id": 3, "comments": [{"id": 3}]},
    ),
    Scenario(
        "/tasks/3?fields=id&include=comments(author_id:2,fields:(id,author_id))",
        json={"id": 3, "comments": [{"id": 3, "author_id": 2}]},
    ),
    Scenario(
        "/tasks/3?fields=id&include=comments(limit:0)",
        json={"id": 3, "comments": []},
    ),
    Scenario(
        "/tasks/3?fields=id&include=comments(or:(id=2,id=99),fields:id)",
        json={"id": 3, "comments": [{"id": 2}]},
    ),
    Scenario(
        "/tasks/3?fields=id&include=comments(author.name__endswith:2,fields:id)",
        json={"id": 3, "comments": [{"id": 3}]},
    ),
    Scenario(
        "/tasks?id__in=2,3,4&fields=id&include=comments(limit:1,order_by:-id,fields:id)",
        json=[
            {"id": 2, "comments": [{"id": 1}]},
            {"id": 3, "comments": [{"id": 3}]},
            {"id": 4, "comments": []},
        ],
    ),
    # Many to many
    Scenario(
        "/tasks/2?fields=id&include=labels(fields:name,order_by:name)",
        json={"id": 2, "labels": [{"name": "text"}, {"name": "urgent"}]},
    ),
    # Deeper
    Scenario(
        "/tasks/3?fields=id&include=comments(limit:1,fields:id).author(fields:name)",
        json={"id": 3, "comments": [{"id": 2, "author": {"name": "user 1"}}]},
    ),
    Scenario(
        "/tasks/2?fields=id&include=comments(fields:id,include:(author(fields:id)))",
        json={"id": 2, "comments": [{"id": 1, "author": {"id": 1}}]},
    ),
    Scenario(
        "/tasks/2?fields=id&include=comments.author,comments.task",
        json={
            "id": 2,
            "comments": [
                {
                    "id": 1,
                    "body": "Note 1.",
                    "task_id": 2,
                    "author_id": 1,
                    "author": {"id": 1, "name": "user 1"},
                    "task": {
                        "id": 2,
                        "title": "Check page 2",
                        "description": "Step 2.",
                        "completed": False,
                        "priority": 1,
                        "due_date": "2026-01-14",
                        "created_at": "2026-01-07T09:00:00.000000Z",
                        "owner_id": 3,
                        "project_id": 3,
                    },
                }
            ],
        },
    ),
    Scenario(
        "/comments/1?fields=id&include=task(fields:id).owner(fields:id)"
        ".tasks(fields:id,limit:2,order_by:id).comments(fields:id)",
        json={
            "id": 1,
            "task": {
                "id": 2,
                "owner": {
                    "id": 3,
                    "tasks": [
                        {"id": 2, "comments": [{"id": 1}]},
                        {"id": 12, "comments": []},
                    ],
                },
            },
        },
    ),
    # What cannot be said
    Scenario(
        "/tasks?include=ownr",
        400,
        code="unknown_relation",
        location="query.include",
        says="Did you mean “owner”?",
    ),
    Scenario("/tasks?include=title", 400, code="unknown_relation", location="query.include"),
    Scenario(
        "/tasks?include=comments.autor",
        400,
        code="unknown_relation",
        says="Did you mean “author”?",
    ),
    Scenario("/tasks?include=", 400, code="invalid_syntax", location="query.include"),
    Scenario("/tasks?include=owner,", 400, code="invalid_syntax", location="query.include"),
    Scenario("/tasks?include=comments(limit:3", 400, code="invalid_syntax"),
    Scenario("/tasks?include=comments(limit)", 400, code="invalid_syntax"),
    Scenario("/tasks?include=comments(limit:x)", 400, code="invalid_value"),
    Scenario("/tasks?include=comments(limit:1001)", 400, code="limit_exceeded"),
    Scenario(
        "/tasks?include=comments(bodi:x)", 400, code="unknown_column", says="Did you mean “body”?"
    ),
    Scenario("/tasks?include=comments(fields:bodi)", 400, code="unknown_column"),
    Scenario("/tasks?include=comments(cursor:x)", 400, code="unsupported", says="cursor"),
    Scenario("/tasks?include=comments(count:exact)", 400, code="unsupported", says="count"),
    Scenario("/tasks?include=owner(limit:1)", 400, code="unsupported", says="limit"),
    Scenario("/tasks?include=owner(order_by:id)", 400, code="unsupported", says="order_by"),
    Scenario("/tasks/3?includ=owner", 400, code="unknown_parameter", says="“include”"),
    Scenario("/tasks/3?limit=3", 400, code="unknown_parameter", location="query.limit"),
    Scenario("/tasks/3?title=x", 400, code="unknown_parameter", location="query.title"),
    Scenario("/tasks/999999?titel=x", 400, code="unknown_parameter"),
    Scenario("/tasks/one?titel=x", 400, code="unknown_parameter"),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_scenario(example: Hekla, scenario: Scenario) -> None:
    """A row holds what was asked for, and nothing else."""
    check(scenario, await ask(example, scenario.target))


async def test_members_keep_their_order(example: Hekla) -> None:
    """Columns come first, as in fields; then relations, as in include."""
    answer = await ask(example, "/tasks/4?fields=title,id&include=owner(fields:id),comments")
    assert answer.body == b'{"title":"Plan page 4","id":4,"owner":{"id":5},"comments":[]}'


async def test_a_thing_not_found_says_what_it_is(example: Hekla) -> None:
    """The 404 of the classic tutorial: detail says that there is no such task."""
    answer = await ask(example, "/tasks/999999")
    problem: dict[str, Any] = answer.json()
    assert answer.status == 404
    assert problem.pop("request_id") == answer.headers["x-request-id"]
    assert problem == {
        "type": "about:blank",
        "code": "not_found",
        "title": "Not found",
        "status": 404,
        "detail": "Task not found",
    }
