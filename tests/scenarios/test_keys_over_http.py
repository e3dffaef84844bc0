"""Rows whose keys are hard to write in an address, over a real connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.http1 import Connection, request_bytes
from tests.oddities import ODD_KEYS, ODD_TABLES, build_oddities
from tests.servers import Server, running

# A table with the address of a row in it and the row.
ROWS = [
    ("keys_text", "=", {"name": "", "note": "key of 0"}),
    ("keys_text", "%20", {"name": " ", "note": "key of 1"}),
    ("keys_text", "plain", {"name": "plain", "note": "key of 5"}),
    ("keys_text", "a%2Fb", {"name": "a/b", "note": "key of 3"}),
    ("keys_text", "a%2Cb", {"name": "a,b", "note": "key of 3"}),
    ("keys_text", "a,b", {"name": "a,b", "note": "key of 3"}),
    ("keys_text", "100%25", {"name": "100%", "note": "key of 4"}),
    ("keys_text", "%252F", {"name": "%2F", "note": "key of 3"}),
    ("keys_text", "a=b", {"name": "a=b", "note": "key of 3"}),
    ("keys_text", "a%26b%3Dc%23d%3Fe", {"name": "a&b=c#d?e", "note": "key of 9"}),
    ("keys_text", "a+b", {"name": "a+b", "note": "key of 3"}),
    ("keys_text", "a%2Bb", {"name": "a+b", "note": "key of 3"}),
    ("keys_text", "%2E%2E", {"name": "..", "note": "key of 2"}),
    ("keys_text", "=aggregate", {"name": "aggregate", "note": "key of 9"}),
    ("keys_text", "%F0%9F%8E%BB", {"name": "🎻", "note": "key of 1"}),
    ("keys_text", "line%0Abreak", {"name": "line\nbreak", "note": "key of 10"}),
    ("keys_text", "tab%09stop", {"name": "tab\tstop", "note": "key of 8"}),
    ("keys_text", "e%CC%81", {"name": "e\u0301", "note": "key of 2"}),
    ("keys_text", "%C3%A9", {"name": "é", "note": "key of 1"}),
    ("keys_text", "%22quoted%22", {"name": '"quoted"', "note": "key of 8"}),
    ("keys_text", "back%5Cslash", {"name": "back\\slash", "note": "key of 10"}),
    ("keys_composite", "=,1", {"region": "", "number": 1, "note": "empty"}),
    ("keys_composite", "a%2Cb,2", {"region": "a,b", "number": 2, "note": "comma"}),
    ("keys_composite", "a%2Fb,3", {"region": "a/b", "number": 3, "note": "slash"}),
    ("keys_composite", "100%25,4", {"region": "100%", "number": 4, "note": "percent"}),
    ("keys_composite", "%F0%9F%8E%BB,-5", {"region": "🎻", "number": -5, "note": "emoji"}),
    ("keys_composite", "!null,6", {"region": None, "number": 6, "note": "no region"}),
    ("keys_composite", "north,!null", {"region": "north", "number": None, "note": "no number"}),
    ("keys_composite", "!null,!null", {"region": None, "number": None, "note": "none"}),
    (
        "keys_composite",
        "north,9223372036854775807",
        {"region": "north", "number": "9223372036854775807", "note": "largest"},
    ),
    ("keys_backward", "2,1", {"a": "1", "b": "2", "note": "key is 2,1"}),
    ("keys_big", "1234567890123456789", {"id": "1234567890123456789", "note": "nineteen digits"}),
    ("keys_big", "-9223372036854775808", {"id": "-9223372036854775808", "note": "smallest"}),
    ("keys_real", "1e300", {"id": 1e300, "note": "huge"}),
    ("keys_real", "Infinity", {"id": "Infinity", "note": "infinite"}),
    ("keys_blob", "=", {"id": "", "note": "empty"}),
    ("keys_blob", "AP8=", {"id": "AP8=", "note": "two bytes"}),
    ("keys_blob", "%2B%2B%2B%2B", {"id": "++++", "note": "of ++++"}),
    ("keys_blob", "----", {"id": "++++", "note": "of ++++"}),
    ("keys_date", "2026-01-31", {"day": "2026-01-31", "note": "a date"}),
    ("keys_nocase", "ANN", {"name": "Ann", "note": "upper"}),
    ("tags", "a%2Fb", {"name": "a/b"}),
    ("Order %(Details)s", "1,a%2Cb", {"Order ID": 1, "Line, No": "a,b", "order": 1}),
    ("Order %(Details)s", "1,=", {"Order ID": 1, "Line, No": "", "order": 2}),
    ("Order %(Details)s", "2,%2F", {"Order ID": 2, "Line, No": "/", "order": 9}),
]
NOWHERE = [
    ("keys_text", "nothing"),
    ("keys_text", "a"),
    ("keys_text", "==x"),
    ("keys_text", "=!null"),
    ("keys_composite", "north"),
    ("keys_composite", "north,1,2"),
    ("keys_composite", "1,"),
    ("keys_big", "one"),
    ("keys_big", "9223372036854775808"),
    ("keys_big", "!null"),
    ("keys_real", "NaN"),
    ("keys_blob", "%3F"),
]
# Tables whose name is no path of their own.
RENAMED = {
    "": "_",
    ".": "._",
    "..": ".._",
    "docs": "docs__",
    "auth": "auth_",
    "graphql": "graphql_",
    "openapi.json": "openapi.json_",
    ".well-known": ".well-known_",
}


@pytest.fixture(scope="module", params=["hekla", "uvicorn"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The database of oddities, under a server that decodes a path itself and one that does not."""
    path = tmp_path_factory.mktemp("keys") / "oddities.db"
    build_oddities(path)
    environment = {"HEKLA_DATABASE_URL": f"sqlite:///{path}"}
    with running(request.param, "tests.scenarios.reflected:app", environment) as started:
        yield started


