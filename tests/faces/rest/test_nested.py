"""Documents that speak of rows at the far ends of relations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hekla import Hekla
from tests.databases import NewUrl
from tests.faces.rest.workshop import Send, sender, workshop


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = workshop(new_url())
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture
def send(app: Hekla) -> Send:
    return sender(app)


async def count(send: Send, *names: str) -> list[int]:
    """How many rows each resource has."""
    return [len((await send("GET", f"/{name}")).json()) for name in names]


def places(answer: Any) -> list[str]:
    """Where the faults of a Problem are."""
    return [fault["location"] for fault in answer.json()["errors"]]


# To one, the row holds the foreign key


async def test_an_object_without_key_is_created_and_referred_to(send: Send) -> None:
    """A task is created together with its owner, and the answer tells both."""
    answer = await send(
        "POST", "/tasks?fields=id,owner_id&include=owner", {"title": "a", "owner": {"name": "u"}}
    )
    assert answer.status == 201
    assert answer.headers["location"] == "/tasks/1"
    assert answer.json() == {
        "id": 1,
        "owner_id": 1,
        "owner": {"id": 1, "name": "u", "email": None},
    }


@pytest.mark.parametrize("owner", [2, {"id": 2}, {"link": 2}, {"link": {"id": 2}}])
async def test_a_key_refers_to_a_row_and_leaves_it_alone(send: Send, owner: object) -> None:
    """A bare key, an object that is exactly the key, and ``link`` mean the same."""
    await send("POST", "/users", [{"name": "u1"}, {"name": "u2"}])
    answer = await send("POST", "/tasks?fields=owner_id", {"title": "a", "owner": owner})
    assert (answer.status, answer.json()) == (201, {"owner_id": 2})
    assert (await send("GET", "/users/2")).json()["name"] == "u2"


async def test_a_key_with_columns_refers_to_a_row_and_changes_it(send: Send) -> None:
    """PATCH of a task gives it an owner, and the owner a name."""
    await send("POST", "/users", {"name": "u1"})
    await send("POST", "/tasks", {"title": "a"})
    answer = await send(
        "PATCH", "/tasks/1?fields=owner_id&include=owner", {"owner": {"id": 1, "name": "new"}}
    )
    assert answer.json() == {"owner_id": 1, "owner": {"id": 1, "name": "new", "email": None}}


async def test_null_refers_to_none(send: Send) -> None:
    """A task loses its owner, who stays."""
    await send("POST", "/tasks", {"title": "a", "owner": {"name": "u"}})
    answer = await send("PATCH", "/tasks/1?fields=owner_id", {"owner": None})
    assert answer.json() == {"owner_id": None}
    assert await count(send, "users") == [1]


async def test_null_is_refused_where_there_has_to_be_one(send: Send) -> None:
    """A comment belongs to a task, always."""
    await send("POST", "/tasks", {"title": "a", "comments": [{"body": "c"}]})
    answer = await send("PATCH", "/comments/1", {"task": None})
    assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
    assert places(answer) == ["/task"]


async def test_the_row_that_is_referred_to_is_changed_without_its_key(send: Send) -> None:
    """``update`` changes whoever is the owner; nobody can be changed where there is none."""
    await send("POST", "/tasks", [{"title": "a", "owner": {"name": "u"}}, {"title": "b"}])
    answer = await send(
        "PATCH", "/tasks/1?fields=id&include=owner", {"owner": {"update": {"name": "v"}}}
    )
    assert answer.json() == {"id": 1, "owner": {"id": 1, "name": "v", "email": None}}
    none = await send("PATCH", "/tasks/2", {"owner": {"update": {"name": "w"}}})
    assert (none.status, none.json()["code"]) == (409, "missing_reference")
    assert places(none) == ["/owner/update"]


async def test_the_column_and_the_relation_may_not_contradict_each_other(send: Send) -> None:
    """``owner_id`` beside ``owner`` has to say the same."""
    await send("POST", "/users", [{"name": "u1"}, {"name": "u2"}])
    same = await send("POST", "/tasks", {"title": "a", "owner": 2, "owner_id": 2})
    assert same.status == 201
    other = await send("POST", "/tasks", {"title": "a", "owner": 2, "owner_id": 1})
    assert (other.status, places(other)) == (422, ["/owner_id"])


async def test_a_foreign_key_may_refer_to_another_column_than_the_key(send: Send) -> None:
    """An order refers to its buyer by email, whether the buyer is new or named by key."""
    new = await send("POST", "/orders", {"buyer_user": {"name": "u", "email": "u@x.example"}})
    assert new.json() == {"id": 1, "buyer": "u@x.example"}
    old = await send("POST", "/orders", {"buyer_user": 1})
    assert old.json() == {"id": 2, "buyer": "u@x.example"}


async def test_a_composite_key_names_a_row(send: Send) -> None:
    """All columns of the key name the region; some of them do not."""
    made = await send(
        "POST", "/regions", [{"country": "is", "code": 1}, {"country": "is", "code": 2}]
    )
    assert made.status == 201
    answer = await send(
        "POST", "/cities", {"name": "a", "region": {"country": "is", "code": 2, "name": "north"}}
    )
    assert answer.json() == {"id": 1, "name": "a", "country": "is", "code": 2}
    assert (await send("GET", "/regions/is,2")).json()["name"] == "north"
    none = await send("PATCH", "/cities/1", {"region": None})
    assert none.json() == {"id": 1, "name": "a", "country": "is", "code": None}
    part = await send("POST", "/cities", {"name": "b", "region": {"country": "is"}})
    assert (part.status, places(part)) == (422, ["/region/code"])
    bare = await send("POST", "/cities", {"name": "b", "region": "is"})
    assert (bare.status, places(bare)) == (422, ["/region"])


async def test_a_row_with_a_key_of_ones_own_choice_is_made_by_create(send: Send) -> None:
    """An object with the whole key means a row that is there; ``create`` makes one."""
    region = {"country": "is", "code": 7}
    absent = await send("POST", "/cities", {"name": "a", "region": region})
    assert (absent.status, absent.json()["code"]) == (409, "missing_reference")
    assert places(absent) == ["/region"]
    made = await send("POST", "/cities", {"name": "a", "region": {"create": region}})
    assert made.json() == {"id": 1, "name": "a", "country": "is", "code": 7}


# To one, the other row holds the foreign key


async def test_the_other_row_is_made_to_refer(send: Send) -> None:
    """A user gets a profile, then another one, then none; each is let go of, not deleted."""
    made = await send("POST", "/users?include=profile", {"name": "u", "profile": {"bio": "one"}})
    profile = made.json()["profile"]
    assert (profile["bio"], profile["user_id"]) == ("one", 1)
    other = await send("PATCH", "/users/1?include=profile", {"profile": {"bio": "two"}})
    assert other.json()["profile"]["bio"] == "two"
    back = await send("PATCH", "/users/1?include=profile", {"profile": profile["id"]})
    assert back.json()["profile"] == profile
    none = await send("PATCH", "/users/1?include=profile", {"profile": None})
    assert none.json()["profile"] is None
    assert [row["user_id"] for row in (await send("GET", "/profiles")).json()] == [None, None]


async def test_a_row_with_the_key_of_the_other_is_made_or_changed(send: Send) -> None:
    """A passport has its user's key: an object always means that one."""
    made = await send(
        "POST", "/users?fields=id&include=passport", {"name": "u", "passport": {"number": "A"}}
    )
    assert made.json() == {"id": 1, "passport": {"user_id": 1, "number": "A"}}
    changed = await send(
        "PATCH", "/users/1?fields=id&include=passport", {"passport": {"number": "B"}}
    )
    assert changed.json() == {"id": 1, "passport": {"user_id": 1, "number": "B"}}
    none = await send("PATCH", "/users/1", {"passport": None})
    assert (none.status, places(none)) == (422, ["/passport"])


