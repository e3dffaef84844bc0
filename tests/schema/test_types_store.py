"""What is accepted is stored as SQLAlchemy stores it, and read again as it was written."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import orm
from sqlalchemy.dialects import sqlite

from hekla import Settings
from hekla.schema.types import Type, type_of
from hekla.schema.types.duration import format_duration
from hekla.store.apsw_dialect import engine_for
from tests.schema.columns import SqliteColumn

Kind = sa.types.TypeEngine[Any]

CODE = UUID("123e4567-e89b-12d3-a456-426614174000")
DECODER = msgspec.json.Decoder(float_hook=Decimal)


class Kept:
    """A table with a column of one type, written by Hekla and by SQLAlchemy, read by both."""

    def __init__(self, engine: sa.Engine, kind: Kind) -> None:
        self.engine = engine
        self.table = sa.Table(
            "kept",
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("v", kind),
        )
        self.table.drop(engine, checkfirst=True)
        self.table.create(engine)
        self.type: Type = type_of(kind, "sqlite")

    def accept(self, document: str) -> Any:
        return self.type.accept(DECODER.decode(document))

    def write(self, value: Any) -> None:
        """As Hekla does: the driver binds what ``store`` gives."""
        store = self.type.store("sqlite")
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO kept (v) VALUES (?)", (value if store is None else store(value),)
            )

    def write_by_session(self, value: Any) -> None:
        with orm.Session(self.engine) as session, session.begin():
            session.execute(sa.insert(self.table), {"v": value})

    def stored(self) -> list[tuple[str, Any]]:
        with self.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT typeof(v), v FROM kept ORDER BY id")
            return [tuple(row) for row in rows]

    def read_by_session(self) -> list[Any]:
        with orm.Session(self.engine) as session:
            return list(
                session.execute(sa.select(self.table.c.v).order_by(self.table.c.id)).scalars()
            )

    def read(self) -> list[str]:
        """The JSON of the read API, as text."""
        value = self.type.json("sqlite", self.table.c.v)
        query = sa.select(sa.func.json_object(sa.literal_column("'v'"), value))
        compiled = query.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        with self.engine.connect() as connection:
            return [row[0] for row in connection.exec_driver_sql(f"{compiled} ORDER BY id")]


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    engine = engine_for("sqlite:///:memory:", Settings())
    yield engine
    engine.dispose()


# (type, the document's value in its canonical form, the value that a session reads)
ROUND: list[tuple[Kind, str, Any]] = [
    (sa.SmallInteger(), "-32768", -32768),
    (sa.Integer(), "0", 0),
    (sa.Integer(), str(2**53 - 1), 2**53 - 1),
    (sa.BigInteger(), "9007199254740991", 2**53 - 1),
    (sa.BigInteger(), '"9007199254740992"', 2**53),
    (sa.BigInteger(), '"-9223372036854775808"', -(2**63)),
    (sa.BigInteger(), '"9223372036854775807"', 2**63 - 1),
    (sa.Float(), "0.1", 0.1),
    (sa.Float(), "1.0", 1.0),
    (sa.Float(), "-2.5e+300", -2.5e300),
    (sa.Double(), "5.0e-324", 5e-324),
    (sa.Float(), '"Infinity"', float("inf")),
    (sa.Float(), '"-Infinity"', float("-inf")),
    (sa.Numeric(12, 2), '"12.50"', Decimal("12.50")),
    (sa.Numeric(12, 2), '"0.00"', Decimal("0.00")),
    (sa.Numeric(12, 2), '"-0.01"', Decimal("-0.01")),
    (sa.Numeric(12, 2), '"9999999999.99"', Decimal("9999999999.99")),
    (sa.Numeric(15, 0), '"999999999999999"', Decimal("999999999999999")),
    (sa.Numeric(20, 5), '"1234567890.12345"', Decimal("1234567890.12345")),
    (sa.Numeric(), '"0.1"', Decimal("0.1")),
    (sa.Numeric(), '"123456789012345"', Decimal("123456789012345")),
    (sa.DECIMAL(5, 1), '"1234.5"', Decimal("1234.5")),
    (sa.Boolean(), "true", True),
    (sa.Boolean(), "false", False),
    (sa.String(5), '""', ""),
    (sa.String(5), '"5"', "5"),
    (sa.Text(), '"Ärger 🎻 \\n\\t\\" \\\\"', 'Ärger 🎻 \n\t" \\'),
    (sa.UnicodeText(), '"\\u0001\\ufffd\\uffff"', "\x01\ufffd\uffff"),
    (sa.Enum("low", "a,b"), '"a,b"', "a,b"),
    (sa.Date(), '"0001-01-01"', dt.date.min),
    (sa.Date(), '"9999-12-31"', dt.date.max),
    (sa.Time(), '"00:00:00.000000"', dt.time.min),
    (sa.Time(), '"23:59:59.999999"', dt.time.max),
    (sa.DateTime(), '"2026-01-05T09:00:00.000000Z"', dt.datetime(2026, 1, 5, 9)),
    (sa.DateTime(), '"0001-01-01T00:00:00.000001Z"', dt.datetime(1, 1, 1, 0, 0, 0, 1)),
    (sa.DateTime(), '"9999-12-31T23:59:59.999999Z"', dt.datetime.max),
    (
        sa.DateTime(timezone=True),
        '"2026-10-25T00:30:00.123456Z"',
        dt.datetime(2026, 10, 25, 0, 30, 0, 123456, tzinfo=dt.UTC),
    ),
    (sa.TIMESTAMP(), '"1970-01-01T00:00:00.000000Z"', dt.datetime(1970, 1, 1)),
    (sa.Interval(), '"PT0S"', dt.timedelta(0)),
    (sa.Interval(), '"P1DT2H3.5S"', dt.timedelta(days=1, hours=2, seconds=3.5)),
    (sa.Interval(), '"-PT0.000001S"', dt.timedelta(microseconds=-1)),
    (sa.Interval(), '"-P719162D"', dt.timedelta(days=-719162)),
    (sa.Interval(), '"P2932896DT23H59M59.999999S"', dt.datetime.max - dt.datetime(1970, 1, 1)),
    (
        sa.Uuid(),
        '"123e4567-e89b-12d3-a456-426614174000"',
        UUID("123e4567-e89b-12d3-a456-426614174000"),
    ),
    (sa.Uuid(), '"00000000-0000-0000-0000-000000000000"', UUID(int=0)),
    (sa.LargeBinary(), '""', b""),
    (sa.LargeBinary(), '"AP8="', b"\x00\xff"),
    (sa.LargeBinary(), '"++++"', b"\xfb\xef\xbe"),
    (sa.JSON(), "{}", {}),
    (sa.JSON(), '""', ""),
    (sa.JSON(), "false", False),
    (
        sa.JSON(),
        '{"b":[1,2.5,null,true,{"ä":"🎻"}],"a":""}',
        {"b": [1, 2.5, None, True, {"ä": "🎻"}], "a": ""},
    ),
    (sa.JSON(), '"a\\u0000b"', "a\0b"),
    (sa.JSON(), "[9223372036854775808,1e-7,0.1]", [2**63, 1e-07, 0.1]),
]


@pytest.mark.parametrize("case", range(len(ROUND)))
def test_a_value_comes_back_as_it_was_written(engine: sa.Engine, case: int) -> None:
    """Accepted, stored and read: the API gives the same JSON, and a session the Python value."""
    kind, document, python = ROUND[case]
    kept = Kept(engine, kind)
    value = kept.accept(document)
    kept.write(value)
    assert json.loads(kept.read()[0])["v"] == json.loads(document)
    assert kept.read_by_session() == [python]


@pytest.mark.parametrize("case", range(len(ROUND)))
def test_a_session_stores_the_same(engine: sa.Engine, case: int) -> None:
    """Hekla and a session of SQLAlchemy put the same bytes into the database."""
    kind, document, _ = ROUND[case]
    kept = Kept(engine, kind)
    value = kept.accept(document)
    kept.write(value)
    kept.write_by_session(value)
    mine, sessions = kept.stored()
    assert mine == sessions
    assert type(mine[1]) is type(sessions[1])


def make(kind: Any, **arguments: Any) -> Kind:
    """A type of the SQLite dialect, whose makers are not typed."""
    made: Kind = kind(**arguments)
    return made


@pytest.mark.parametrize(
    ("kind", "document", "text"),
    [
        (
            make(sqlite.DATETIME, timezone=False),
            '"2026-01-05T09:00:00.25Z"',
            "2026-01-05 09:00:00.250000",
        ),
        (
            make(sqlite.DATETIME, truncate_microseconds=True),
            '"2026-01-05T09:00:00Z"',
            "2026-01-05 09:00:00",
        ),
        (
            make(sqlite.DATE, storage_format="%(day)02d/%(month)02d/%(year)04d", regexp=r"(\d+)"),
            '"2026-01-05"',
            "05/01/2026",
        ),
        (make(sqlite.TIME, truncate_microseconds=True), '"09:00"', "09:00:00"),
    ],
)
def test_a_format_of_the_models_own_is_kept(
    engine: sa.Engine, kind: Kind, document: str, text: str
) -> None:
    """A type of SQLAlchemy's SQLite dialect stores dates and times as its author said."""
    kept = Kept(engine, kind)
    kept.write(kept.accept(document))
    assert kept.stored() == [("text", text)]


