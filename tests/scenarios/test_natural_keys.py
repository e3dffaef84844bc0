"""Rows named by columns that no two rows share: what is expected of them, and who may know.

A seat is known by its row and number, and by a code that only auditors know of. A ticket refers
to a seat and is read by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Actor, Hekla, everyone, me, nobody
from tests.databases import NewUrl
from tests.scenarios.client import Answer, ask

metadata = sa.MetaData()
seats = sa.Table(
    "seats",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("row", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("code", sa.Text, unique=True, server_default="none"),
    sa.Column("price", sa.Integer, server_default="5"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("row", "number"),
    sa.CheckConstraint("price < 10 or number < 100", name="dear_code"),
)
tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seat_id", sa.ForeignKey("seats.id"), nullable=False),
)
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a,b", sa.Text, nullable=False, unique=True),
    sa.Column("seat_id", sa.ForeignKey("seats.id")),
)

Send = Callable[..., Awaitable[Answer]]
AUDITOR = Actor(1, frozenset({"auditor"}))


@pytest.fixture
async def send(new_url: NewUrl) -> AsyncIterator[Send]:
    app = Hekla(new_url())
    closed = {"code": me.has_role("auditor"), "price": me.has_role("auditor")}
    app.resource(seats, read=everyone, write=everyone, columns=closed, version="version")
    app.resource(tickets, read=nobody, create=everyone)
    app.resource(things, read=everyone, write=everyone)
    metadata.create_all(app.sessions)
    await app.startup()

    async def ask_app(method: str, target: str, document: Any = ..., **more: Any) -> Answer:
        return await ask(app, target, method=method, document=document, **more)

    yield ask_app
    await app.shutdown()


async def put_one(send: Send) -> Answer:
    made = await send("PUT", "/seats?row=a&number=1", {"note": "first"})
    assert made.status == 201
    return made


async def test_if_match_is_asked_of_the_row_of_a_natural_key(send: Send) -> None:
    """A lost update is refused here too, and one that is none goes through."""
    tag = (await put_one(send)).headers["etag"]
    for header in ('"other"', f"W/{tag}"):
        lost = await send("PUT", "/seats?row=a&number=1", {}, headers={"if-match": header})
        assert (lost.status, lost.json()["code"]) == (412, "precondition_failed")
    absent = await send("PUT", "/seats?row=a&number=2", {}, headers={"if-match": "*"})
    assert absent.status == 412
    both = {"if-match": f'"other", {tag}'}
    assert (await send("PUT", "/seats?row=a&number=1", {"note": "2"}, headers=both)).status == 200
    assert [row["note"] for row in (await send("GET", "/seats")).json()] == ["2"]


async def test_if_none_match_makes_a_row_of_a_natural_key_and_replaces_none(send: Send) -> None:
    """The second of two who make the same row is told so, and changes nothing."""
    new = {"if-none-match": "*"}
    assert (await send("PUT", "/seats?row=a&number=1", {}, headers=new)).status == 201
    assert (await send("PUT", "/seats?row=a&number=1", {}, headers=new)).status == 412
    assert (await send("GET", "/seats/1")).json()["version"] == 1


async def test_if_none_match_is_compared_weakly(send: Send) -> None:
    """RFC 9110 section 13.1.2: a weak tag of the same row is a match, if it is to be none."""
    tag = (await put_one(send)).headers["etag"]
    sent = {"if-none-match": f'"other", W/{tag}'}
    assert (await send("PUT", "/seats/1", {"row": "a", "number": 1}, headers=sent)).status == 412


async def test_a_header_may_come_in_several_lines(send: Send) -> None:
    """RFC 9110 section 5.3: they are one list."""
    tag = (await put_one(send)).headers["etag"]
    sent = [
        ("if-match", '"other"'),
        ("if-match", tag),
        ("prefer", "x"),
        ("prefer", "return=minimal"),
    ]
    changed = await send("PATCH", "/seats/1", {"note": "x"}, headers=sent)
    assert (changed.status, changed.body) == (204, b"")


@pytest.mark.parametrize(
    ("prefer", "minimal"),
    [
        ("return=minimal", True),
        ('return="minimal"', True),
        ("Return = Minimal; why=so", True),
        ("respond-async, return=minimal", True),
        ("return=representation, return=minimal", False),
        ("return=minimal, return=representation", True),
        ("return", False),
        ("xreturn=minimal", False),
    ],
)
async def test_a_preference_is_read_as_it_is_defined(
    send: Send, prefer: str, minimal: bool
) -> None:
    """RFC 7240 section 2: in quotes or not, and of several the first."""
    await put_one(send)
    changed = await send("PATCH", "/seats/1", {"note": "x"}, headers={"prefer": prefer})
    assert changed.status == (204 if minimal else 200)


@pytest.mark.parametrize(
    ("method", "target", "document"),
    [
        ("POST", "/seats", {"row": "b", "number": 1}),
        ("POST", "/seats?upsert=row,number", {"row": "a", "number": 1}),
        ("PATCH", "/seats?row=a", {"note": "x"}),
        ("DELETE", "/seats?row=a", ...),
    ],
)
@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
async def test_what_means_no_one_row_takes_no_precondition(
    send: Send, method: str, target: str, document: Any, header: str
) -> None:
    """It is refused aloud: passed over, somebody's change would be lost in silence."""
    await put_one(send)
    refused = await send(method, target, document, headers={header: '"x"'})
    assert (refused.status, refused.json()["code"]) == (400, "unsupported")
    assert refused.json()["errors"][0]["location"] == f"header.{header}"
    member = header.replace("-", "_")
    one = {"method": method, "path": target, member: '"x"'}
    body = one if document is ... else {**one, "body": document}
    batched = await send("POST", "/batch", [body])
    assert batched.status in (400, 422)
    assert [fault["location"] for fault in batched.json()["errors"]] == [f"/0/{member}"]
    assert [row["note"] for row in (await send("GET", "/seats")).json()] == ["first"]


