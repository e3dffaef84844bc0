"""In SQLite each type gives its values exactly, whatever stands in the column."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hekla.schema.types import Type, type_of
from hekla.store.functions import register_functions
from tests.schema.columns import Given, SqliteColumn

Kind = sa.types.TypeEngine[Any]

# What fits: literal, and its JSON, guarded or not.
VALUES: dict[str, tuple[Kind, dict[str, str]]] = {
    "integer": (sa.Integer(), {"0": "0", "-7": "-7", "2147483647": "2147483647", "NULL": "null"}),
    "big": (
        sa.BigInteger(),
        {
            "9007199254740991": "9007199254740991",
            "9007199254740992": '"9007199254740992"',
            "-9007199254740991": "-9007199254740991",
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
            "3": "3.0",
            "-1.7976931348623157e308": "-1.7976931348623157e+308",
            "5e-324": "4.9406564584124654e-324",
            "9e999": '"Infinity"',
            "-9e999": '"-Infinity"',
            "NULL": "null",
        },
    ),
    "numeric(10, 2)": (
        sa.Numeric(10, 2),
        {
            "12": '"12.00"',
            "0.99": '"0.99"',
            "-0.5": '"-0.50"',
            "12345678.9": '"12345678.90"',
            "0": '"0.00"',
            # 2.675 is 2.67499999999999982236431605997495353221893310546875.
            "2.675": '"2.67"',
            "0.125": '"0.12"',
            "1e20": '"100000000000000000000.00"',
            "9007199254740993": '"9007199254740993.00"',
            "9e999": '"Infinity"',
            "NULL": "null",
        },
    ),
    "numeric(30, 10)": (
        sa.Numeric(30, 10),
        {"1234567890123456.7891": '"1234567890123456.7500000000"', "0.1": '"0.1000000000"'},
    ),
    "numeric": (
        sa.Numeric(),
        {
            "5": '"5"',
            "0.99": '"0.99"',
            "-2.50": '"-2.5"',
            "1e22": '"10000000000000000000000"',
            "1e-7": '"0.0000001"',
            "NULL": "null",
        },
    ),
    "boolean": (sa.Boolean(), {"1": "true", "0": "false", "NULL": "null"}),
    "text": (
        sa.Text(),
        {
            "''": '""',
            "'12'": '"12"',
            "'😀 \"é\"'": '"😀 \\"é\\""',
            "'a' || char(0, 10) || 'b'": '"a\\u0000\\nb"',
            "'[1]'": '"[1]"',
            "NULL": "null",
        },
    ),
    "enum": (sa.Enum("red", "dark red"), {"'dark red'": '"dark red"', "NULL": "null"}),
    "date": (sa.Date(), {"'2026-02-28'": '"2026-02-28"', "NULL": "null"}),
    "time": (sa.Time(), {"'23:59:59.999999'": '"23:59:59.999999"', "NULL": "null"}),
    "datetime": (
        sa.DateTime(),
        {
            "'2026-01-31 09:30:00.000001'": '"2026-01-31T09:30:00.000001Z"',
            "'2026-01-31 09:30:00'": '"2026-01-31T09:30:00Z"',
            "'2026-01-31T09:30:00'": '"2026-01-31T09:30:00Z"',
            "'2026-01-31 09:30:00.5'": '"2026-01-31T09:30:00.5Z"',
            "'2026-01-31 09:30:00.123456789'": '"2026-01-31T09:30:00.123456789Z"',
            "'2026-01-31T09:30:00Z'": '"2026-01-31T09:30:00Z"',
            "'2026-01-31T09:30:00.25+02:00'": '"2026-01-31T09:30:00.25+02:00"',
            "'2026-01-31 09:30:00.123 -05:30'": '"2026-01-31T09:30:00.123-05:30"',
            "'2016-07-04'": '"2016-07-04"',
            "'soon'": '"soon"',
            "''": '""',
            "1767225600": "1767225600",
            "NULL": "null",
        },
    ),
    "interval": (
        sa.Interval(),
        {
            "'1970-01-01 00:00:00.000000'": '"PT0S"',
            "'1970-01-02 02:00:03.500000'": '"P1DT2H3.5S"',
            "'1970-01-11 00:10:00.000000'": '"P10DT10M"',
            "'1969-12-31 23:59:59.999999'": '"-PT0.000001S"',
            "'1969-12-30 22:00:00.000000'": '"-P1DT2H"',
            "'9999-12-31 23:59:59.999999'": '"P2932896DT23H59M59.999999S"',
            "'long'": '"long"',
            "NULL": "null",
        },
    ),
    "uuid": (
        sa.Uuid(),
        {
            "'123E4567E89B12D3A456426614174000'": '"123e4567-e89b-12d3-a456-426614174000"',
            "NULL": "null",
        },
    ),
    "json": (
        sa.JSON(),
        {
            '\'{"b": 12345678901234567890, "a": [1.10]}\'': (
                '{"b":12345678901234567890,"a":[1.10]}'
            ),
            "'null'": "null",
            "'{\"a\": NaN}'": '"{\\"a\\": NaN}"',
            "'{'": '"{"',
            "jsonb('[1]')": "[1]",
            "NULL": "null",
        },
    ),
    "binary": (
        sa.LargeBinary(),
        {"x''": '""', "x'00ff'": '"AP8="', "NULL": "null"},
    ),
    "any": (
        sa.types.NullType(),
        {
            "1": "1",
            "9007199254740992": '"9007199254740992"',
            "1.5": "1.5",
            "9e999": '"Infinity"',
            "'text'": '"text"',
            "x'6869'": '"aGk="',
            "NULL": "null",
        },
    ),
}


def column_of(name: str) -> SqliteColumn:
    kind, values = VALUES[name]
    return SqliteColumn(kind, *values, declared="" if name == "any" else None)


@pytest.mark.parametrize("name", VALUES)
def test_each_value_is_given_exactly(name: str) -> None:
    """A value that fits is in the JSON as it is, by the conventions of the design."""
    assert column_of(name).json() == list(VALUES[name][1].values())


@pytest.mark.parametrize("name", VALUES)
def test_a_guarded_column_gives_what_fits_just_the_same(name: str) -> None:
    """To look at values before they are taken for what they should be does not change them."""
    column = column_of(name)
    assert column.json(guarded=True) == list(VALUES[name][1].values())
    assert column.careful_json() == list(VALUES[name][1].values())


# What does not fit: whatever the type, it is given as it is stored. The columns have no declared
# type, so that SQLite keeps the values as they are.
UNFIT = {
    "'n/a'": '"n/a"',
    "x'00ff'": '"AP8="',
    "1.5": "1.5",
    "-9e999": '"-Infinity"',
    "7": "7",
    "1234567890123456789": '"1234567890123456789"',
}
EXCEPTIONS: dict[str, dict[str, str]] = {
    "numeric(10, 2)": {
        "1.5": '"1.50"',
        "7": '"7.00"',
        "1234567890123456789": '"1234567890123456789.00"',
    },
    "numeric(30, 10)": {
        "1.5": '"1.5000000000"',
        "7": '"7.0000000000"',
        "1234567890123456789": '"1234567890123456789.0000000000"',
    },
    "numeric": {"1.5": '"1.5"', "7": '"7"'},
    "json": {"1.5": "1.5", "7": "7", "1234567890123456789": "1234567890123456789"},
}


@pytest.mark.parametrize("name", VALUES)
def test_a_guarded_column_gives_what_does_not_fit_as_it_is_stored(name: str) -> None:
    """A value that does not fit its type is no error: it is in the JSON as SQLite holds it."""
    column = SqliteColumn(VALUES[name][0], *UNFIT, declared="")
    expected = UNFIT | EXCEPTIONS.get(name, {})
    assert column.json(guarded=True) == list(expected.values())
    assert column.careful_json() == list(expected.values())


# What is written as a moment, and how it stands in JSON.
MOMENTS = {
    "'2026-02-28 23:59:59'": '"2026-02-28T23:59:59Z"',
    "'2026-02-28T23:59:59.999999'": '"2026-02-28T23:59:59.999999Z"',
    "'2024-02-29 00:00:00'": '"2024-02-29T00:00:00Z"',
    "'2024-02-29 00:00:00.5'": '"2024-02-29T00:00:00.5Z"',
    "'9999-12-31 23:59:59.999999'": '"9999-12-31T23:59:59.999999Z"',
    # 2000 was a leap year, 1900 and 2100 were not; RFC 3339 has a year 0, a leap year.
    "'2000-02-29 12:00:00'": '"2000-02-29T12:00:00Z"',
    "'2100-02-29 12:00:00'": '"2100-02-29 12:00:00"',
    "'1900-02-29 12:00:00+01:00'": '"1900-02-29 12:00:00+01:00"',
    "'0000-02-29 12:00:00'": '"0000-02-29T12:00:00Z"',
    "'0000-02-29 12:00:00Z'": '"0000-02-29T12:00:00Z"',
    "'2026-02-30 25:61:61'": '"2026-02-30 25:61:61"',
    "'2026-02-30 12:00:00'": '"2026-02-30 12:00:00"',
    "'2026-02-30 12:00:00.000001'": '"2026-02-30 12:00:00.000001"',
    "'2026-02-30T12:00:00Z'": '"2026-02-30T12:00:00Z"',
    "'2026-02-30 12:00:00Z'": '"2026-02-30 12:00:00Z"',
    "'2026-04-31 12:00:00'": '"2026-04-31 12:00:00"',
    "'2026-13-01 12:00:00'": '"2026-13-01 12:00:00"',
    "'2026-00-01 12:00:00'": '"2026-00-01 12:00:00"',
    "'2026-01-00 12:00:00'": '"2026-01-00 12:00:00"',
    "'2026-01-31 24:00:00'": '"2026-01-31 24:00:00"',
    "'2026-01-05 24:00:00'": '"2026-01-05 24:00:00"',
    "'2026-01-31 24:00:00.5'": '"2026-01-31 24:00:00.5"',
    "'2026-01-31 12:60:00'": '"2026-01-31 12:60:00"',
    "'2026-01-31 12:00:60'": '"2026-01-31 12:00:60"',
    "'2026-01-31 12:00:00+24:00'": '"2026-01-31 12:00:00+24:00"',
    "'2026-01-31 12:00:00+05:60'": '"2026-01-31 12:00:00+05:60"',
    # The bytes of 2026-01-31 12:00:00.
    "x'323032362d30312d33312031323a30303a3030'": '"MjAyNi0wMS0zMSAxMjowMDowMA=="',
}


def test_what_is_no_moment_is_not_dressed_up_as_one() -> None:
    """A text that only looks like a moment stays as it is stored, without T and Z put in."""
    column = SqliteColumn(sa.DateTime(), *MOMENTS, declared="DATETIME")
    assert dict(zip(MOMENTS, column.json(guarded=True), strict=True)) == MOMENTS
    assert dict(zip(MOMENTS, column.careful_json(), strict=True)) == MOMENTS


@pytest.mark.parametrize("name", VALUES)
def test_text_that_is_not_valid_is_given_with_replacements(name: str) -> None:
    """Bytes that are no UTF-8 break the fast form; the careful one shows U+FFFD for them."""
    column = SqliteColumn(VALUES[name][0], "CAST(x'636166e9' AS TEXT)", "'ok'", declared="")
    assert column.careful_json() == ['"caf\ufffd"', '"ok"']


def test_a_view_of_json_stays_text() -> None:
    """A text that SQLite's JSON functions made is a text like any other."""
    column = SqliteColumn(sa.Text())
    column.connection.execute("DROP TABLE kept")
    column.connection.execute("CREATE VIEW kept AS SELECT 1 AS id, json_array(1) AS value")
    assert column.json() == ['"[1]"']
    assert column.json(guarded=True) == ['"[1]"']


