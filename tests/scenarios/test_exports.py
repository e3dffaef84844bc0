"""Lists as CSV and NDJSON, to the byte; and the forms, codings and tags of answers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import zstandard

from hekla import Hekla
from hekla.settings import Settings
from tests.scenarios.client import Scenario, ask, check
from tests.scenarios.samples import samples_app

CSV = {"Accept": "text/csv"}
NDJSON = {"Accept": "application/x-ndjson"}
CSV_TYPE = "text/csv; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson"

EXAMPLE = [
    Scenario(
        "/tasks?fields=id,title,due_date,completed&id__in=3,5",
        sent=CSV,
        headers={"content-type": CSV_TYPE},
        body=b"id,title,due_date,completed\r\n3,Test page 3,2026-01-15,true\r\n"
        b"5,Write page 5,,false\r\n",
    ),
    Scenario(
        "/tasks?fields=id,title,due_date,completed&id__in=3,5",
        sent=NDJSON,
        headers={"content-type": NDJSON_TYPE},
        body=b'{"id":3,"title":"Test page 3","due_date":"2026-01-15","completed":true}\n'
        b'{"id":5,"title":"Write page 5","due_date":null,"completed":false}\n',
    ),
    # Paging means nothing in an export, so asking for it is a mistake and not ignored.
    Scenario("/tasks?cursor=", 400, sent=CSV, code="unsupported", location="query.cursor"),
    Scenario("/tasks?count=exact", 400, sent=NDJSON, code="unsupported", location="query.count"),
    Scenario("/tasks?id=0&fields=id,title", sent=CSV, body=b"id,title\r\n"),
    Scenario("/tasks?id=0", sent=NDJSON, body=b""),
    Scenario("/tasks?fields=id&limit=2&order_by=-id", sent=CSV, body=b"id\r\n30\r\n29\r\n"),
    Scenario("/tasks?fields=id&limit=2&skip=28", sent=NDJSON, body=b'{"id":29}\n{"id":30}\n'),
    Scenario("/tasks?fields=id&limit=0", sent=CSV, body=b"id\r\n"),
    Scenario("/tasks?fields=id&limit=100000&id=1", sent=CSV, body=b"id\r\n1\r\n"),
    Scenario(
        "/tasks?fields=id&id=3&include=owner(fields:name),comments(fields:id)",
        sent=CSV,
        body=b'id,owner,comments\r\n3,"{""name"":""user 4""}","[{""id"":2},{""id"":3}]"\r\n',
    ),
    Scenario(
        "/tasks?fields=id&id=7&include=owner",
        sent=CSV,
        body=b"id,owner\r\n7,\r\n",
    ),
    Scenario(
        "/tasks?fields=id&id=3&include=comments(fields:id)",
        sent=NDJSON,
        body=b'{"id":3,"comments":[{"id":2},{"id":3}]}\n',
    ),
    Scenario(
        "/tasks?fields=priority&distinct=true&order_by=-priority",
        sent=CSV,
        body=b"priority\r\n4\r\n3\r\n2\r\n1\r\n0\r\n",
    ),
    Scenario("/tasks?fields=id&search=plan page 8", sent=CSV, body=b"id\r\n8\r\n28\r\n"),
    Scenario("/tasks?titel=x", 400, sent=CSV, code="unknown_column"),
    Scenario("/tasks?limit=-1", 400, sent=NDJSON, code="invalid_value"),
    Scenario("/nothing", 404, sent=CSV, code="not_found"),
]

ACCEPTED = [
    ("application/json", "application/json"),
    ("*/*", "application/json"),
    ("application/*", "application/json"),
    ("text/*", CSV_TYPE),
    ("text/csv, application/json", "application/json"),
    ("text/csv;q=0.9, application/json;q=0.8", CSV_TYPE),
    ("application/json;q=0, */*", NDJSON_TYPE),
    ("text/html, */*;q=0.1", "application/json"),
    ("", "application/json"),
    ("nonsense", "application/json"),
]


@pytest.mark.parametrize("scenario", EXAMPLE, ids=str)
async def test_scenario(example: Hekla, scenario: Scenario) -> None:
    """An export is, byte for byte, what RFC 4180 or one JSON object a line makes of the rows."""
    answer = await ask(example, scenario.target.replace(" ", "+"), scenario.sent)
    if example.store.dialect == "postgresql":
        # It puts a blank between the rows of an array.
        answer = replace(answer, body=answer.body.replace(b"}, {", b"},{"))
    check(scenario, answer)


@pytest.mark.parametrize(("accept", "form"), ACCEPTED)
async def test_what_is_asked_for_is_what_comes(example: Hekla, accept: str, form: str) -> None:
    """Accept chooses by weight, then by how exactly it names a form; JSON where all are equal."""
    answer = await ask(example, "/tasks", {"Accept": accept})
    assert (answer.status, answer.headers["content-type"]) == (200, form)
    assert "Accept" in answer.headers["vary"].split(", ")


async def test_csv_of_every_type(samples: Hekla) -> None:
    """A reader of CSV gets the texts of the JSON; NULL is empty, an empty text is quoted."""
    answer = await ask(samples, "/samples", CSV)
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert rows[3]["text"] == 'say "hi", (x)'
    assert rows[3]["big"] == "9223372036854775807"
    assert rows[2]["text"] == "Ärger 🎻"
    # JSON stands as JSON, so that it can be read back: a text in it has quotes of its own.
    assert json.loads(rows[0]["document"]) == {"b": [1, 2.5, None], "a": "ä"}
    assert (rows[2]["document"], rows[3]["document"]) == ('"text"', "12")
    assert set(rows[4].values()) == {"5", ""}
    lines = answer.body.decode().split("\r\n")
    assert lines[1].startswith('1,-5,-9223372036854775808,-2.5,-0.01,false,"",2025-12-31,')
    assert lines[5] == "5" + "," * 15


async def test_ndjson_is_the_list(samples: Hekla) -> None:
    """Line by line the same objects as in the array."""
    lines = (await ask(samples, "/samples", NDJSON)).body.decode().splitlines()
    assert [json.loads(line) for line in lines] == (await ask(samples, "/samples")).json()


async def test_csv_with_odd_names(samples: Hekla) -> None:
    """A column's name in the head is quoted like a value."""
    answer = await ask(samples, "/clashes?limit=1", CSV)
    head = answer.body.split(b"\r\n")[0]
    assert head == b'id,limit,order_by,or,count,due,due__gte,unit.price,"say ""hi"", (x)=:",-minus'