# To many, the other rows hold the foreign key


async def test_rows_are_created_with_what_belongs_to_them(send: Send) -> None:
    """A task with comments, and children with comments of theirs, in the document's order."""
    answer = await send(
        "POST",
        "/tasks?fields=id&include=comments(fields:(id,body)),"
        "children(fields:title).comments(fields:body)",
        {
            "title": "a",
            "comments": [{"body": "one"}, {"body": "two"}],
            "children": [{"title": "b", "comments": [{"body": "three"}]}],
        },
    )
    assert answer.json() == {
        "id": 1,
        "comments": [{"id": 1, "body": "one"}, {"id": 2, "body": "two"}],
        "children": [{"title": "b", "comments": [{"body": "three"}]}],
    }


async def test_an_array_names_exactly_the_rows_that_belong(send: Send) -> None:
    """PATCH keeps one child, takes one of another's, makes one, and lets go of the rest."""
    await send(
        "POST",
        "/tasks",
        [
            {"title": "a", "children": [{"title": "a1"}, {"title": "a2"}]},
            {"title": "b", "children": [{"title": "b1"}]},
        ],
    )
    rows = {row["title"]: row["id"] for row in (await send("GET", "/tasks")).json()}
    answer = await send(
        "PATCH",
        f"/tasks/{rows['a']}?fields=id&include=children(fields:title)",
        {"children": [rows["a1"], {"id": rows["b1"], "title": "b2"}, {"title": "new"}]},
    )
    assert answer.status == 200
    titles = sorted(child["title"] for child in answer.json()["children"])
    assert titles == ["a1", "b2", "new"]
    left = (await send("GET", f"/tasks/{rows['a2']}")).json()
    assert left["parent_id"] is None


