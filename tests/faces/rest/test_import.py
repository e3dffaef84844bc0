"""Files of rows sent to ``/tasks/import``: what is kept, what is refused, and what is told."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
import zstandard

from hekla import Actor, Hekla, everyone, me
from hekla.settings import Settings
from hekla.web.request import ClientLeft, Request
from tests.databases import NewUrl
from tests.scenarios.client import Answer

metadata = sa.MetaData()
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(10), nullable=False, unique=True),
    sa.Column("note", sa.Text),
    sa.Column("age", sa.Integer, sa.CheckConstraint("age < 200", name="age_is_possible")),
    sa.Column("boss_id", sa.ForeignKey("people.id", deferrable=True)),
    sa.Column("owner_id", sa.Integer),
    sa.Column("secret", sa.Text),
    sa.Column("made_at", sa.DateTime),
)
CSV, NDJSON, JSON = "text/csv", "application/x-ndjson", "application/json"
ADMIN = Actor(1, frozenset({"admin"}))
ANN = Actor(7)


def build(url: str, **settings: Any) -> Hekla:
    app = Hekla(url, settings=Settings(**settings))
    mine = (people.c.owner_id == me.id) | me.has_role("admin")
    app.resource(
        people,
        read=mine,
        write=mine,
        columns={"secret": me.has_role("admin")},
        created="made_at",
    )
    app.create_tables()
    return app


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """People that belong to whoever owns them."""
    app = build(new_url())
    await app.startup()
    yield app
    await app.shutdown()


async def send(
    app: Hekla,
    body: bytes | str,
    query: str = "",
    kind: str | None = CSV,
    *,
    actor: Actor = ADMIN,
    headers: tuple[tuple[str, str], ...] = (),
    method: str = "POST",
) -> Answer:
    """The answer to an import."""
    pairs = [*headers] if kind is None else [("content-type", kind), *headers]
    content = body.encode() if isinstance(body, str) else body
    request = Request(method, "/people/import", query, pairs, body=content, actor=actor)
    response = await app.handle(request)
    assert isinstance(response.body, bytes)
    return Answer(response.status, dict(response.headers), response.body)


async def rows(app: Hekla, *names: str) -> list[tuple[Any, ...]]:
    """What is stored, in the order of the keys."""
    with app.session() as session:
        found = session.execute(sa.select(*(people.c[n] for n in names)).order_by(people.c.id))
        return [tuple(row) for row in found]


def counts(answer: Answer) -> tuple[int, ...]:
    report = answer.json()
    return tuple(report[n] for n in ("read", "created", "updated", "unchanged", "failed"))


FILES = [
    (CSV, b'id,name,note,age\r\n1,ann,,30\r\n2,bob,"",\r\n3,"c,""\r\nd",x,5\r\n'),
    (CSV, b'\xef\xbb\xbfid,name,note,age\n1,ann,,30\n\n2,bob,"",\n3,"c,""\r\nd",x,5'),
    (
        NDJSON,
        (
            b'{"id":1,"name":"ann","note":null,"age":30}\n\n{"id":2,"name":"bob","note":""}\r\n'
            b'{"id":3,"name":"c,\\"\\r\\nd","note":"x","age":5}'
        ),
    ),
    (
        JSON,
        (
            b' [ {"id":1,"name":"ann","age":30} ,\n{"id":2,"name":"bob","note":""},'
            b'{"id":3,"name":"c,\\"\\r\\nd","note":"x","age":5}\n] \n'
        ),
    ),
]


@pytest.mark.parametrize(("kind", "body"), FILES, ids=["csv", "bom", "ndjson", "json"])
async def test_the_same_rows_in_each_form(app: Hekla, kind: str, body: bytes) -> None:
    """CSV in both kinds of lines, NDJSON and an array: NULL and the empty text stay apart."""
    answer = await send(app, body, kind=kind)
    assert (answer.status, counts(answer)) == (200, (3, 3, 0, 0, 0))
    assert await rows(app, "id", "name", "note", "age") == [
        (1, "ann", None, 30),
        (2, "bob", "", None),
        (3, 'c,"\r\nd', "x", 5),
    ]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_packed_bodies(app: Hekla, coding: str) -> None:
    """A body may be packed, and may not be what it is not said to be."""
    plain = b"name\n" + b"".join(b"n%d\n" % n for n in range(3000))
    packed = gzip.compress(plain) if coding == "gzip" else zstandard.compress(plain)
    said = (("content-encoding", coding),)
    assert counts(await send(app, packed, headers=said)) == (3000, 3000, 0, 0, 0)
    for broken in (packed[:-5], plain):
        answer = await send(app, broken, headers=said)
        assert (answer.status, answer.json()["code"]) == (400, "invalid_body")
    other = await send(app, plain, headers=(("content-encoding", "br"),))
    assert (other.status, other.headers["accept-encoding"]) == (415, "zstd, gzip")


async def test_what_unpacks_to_too_much_is_refused(new_url: NewUrl) -> None:
    """The bound on the size holds for what comes out of a packed body too."""
    app = build(new_url(), max_import_bytes=100_000)
    await app.startup()
    for coding, pack in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        bomb = pack(b"name\n" + b"x\n" * 5_000_000)
        assert len(bomb) < 100_000
        answer = await send(app, bomb, headers=(("content-encoding", coding),))
        assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert (await send(app, b"name\n" + b"x" * 100_000)).status == 413
    assert await rows(app, "id") == []
    await app.shutdown()


async def test_all_or_nothing(app: Hekla) -> None:
    """One row with a fault, and nothing is kept; each fault is told with row, line and place."""
    body = 'name,age\na,1\n"b\nb",x\n,3\nd,999\n'
    answer = await send(app, body)
    assert (answer.status, counts(answer)) == (422, (4, 0, 0, 0, 2))
    assert answer.headers["content-type"] == "application/problem+json"
    places = [(e["row"], e["line"], e["location"], e["code"]) for e in answer.json()["errors"]]
    assert places == [(2, 3, "/age", "validation_failed"), (3, 5, "/name", "validation_failed")]
    # What only the database knows shows once the rest is right.
    answer = await send(app, "name,age\na,1\nd,999\na,2\n")
    places = [(e["row"], e["line"], e["location"], e["code"]) for e in answer.json()["errors"]]
    assert places == [(2, 3, "", "check_failed"), (3, 4, "/name", "already_exists")]
    assert (answer.status, counts(answer)) == (422, (3, 0, 0, 0, 2))
    assert await rows(app, "id") == []


async def test_skipping(app: Hekla) -> None:
    """With ``on_error=skip`` what is good is kept, whatever the size of the transactions."""
    body = "name,age\na,1\nb,x\nc,999\na,2\nd,4\n"
    answer = await send(app, body, "on_error=skip&batch=2")
    assert (answer.status, counts(answer)) == (200, (5, 2, 0, 0, 3))
    assert [error["row"] for error in answer.json()["errors"]] == [2, 3, 4]
    assert await rows(app, "name", "age") == [("a", 1), ("d", 4)]


@pytest.mark.parametrize("mode", ["abort", "skip"])
async def test_a_dry_run_keeps_nothing(app: Hekla, mode: str) -> None:
    """It tells what would become of each row, and no trace of it is left."""
    answer = await send(app, "name\na\nb\n", f"dry_run=true&on_error={mode}")
    assert (answer.status, counts(answer)) == (200, (2, 2, 0, 0, 0))
    assert answer.json()["dry_run"] is True
    answer = await send(app, "name\na\na\n", f"dry_run=true&on_error={mode}")
    expected = (422, (2, 0, 0, 0, 1)) if mode == "abort" else (200, (2, 1, 0, 0, 1))
    assert (answer.status, counts(answer)) == expected
    assert await rows(app, "id") == []
    with app.session() as session:
        assert session.execute(sa.text("select count(*) from hekla_changes")).scalar() == 0


async def test_upsert(app: Hekla) -> None:
    """Rows are found by the key or by a unique set; what is just so is not written again."""
    await send(app, "id,name,note,age\n1,ann,x,1\n2,bob,y,2\n")
    answer = await send(app, "name,age\nann,1\nbob,3\ncid,4\n", "upsert=name")
    assert (answer.status, counts(answer)) == (200, (3, 1, 1, 1, 0))
    # A row that is there need not say what a new one has to.
    answer = await send(app, '{"id":1,"note":"z"}\n{"id":9,"note":"z"}', "upsert=key", NDJSON)
    assert (answer.status, counts(answer)) == (422, (2, 0, 0, 0, 1))
    assert [e["location"] for e in answer.json()["errors"]] == ["/name"]
    answer = await send(app, '{"id":1,"note":"z"}', "upsert=key", NDJSON)
    assert counts(answer) == (1, 0, 1, 0, 0)
    # A sequence may have left a number out.
    assert await rows(app, "name", "note", "age") == [
        ("ann", "z", 1),
        ("bob", "y", 3),
        ("cid", None, 4),
    ]
    absent = await send(app, '{"name":"a"}', "upsert=key", NDJSON)
    assert [e["location"] for e in absent.json()["errors"]] == ["/id"]


@pytest.mark.parametrize("mode", ["abort", "skip"])
async def test_rows_that_refer_to_later_ones(app: Hekla, mode: str) -> None:
    """A row may refer to itself, to a later one, and in a circle; not to one that is not there."""
    circle = "id,name,boss_id\n1,a,3\n2,b,1\n3,c,2\n4,d,4\n5,e,\n"
    answer = await send(app, circle, f"on_error={mode}&batch=2")
    assert (answer.status, counts(answer)) == (200, (5, 5, 0, 0, 0))
    assert await rows(app, "id", "boss_id") == [(1, 3), (2, 1), (3, 2), (4, 4), (5, None)]
    lost = "id,name,boss_id\n11,k,13\n12,l,99\n13,m,12\n14,n,15\n15,o,\n"
    answer = await send(app, lost, f"on_error={mode}")
    told = [(e["row"], e["location"], e["code"]) for e in answer.json()["errors"]]
    if mode == "abort":
        assert (answer.status, told) == (422, [(2, "/boss_id", "missing_reference")])
        assert len(await rows(app, "id")) == 5
        return
    assert (answer.status, counts(answer)) == (200, (5, 2, 0, 0, 3))
    assert [row for row, _, _ in told] == [1, 2, 3]
    assert await rows(app, "id") == [(1,), (2,), (3,), (4,), (5,), (14,), (15,)]


async def test_what_is_read_only(app: Hekla) -> None:
    """A stamp is refused, ignored or, for administrators, kept."""
    body = "name,made_at\na,2020-01-02T03:04:05\n"
    refused = await send(app, body)
    assert refused.json()["errors"] == [{"location": "/made_at", "message": "is read-only"}]
    assert (await send(app, body, "read_only=ignore", actor=ANN)).status == 422
    own = body.replace("made_at\n", "made_at,owner_id\n").replace(":05\n", ":05,7\n")
    assert (await send(app, own, "read_only=ignore", actor=ANN)).status == 200
    closed = await send(app, own, "read_only=keep", actor=ANN)
    assert (closed.status, closed.json()["code"]) == (403, "forbidden")
    kept = await send(app, body.replace("a,", "b,"), "read_only=keep")
    assert kept.status == 200
    (first,), (second,) = await rows(app, "made_at")
    assert (first.year > 2020, second.isoformat()) == (True, "2020-01-02T03:04:05")


async def test_rules(app: Hekla) -> None:
    """One may import only what one may write, and learns nothing of the rows of others."""
    await send(app, "id,name,owner_id,secret\n1,ann,7,s1\n2,bob,8,s2\n")
    foreign = await send(app, "name,owner_id\nx,8\n", actor=ANN)
    assert (foreign.status, foreign.json()["errors"][0]["code"]) == (422, "forbidden")
    closed = await send(app, "name,owner_id,secret\nx,7,y\n", actor=ANN)
    nothing = await send(app, "name,owner_id,secreq\nx,7,y\n", actor=ANN)
    assert closed.status == nothing.status == 422
    assert closed.json()["errors"][0]["message"] == nothing.json()["errors"][0]["message"]
    # Neither the key nor the name of a row that may not be seen finds it.
    hidden = await send(app, "id,name,owner_id\n2,zed,7\n", "upsert=key", actor=ANN)
    assert (hidden.status, hidden.json()["errors"][0]["code"]) == (422, "already_exists")
    away = await send(app, "id,owner_id\n1,8\n", "upsert=key", actor=ANN)
    assert (away.status, away.json()["errors"][0]["code"]) == (422, "forbidden")
    # A boss whom one may not see is one who is not there.
    seen = await send(app, "name,owner_id,boss_id\nx,7,2\n", actor=ANN)
    gone = await send(app, "name,owner_id,boss_id\nx,7,99\n", actor=ANN)
    assert (seen.status, seen.json()["errors"]) == (422, gone.json()["errors"])
    assert b"s1" not in seen.body + closed.body + hidden.body
    assert await rows(app, "name", "owner_id", "secret") == [("ann", 7, "s1"), ("bob", 8, "s2")]


HOSTILE = [
    (b"", CSV, 400, "invalid_body"),
    (b"\n", CSV, 400, "invalid_body"),
    (b"name,,age\na,b,1\n", CSV, 400, "invalid_body"),
    (b"name,name\na,b\n", CSV, 400, "invalid_body"),
    (b"nam\xff\na\n", CSV, 400, "invalid_body"),
    (b"name\x00\na\n", CSV, 422, "validation_failed"),
    (b"nome,age\na,1\n", CSV, 422, "validation_failed"),
    (b"people\na\n", CSV, 422, "validation_failed"),
    (b"name,note\na\n", CSV, 422, "validation_failed"),
    (b"name,note\na,b,c\n", CSV, 422, "validation_failed"),
    (b"name\n\xff\xfe\n", CSV, 422, "validation_failed"),
    (b"name\na\x00b\n", CSV, 422, "validation_failed"),
    (b'name\n"a\nb\nc\n', CSV, 400, "invalid_body"),
    (b'name,note\na"b,c\n', CSV, 422, "validation_failed"),
    (b'name,note\n"a"b,c\n', CSV, 422, "validation_failed"),
    (b"name\ra\rb", CSV, 400, "invalid_body"),
    (b"name\n" + b"x" * 70_000 + b"\n", CSV, 400, "limit_exceeded"),
    (b'name\n"' + b"x\n" * 40_000 + b'"\n', CSV, 400, "limit_exceeded"),
    (b"{", NDJSON, 422, "validation_failed"),
    (b"[1]\n2\nnull", NDJSON, 422, "validation_failed"),
    (b'{"name":"\\ud800"}', NDJSON, 422, "validation_failed"),
    (b'{"name":"\xff"}', NDJSON, 422, "validation_failed"),
    (b'{"name":' + b"[" * 30_000 + b"]" * 30_000 + b"}", NDJSON, 422, "validation_failed"),
    (b'{"name":"' + b"x" * 70_000 + b'"}', NDJSON, 400, "limit_exceeded"),
    (b"", JSON, 400, "invalid_body"),
    (b"{}", JSON, 400, "invalid_body"),
    (b'[{"name":"a"}', JSON, 400, "invalid_body"),
    (b'[{"name":"a"},]', JSON, 400, "invalid_body"),
    (b'[{"name":"a"}] x', JSON, 400, "invalid_body"),
    (b'[{"name":"a"} {"name":"b"}]', JSON, 400, "invalid_body"),
    (b"[" * 60_000, JSON, 400, "invalid_body"),
    (b'[{"name":NaN}]', JSON, 422, "validation_failed"),
    (b'[{"age":' + b"9" * 5_000 + b"}]", JSON, 422, "validation_failed"),
    (b'[{"name":"\xff"}]', JSON, 400, "invalid_body"),
    (b'[{"name":"' + b"x" * 200_000 + b'"}]', JSON, 400, "limit_exceeded"),
]


@pytest.mark.parametrize(("body", "kind", "status", "code"), HOSTILE)
async def test_hostile_files(
    new_url: NewUrl, body: bytes, kind: str, status: int, code: str
) -> None:
    """What is no file of rows is told so, whatever it is; nothing of it is kept."""
    app = build(new_url(), max_body_bytes=65_536)
    await app.startup()
    answer = await send(app, body, kind=kind)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert len(answer.body) < 5_000
    assert await rows(app, "id") == []
    await app.shutdown()


async def test_a_bad_line_takes_no_other_with_it(app: Hekla) -> None:
    """After a line that is wrong the next one is read as it stands."""
    body = b'name,note\na,1\nb"x,2\nc,3\n\xff,4\nd\ne,"5"x\nf,6\n'
    answer = await send(app, body, "on_error=skip")
    assert counts(answer) == (7, 3, 0, 0, 4)
    assert [error["line"] for error in answer.json()["errors"]] == [3, 5, 6, 7]
    assert await rows(app, "name") == [("a",), ("c",), ("f",)]


async def test_the_report_is_bounded(app: Hekla) -> None:
    """However many rows fail, and however long their names are, the report stays small."""
    fields = ",".join(f'"{"n" * 3000}{n}":1' for n in range(20))
    body = "\n".join(["{" + fields + "}"] * 3000)
    answer = await send(app, body, "on_error=skip", NDJSON)
    report = answer.json()
    assert (report["failed"], len(report["errors"])) == (3000, 1000)
    assert len(answer.body) < 1_000_000


REQUESTS: list[tuple[str, str | None, str, int, str]] = [
    ("", "text/plain", "POST", 415, "unsupported_media_type"),
    ("", None, "POST", 415, "unsupported_media_type"),
    ("", "text/csv; charset=utf-16", "POST", 415, "unsupported_media_type"),
    ("upsert=note", CSV, "POST", 400, "unknown_parameter"),
    ("upsert=", CSV, "POST", 400, "unknown_parameter"),
    ("upset=key", CSV, "POST", 400, "unknown_parameter"),
    ("dry_run=maybe", CSV, "POST", 400, "invalid_value"),
    ("batch=0", CSV, "POST", 400, "invalid_value"),
    ("batch=99999", CSV, "POST", 400, "invalid_value"),
    ("on_error=skip&on_error=abort", CSV, "POST", 400, "invalid_value"),
    ("", CSV, "GET", 405, "method_not_allowed"),
    ("", CSV, "PUT", 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("query", "kind", "method", "status", "code"), REQUESTS)
async def test_requests_that_are_wrong(
    app: Hekla, query: str, kind: str | None, method: str, status: int, code: str
) -> None:
    """Types, parameters and methods that are not known are refused before the body counts."""
    answer = await send(app, "name\na\n", query, kind, method=method)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert await rows(app, "id") == []


async def test_a_key_that_is_called_import(new_url: NewUrl) -> None:
    """A row whose key is the word is reached by ``=import``."""
    words = sa.Table("words", sa.MetaData(), sa.Column("word", sa.Text, primary_key=True))
    app = Hekla(new_url())
    app.resource(words, read=everyone, write=everyone)
    app.create_tables()
    await app.startup()
    pairs = [("content-type", CSV)]
    sent = await app.handle(Request("POST", "/words/import", "", pairs, body=b"word\nimport\n"))
    assert sent.status == 200
    found = await app.handle(Request("GET", "/words/=import"))
    assert (found.status, found.body) == (200, b'{"word":"import"}')
    await app.shutdown()


class Dribble(Request):
    """A request whose body comes in pieces, when somebody lets them."""

    def __init__(self, pieces: list[bytes], gate: asyncio.Event, *, breaks: bool = False) -> None:
        super().__init__("POST", "/people/import", "", [("content-type", CSV)], actor=ADMIN)
        self._pieces, self._gate, self._breaks = pieces, gate, breaks

    def _receive(self) -> AsyncIterator[bytes]:
        return self._dribble()

    async def _dribble(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
            await self._gate.wait()
        if self._breaks:
            raise ClientLeft


async def test_a_slow_client_holds_up_nobody(app: Hekla) -> None:
    """Others write while a body is on its way."""
    gate = asyncio.Event()
    slow = asyncio.create_task(app.handle(Dribble([b"name\na\n", b"b\n"], gate)))
    await asyncio.sleep(0.01)
    quick = await asyncio.wait_for(send(app, "name\nc\n"), 10)
    assert (quick.status, slow.done()) == (200, False)
    gate.set()
    assert (await slow).status == 200
    assert await rows(app, "name") == [("c",), ("a",), ("b",)]


async def test_a_client_that_leaves_has_changed_nothing(app: Hekla) -> None:
    """What broke off in the middle is no import, also if whole lines had arrived."""
    gate = asyncio.Event()
    gate.set()
    with pytest.raises(ClientLeft):
        await app.handle(Dribble([b"name\na\n", b"b\n"], gate, breaks=True))
    assert await rows(app, "id") == []


async def test_no_more_than_so_many_at_a_time(new_url: NewUrl) -> None:
    """One import too many is told to come again, and may once another is over."""
    app = build(new_url(), max_imports=1)
    await app.startup()
    gate = asyncio.Event()
    slow = asyncio.create_task(app.handle(Dribble([b"name\na\n"], gate)))
    await asyncio.sleep(0.01)
    refused = await send(app, "name\nb\n")
    assert (refused.status, refused.json()["code"]) == (503, "store_busy")
    assert "retry-after" in refused.headers
    gate.set()
    assert (await slow).status == 200
    assert (await send(app, "name\nb\n")).status == 200
    await app.shutdown()


@pytest.mark.parametrize("mode", ["abort", "skip"])
async def test_hooks(new_url: NewUrl, mode: str) -> None:
    """Hooks alter and refuse rows as of any write, and hear of what was kept only."""
    app = build(new_url())
    told: list[str] = []

    @app.before("create", people)
    async def check(event: Any) -> None:
        event.values["note"] = "seen"
        if event.values["name"] == "bad":
            raise event.refuse("not this one", "name")

    @app.on_commit("create", people)
    async def tell(event: Any) -> None:
        told.append(event.values["name"])

    await app.startup()
    answer = await send(app, "name,age\na,1\nbad,2\nc,3\n", f"on_error={mode}")
    errors = [(e["row"], e["location"], e["message"]) for e in answer.json()["errors"]]
    assert errors == [(2, "/name", "not this one")]
    await app.engine.writer.drain()
    if mode == "abort":
        assert (answer.status, await rows(app, "name"), told) == (422, [], [])
        answer = await send(app, "name,age\na,1\nc,3\n")
        await app.engine.writer.drain()
    assert (answer.status, told) == (200, ["a", "c"])
    assert await rows(app, "name", "note") == [("a", "seen"), ("c", "seen")]
    dry = await send(app, "name\nd\n", f"dry_run=true&on_error={mode}")
    await app.engine.writer.drain()
    assert (dry.status, told) == (200, ["a", "c"])
    await app.shutdown()


async def test_an_import_is_on_record(app: Hekla) -> None:
    """Each row has its change, in one transaction, by whoever sent the file."""
    await send(app, "name\na\nb\n")
    with app.session() as session:
        found = session.execute(sa.text('select actor, action, "table" from hekla_changes')).all()
    assert [tuple(row) for row in found] == [("1", "create", "people")] * 2
    assert json.loads(found[0][0]) == ADMIN.id
