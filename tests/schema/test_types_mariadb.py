"""On a real MariaDB each type gives its values exactly and finds them again."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from hekla.schema.types import Boolean, type_of
from tests.schema.columns import Given, Make, mariadb_columns

pytestmark = pytest.mark.anyio

Color = sa.Enum("red", "dark red", name="color")
CODE = UUID("123e4567-e89b-12d3-a456-426614174000")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with mariadb_columns() as make:
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
            "-9223372036854775808": '"-9223372036854775808"',
            "NULL": "null",
        },
    ),
    "unsigned": (
        mysql.BIGINT(unsigned=True),
        {"18446744073709551615": '"18446744073709551615"', "5": "5"},
    ),
    "bit": (mysql.BIT(64), {"b'101'": "5", "~0": '"18446744073709551615"', "NULL": "null"}),
    "year": (mysql.YEAR(), {"2026": "2026", "NULL": "null"}),
    "float": (sa.Float(), {"0.1": "0.1", "1e30": "1e30", "NULL": "null"}),
    "double": (
        sa.Double(),
        {
            "0.1": "0.1",
            "1e300": "1e300",
            "1.0000000000000002": "1.0000000000000002",
            "-0.5": "-0.5",
        },
    ),
    "numeric": (
        sa.Numeric(30, 10),
        {
            "12345678901234567890.1234567891": '"12345678901234567890.1234567891"',
            "-0.5": '"-0.5000000000"',
            "NULL": "null",
        },
    ),
    "boolean": (sa.Boolean(), {"true": "true", "false": "false", "NULL": "null", "7": "7"}),
    "text": (
        sa.Text(),
        {"''": '""', "'😀 \"é\"'": '"😀 \\"é\\""', r"'a\nb\\'": r'"a\nb\\"', "NULL": "null"},
    ),
    "varchar": (sa.String(20), {"'Straße'": '"Straße"', "'[1]'": '"[1]"'}),
    "enum": (Color, {"'red'": '"red"', "'dark red'": '"dark red"', "NULL": "null"}),
    "date": (sa.Date(), {"'2026-02-28'": '"2026-02-28"', "NULL": "null"}),
    "time": (mysql.TIME(fsp=6), {"'23:59:59.999999'": '"23:59:59.999999"', "NULL": "null"}),
    "datetime": (sa.DateTime(), {"'2026-01-31 09:30:00'": '"2026-01-31T09:30:00.000000Z"'}),
    "datetime(6)": (
        mysql.DATETIME(fsp=6),
        {"'2026-01-31 09:30:00.000001'": '"2026-01-31T09:30:00.000001Z"', "NULL": "null"},
    ),
    "timestamp": (
        mysql.TIMESTAMP(fsp=6),
        {"'2026-01-31 09:30:00.5'": '"2026-01-31T09:30:00.500000Z"'},
    ),
    "interval": (
        sa.Interval(),
        {
            "'1970-01-01'": '"PT0S"',
            "'1970-01-02 02:00:03'": '"P1DT2H3S"',
            "'1969-12-31 23:59:50'": '"-PT10S"',
            "'1970-01-11'": '"P10D"',
            "'1970-01-01 00:10:00'": '"PT10M"',
            "NULL": "null",
        },
    ),
    "uuid": (sa.Uuid(), {f"'{CODE.hex}'": f'"{CODE}"', "NULL": "null"}),
    "json": (
        sa.JSON(),
        {"'{\"a\": 12345678901234567890}'": '{"a": 12345678901234567890}', "NULL": "null"},
    ),
    "blob": (
        sa.LargeBinary(),
        {"''": '""', "x'00ff'": '"AP8="', "repeat('a', 60)": f'"{"YWFh" * 20}"', "NULL": "null"},
    ),
    "inet6": (sa.types.NullType(), {"'::1'": '"::1"', "NULL": "null"}),
}


@pytest.mark.parametrize("name", VALUES)
async def test_each_value_is_given_exactly(make: Make, name: str) -> None:
    """A value that MariaDB holds is in the JSON as it is, by the conventions of the design."""
    sa_type, values = VALUES[name]
    column = await make(sa_type, *values, declared="INET6" if name == "inet6" else None)
    assert await column.json() == list(values.values())


async def test_a_native_uuid_is_given_and_found(make: Make) -> None:
    """MariaDB's own UUID is served like one that is kept as 32 digits."""
    column = await make(sa.Uuid(), f"'{CODE}'", "NULL", declared="UUID")
    assert await column.json() == [f'"{CODE}"', "null"]
    assert await column.find("exact", CODE) == [1]
    assert await column.find("in", [CODE]) == [1]


async def test_an_interval_is_exact_to_the_microsecond(make: Make) -> None:
    """Where the column keeps fractions of a second, the duration has them."""
    literals = ("'1970-01-02 00:00:00.000001'", "'1969-12-31 23:59:59.5'")
    column = await make(sa.Interval(), *literals, declared="DATETIME(6)")
    assert await column.json() == ['"P1DT0.000001S"', '"-PT0.5S"']
    assert await column.find("exact", dt.timedelta(days=1, microseconds=1)) == [1]
    assert await column.find("lt", dt.timedelta(0)) == [2]