async def test_rows_that_have_to_belong_are_not_let_go_of(send: Send) -> None:
    """The Problem names the relation, and says how to delete; nothing is changed."""
    await send("POST", "/tasks", {"title": "a", "comments": [{"body": "one"}, {"body": "two"}]})
    answer = await send("PATCH", "/tasks/1", {"title": "b", "comments": [1]})
    assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
    assert places(answer) == ["/comments"]
    assert '{"delete": ' in answer.json()["errors"][0]["message"]
    assert (await send("GET", "/tasks/1")).json()["title"] == "a"
    gone = await send(
        "PATCH", "/tasks/1?fields=id&include=comments(fields:id)", {"comments": {"delete": [2]}}
    )
    assert gone.json() == {"id": 1, "comments": [{"id": 1}]}


async def test_an_object_says_what_to_do_with_which_rows(send: Send) -> None:
    """``create``, ``link``, ``unlink``, ``update``, ``delete`` at once; the others stay."""
    await send(
        "POST",
        "/tasks",
        {"title": "a", "children": [{"title": "c2"}, {"title": "c3"}, {"title": "c4"}]},
    )
    await send("POST", "/tasks", {"title": "other"})
    answer = await send(
        "PATCH",
        "/tasks/1?fields=id&include=children(fields:(id,title))",
        {
            "children": {
                "create": [{"title": "new"}],
                "link": [5],
                "unlink": [{"id": 2}],
                "update": [{"id": 3, "title": "changed"}],
                "delete": [4],
            }
        },
    )
    assert answer.json() == {
        "id": 1,
        "children": [
            {"id": 3, "title": "changed"},
            {"id": 5, "title": "other"},
            {"id": 6, "title": "new"},
        ],
    }
    assert (await send("GET", "/tasks/2")).json()["parent_id"] is None
    assert (await send("GET", "/tasks/4")).status == 404


@pytest.mark.parametrize("word", ["update", "unlink", "delete"])
async def test_a_row_that_belongs_to_another_is_not_touched(send: Send, word: str) -> None:
    """What does not belong to the row is answered as what is not there."""
    await send(
        "POST",
        "/tasks",
        [{"title": "a", "comments": [{"body": "one"}]}, {"title": "b"}],
    )
    change = {"body": "x"} if word == "update" else {}
    told = []
    for key in (1, 99):
        answer = await send("PATCH", "/tasks/2", {"comments": {word: [{"id": key, **change}]}})
        told.append((answer.status, {**answer.json(), "request_id": None}))
        assert (answer.status, answer.json()["code"]) == (409, "missing_reference")
        assert places(answer) == [f"/comments/{word}/0"]
    assert told[0] == told[1]
    assert (await send("GET", "/comments/1")).json() == {"id": 1, "body": "one", "task_id": 1}