def get(server: Server, *targets: str) -> list[tuple[int, object]]:
    """Status and body of each, all asked on one connection."""
    with Connection(server.port) as connection:
        read = connection.reader()
        answers = []
        for target in targets:
            connection.send(request_bytes("GET", target))
            answer = read()
            answers.append((answer.status, answer.json()))
    return answers


def test_a_row_is_at_its_key(server: Server) -> None:
    """Whatever a key holds, its row is found, and no other."""
    targets = [f"/{quote(table, safe='')}/{key}" for table, key, _ in ROWS]
    found = dict(zip(targets, get(server, *targets), strict=True))
    expected = {target: (200, row) for target, (_, _, row) in zip(targets, ROWS, strict=True)}
    assert found == expected


def test_a_key_of_no_row_finds_none(server: Server) -> None:
    """A key that is of no row, of another number of columns, or of another type is a 404."""
    targets = [f"/{table}/{key}" for table, key in NOWHERE]
    answers = get(server, *targets)
    found = {
        target: (status, body["code"])  # type: ignore[index]
        for target, (status, body) in zip(targets, answers, strict=True)
    }
    assert found == dict.fromkeys(targets, (404, "not_found"))


def test_two_rows_of_one_key_are_told_from_one(server: Server) -> None:
    """SQLite keeps two rows whose key is NULL: their address answers neither."""
    ((status, problem),) = get(server, "/keys_text/!null")
    assert status == 409
    assert problem["code"] == "ambiguous_key"  # type: ignore[index]


def test_every_odd_table_is_at_its_name(server: Server) -> None:
    """A table of any name has a list and rows; one named like a path of Hekla's has another."""
    names = [RENAMED.get(name, name) for name in ODD_TABLES]
    addresses = [quote(name, safe="") for name in names]
    lists = get(server, *(f"/{address}" for address in addresses))
    rows = get(server, *(f"/{address}/1" for address in addresses))
    for name, found, row in zip(ODD_TABLES, lists, rows, strict=True):
        assert found == (200, [{"id": 1, "value": name}, {"id": 2, "value": None}]), name
        assert row == (200, {"id": 1, "value": name})


def test_a_list_finds_rows_by_odd_keys(server: Server) -> None:
    """In a filter every text stands for itself, once it is percent-encoded."""
    targets = [f"/keys_text?name={quote(key, safe='')}&fields=name" for key in ODD_KEYS]
    assert get(server, *targets) == [(200, [{"name": key}]) for key in ODD_KEYS]


def test_the_pages_of_hekla_stay_where_they_are(server: Server) -> None:
    """A table called docs or openapi.json takes nothing away."""
    ((status, document),) = get(server, "/openapi.json")
    assert status == 200
    assert json.dumps(document).startswith('{"openapi": "3.1')
