"""Several operations in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hekla import Actor, Hekla, everyone, me, nobody
from hekla.web.request import Request
from tests.databases import NewUrl
from tests.faces.rest.workshop import Comment, Send, Task, User, sender, workshop
from tests.scenarios.client import Answer, ask


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = workshop(new_url(), max_page_size=2000)
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture
def send(app: Hekla) -> Send:
    return sender(app)


async def batch(send: Send, *operations: Any, **more: Any) -> Answer:
    return await send("POST", "/batch", list(operations), **more)


def operation(method: str, path: str, body: Any = ..., **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, **more} | ({} if body is ... else {"body": body})


def places(answer: Answer) -> list[str]:
    return [fault["location"] for fault in answer.json()["errors"]]


async def titles(send: Send) -> list[str]:
    return [row["title"] for row in (await send("GET", "/tasks?order_by=id")).json()]


async def test_each_operation_is_answered_as_by_itself(send: Send) -> None:
    """Status, address, tag and body of each, in order; and the tags are those of a read."""
    answer = await batch(
        send,
        operation("POST", "/users?fields=id", {"name": "u"}),
        operation("PUT", "/tasks/7?fields=id,title", {"title": "seven"}),
        operation("PATCH", "/tasks/7?fields=title", {"title": "7"}),
        operation("GET", "/tasks/7?fields=id,title"),
        operation("GET", "/tasks?fields=title&count=exact"),
        operation("PATCH", "/tasks?title=7&fields=title", {"title": "VII"}),
        operation("DELETE", "/tasks/7"),
        operation("GET", "/tasks/aggregate?count"),
    )
    assert answer.status == 200
    results = answer.json()
    assert [result["status"] for result in results] == [201, 201, 200, 200, 200, 200, 204, 200]
    assert [result.get("location") for result in results[:3]] == ["/users/1", "/tasks/7", None]
    assert [result.get("body") for result in results] == [
        {"id": 1},
        {"id": 7, "title": "seven"},
        {"title": "7"},
        {"id": 7, "title": "7"},
        [{"title": "7"}],
        [{"title": "VII"}],
        None,
        [{"count": 0}],
    ]
    assert results[4]["total"] == 1
    alone = await send("GET", "/users/1?fields=id")
    assert results[0]["etag"] == alone.headers["etag"]


@pytest.mark.parametrize("wrap", [False, True])
async def test_the_first_that_fails_fails_them_all(send: Send, wrap: bool) -> None:
    """Its Problem is the answer, its number and places are told, and nothing is there."""
    operations = [
        operation("POST", "/users", {"name": "u"}),
        operation("POST", "/users", {"name": "v"}),
        operation("POST", "/users", {"name": "u"}),
        operation("POST", "/users", {"name": 7}),
    ]
    answer = await send("POST", "/batch", {"operations": operations} if wrap else operations)
    problem = answer.json()
    assert (answer.status, problem["code"], problem["operation"]) == (409, "already_exists", 2)
    assert places(answer) == ["/operations/2/body/name" if wrap else "/2/body/name"]
    assert (await send("GET", "/users")).json() == []


async def test_a_later_operation_speaks_of_what_an_earlier_one_made(send: Send) -> None:
    """In documents at any depth, in the path, in a composite key and in a parameter."""
    answer = await batch(
        send,
        operation("POST", "/users", {"name": "u", "email": "u@x.example"}),
        operation("POST", "/tasks", {"title": "$0.name", "owner_id": "$0.id"}),
        operation(
            "PATCH",
            "/tasks/$1.id?fields=id&include=comments(fields:body),labels(fields:name)",
            {"comments": {"create": [{"body": "$0.email"}]}, "labels": [{"name": "$1.title"}]},
        ),
        operation("POST", "/members", {"task_id": "$1.id", "user_id": "$0.id"}),
        operation("PATCH", "/members/$3.task_id,$3.user_id", {"role": "writer"}),
        operation("GET", "/tasks?owner_id=$0.id&fields=title"),
        operation("PUT", "/labels?name=$0.email", {}),
        operation("GET", "/tasks/$1.id?fields=owner_id"),
        operation("POST", "/tasks?fields=owner_id", {"title": "x", "owner": "$7.owner_id"}),
    )
    assert answer.status == 200, answer.body
    bodies = [result["body"] for result in answer.json()]
    assert bodies[2] == {
        "id": 1,
        "comments": [{"body": "u@x.example"}],
        "labels": [{"name": "u"}],
    }
    assert bodies[4] == {"task_id": 1, "user_id": 1, "role": "writer"}
    assert bodies[5] == [{"title": "u"}]
    assert bodies[6]["name"] == "u@x.example"
    assert bodies[8] == {"owner_id": 1}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("$$0.id", "$0.id"),
        ("$$$0.id", "$$0.id"),
        ("$5.00", "$5.00"),
        ("$0", "$0"),
        ("$0.", "$0."),
        ("$.id", "$.id"),
        ("a $0.id", "a $0.id"),
        ("$0.id b", "$0.id b"),
        ("$$0", "$$0"),
        ("$a.id", "$a.id"),
        ("$-1.id", "$-1.id"),
        ("$²․id", "$²․id"),
        ("$$²", "$$²"),
    ],
)
async def test_only_a_whole_text_is_a_reference(send: Send, text: str, stored: str) -> None:
    """Another text stays as it is; one dollar sign more makes a text of a reference."""
    answer = await batch(
        send,
        operation("POST", "/users", {"name": "u"}),
        operation("POST", "/users", {"name": text}),
    )
    assert answer.status == 200, answer.body
    assert answer.json()[1]["body"]["name"] == stored


@pytest.mark.parametrize(
    "reference",
    ["$2.id", "$1.id", "$99.id", f"${'9' * 5000}.id", "$0.nothing", "$3.id", "$0.fields"],
)
async def test_a_reference_that_leads_nowhere_is_told_with_its_place(
    send: Send, reference: str
) -> None:
    """To a later operation, to itself, to none at all, to what was not answered."""
    answer = await batch(
        send,
        operation("POST", "/users?fields=id", {"name": "u"}),
        operation("POST", "/tasks", {"title": "a", "comments": [{"body": reference}]}),
        operation("POST", "/users", {"name": "v"}),
    )
    assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
    assert places(answer) == ["/1/body/comments/0/body"]
    assert answer.json()["operation"] == 1
    path = await batch(
        send,
        operation("POST", "/users?fields=id", {"name": "u"}),
        operation("GET", f"/users/{reference}"),
    )
    assert (path.status, places(path)) == (422, ["/1/path"])
    assert (await send("GET", "/users")).json() == []


@pytest.mark.parametrize(
    "first",
    [
        operation("DELETE", "/users/1"),
        operation("POST", "/users", [{"name": "a"}, {"name": "b"}]),
        operation("PATCH", "/users?id=1", {"name": "c"}),
        operation("GET", "/users"),
    ],
    ids=["delete", "many", "filter", "list"],
)
async def test_only_an_operation_on_one_row_can_be_spoken_of(
    send: Send, first: dict[str, Any]
) -> None:
    """What is gone has no members, and of many rows it could be any."""
    await send("POST", "/users", {"name": "u"})
    answer = await batch(send, first, operation("POST", "/tasks", {"title": "$0.name"}))
    assert (answer.status, places(answer)) == (422, ["/1/body/title"])


async def test_what_an_address_cannot_hold_is_told(send: Send) -> None:
    """An object is no key, and NULL is no value of a parameter."""
    answer = await batch(
        send,
        operation("POST", "/tasks?include=labels", {"title": "a", "labels": [{"name": "l"}]}),
        operation("GET", "/labels/$0.labels"),
    )
    assert (answer.status, places(answer)) == (422, ["/1/path"])
    null = await batch(
        send,
        operation("POST", "/tasks", {"title": "a"}),
        operation("GET", "/tasks?owner_id=$0.owner_id"),
    )
    assert (null.status, places(null)) == (422, ["/1/path"])


async def test_if_match_is_asked_of_each_row(send: Send) -> None:
    """The tag of a result can be sent back; an old one fails the batch, and says where."""
    made = (await batch(send, operation("POST", "/tasks", {"title": "a"}))).json()[0]
    good = await batch(send, operation("PATCH", "/tasks/1", {"title": "b"}, if_match=made["etag"]))
    assert good.status == 200
    bad = await batch(
        send,
        operation("POST", "/tasks", {"title": "other"}),
        operation("DELETE", "/tasks/1", if_match=made["etag"]),
    )
    assert (bad.status, bad.json()["code"]) == (412, "precondition_failed")
    assert (places(bad), bad.json()["operation"]) == (["/1/if_match"], 1)
    new = await batch(send, operation("PUT", "/tasks/1", {"title": "c"}, if_none_match="*"))
    assert (new.status, places(new)) == (412, ["/0/if_none_match"])
    assert await titles(send) == ["b"]


async def test_a_result_can_be_without_its_body(send: Send) -> None:
    """Prefer: return=minimal; what one operation says of another's row still holds."""
    answer = await batch(
        send,
        operation("POST", "/users", {"name": "u"}),
        operation("POST", "/tasks", {"title": "a", "owner": "$0.id"}),
        headers={"prefer": "return=minimal"},
    )
    assert answer.headers["preference-applied"] == "return=minimal"
    assert [sorted(result) for result in answer.json()] == [["etag", "location", "status"]] * 2
    assert (await send("GET", "/tasks/1")).json()["owner_id"] == 1