# Cursors

STORABLE = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=8),
)
ORDERED_TYPES = ["big", "float", "numeric", "text", "datetime", "uuid", "binary", "any", "boolean"]


@pytest.mark.parametrize("name", ORDERED_TYPES)
@settings(max_examples=40, deadline=None)
@given(values=st.lists(STORABLE, max_size=6))
@example(values=[b"\xff", "\U0010ffff", math.inf, 2**63 - 1, -0.0])
def test_a_cursor_finds_its_place_among_all_values(name: str, values: list[Any]) -> None:
    """After any value that SQLite holds come exactly those that SQLite sorts after it."""
    column = SqliteColumn(VALUES[name][0], declared="")
    column.keep(*values)
    raw = sa.type_coerce(column.column, sa.types.NullType())
    kept = sa.func.json_array(column.type.sort_value("sqlite", column.column))
    careful = sa.func.json_array(column.type.careful_sort_value(column.column))
    for form in (kept, careful):
        for place, text in enumerate(column.run(sa.select(form).order_by(column.table.c.id)), 1):
            (value,) = json.loads(text)
            if value is None:
                continue
            bind = column.type.sort_bind("sqlite", Given(value))
            other = f"(SELECT value FROM kept WHERE id = {place})"
            for sign in ("=", ">"):
                expected = sa.text(f"SELECT id FROM kept WHERE value {sign} {other} ORDER BY id")
                asked = sa.select(column.table.c.id).where(raw.op(sign)(bind))
                found = column.run(asked.order_by(column.table.c.id))
                assert found == column.run(expected)