async def test_rows_that_are_numbered_within_another_are_made_or_changed(send: Send) -> None:
    """The lines of an order: their number alone tells them apart."""
    made = await send(
        "POST", "/orders", {"lines": [{"number": 1, "text": "a"}, {"number": 2, "text": "b"}]}
    )
    # A database that counts keys apart may have left some out.
    order = made.json()["id"]
    answer = await send(
        "PATCH",
        f"/orders/{order}?include=lines",
        {"lines": [{"number": 1, "text": "A"}, 2, {"number": 3, "text": "c"}]},
    )
    assert answer.json()["lines"] == [
        {"order_id": order, "number": 1, "text": "A"},
        {"order_id": order, "number": 2, "text": "b"},
        {"order_id": order, "number": 3, "text": "c"},
    ]
    gone = await send(
        "PATCH", f"/orders/{order}?include=lines", {"lines": {"delete": [1, {"number": 3}]}}
    )
    assert [line["number"] for line in gone.json()["lines"]] == [2]
    missing = await send("PATCH", f"/orders/{order}", {"lines": [2, {"number": 9}]})
    assert (missing.status, places(missing)) == (422, ["/lines/1/text"])
    stated = await send(
        "PATCH", f"/orders/{order}", {"lines": {"create": [{"order_id": order + 1, "number": 4}]}}
    )
    assert places(stated) == ["/lines/create/0/text", "/lines/create/0/order_id"]


async def test_put_gives_a_row_exactly_what_its_document_names(send: Send) -> None:
    """PUT with an array sets the rows that belong; a relation that it leaves out stays."""
    await send(
        "POST", "/tasks", {"title": "a", "children": [{"title": "b"}], "labels": [{"name": "l"}]}
    )
    answer = await send(
        "PUT",
        "/tasks/1?fields=title,owner_id&include=children,labels(fields:name),owner",
        {"title": "A", "children": [], "owner": {"name": "u"}},
    )
    assert answer.json() == {
        "title": "A",
        "owner_id": 1,
        "children": [],
        "labels": [{"name": "l"}],
        "owner": {"id": 1, "name": "u", "email": None},
    }
    made = await send(
        "PUT", "/tasks/9?fields=id&include=comments", {"title": "n", "comments": [{"body": "c"}]}
    )
    assert made.status == 201
    assert made.json() == {"id": 9, "comments": [{"id": 1, "body": "c", "task_id": 9}]}


async def test_upsert_writes_what_belongs_to_the_row_too(send: Send) -> None:
    """By a natural key: the label is made with a task, then found and given another one."""
    answer = await send("PUT", "/labels?name=l", {})
    assert answer.status == 201
    for title in ("a", "b"):
        answer = await send(
            "PUT",
            "/labels?name=l&fields=id&include=tasks(fields:title)",
            {"tasks": {"create": [{"title": title}]}},
        )
        assert answer.status == 200
    assert answer.json() == {"id": 1, "tasks": [{"title": "a"}, {"title": "b"}]}
    posted = await send(
        "POST",
        "/labels?upsert=name&fields=id&include=tasks(fields:title)",
        [{"name": "l", "tasks": [{"title": "c"}]}, {"name": "m", "tasks": [2]}],
    )
    assert posted.json() == [
        {"id": 1, "tasks": [{"title": "c"}]},
        {"id": 2, "tasks": [{"title": "b"}]},
    ]


# Many to many


async def test_an_array_sets_the_links(send: Send) -> None:
    """Labels are made, linked, changed and unlinked; none of them is deleted."""
    await send("POST", "/tasks", {"title": "a", "labels": [{"name": "l1"}, {"name": "l2"}]})
    await send("POST", "/labels", {"name": "l3"})
    answer = await send(
        "PATCH",
        "/tasks/1?fields=id&include=labels(order_by:id)",
        {"labels": [{"id": 2, "name": "L2"}, 3, {"name": "l4"}]},
    )
    assert answer.json() == {
        "id": 1,
        "labels": [{"id": 2, "name": "L2"}, {"id": 3, "name": "l3"}, {"id": 4, "name": "l4"}],
    }
    assert await count(send, "labels") == [4]