# Tags and codings


async def test_a_tag_belongs_to_what_is_answered(example: Hekla) -> None:
    """The same answer has the same tag, sent back it is not sent again; another has another."""
    one = await ask(example, "/tasks/1")
    tag = one.headers["etag"]
    assert tag == (await ask(example, "/tasks/1")).headers["etag"]
    assert tag != (await ask(example, "/tasks/2")).headers["etag"]
    for sent in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = await ask(example, "/tasks/1", {"If-None-Match": sent})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert "content-type" not in again.headers
    for sent in ('"x"', tag[:-2] + '"', "nonsense"):
        assert (await ask(example, "/tasks/1", {"If-None-Match": sent})).status == 200
    assert (await ask(example, "/tasks/99", {"If-None-Match": "*"})).status == 404
    head = await ask(example, "/tasks/1", {"If-None-Match": tag}, method="HEAD")
    assert (head.status, head.body) == (304, b"")


async def test_codings(example: Hekla) -> None:
    """A long answer comes compressed to who asks for it, under a tag of its own."""
    plain = await ask(example, "/tasks")
    packed = await ask(example, "/tasks", {"Accept-Encoding": "gzip"})
    best = await ask(example, "/tasks", {"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["content-encoding"] == "gzip"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(best.body) == plain.body
    assert best.headers["content-encoding"] == "zstd"
    assert len({answer.headers["etag"] for answer in (plain, packed, best)}) == 3
    for answer in (plain, packed, best):
        assert set(answer.headers["vary"].split(", ")) == {"Accept", "Accept-Encoding"}
    small = await ask(example, "/tasks/1", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers
    export = await ask(example, "/tasks", {**CSV, "Accept-Encoding": "gzip"})
    assert gzip.decompress(export.body) == (await ask(example, "/tasks", CSV)).body


@pytest.mark.parametrize(
    "target", ["/tasks", "/tasks/1", "/tasks/aggregate?count", "/", "/openapi.json", "/nothing"]
)
async def test_head_is_get_without_a_body(example: Hekla, target: str) -> None:
    """HEAD has the status and headers of GET, and says how long its body would be."""
    got = await ask(example, target)
    head = await ask(example, target, method="HEAD")
    assert (head.status, head.body) == (got.status, b"")
    expected = {**got.headers, "content-length": str(len(got.body))}
    different = {"x-request-id", "content-length"} if got.status != 200 else set()
    assert {name: value for name, value in head.headers.items() if name not in different} == {
        name: value for name, value in expected.items() if name not in different
    }


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/tasks", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("/tasks/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/tasks/aggregate", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options(example: Hekla, target: str, allow: str) -> None:
    """OPTIONS names the methods, whether or not there is such a row."""
    answer = await ask(example, target, method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == allow


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """An application that pages of one origin may call."""
    app = samples_app(f"sqlite:///{tmp_path_factory.mktemp('cors') / 'samples.db'}")
    app.settings = Settings(cors_origins=("https://app.example.com",))
    await app.startup()
    yield app
    await app.shutdown()


async def test_other_origins(shared: Hekla, example: Hekla) -> None:
    """A page of an origin that is let in may read answers, errors and paging headers too."""
    origin = {"Origin": "https://app.example.com"}
    for target, status in (("/samples?limit=1", 200), ("/samples?x=1", 400), ("/x", 404)):
        answer = await ask(shared, target, origin)
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "x-next-cursor" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]
        other = await ask(shared, target, {"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in other.headers
        assert "Origin" in other.headers["vary"]
    preflight = await ask(
        shared,
        "/samples",
        {**origin, "Access-Control-Request-Method": "GET"},
        method="OPTIONS",
    )
    methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert preflight.headers["access-control-allow-methods"] == methods
    assert "access-control-allow-origin" not in (await ask(example, "/tasks", origin)).headers
