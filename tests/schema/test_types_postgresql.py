"""On a real PostgreSQL each type gives its values exactly and finds them again."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hekla.schema.types import Opaque, type_of
from tests.schema.columns import Given, Make, postgresql_columns

pytestmark = pytest.mark.anyio

Color = sa.Enum("red", "dark red", name="color")
CODE = UUID("01234567-89ab-cdef-0123-456789abcdef")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with postgresql_columns() as make:
        yield make


VALUES: dict[str, tuple[sa.types.TypeEngine[Any], dict[str, str]]] = {
    "smallint": (sa.SmallInteger(), {"-32768": "-32768", "32767": "32767"}),
    "integer": (sa.Integer(), {"-2147483648": "-2147483648", "0": "0", "NULL": "null"}),
    "bigint": (
        sa.BigInteger(),
        {
            "9007199254740991": "9007199254740991",
            "9007199254740992": '"9007199254740992"',
            "-9007199254740992": '"-9007199254740992"',
            "1234567890123456789": '"1234567890123456789"',
            "9223372036854775807": '"9223372036854775807"',
            "-9223372036854775808": '"-9223372036854775808"',
            "NULL": "null",
        },
    ),
    "float": (
        sa.Float(),
        {
            "0.1": "0.1",
            "1e300": "1e+300",
            "5e-324": "5e-324",
            "'NaN'": '"NaN"',
            "'Infinity'": '"Infinity"',
            "'-Infinity'": '"-Infinity"',
            "NULL": "null",
        },
    ),
    "real": (sa.REAL(), {"0.1": "0.1", "'NaN'": '"NaN"'}),
    "numeric": (
        sa.Numeric(30, 10),
        {
            "12345678901234567890.1234567891": '"12345678901234567890.1234567891"',
            "-0.5": '"-0.5000000000"',
            "'NaN'": '"NaN"',
            "NULL": "null",
        },
    ),
    "unscaled": (sa.Numeric(), {"0.99": '"0.99"', "1e20": '"100000000000000000000"'}),
    "boolean": (sa.Boolean(), {"true": "true", "false": "false", "NULL": "null"}),
    "text": (
        sa.Text(),
        {"''": '""', "'😀 \"é\"'": '"😀 \\"é\\""', "E'a\\nb'": '"a\\nb"', "NULL": "null"},
    ),
    "varchar": (sa.String(20), {"'Straße'": '"Straße"'}),
    "enum": (Color, {"'red'": '"red"', "'dark red'": '"dark red"', "NULL": "null"}),
    "date": (
        sa.Date(),
        {
            "'2026-02-28'": '"2026-02-28"',
            "'0001-01-01'": '"0001-01-01"',
            "'infinity'": '"infinity"',
            "NULL": "null",
        },
    ),
    "time": (
        sa.Time(),
        {"'00:00'": '"00:00:00.000000"', "'23:59:59.999999'": '"23:59:59.999999"', "NULL": "null"},
    ),
    "timestamp": (
        sa.DateTime(),
        {
            "'2026-01-31 09:30:00.000001'": '"2026-01-31T09:30:00.000001Z"',
            "'2026-01-31'": '"2026-01-31T00:00:00.000000Z"',
            "'infinity'": '"infinity"',
            "'0001-01-01'": '"0001-01-01T00:00:00.000000Z"',
            "'0044-03-15 BC'": '"0044-03-15 00:00:00 BC"',
            "NULL": "null",
        },
    ),
    "timestamptz": (
        sa.DateTime(timezone=True),
        {
            "'2026-01-31 09:30:00.5+05:30'": '"2026-01-31T04:00:00.500000Z"',
            "'2026-01-31 09:30:00Z'": '"2026-01-31T09:30:00.000000Z"',
            "NULL": "null",
        },
    ),
    "interval": (
        sa.Interval(),
        {
            "'0'": '"PT0S"',
            "'1 day 02:00:03.5'": '"P1DT2H3.5S"',
            "'36 hours'": '"P1DT12H"',
            "'1 day -1 hour'": '"PT23H"',
            "'-0.000001 seconds'": '"-PT0.000001S"',
            "'10 seconds'": '"PT10S"',
            "'-100 days'": '"-P100D"',
            "'1 year 2 months -3 days 4 hours'": '"P1Y2M-3DT4H"',
            "'-14 months'": '"P-1Y-2M"',
            "'1 month 90.25 seconds'": '"P1MT1M30.25S"',
            "NULL": "null",
        },
    ),
    "uuid": (sa.Uuid(), {f"'{str(CODE).upper()}'": f'"{CODE}"', "NULL": "null"}),
    "char(32)": (sa.Uuid(native_uuid=False), {f"'{CODE.hex}'": f'"{CODE}"', "NULL": "null"}),
    "json": (
        sa.JSON(),
        {"'{\"a\": 12345678901234567890}'": '{"a": 12345678901234567890}', "NULL": "null"},
    ),
    "jsonb": (postgresql.JSONB(), {"'[1.10, null]'": "[1.10, null]", "'null'": "null"}),
    "bytea": (
        sa.LargeBinary(),
        {
            "''": '""',
            r"'\x00ff'": '"AP8="',
            "convert_to(repeat('a', 60), 'UTF8')": f'"{"YWFh" * 20}"',
            "NULL": "null",
        },
    ),
    "integer[]": (sa.ARRAY(sa.Integer()), {"'{1,NULL}'": "[1,null]", "'{}'": "[]", "NULL": "null"}),
    "bigint[]": (
        sa.ARRAY(sa.BigInteger()),
        {
            "'{9007199254740992,1,NULL}'": '["9007199254740992", 1, null]',
            "'{}'": "[]",
            "'{{1,2},{3,4}}'": "[[1,2],[3,4]]",
            "NULL": "null",
        },
    ),
    "numeric[]": (sa.ARRAY(sa.Numeric()), {"'{0.10,NaN}'": '["0.10", "NaN"]'}),
    "timestamptz[]": (
        sa.ARRAY(sa.DateTime(timezone=True)),
        {"'{2026-01-31 09:30:00+01}'": '["2026-01-31T08:30:00.000000Z"]'},
    ),
    "inet": (postgresql.INET(), {"'10.0.0.1/8'": '"10.0.0.1/8"', "NULL": "null"}),
}


@pytest.mark.parametrize("name", VALUES)
async def test_each_value_is_given_exactly(make: Make, name: str) -> None:
    """A value that PostgreSQL holds is in the JSON as it is, by the conventions of the design."""
    sa_type, values = VALUES[name]
    column = await make(sa_type, *values)
    assert await column.json() == list(values.values())


TODAY = dt.datetime(2026, 1, 31, 9, 30, 0, 500000)
FOUND: list[tuple[sa.types.TypeEngine[Any], list[str], list[tuple[str, Any, list[int]]]]] = [
    (
        sa.Integer(),
        ["1", "2", "NULL", "-7"],
        [
            ("exact", 2, [2]),
            ("ne", 2, [1, 4]),
            ("gt", 1, [2]),
            ("gte", 1, [1, 2]),
            ("lt", 1, [4]),
            ("lte", 1, [1, 4]),
            ("in", [1, -7, 2**62], [1, 4]),
            ("in", [], []),
            ("not_in", [1], [2, 4]),
            ("not_in", [], [1, 2, 4]),
            ("range", (-7, 1), [1, 4]),
            ("gt", 2**62, []),
        ],
    ),
    (sa.BigInteger(), ["1234567890123456789"], [("exact", 1234567890123456789, [1])]),
    (
        sa.Float(),
        ["0.1", "'Infinity'", "NULL"],
        [("exact", 0.1, [1]), ("in", [0.1], [1]), ("gt", 5.0, [2]), ("exact", float("inf"), [2])],
    ),
    (sa.REAL(), ["0.1", "0.5"], [("exact", 0.1, [1]), ("in", [0.1, 0.5], [1, 2])]),
    (
        sa.Numeric(30, 10),
        ["12345678901234567890.1234567891", "2", "NULL"],
        [
            ("exact", Decimal("12345678901234567890.1234567891"), [1]),
            ("in", [Decimal("2.0")], [2]),
            ("gt", Decimal(2), [1]),
        ],
    ),
    (
        sa.Boolean(),
        ["true", "false", "NULL"],
        [("exact", True, [1]), ("ne", True, [2]), ("in", [False], [2]), ("not_in", [False], [1])],
    ),
    (
        sa.Text(),
        ["'Ann_%'", "'ann'", "''", "NULL", r"'a\b'", "'ÉCLAIR'", "E'x\\ny'"],
        [
            ("exact", "ann", [2]),
            ("ne", "ann", [1, 3, 5, 6, 7]),
            ("in", ["ann", ""], [2, 3]),
            ("not_in", ["ann", ""], [1, 5, 6, 7]),
            ("contains", "_%", [1]),
            ("contains", "", [1, 2, 3, 5, 6, 7]),
            ("icontains", "NN_", [1]),
            ("icontains", "écl", [6]),
            ("startswith", "A", [1]),
            ("istartswith", "A", [1, 2, 5]),
            ("endswith", "%", [1]),
            ("iendswith", "N", [2]),
            ("contains", "\\", [5]),
            ("icontains", "\\B", [5]),
            ("regex", "^[Aa]nn", [1, 2]),
            ("regex", "x.y$", [7]),
            ("regex", r"^a\\b$", [5]),
        ],
    ),
    (
        Color,
        ["'red'", "'dark red'", "NULL"],
        [
            ("exact", "red", [1]),
            ("ne", "red", [2]),
            ("in", ["red", "dark red"], [1, 2]),
            ("not_in", ["red"], [2]),
            ("contains", "dark", [2]),
            ("iendswith", "RED", [1, 2]),
        ],
    ),
    (
        sa.Date(),
        ["'2026-01-31'", "'2026-02-01'", "NULL"],
        [
            ("exact", dt.date(2026, 1, 31), [1]),
            ("gt", dt.date(2026, 1, 31), [2]),
            ("in", [dt.date(2026, 1, 31), dt.date(2026, 2, 1)], [1, 2]),
        ],
    ),
    (sa.Time(), ["'09:30'", "'10:00'"], [("lt", dt.time(10), [1]), ("in", [dt.time(10)], [2])]),
    (
        sa.DateTime(),
        ["'2026-01-31 09:30:00.5'", "'2026-01-31 09:30'", "NULL"],
        [
            ("exact", TODAY, [1]),
            ("exact", TODAY.replace(tzinfo=dt.UTC), [1]),
            ("lt", TODAY, [2]),
            ("in", [TODAY], [1]),
            ("range", (dt.datetime(2026, 1, 31), TODAY), [1, 2]),
        ],
    ),
    (
        sa.DateTime(timezone=True),
        ["'2026-01-31 09:30:00.5Z'", "'2026-01-31 09:30+05:30'", "NULL"],
        [
            ("exact", TODAY, [1]),
            ("exact", TODAY.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))), []),
            ("lt", TODAY.replace(tzinfo=dt.UTC), [2]),
            ("in", [TODAY, dt.datetime(2026, 1, 31, 4)], [1, 2]),
        ],
    ),
    (
        sa.Interval(),
        ["'36 hours'", "'-1 second'", "NULL"],
        [
            ("exact", dt.timedelta(days=1, hours=12), [1]),
            ("lt", dt.timedelta(0), [2]),
            ("in", [dt.timedelta(seconds=-1)], [2]),
        ],
    ),
    (
        sa.Uuid(),
        [f"'{CODE}'", "NULL"],
        [("exact", CODE, [1]), ("in", [CODE], [1]), ("not_in", [UUID(int=0)], [1])],
    ),
    (sa.Uuid(native_uuid=False), [f"'{CODE.hex}'"], [("exact", CODE, [1]), ("in", [CODE], [1])]),
    (
        sa.LargeBinary(),
        [r"'\x00ff'", "''", "NULL"],
        [("exact", b"\0\xff", [1]), ("in", [b""], [2]), ("ne", b"", [1])],
    ),
    (
        sa.ARRAY(sa.BigInteger()),
        ["'{1,2}'", "'{}'", "NULL"],
        [("contains", 2, [1]), ("contains", 3, [])],
    ),
    (sa.ARRAY(sa.Text()), ["'{a,b}'"], [("contains", "b", [1])]),
    (
        postgresql.INET(),
        ["'10.0.0.1'", "NULL"],
        [("exact", "10.0.0.1/32", [1]), ("in", ["10.0.0.1/32"], [1]), ("ne", "x", [1])],
    ),
]


@pytest.mark.parametrize("case", range(len(FOUND)))
async def test_each_lookup_finds_its_rows(make: Make, case: int) -> None:
    """A lookup finds the rows that it should, and never a NULL."""
    sa_type, literals, questions = FOUND[case]
    column = await make(sa_type, *literals)
    for lookup, value, ids in questions:
        assert await column.find(lookup, value) == ids, (lookup, value)


SORTABLE = [name for name, (kind, _) in VALUES.items() if type_of(kind, "postgresql").sortable]


@pytest.mark.parametrize("name", SORTABLE)
async def test_a_cursor_finds_the_row_that_it_was_made_from(make: Make, name: str) -> None:
    """A value that went into a cursor as JSON and came back equals the one in the table."""
    sa_type, values = VALUES[name]
    column = await make(sa_type, *values)
    kept = column.type.sort_value("postgresql", column.column)
    texts = await column.run(sa.select(kept).order_by(column.table.c.id))
    assert len(texts) == len(values)
    for place, text in enumerate(texts, 1):
        if text is not None:
            back = column.type.sort_bind("postgresql", Given(text))
            found = await column.run(sa.select(column.table.c.id).where(column.column == back))
            assert place in found


async def test_figures_are_exact(make: Make) -> None:
    """A sum beyond 2^53 and one of decimals are strings, a mean is a number."""
    column = await make(sa.BigInteger(), "9007199254740991", "1", "NULL")
    assert await column.measure("sum") == '"9007199254740992"'
    assert await column.measure("max") == "9007199254740991"
    assert await column.measure("count_distinct") == "2"
    column = await make(sa.Integer(), "1", "2")
    assert await column.measure("avg") == "1.5"
    column = await make(sa.Numeric(30, 2), "0.10", "0.20", "12345678901234567890.00")
    assert await column.measure("sum") == '"12345678901234567890.30"'
    column = await make(sa.DateTime(), "'2026-01-31 09:30'", "'2025-01-31'")
    assert await column.measure("min") == '"2025-01-31T00:00:00.000000Z"'
    column = await make(sa.Integer())
    assert await column.measure("sum") == "null"


def test_an_unknown_type_is_served_by_its_text() -> None:
    """What PostgreSQL alone has can be read and found as text, and cannot be sorted."""
    assert type_of(postgresql.TSVECTOR(), "postgresql") == Opaque()
    assert not Opaque.sortable


async def test_citext_is_equal_whatever_the_case(make: Make) -> None:
    """CITEXT keeps its own equality, and contains looks at the case as it does everywhere."""
    column = await make(postgresql.CITEXT(), "'Ann'")
    assert await column.json() == ['"Ann"']
    assert await column.find("exact", "ann") == [1]
    assert await column.find("in", ["ANN"]) == [1]
    assert await column.find("contains", "ann") == []
    assert await column.find("icontains", "ann") == [1]