async def test_links_are_added_and_taken_away(send: Send) -> None:
    """A link that is there already stays; one that is not cannot be taken away."""
    await send("POST", "/labels", [{"name": "l1"}, {"name": "l2"}])
    await send("POST", "/tasks", {"title": "a", "labels": [1]})
    both = await send(
        "PATCH", "/tasks/1?fields=id&include=labels(fields:id)", {"labels": {"link": [1, 2]}}
    )
    assert both.json() == {"id": 1, "labels": [{"id": 1}, {"id": 2}]}
    one = await send(
        "PATCH", "/tasks/1?fields=id&include=labels(fields:id)", {"labels": {"unlink": [1]}}
    )
    assert one.json() == {"id": 1, "labels": [{"id": 2}]}
    again = await send("PATCH", "/tasks/1", {"labels": {"unlink": [1]}})
    assert (again.status, again.json()["code"]) == (409, "missing_reference")
    assert places(again) == ["/labels/unlink/0"]


async def test_a_linked_row_is_deleted_with_its_link(send: Send) -> None:
    """Unless another row is linked to it as well."""
    await send("POST", "/tasks", {"title": "a", "labels": [{"name": "l1"}, {"name": "l2"}]})
    await send("POST", "/tasks", {"title": "b", "labels": [2]})
    answer = await send("PATCH", "/tasks/1", {"labels": {"delete": [1]}})
    assert answer.status == 200
    shared = await send("PATCH", "/tasks/1", {"labels": {"delete": [2]}})
    assert (shared.status, shared.json()["code"]) == (409, "still_referenced")
    assert places(shared) == ["/labels/delete/0"]
    assert [row["id"] for row in (await send("GET", "/labels")).json()] == [2]


async def test_the_table_in_between_gets_the_defaults_of_the_model(app: Hekla, send: Send) -> None:
    """A column that the model fills in Python is filled, whether the table is a resource or not."""
    await send("POST", "/users", {"name": "u"})
    made = await send("POST", "/tasks", {"title": "a", "labels": [{"name": "l"}], "users": [1]})
    assert made.status == 201
    with app.sessions.connect() as connection:
        found = connection.exec_driver_sql("select * from task_labels").fetchall()
    assert [tuple(row) for row in found] == [(1, 1, "red")]
    assert (await send("GET", "/members")).json() == [
        {"task_id": 1, "user_id": 1, "role": "reader"}
    ]
    again = await send("PATCH", "/tasks/1", {"users": []})
    assert again.status == 200
    assert await count(send, "members", "users") == [0, 1]


async def test_where_links_need_more_the_table_in_between_has_to_be_written(send: Send) -> None:
    """A rating needs points: it is made as a row of its own resource, be it nested."""
    await send("POST", "/users", {"name": "u"})
    answer = await send("POST", "/labels", {"name": "l", "users": [1]})
    assert (answer.status, places(answer)) == (422, ["/users/0"])
    message = answer.json()["errors"][0]["message"]
    assert "ratings" in message
    assert "points" in message
    made = await send(
        "POST",
        "/labels?include=ratings,users(fields:id)",
        {"name": "l", "ratings": [{"user_id": 1, "points": 5}]},
    )
    assert made.json() == {
        "id": 1,
        "name": "l",
        "ratings": [{"label_id": 1, "user_id": 1, "points": 5}],
        "users": [{"id": 1}],
    }
    none = await send("PATCH", "/labels/1?include=ratings", {"users": []})
    assert none.json()["ratings"] == []


# All of it


async def test_self_references_go_both_ways(send: Send) -> None:
    """A task is created between a parent and children; and a task may become its own child."""
    made = await send(
        "POST",
        "/tasks?fields=id,title&include=parent(fields:title),children(fields:title)",
        {"title": "b", "parent": {"title": "a"}, "children": [{"title": "c"}]},
    )
    assert made.json() == {
        "id": 2,
        "title": "b",
        "parent": {"title": "a"},
        "children": [{"title": "c"}],
    }
    own = await send("PATCH", "/tasks/2?fields=parent_id", {"children": {"link": [2]}})
    assert own.json() == {"parent_id": 2}