async def test_a_document_may_say_the_version_of_a_natural_key(send: Send) -> None:
    """By PUT and by an upsert: a row that has another one by now stays as it is."""
    await put_one(send)
    again = await send("PUT", "/seats?row=a&number=1", {"version": 1})
    assert (again.status, again.json()["version"]) == (200, 2)
    late = await send("PUT", "/seats?row=a&number=1", {"version": 1})
    assert (late.status, late.json()["code"]) == (412, "precondition_failed")
    row = {"row": "a", "number": 1, "note": "x"}
    late = await send("POST", "/seats?upsert=row,number", [{**row, "version": 1}])
    assert (late.status, late.json()["code"]) == (412, "precondition_failed")
    fits = await send("POST", "/seats?upsert=row,number", {**row, "version": 2})
    assert (fits.status, fits.json()["version"]) == (200, 3)


@pytest.mark.parametrize("target", ["/seats/1", "/seats?row=a&number=1"])
async def test_a_version_that_was_read_brings_no_deleted_row_back(send: Send, target: str) -> None:
    """Who replaces what somebody else has deleted since is told so."""
    await put_one(send)
    assert (await send("DELETE", "/seats/1")).status == 204
    document = {"version": 1} if "?" in target else {"row": "a", "number": 1, "version": 1}
    lost = await send("PUT", target, document)
    assert (lost.status, lost.json()["code"]) == (412, "precondition_failed")
    assert (await send("GET", "/seats")).json() == []


async def test_the_columns_of_an_upsert_may_be_encoded(send: Send) -> None:
    """Most clients send ``%2C`` for a comma; a comma of a name stands in quotes."""
    made = await send("POST", "/seats?upsert=row%2Cnumber", {"row": "a", "number": 1})
    assert made.status == 201
    for status in (201, 200):
        answer = await send("POST", "/things?upsert=%22a%2Cb%22", {"a,b": "x"})
        assert answer.status == status


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/seats?row=a&number=1&number=2"),
        ("POST", "/seats?upsert=key&upsert=row,number"),
        ("DELETE", "/seats?all=false&all=true"),
    ],
)
async def test_what_is_said_twice_is_refused(send: Send, method: str, target: str) -> None:
    """Nobody can know which of the two is meant."""
    document = ... if method == "DELETE" else {"row": "a", "number": 1}
    answer = await send(method, target, document)
    assert (answer.status, answer.json()["code"]) == (400, "invalid_syntax")