def test_the_bytes_in_the_database_are_these(engine: sa.Engine) -> None:
    """Worked out by hand from SQLAlchemy's documentation of its SQLite dialect."""
    for kind, document, stored in (
        (sa.Boolean(), "true", ("integer", 1)),
        (sa.Integer(), "7", ("integer", 7)),
        (sa.Float(), "7", ("real", 7.0)),
        (sa.Numeric(9, 2), '"7.50"', ("real", 7.5)),
        (sa.Numeric(9, 2), '"7.00"', ("integer", 7)),
        (sa.Enum("a"), '"a"', ("text", "a")),
        (sa.Date(), '"2026-01-05"', ("text", "2026-01-05")),
        (sa.Time(), '"09:00"', ("text", "09:00:00.000000")),
        (sa.DateTime(), '"2026-01-05T10:00:00+01:00"', ("text", "2026-01-05 09:00:00.000000")),
        (sa.DateTime(True), '"2026-01-05T10:00:00+01:00"', ("text", "2026-01-05 09:00:00.000000")),
        (sa.Interval(), '"P1D"', ("text", "1970-01-02 00:00:00.000000")),
        (sa.Uuid(), f"\"{str(CODE).upper()}\"", ("text", CODE.hex)),
        (sa.LargeBinary(), '"AP8"', ("blob", b"\x00\xff")),
        (sa.JSON(), '{"a": [1, "ä"]}', ("text", '{"a": [1, "\\u00e4"]}')),
    ):  # fmt: skip
        kept = Kept(engine, kind)
        kept.write(kept.accept(document))
        assert kept.stored() == [stored], kind