def test_a_cursor_keeps_text_that_is_not_valid() -> None:
    """The careful cursor holds the bytes of what is no UTF-8, and so loses no row."""
    column = SqliteColumn(
        sa.Text(), "CAST(x'61e9' AS TEXT)", "'aé'", "'a' || char(0xfffd)", "CAST(x'61ff' AS TEXT)"
    )
    kept = sa.func.json_array(column.type.careful_sort_value(column.column))
    texts = column.run(sa.select(kept).order_by(column.table.c.id))
    assert texts[0] == '[{"text":"Yek="}]'
    after = {}
    for place, text in enumerate(texts, 1):
        bind = column.type.sort_bind("sqlite", Given(json.loads(text)[0]))
        asked = sa.select(column.table.c.id).where(column.column > bind)
        after[place] = column.run(asked.order_by(column.table.c.id))
    # By their bytes: 61 c3 a9, 61 e9, 61 ef bf bd, 61 ff.
    assert after == {1: [3, 4], 2: [1, 3, 4], 3: [4], 4: []}


# Indexes and encodings

TODAY = dt.datetime(2026, 1, 31)

INDEXED: list[tuple[Kind, str, Any]] = [
    (sa.Integer(), "exact", 5),
    (sa.Integer(), "in", [1, 2]),
    (sa.Numeric(10, 2), "gte", Decimal(5)),
    (sa.Text(), "exact", "a"),
    (sa.Text(), "startswith", "a"),
    (sa.Text(), "in", ["a"]),
    (sa.DateTime(), "exact", TODAY),
    (sa.DateTime(), "range", (TODAY, TODAY)),
    (sa.DateTime(), "in", [TODAY]),
    (sa.Boolean(), "exact", True),
    (sa.types.NullType(), "exact", "5"),
]