@pytest.mark.parametrize(
    ("method", "target", "document"),
    [
        ("PUT", "/seats?code=x", {"row": "a", "number": 1}),
        ("PUT", "/seats?nothing=x", {"row": "a", "number": 1}),
        ("POST", "/seats?upsert=code", {"row": "a", "number": 1}),
        ("POST", "/seats?upsert=nothing", {"row": "a", "number": 1}),
        # Its code is taken already, and its price is too high.
        ("POST", "/seats", {"row": "a", "number": 2}),
        ("PATCH", "/seats/1", {"number": 100}),
    ],
)
async def test_no_message_names_a_closed_column(
    send: Send, method: str, target: str, document: Any
) -> None:
    """Not as a key that could be used, nor in what a constraint refuses."""
    await put_one(send)
    assert (
        await send("PATCH", "/seats/1", {"price": 50, "code": "none"}, actor=AUDITOR)
    ).status == 200
    answer = await send(method, target, document)
    assert 400 <= answer.status < 500
    for closed in (b"code", b"price"):
        assert closed not in answer.body.replace(b'"code":', b"").replace(b"?code", b"")
    told = await send(method, target, document, actor=AUDITOR)
    if "nothing" not in target and "code" not in target:
        assert b"/code" in told.body or b"/price" in told.body


async def test_no_message_names_a_resource_that_may_not_be_read(send: Send) -> None:
    """Who may not see tickets learns that something refers to the seat, but not what."""
    await put_one(send)
    assert (await send("POST", "/tickets", {"seat_id": 1})).status == 201
    refused = await send("DELETE", "/seats/1")
    assert (refused.status, refused.json()["code"]) == (409, "still_referenced")
    assert b"tickets" not in refused.body
    assert (await send("POST", "/things", {"a,b": "x", "seat_id": 1})).status == 201
    assert b"by things" in (await send("DELETE", "/seats/1")).body


async def test_the_description_names_open_keys_only(send: Send) -> None:
    """A set of columns of which one is closed is no key for whoever may not know of it."""
    document = (await send("GET", "/openapi.json")).json()
    put = document["paths"]["/seats"]["put"]
    assert "row, number" in put["description"]
    assert "code" not in put["description"]
    assert "412" in put["responses"]
    schemas = document["components"]["schemas"]
    assert "version" in schemas["SeatUpsert"]["properties"]
    assert "version" not in schemas["SeatPatchMany"]["properties"]


@pytest.mark.parametrize(
    ("method", "target", "document", "status", "count"),
    [
        ("POST", "/things", {"a,b": "new"}, 201, None),
        ("POST", "/things", [{"a,b": "new"}, {"a,b": "newer"}], 204, "2"),
        ("POST", "/things?upsert=key", {"id": 9, "a,b": "x"}, 201, None),
        ("POST", "/things?upsert=key", {"id": 1, "a,b": "x"}, 204, None),
        ("POST", "/things?upsert=key", [{"id": 1, "a,b": "x"}], 204, "1"),
        ("PUT", "/things/1", {"a,b": "x"}, 204, None),
        ("PUT", "/things/8", {"a,b": "y"}, 201, None),
        ("PUT", "/seats?row=a&number=1", {}, 204, None),
        ("PUT", "/things?a%2Cb=new", {}, 201, None),
        ("PATCH", "/things/1", {"a,b": "x"}, 204, None),
        ("PATCH", "/things?id=1", {"a,b": "x"}, 204, "1"),
        ("DELETE", "/things/1", ..., 204, None),
        ("DELETE", "/things?all=true", ..., 204, "1"),
    ],
)
async def test_every_write_can_be_answered_briefly(
    send: Send, method: str, target: str, document: Any, status: int, count: str | None
) -> None:
    """``Prefer: return=minimal``: no body, but where the row is, its tag, or how many there are."""
    await put_one(send)
    assert (await send("POST", "/things", {"a,b": "first"})).status == 201
    answer = await send(method, target, document, headers={"prefer": "return=minimal"})
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers.get("x-total-count") == count
    assert ("location" in answer.headers) == (status == 201)
    if method != "DELETE":
        assert answer.headers["preference-applied"] == "return=minimal"
        assert ("etag" in answer.headers) == (count is None)
