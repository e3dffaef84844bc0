"""Bodies of requests that write: what is no document is told so, and never ends in a fault."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.web.request import Request
from tests.scenarios.client import ask

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("count", sa.BigInteger),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("size", sa.Float),
    sa.Column("notes", sa.JSON),
    sa.Column("__proto__", sa.Text),
    sa.Column("a/b~c", sa.Text),
)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = Hekla(f"sqlite:///{tmp_path / 'things.db'}")
    app.resource(things, read=everyone, write=everyone)
    metadata.create_all(app.sessions)
    await app.startup()
    yield app
    await app.shutdown()


async def post(
    app: Hekla, body: bytes, kind: str | None = "application/json", *more: tuple[str, str]
) -> tuple[int, dict[str, Any]]:
    pairs = [*more] if kind is None else [("content-type", kind), *more]
    response = await app.handle(Request("POST", "/things", "", pairs, body=body))
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("body", "status", "places"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"{'name': 1}", 400, None),
        (b'{"name": "x",}', 400, None),
        (b'{"name": NaN}', 400, None),
        (b'{"size": Infinity}', 400, None),
        (b'{"name": "\xff"}', 400, None),
        (b"\xff\xfe{}", 400, None),
        (b'{"name": "\\ud800"}', 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"notes": ' + b"[" * 100_000, 400, None),
        (b"null", 400, [""]),
        (b"7", 400, [""]),
        (b'"text"', 400, [""]),
        (b"[1]", 400, ["/0"]),
        (b"[{}, [{}]]", 400, ["/1"]),
        (b'{"count": 9223372036854775808}', 422, ["/count"]),
        (b'{"count": 1e400}', 422, ["/count"]),
        (b'{"count": 1e999999999}', 422, ["/count"]),
        (b'{"count": 0.5}', 422, ["/count"]),
        (b'{"count": ' + b"9" * 4000 + b"}", 422, ["/count"]),
        (b'{"price": 1e400}', 422, ["/price"]),
        (b'{"price": "NaN"}', 422, ["/price"]),
        (b'{"size": 1e400}', 422, ["/size"]),
        (b'{"name": "a\\u0000b"}', 422, ["/name"]),
        (b'{"name": {"$ne": null}}', 422, ["/name"]),
        (b'{"name": ["x"]}', 422, ["/name"]),
        (b'{"constructor": 1, "": 2, "a/c~": 3}', 422, ["/constructor", "/", "/a~1c~0"]),
        (b'{"__proto__": {}, "a/b~c": 1}', 422, ["/__proto__", "/a~1b~0c"]),
        (b'[{"count": "x"}, {}, {"id": "y", "nam": 1}]', 422, ["/0/count", "/2/id", "/2/nam"]),
    ],
)
async def test_what_is_no_document(
    app: Hekla, body: bytes, status: int, places: list[str] | None
) -> None:
    """No JSON and no object are 400, what does not fit is 422 with every place."""
    found, problem = await post(app, body)
    assert found == status, problem
    if places is None:
        assert problem["code"] == "invalid_body"
    else:
        assert [fault["location"] for fault in problem["errors"]] == places
    assert (await ask(app, "/things")).json() == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        # RFC 8259 section 4 leaves names that stand twice to whoever reads: the last one counts.
        (b'{"name": "a", "name": "b"}', {"name": "b"}),
        (b'{"__proto__": "x", "a/b~c": "y"}', {"__proto__": "x", "a/b~c": "y"}),
        (b'{"count": 9223372036854775807}', {"count": "9223372036854775807"}),
        (b'{"count": 1E2, "size": -0.0, "price": 1.10}', {"count": 100, "price": "1.10"}),
        (b'{"name": "\\ud83d\\ude00"}', {"name": "\N{GRINNING FACE}"}),
        (b' \r\n\t{"notes": [null, {"a": 1e2}]} ', {"notes": [None, {"a": 100.0}]}),
    ],
)
async def test_what_is_one(app: Hekla, body: bytes, row: dict[str, Any]) -> None:
    """Odd, but right."""
    status, made = await post(app, body)
    assert status == 201, made
    assert {name: made[name] for name in row} == row


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("APPLICATION/JSON; charset=utf-8", 201),
        ("application/json;x=y", 201),
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json, text/plain", 415),
        ("application/merge-patch+json", 415),
    ],
)
async def test_the_type_of_a_document_has_to_be_said(
    app: Hekla, kind: str | None, status: int
) -> None:
    """What a page of another origin may send unasked is never taken for JSON."""
    assert (await post(app, b'{"name": "x"}', kind))[0] == status


async def test_a_packed_document_is_refused_aloud(app: Hekla) -> None:
    """It is no JSON that is broken, and what is only said to be packed is not taken either."""
    for body in (gzip.compress(b"{}"), b"{}"):
        for coding in ("gzip", "br", "gzip, gzip"):
            sent = ("content-encoding", coding)
            status, problem = await post(app, body, "application/json", sent)
            assert (status, problem["code"]) == (415, "unsupported_media_type")
    assert (await post(app, b"{}", "application/json", ("content-encoding", "identity")))[0] == 201


async def test_no_header_changes_the_method(app: Hekla) -> None:
    """What some frameworks take for another method is a POST like any other."""
    override = ("x-http-method-override", "DELETE")
    assert (await post(app, b"{}", "application/json", override))[0] == 201