@pytest.mark.parametrize("case", range(len(INDEXED)))
def test_an_index_is_used(case: int) -> None:
    """What an index can find is not looked for in the whole table."""
    kind, lookup, value = INDEXED[case]
    declared = "" if isinstance(kind, sa.types.NullType) else None
    column = SqliteColumn(kind, declared=declared)
    column.connection.execute("CREATE INDEX by_value ON kept (value)")
    assert "SEARCH kept USING COVERING INDEX by_value" in column.plan(
        column.ids(lookup, value).order_by(None)
    )


def test_a_cursor_uses_an_index() -> None:
    """The page after a cursor starts at its place in the index, for texts too."""
    column = SqliteColumn(sa.Text())
    column.connection.execute("CREATE INDEX by_value ON kept (value)")
    bind = column.type.sort_bind("sqlite", Given("a"))
    plan = column.plan(sa.select(column.table.c.id).where(column.column > bind))
    assert plan == "SEARCH kept USING COVERING INDEX by_value (value>?)"


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_is_matched_in_every_encoding(encoding: str) -> None:
    """A database in UTF-16 is read and searched like any other."""
    column = SqliteColumn(sa.Text())
    column.connection = apsw.Connection(":memory:")
    register_functions(column.connection)
    column.connection.execute(f"PRAGMA encoding = '{encoding}'")
    column.connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, value TEXT)")
    column.keep("Éclair", "eclair", "Éclair\0x")
    assert column.json() == ['"Éclair"', '"eclair"', '"Éclair\\u0000x"']
    assert column.careful_json() == column.json()
    assert column.find("icontains", "ÉCL") == [1, 3]
    assert column.find("icontains", "LAIR") == [1, 2, 3]
    assert column.find("iendswith", "AIR") == [1, 2]
    assert column.find("endswith", "r") == [1, 2]
    assert column.find("endswith", "x") == [3]
    assert column.find("startswith", "É") == [1, 3]
    assert column.find("regex", "r.x$") == [3]