def test_a_column_without_a_type_keeps_what_it_is_given() -> None:
    """A number stays a number and a text a text, even where it reads as a number."""
    column = SqliteColumn(sa.types.NullType(), declared="")
    column.keep(*(column.type.accept(DECODER.decode(text)) for text in ('"5"', "5", "0.5")))
    assert column.json() == ['"5"', "5", "0.5"]


def test_a_number_in_json_keeps_digits_that_no_float_has(engine: sa.Engine) -> None:
    """What is too exact for a float is stored, and read, digit by digit."""
    kept = Kept(engine, sa.JSON())
    document = '{"pi":3.14159265358979323846264338327950288}'
    kept.write(kept.accept(document))
    assert kept.read() == [f'{{"v":{document}}}']


KINDS: list[tuple[Kind, st.SearchStrategy[Any]]] = [
    (sa.Integer(), st.integers(1 - 2**53, 2**53 - 1)),
    (
        sa.BigInteger(),
        st.integers(-(2**63), 2**63 - 1).map(lambda n: n if abs(n) < 2**53 else str(n)),
    ),
    (sa.Float(), st.floats(allow_nan=False, allow_infinity=False)),
    (sa.Numeric(15, 4), st.decimals(-(10**10), 10**10, places=4).map(lambda d: f"{d:.4f}")),
    (sa.Boolean(), st.booleans()),
    (sa.Text(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    (sa.Date(), st.dates().map(dt.date.isoformat)),
    (sa.Time(), st.times().map(lambda t: t.isoformat("microseconds"))),
    (sa.DateTime(), st.datetimes().map(lambda m: m.isoformat("T", "microseconds") + "Z")),
    (sa.DateTime(True), st.datetimes().map(lambda m: m.isoformat("T", "microseconds") + "Z")),
    (
        sa.Interval(),
        st.timedeltas(
            dt.datetime.min - dt.datetime(1970, 1, 1), dt.datetime.max - dt.datetime(1970, 1, 1)
        ).map(format_duration),
    ),
    (sa.Uuid(), st.uuids().map(str)),
    (sa.LargeBinary(), st.binary().map(lambda raw: b64encode(raw).decode())),
    (
        sa.JSON(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"])),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
            ),
            max_leaves=8,
        ).filter(lambda value: value is not None),
    ),
]


@pytest.mark.parametrize("case", range(len(KINDS)), ids=lambda case: repr(KINDS[case][0]))
def test_whatever_is_written_is_read_again(case: int) -> None:
    """For the canonical JSON of any value: accepted, stored and read it is the same JSON."""
    kind, values = KINDS[case]
    column = SqliteColumn(kind)
    store = column.type.store("sqlite")

    @settings(deadline=None, max_examples=150)
    @given(values)
    def check(value: Any) -> None:
        accepted = column.type.accept(DECODER.decode(json.dumps(value)))
        column.keep(accepted if store is None else store(accepted))
        found = json.loads(column.json()[0])
        assert found == value
        assert json.loads(column.json(guarded=True)[0]) == value

    check()