TODAY = dt.datetime(2026, 1, 31, 9, 30, 0, 500000)
FOUND: list[tuple[sa.types.TypeEngine[Any], list[str], list[tuple[str, Any, list[int]]]]] = [
    (
        sa.Integer(),
        ["1", "2", "NULL", "-7"],
        [
            ("exact", 2, [2]),
            ("ne", 2, [1, 4]),
            ("gte", 1, [1, 2]),
            ("in", [1, -7], [1, 4]),
            ("in", [], []),
            ("not_in", [1], [2, 4]),
            ("not_in", [], [1, 2, 4]),
            ("range", (-7, 1), [1, 4]),
            ("gt", 2**62, []),
        ],
    ),
    (sa.BigInteger(), ["1234567890123456789"], [("in", [1234567890123456789], [1])]),
    (mysql.BIGINT(unsigned=True), [str(2**64 - 1)], [("in", [2**64 - 1], [1])]),
    (mysql.BIT(64), ["b'101'"], [("exact", 5, [1]), ("in", [5], [1])]),
    (sa.Double(), ["0.1", "NULL"], [("exact", 0.1, [1]), ("in", [0.1], [1]), ("gt", 0.1, [])]),
    (sa.Float(), ["0.1", "0.5"], [("exact", 0.1, [1]), ("in", [0.1, 0.5], [1, 2])]),
    (
        sa.Numeric(30, 10),
        ["12345678901234567890.1234567891", "2", "NULL"],
        [
            ("exact", Decimal("12345678901234567890.1234567891"), [1]),
            ("in", [Decimal("12345678901234567890.1234567891")], [1]),
            ("gt", Decimal(2), [1]),
        ],
    ),
    (
        sa.Boolean(),
        ["true", "false", "NULL"],
        [("exact", True, [1]), ("ne", True, [2]), ("in", [False], [2]), ("not_in", [False], [1])],
    ),
    (
        sa.String(50),
        ["'Ann_%'", "'ann'", "''", "NULL", r"'a\\b|'", "'ÉCLAIR'", r"'x\ny'", "'ann '"],
        [
            ("exact", "ann", [2]),
            ("ne", "ann", [1, 3, 5, 6, 7, 8]),
            ("in", ["ann", ""], [2, 3]),
            ("not_in", ["ann", ""], [1, 5, 6, 7, 8]),
            ("exact", "Éclair", []),
            ("contains", "_%", [1]),
            ("contains", "", [1, 2, 3, 5, 6, 7, 8]),
            ("icontains", "NN_", [1]),
            ("icontains", "écl", [6]),
            ("icontains", "ecl", []),
            ("startswith", "A", [1]),
            ("istartswith", "A", [1, 2, 5, 8]),
            ("endswith", "%", [1]),
            ("endswith", "n", [2]),
            ("iendswith", "N", [2]),
            ("contains", "\\", [5]),
            ("icontains", "\\B|", [5]),
            ("regex", "^[Aa]nn", [1, 2, 8]),
            ("regex", "n$", [2]),
            ("regex", "x.y$", [7]),
            ("regex", r"^a\\b\|$", [5]),
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
    (
        mysql.TIME(fsp=6),
        ["'09:30:00.5'", "'10:00'"],
        [("lt", dt.time(10), [1]), ("in", [dt.time(9, 30, 0, 500000)], [1])],
    ),
    (
        mysql.DATETIME(fsp=6),
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
        sa.Uuid(),
        [f"'{CODE.hex}'", "NULL"],
        [("exact", CODE, [1]), ("in", [CODE], [1]), ("not_in", [UUID(int=0)], [1])],
    ),
    (
        sa.LargeBinary(),
        ["x'00ff'", "''", "NULL"],
        [("exact", b"\0\xff", [1]), ("in", [b""], [2]), ("ne", b"", [1])],
    ),
]


@pytest.mark.parametrize("case", range(len(FOUND)))
async def test_each_lookup_finds_its_rows(make: Make, case: int) -> None:
    """A lookup finds the rows that it should, by the case of letters, and never a NULL."""
    sa_type, literals, questions = FOUND[case]
    column = await make(sa_type, *literals)
    for lookup, value, ids in questions:
        assert await column.find(lookup, value) == ids, (lookup, value)


SORTABLE = [name for name, (kind, _) in VALUES.items() if type_of(kind, "mysql").sortable]


@pytest.mark.parametrize("name", SORTABLE)
async def test_a_cursor_finds_the_row_that_it_was_made_from(make: Make, name: str) -> None:
    """A value that went into a cursor as JSON and came back equals the one in the table."""
    sa_type, values = VALUES[name]
    column = await make(sa_type, *values)
    kept = column.type.sort_value("mysql", column.column)
    texts = await column.run(sa.select(kept).order_by(column.table.c.id))
    assert len(texts) == len(values)
    for place, text in enumerate(texts, 1):
        if text is not None:
            back = column.type.sort_bind("mysql", Given(text))
            equal = sa.type_coerce(column.column, sa.types.NullType()) == back
            found = await column.run(sa.select(column.table.c.id).where(equal))
            assert place in found


async def test_figures_are_exact(make: Make) -> None:
    """A sum beyond 2^53 and one of decimals are strings, a mean is a number."""
    column = await make(sa.BigInteger(), "9007199254740991", "1", "NULL")
    assert await column.measure("sum") == '"9007199254740992"'
    assert await column.measure("max") == "9007199254740991"
    assert await column.measure("count_distinct") == "2"
    column = await make(sa.Integer(), "1", "1", "2")
    assert await column.measure("avg") == "1.3333333333333333"
    column = await make(sa.Numeric(30, 2), "0.10", "0.20", "12345678901234567890.00")
    assert await column.measure("sum") == '"12345678901234567890.30"'
    column = await make(sa.DateTime(), "'2026-01-31 09:30'", "'2025-01-31'")
    assert await column.measure("min") == '"2025-01-31T00:00:00.000000Z"'
    column = await make(sa.Integer())
    assert await column.measure("sum") == "null"


def test_a_tinyint_of_one_digit_is_a_boolean() -> None:
    """MariaDB's BOOLEAN is TINYINT(1), so that is what is reflected of it."""
    assert type_of(mysql.TINYINT(display_width=1), "mysql") == Boolean()