async def test_a_batch_is_done_once_under_one_key(send: Send) -> None:
    """Idempotency-Key: the same batch is answered again, another one is refused."""
    headers = {"idempotency-key": '"k1"'}
    first = await batch(send, operation("POST", "/tasks", {"title": "a"}), headers=headers)
    again = await batch(send, operation("POST", "/tasks", {"title": "a"}), headers=headers)
    assert (again.status, again.json()) == (200, first.json())
    other = await batch(send, operation("POST", "/tasks", {"title": "b"}), headers=headers)
    assert other.status == 422
    assert await titles(send) == ["a"]


async def test_all_changes_of_a_batch_are_on_record_under_its_id(app: Hekla, send: Send) -> None:
    """One request, one id, whatever the number of operations."""
    await batch(
        send,
        operation("POST", "/tasks", {"title": "a"}),
        operation("DELETE", "/tasks/$0.id"),
        headers={"x-request-id": "r7"},
    )
    with app.sessions.connect() as connection:
        found = connection.exec_driver_sql("select action, request from hekla_changes").fetchall()
    assert [tuple(row) for row in found] == [("create", "r7"), ("delete", "r7")]


async def test_a_hundred_operations_fit_and_one_more_does_not(send: Send) -> None:
    """The bound is a setting, which the Problem names."""
    operations = [operation("POST", "/tasks", {"title": f"t{number}"}) for number in range(101)]
    assert (await batch(send, *operations)).json()["code"] == "limit_exceeded"
    assert await titles(send) == []
    answer = await batch(send, *operations[:100])
    assert [result["status"] for result in answer.json()] == [201] * 100
    assert await titles(send) == [f"t{number}" for number in range(100)]


