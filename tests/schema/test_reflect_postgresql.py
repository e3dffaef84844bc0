"""A PostgreSQL database that exists, with all that PostgreSQL has, is served as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import pytest

from hekla import Hekla, everyone
from tests.databases import Postgres, postgres
from tests.scenarios.client import ask

TABLES = """
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as int check (value > 0);
create table kinds (
    id bigint generated always as identity primary key,
    small smallint,
    whole int default 5,
    single real,
    exact numeric(10, 2),
    any_exact numeric,
    price money,
    padded char(3),
    code uuid,
    bytes bytea,
    day date,
    clock time,
    zoned_clock time with time zone,
    at timestamp,
    zoned_at timestamp with time zone,
    span interval,
    document json,
    binary_document jsonb,
    numbers int[],
    texts text[],
    grid int[][],
    mood mood,
    moods mood[],
    domain positive,
    address inet,
    range int4range,
    ranges int4multirange,
    words tsvector,
    bits bit(4),
    point point,
    xml xml,
    twice int generated always as (whole * 2) stored,
    o text,
    counted serial
);
insert into kinds (small, single, exact, any_exact, price, padded, code, bytes, day, clock,
    zoned_clock, at, zoned_at, span, document, binary_document, numbers, texts, grid, mood, moods,
    domain, address, range, ranges, words, bits, point, xml, o)
values (1, 1.5, 3.25, 12345678901234567890.123, 5, 'ab', '6081235d-7c3e-4bb8-a893-06a4705b9f3e',
    '\\x00ff', '2026-01-02', '03:04:05', '03:04:05+02', '2026-01-02 03:04:05',
    '2026-01-02 03:04:05+01', '1 mon 2 days 03:00:00', '{"a": 1}', '{"b": 2}', '{1,2,null}',
    '{a,"b c"}', '{{1,2},{3,4}}', 'ok', '{sad,happy}', 3, '10.0.0.1', '[1,5)', '{[1,3),[5,7)}',
    to_tsvector('simple', 'hello world'), B'1010', '(1,2)', '<a/>', 'o');
create view glad as select id, mood from kinds where mood = 'ok';
create materialized view totals as select count(*) as n from kinds;
create table parts (id int, at date, primary key (id, at)) partition by range (at);
create table parts_2026 partition of parts for values from ('2026-01-01') to ('2027-01-01');
insert into parts values (1, '2026-05-05');
create table "Odd Name" ("select" int primary key, "a b" text, kind bigint references kinds);
insert into "Odd Name" values (1, 'x', 1);
"""

ROW = {
    "id": 1,
    "small": 1,
    "whole": 5,
    "single": 1.5,
    "exact": "3.25",
    "any_exact": "12345678901234567890.123",
    "price": "$5.00",
    "padded": "ab ",
    "code": "6081235d-7c3e-4bb8-a893-06a4705b9f3e",
    "bytes": "AP8=",
    "day": "2026-01-02",
    "clock": "03:04:05.000000",
    "zoned_clock": "03:04:05+02",
    "at": "2026-01-02T03:04:05.000000Z",
    "zoned_at": "2026-01-02T02:04:05.000000Z",
    "span": "P1M2DT3H",
    "document": {"a": 1},
    "binary_document": {"b": 2},
    "numbers": [1, 2, None],
    "texts": ["a", "b c"],
    "grid": [[1, 2], [3, 4]],
    "mood": "ok",
    "moods": ["sad", "happy"],
    "domain": 3,
    "address": "10.0.0.1/32",
    "range": "[1,5)",
    "ranges": "{[1,3),[5,7)}",
    "words": "'hello':1 'world':2",
    "bits": "1010",
    "point": "(1,2)",
    "xml": "<a/>",
    "twice": 10,
    "o": "o",
    "counted": 1,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        found.run(TABLES)
        yield found


@pytest.fixture(scope="module")
async def app(server: Postgres) -> AsyncIterator[Hekla]:
    app = Hekla(server.url)
    app.reflect(read=everyone)
    await app.startup()
    yield app
    await app.shutdown()


async def test_every_type_has_its_json(app: Hekla) -> None:
    """What has a type of its own is told by it, the rest by its text."""
    assert (await ask(app, "/kinds/1")).json() == ROW
    assert app.schema.warnings == ()


async def test_views_partitions_and_relations(app: Hekla) -> None:
    """Views, materialised ones, partitioned tables and their parts are resources too."""
    assert sorted(app.schema.resources) == [
        "Odd Name",
        "glad",
        "kinds",
        "parts",
        "parts_2026",
        "totals",
    ]
    assert (await ask(app, "/glad")).json() == [{"id": 1, "mood": "ok"}]
    assert (await ask(app, "/totals")).json() == [{"n": 1}]
    assert (await ask(app, "/parts/1,2026-05-05")).json() == {"id": 1, "at": "2026-05-05"}
    assert (await ask(app, "/parts_2026?at__gte=2026-01-01")).ids == [1]
    found = (await ask(app, "/Odd%20Name?fields=a%20b&include=kind_kind(fields:mood)")).json()
    assert found == [{"a b": "x", "kind_kind": {"mood": "ok"}}]


@pytest.mark.parametrize("name", [name for name in ROW if name not in ("document", "padded")])
async def test_a_row_is_found_by_its_values(app: Hekla, name: str) -> None:
    """What stands in the JSON may be asked for, where the type can be compared at all."""
    column, value = app.schema["kinds"].columns[name], ROW[name]
    if (
        "exact" not in column.type.lookups
        or isinstance(value, dict | list)
        or name in ("span", "zoned_clock")
    ):
        return
    answer = await ask(app, f"/kinds?{name}={quote(str(value), safe='')}&fields=id")
    assert (answer.status, answer.json()) == (200, [{"id": 1}])


async def test_nothing_is_written(app: Hekla, server: Postgres) -> None:
    """A database that is only read gets no table, no function and no trigger."""
    assert (await ask(app, "/parts", method="POST", document={"id": 2})).status in (403, 405)
    tables = server.run("select tablename from pg_tables where schemaname = $1", server.schema)
    assert {row[0] for row in tables} == {"kinds", "Odd Name", "parts", "parts_2026"}