async def test_cycles_of_relations_end_where_the_document_does(send: Send) -> None:
    """From a task to a label, and from that label to another task."""
    answer = await send(
        "POST",
        "/tasks?fields=id&include=labels(fields:name).tasks(fields:title)",
        {"title": "a", "labels": [{"name": "l", "tasks": {"create": [{"title": "b"}]}}]},
    )
    assert answer.json() == {
        "id": 1,
        "labels": [{"name": "l", "tasks": [{"title": "a"}, {"title": "b"}]}],
    }


async def test_every_fault_is_told_with_its_place(send: Send) -> None:
    """All levels of a document are read before anything is said."""
    answer = await send(
        "POST",
        "/tasks",
        [
            {"title": "ok"},
            {
                "title": 1,
                "owner": {"name": "x" * 21},
                "comments": [{"body": "ok"}, {"body": None, "task_id": 3}],
                "labels": {"create": [{"nam": "l"}], "lnk": [1], "delete": 4},
                "children": [{"title": "t", "parent": 1}],
            },
        ],
    )
    assert answer.status == 422
    assert sorted(places(answer)) == [
        "/1/children/0/parent",
        "/1/comments/1/body",
        "/1/comments/1/task_id",
        "/1/labels/create/0/nam",
        "/1/labels/create/0/name",
        "/1/labels/delete",
        "/1/labels/lnk",
        "/1/owner/name",
        "/1/title",
    ]
    assert await count(send, "tasks", "users") == [0, 0]


async def test_what_the_database_refuses_is_told_with_its_place(send: Send) -> None:
    """A name that is taken, three levels deep; nothing of the document is there."""
    await send("POST", "/labels", {"name": "taken"})
    answer = await send(
        "POST",
        "/users",
        {
            "name": "u",
            "tasks": {
                "create": [{"title": "a"}],
            },
            "profile": {"bio": "b"},
        },
    )
    assert answer.status == 201
    refused = await send(
        "POST",
        "/tasks",
        {
            "title": "a",
            "children": [{"title": "b", "labels": [{"name": "new"}, {"name": "taken"}]}],
        },
    )
    assert (refused.status, refused.json()["code"]) == (409, "already_exists")
    assert places(refused) == ["/children/0/labels/1/name"]
    assert await count(send, "labels", "tasks") == [1, 1]


async def test_a_row_that_is_not_there_is_told_with_its_place(send: Send) -> None:
    """Wherever a key stands."""
    await send("POST", "/tasks", {"title": "a"})
    for document, place in (
        ({"owner": 9}, "/owner"),
        ({"owner": {"id": 9, "name": "x"}}, "/owner"),
        ({"labels": [9]}, "/labels/0"),
        ({"labels": {"link": [{"id": 9, "name": "x"}]}}, "/labels/link/0"),
        ({"comments": {"delete": [9]}}, "/comments/delete/0"),
        ({"children": [1, {"title": "b", "labels": [9]}]}, "/children/1/labels/0"),
    ):
        answer = await send("PATCH", "/tasks/1", document)
        assert (answer.status, answer.json()["code"]) == (409, "missing_reference"), document
        assert places(answer) == [place]


async def test_each_row_that_is_touched_is_on_record(app: Hekla, send: Send) -> None:
    """The change log has one change for each row, the links among them, under one request."""
    await send(
        "POST",
        "/tasks",
        {
            "title": "a",
            "owner": {"name": "u"},
            "labels": [{"name": "l"}],
            "comments": [{"body": "c"}],
        },
        headers={"x-request-id": "r1"},
    )
    with app.sessions.connect() as connection:
        found = connection.exec_driver_sql(
            'select "table", action, request from hekla_changes order by seq'
        ).fetchall()
    assert [tuple(row) for row in found] == [
        ("users", "create", "r1"),
        ("tasks", "create", "r1"),
        ("labels", "create", "r1"),
        ("task_labels", "create", "r1"),
        ("comments", "create", "r1"),
    ]


async def test_if_match_is_asked_of_the_row_alone(send: Send) -> None:
    """A task that has changed since it was read gets no comment."""
    await send("POST", "/tasks", {"title": "a"})
    etag = (await send("GET", "/tasks/1")).headers["etag"]
    await send("PATCH", "/tasks/1", {"title": "b"})
    late = await send(
        "PATCH", "/tasks/1", {"comments": [{"body": "c"}]}, headers={"if-match": etag}
    )
    assert late.status == 412
    assert await count(send, "comments") == [0]