async def test_the_rows_of_a_batch_are_bounded(new_url: NewUrl) -> None:
    """Arrays, nested rows and those that a filter finds count as much as operations do."""
    app = workshop(new_url(), max_write_rows=4)
    await app.startup()
    send = sender(app)
    try:
        array = operation("POST", "/users", [{"name": f"u{n}"} for n in range(3)])
        nested = operation("POST", "/tasks", {"title": "a", "comments": [{"body": "b"}] * 2})
        assert (await batch(send, array)).status == 200
        for operations in (
            [nested, nested],
            [operation("PATCH", "/users?all=true", {"email": None}), nested],
        ):
            answer = await batch(send, *operations)
            assert (answer.status, answer.json()["code"]) == (400, "limit_exceeded")
            assert answer.json()["operation"] == 1
            assert "max_write_rows" in answer.json()["detail"]
        assert await titles(send) == []
    finally:
        await app.shutdown()


async def test_an_empty_batch_does_nothing(send: Send) -> None:
    """It is answered with an empty array."""
    answer = await batch(send)
    assert (answer.status, answer.json()) == (200, [])


async def test_every_operation_obeys_the_rules(new_url: NewUrl) -> None:
    """One that is forbidden fails all, and a row that is hidden is as one that is not there."""
    rules: dict[Any, dict[str, Any]] = {
        Task: {"read": Task.owner_id == me.id, "update": Task.owner_id == me.id},
        Comment: {"create": me.has_role("editor")},
        User: {"read": nobody},
    }
    app = workshop(new_url(), rules)
    await app.startup()
    send = sender(app)
    ada, bob = Actor(1), Actor(2)
    try:
        users = operation("POST", "/users", [{"name": "ada"}, {"name": "bob"}])
        made = await batch(send, users, operation("POST", "/tasks", {"title": "a", "owner_id": 1}))
        assert made.status == 200
        # What may not be read is not told, but for the key that its address shows anyway.
        drop = await batch(
            send,
            operation("POST", "/users", {"name": "eve"}),
            operation("POST", "/tasks?fields=owner_id", {"title": "e", "owner_id": "$0.id"}),
            actor=Actor(3),
        )
        assert drop.json()[0] == {"status": 201, "location": "/users/3"}
        assert drop.json()[1]["body"] == {"owner_id": 3}
        peek = await batch(
            send,
            operation("POST", "/users", {"name": "mal"}),
            operation("POST", "/tasks", {"title": "$0.name"}),
        )
        assert (peek.status, places(peek)) == (422, ["/1/body/title"])
        for target in ("/tasks/1", "/tasks/99"):
            for method in ("GET", "PATCH", "DELETE"):
                body = {"title": "x"} if method == "PATCH" else ...
                hidden = await batch(send, operation(method, target, body), actor=bob)
                assert (hidden.status, hidden.json()["detail"]) == (404, "Task not found")
                assert places(hidden) == ["/0"]
        refused = await batch(
            send,
            operation("PATCH", "/tasks/1", {"title": "b"}),
            operation("POST", "/comments", {"body": "c", "task_id": 1}),
            actor=ada,
        )
        assert (refused.status, refused.json()["operation"]) == (403, 1)
        assert (await ask(app, "/tasks/1", actor=ada)).json()["title"] == "a"
    finally:
        await app.shutdown()