# Aggregates

FIGURES: list[tuple[Kind, list[str], dict[str, str]]] = [
    (
        sa.Integer(),
        ["1", "2", "2", "NULL"],
        {"sum": "5", "avg": "1.6666666666666667", "min": "1", "max": "2", "count_distinct": "2"},
    ),
    (sa.Integer(), [], {"sum": "null", "avg": "null", "min": "null", "count_distinct": "0"}),
    (sa.BigInteger(), ["9007199254740991", "1"], {"sum": '"9007199254740992"'}),
    (sa.Float(), ["0.5", "9e999"], {"sum": '"Infinity"', "min": "0.5"}),
    (sa.Numeric(10, 2), ["0.10", "0.20"], {"sum": '"0.30"', "max": '"0.20"'}),
    (sa.Text(), ["'b'", "'a'"], {"min": '"a"', "max": '"b"'}),
    (
        sa.DateTime(),
        ["'2026-01-31 09:30:00.000000'", "'2025-01-31 00:00:00.000000'"],
        {"min": '"2025-01-31T00:00:00.000000Z"', "count_distinct": "2"},
    ),
]


@pytest.mark.parametrize("case", range(len(FIGURES)))
def test_figures_are_exact(case: int) -> None:
    """A sum beyond 2^53 and one of decimals are strings, a mean is a number."""
    kind, literals, figures = FIGURES[case]
    column = SqliteColumn(kind, *literals)
    for function, expected in figures.items():
        assert column.measure(function) == expected, function


def test_what_has_no_aggregate_says_so() -> None:
    """Texts have no sum."""
    with pytest.raises(ValueError, match="text has no aggregate sum"):
        type_of(sa.Text(), "sqlite").aggregate_type("sum")


def test_the_type_of_a_figure_is_known() -> None:
    """Counts and sums of integers may be beyond 2^53, and a mean is a float."""

    def name(kind: Kind, function: str) -> tuple[str, bool]:
        found: Type = type_of(kind, "sqlite").aggregate_type(function)
        return found.name, getattr(found, "big", False)

    assert name(sa.Integer(), "sum") == ("integer", True)
    assert name(sa.Text(), "count_distinct") == ("integer", True)
    assert name(sa.Numeric(10, 2), "sum") == ("decimal", False)
    assert name(sa.Numeric(10, 2), "avg") == ("float", False)
    assert name(sa.Date(), "max") == ("date", False)