async def test_many_rows_by_a_filter_take_no_relations(send: Send) -> None:
    """One array cannot belong to several rows."""
    await send("POST", "/tasks", {"title": "a"})
    answer = await send("PATCH", "/tasks?title=a", {"comments": []})
    assert (answer.status, answer.json()["code"]) == (400, "unsupported")


async def test_no_row_is_named_twice(send: Send) -> None:
    """There would be two wishes for one row; each that comes later is a fault."""
    await send("POST", "/tasks", {"title": "a", "children": [{"title": "b"}, {"title": "c"}]})
    await send("POST", "/orders", {"lines": [{"number": 1, "text": "x"}]})
    for target, document, place in (
        ("/tasks/1", {"children": [2, {"id": 2, "title": "d"}]}, "/children/1"),
        ("/tasks/1", {"children": {"link": [2], "delete": [2]}}, "/children/delete/0"),
        ("/tasks/1", {"children": {"set": [2], "unlink": [3, 3]}}, "/children/unlink/1"),
        ("/orders/1", {"lines": [1, {"number": 1, "text": "y"}]}, "/lines/1"),
    ):
        answer = await send("PATCH", target, document)
        assert (answer.status, places(answer)) == (422, [place])
        assert answer.json()["errors"][0]["message"] == "is named twice"
    assert len((await send("GET", "/tasks?parent_id=1")).json()) == 2


# What nobody should send


async def test_depth_and_number_are_bounded(new_url: NewUrl) -> None:
    """The Problem names the setting, and the place where the document went too far."""
    app = workshop(new_url(), max_embed_depth=2, max_bulk_rows=5)
    await app.startup()
    send = sender(app)
    try:
        nested: dict[str, Any] = {"title": "a"}
        for _ in range(2):
            nested = {"title": "a", "children": [nested]}
        assert (await send("POST", "/tasks", nested)).status == 201
        deep = await send("POST", "/tasks", {"title": "a", "children": [nested]})
        assert (deep.status, deep.json()["code"]) == (400, "limit_exceeded")
        assert places(deep) == ["/children/0/children/0/children"]
        assert "max_embed_depth" in deep.json()["detail"]
        wide = {"title": "a", "comments": [{"body": "c"}] * 6}
        many = await send("POST", "/tasks", wide)
        assert (many.status, many.json()["code"]) == (400, "limit_exceeded")
        assert "max_bulk_rows" in many.json()["detail"]
        each = {"title": "a", "comments": [{"body": "c"}] * 2}
        both = await send("POST", "/tasks", [each, each])
        assert both.status == 400
        assert await count(send, "tasks") == [3]
    finally:
        await app.shutdown()


ODD: list[object] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**70,
    "",
    "1",
    "\u0000",
    [],
    [[]],
    [None],
    [[1]],
    [True],
    ["x"],
    {},
    {"": {}},
    {"id": None},
    {"id": {}},
    {"id": [1]},
    {"id": "x", "name": "y"},
    {"create": None},
    {"create": {}},
    {"create": [{}]},
    {"create": [[]], "link": [None], "unlink": [{}], "update": [3], "delete": ["x"], "set": [{}]},
    {"link": {"id": {}}},
    {"update": {"update": {}}},
    {"set": [1, 1]},
    [1, 1],
    [{"id": 1}, 1],
    {"a/b~c": 1},
]


@pytest.mark.parametrize("value", ODD, ids=repr)
async def test_what_is_odd_is_refused_or_understood(send: Send, value: object) -> None:
    """Anything at all in the place of any relation is answered, and never by a failure."""
    await send("POST", "/tasks", {"title": "a"})
    for resource, relations in {
        "tasks": ("owner", "parent", "children", "labels", "comments", "users", "members"),
        "users": ("profile", "passport", "tasks"),
        "orders": ("lines", "buyer_user"),
        "cities": ("region",),
        "regions": ("cities",),
        "labels": ("ratings", "users"),
    }.items():
        for relation in relations:
            for method, target in (("POST", f"/{resource}"), ("PATCH", f"/{resource}/1")):
                answer = await send(method, target, {relation: value})
                assert answer.status < 500, (method, target, relation, answer.body)