async def test_addresses_are_with_or_without_their_prefix(new_url: NewUrl) -> None:
    """As they stand in Location, or below the prefix."""
    app = Hekla(new_url(), prefix="/api")
    app.resource(User, read=everyone, write=everyone)
    app.create_tables()
    await app.startup()
    send = sender(app)
    try:
        made = await send("POST", "/api/batch", [operation("POST", "/users", {"name": "u"})])
        location = made.json()[0]["location"]
        assert location == "/api/users/1"
        read = await send("POST", "/api/batch", [operation("GET", location)])
        assert read.json()[0]["body"]["name"] == "u"
    finally:
        await app.shutdown()


async def test_only_post_of_json_is_a_batch(send: Send) -> None:
    """Another method, another type, and what is no JSON."""
    assert (await send("GET", "/batch")).status == 405
    text = await send("POST", "/batch", [], headers={"content-type": "text/plain"})
    assert text.status == 415
    assert text.json()["code"] == "unsupported_media_type"


ODD: list[tuple[Any, int]] = [
    (None, 400),
    ({}, 400),
    ("x", 400),
    (7, 400),
    ({"operations": {}}, 400),
    ({"operations": [], "more": 1}, 400),
    ([None], 422),
    ([[]], 422),
    ([{}], 422),
    ([{"method": "GET"}], 422),
    ([{"method": 7, "path": "/tasks"}], 422),
    ([{"method": "get", "path": "/tasks"}], 422),
    ([{"method": "HEAD", "path": "/tasks"}], 422),
    ([{"method": "GET", "path": None}], 422),
    ([{"method": "GET", "path": "tasks"}], 422),
    ([{"method": "GET", "path": "/tasks", "body": {}}], 422),
    ([{"method": "POST", "path": "/tasks"}], 422),
    ([{"method": "POST", "path": "/tasks", "body": None}], 400),
    ([{"method": "POST", "path": "/tasks", "body": 7}], 400),
    ([{"method": "POST", "path": "/tasks", "body": [7]}], 400),
    ([{"method": "POST", "path": "/tasks", "body": {}, "boddy": 1}], 422),
    ([{"method": "PATCH", "path": "/tasks", "body": {}}], 400),
    ([{"method": "PATCH", "path": "/tasks/1", "body": {}, "if_match": 7}], 422),
    ([{"method": "PUT", "path": "/tasks/aggregate", "body": {}}], 422),
    ([{"method": "GET", "path": "/"}], 422),
    ([{"method": "GET", "path": "/docs"}], 422),
    ([{"method": "POST", "path": "/batch", "body": []}], 422),
    ([{"method": "GET", "path": "/nothing"}], 404),
    ([{"method": "GET", "path": "//evil.example/tasks"}], 404),
    ([{"method": "GET", "path": "/tasks/%zz"}], 404),
    ([{"method": "GET", "path": "/tasks/\u0000"}], 404),
    ([{"method": "GET", "path": "/tasks?colour=red"}], 400),
    ([{"method": "GET", "path": "/tasks/changes"}], 400),
    ([{"method": "GET", "path": f"/tasks/{'1' * 9000}"}], 414),
    ([{"method": "GET", "path": f"/tasks?title={'1' * 20000}"}], 414),
    ([{"method": "GET", "path": "/tasks/$0.id"}], 422),
    ([{"method": "GET", "path": "/$0.id/1"}], 422),
]


@pytest.mark.parametrize(("document", "status"), ODD, ids=lambda value: repr(value)[:60])
async def test_what_is_no_batch_is_refused(send: Send, document: Any, status: int) -> None:
    """Whatever is sent, a Problem says what is wrong with it."""
    answer = await send("POST", "/batch", document)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_document_may_be_as_deep_as_it_likes(app: Hekla, send: Send) -> None:
    """The deepest that can be read at all is answered like any other."""
    for depth in (10, 300, 600, 900, 990, 2000, 50_000):
        body = "[" * depth + '"$0.id"' + "]" * depth
        text = (
            '[{"method": "POST", "path": "/users", "body": {"name": "u"}},'
            f'{{"method": "POST", "path": "/tasks", "body": {{"title": {body}}}}}]'
        )
        request = Request(
            "POST", "/batch", "", [("content-type", "application/json")], body=text.encode()
        )
        answer = await app.handle(request)
        assert answer.status in (400, 422), depth
    assert (await send("GET", "/users")).json() == []
