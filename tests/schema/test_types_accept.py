"""What may stand in a document for a value of each type, and what is said of the rest."""

from __future__ import annotations

import datetime as dt
import enum
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql

from hekla.schema.types import Dialect, type_of

Kind = sa.types.TypeEngine[Any]

UTC = dt.UTC
CODE = UUID("123e4567-e89b-12d3-a456-426614174000")
# As bodies are read: exact numbers.
DECODER = msgspec.json.Decoder(float_hook=Decimal)
BIG = 2**63


def accept(kind: Kind, text: str, dialect: Dialect = "sqlite") -> Any:
    return type_of(kind, dialect).accept(DECODER.decode(text))


ACCEPTED: list[tuple[Kind, str, Any]] = [
    (sa.Integer(), "42", 42),
    (sa.Integer(), "-0", 0),
    (sa.Integer(), "1.0", 1),
    (sa.Integer(), "1e3", 1000),
    (sa.Integer(), str(2**53 - 1), 2**53 - 1),
    (sa.Integer(), str(1 - 2**53), 1 - 2**53),
    (sa.BigInteger(), str(BIG - 1), BIG - 1),
    (sa.BigInteger(), str(-BIG), -BIG),
    (sa.BigInteger(), f'"{BIG - 1}"', BIG - 1),
    (sa.BigInteger(), f'"{-BIG}"', -BIG),
    (sa.BigInteger(), '"0"', 0),
    (sa.Float(), "1", 1.0),
    (sa.Float(), "0.1", 0.1),
    (sa.Float(), "-1.5e300", -1.5e300),
    (sa.Float(), "1.7976931348623157e308", 1.7976931348623157e308),
    (sa.Float(), "5e-324", 5e-324),
    (sa.Float(), '"Infinity"', math.inf),
    (sa.Float(), '"-Infinity"', -math.inf),
    (sa.Numeric(12, 2), "12.5", Decimal("12.5")),
    (sa.Numeric(12, 2), '"12.50"', Decimal("12.50")),
    (sa.Numeric(12, 2), "12", Decimal(12)),
    (sa.Numeric(12, 2), "12.5000", Decimal("12.5000")),
    (sa.Numeric(12, 2), '"9999999999.99"', Decimal("9999999999.99")),
    (sa.Numeric(12, 2), "1e9", Decimal("1e9")),
    (sa.Numeric(12, 2), "0.00", Decimal(0)),
    (sa.Numeric(), '"0.1"', Decimal("0.1")),
    (sa.Numeric(), '"123456789012345"', Decimal("123456789012345")),
    (sa.Numeric(), '"1234567890.12345"', Decimal("1234567890.12345")),
    # More digits than fifteen, but a float that stands for no other number.
    (sa.Numeric(), "9007199254740992", Decimal(2**53)),
    (sa.Numeric(), "1e22", Decimal("1e22")),
    (sa.Boolean(), "true", True),
    (sa.Boolean(), "false", False),
    (sa.String(3), '"abc"', "abc"),
    (sa.String(3), '"😀😀😀"', "😀😀😀"),
    (sa.Text(), '""', ""),
    (sa.Text(), r'"\u0001\n\ud83d\ude00"', "\x01\n😀"),
    (sa.Enum("red", "dark red"), '"dark red"', "dark red"),
    (sa.Date(), '"2024-02-29"', dt.date(2024, 2, 29)),
    (sa.Date(), '"0001-01-01"', dt.date.min),
    (sa.Time(), '"09:30"', dt.time(9, 30)),
    (sa.Time(), '"23:59:59.999999"', dt.time.max),
    (sa.Time(), '"09:30:00.123456000"', dt.time(9, 30, 0, 123456)),
    (sa.DateTime(), '"2026-01-31T09:30:00Z"', dt.datetime(2026, 1, 31, 9, 30)),
    (sa.DateTime(), '"2026-01-31T09:30:00.25Z"', dt.datetime(2026, 1, 31, 9, 30, 0, 250000)),
    (sa.DateTime(), '"2026-01-31T09:30:00.250Z"', dt.datetime(2026, 1, 31, 9, 30, 0, 250000)),
    (sa.DateTime(), '"2026-01-31 09:30"', dt.datetime(2026, 1, 31, 9, 30)),
    (sa.DateTime(), '"2026-01-31"', dt.datetime(2026, 1, 31)),
    (sa.DateTime(), '"2026-01-31T09:30:00+02:00"', dt.datetime(2026, 1, 31, 7, 30)),
    # In Berlin the clock shows 02:30 twice that night.
    (sa.DateTime(), '"2026-10-25T02:30:00+02:00"', dt.datetime(2026, 10, 25, 0, 30)),
    (sa.DateTime(), '"2026-10-25T02:30:00+01:00"', dt.datetime(2026, 10, 25, 1, 30)),
    (
        sa.DateTime(timezone=True),
        '"2026-01-31T09:30:00-05:30"',
        dt.datetime(2026, 1, 31, 15, tzinfo=UTC),
    ),
    (
        sa.DateTime(timezone=True),
        '"2026-01-31T09:30:00.000001Z"',
        dt.datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC),
    ),
    (
        sa.DateTime(timezone=True),
        '"2026-01-31T09:30:00"',
        dt.datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    ),
    (sa.Interval(), '"P1DT2H3.5S"', dt.timedelta(days=1, hours=2, seconds=3.5)),
    (sa.Interval(), '"-PT0.000001S"', dt.timedelta(microseconds=-1)),
    (sa.Interval(), '"PT0S"', dt.timedelta(0)),
    (sa.Uuid(), '"123E4567-E89B-12D3-A456-426614174000"', CODE),
    (sa.Uuid(), '"123e4567e89b12d3a456426614174000"', CODE),
    (sa.LargeBinary(), '"AP8="', b"\x00\xff"),
    (sa.LargeBinary(), '"AP8"', b"\x00\xff"),
    (sa.LargeBinary(), '"-_8="', b"\xfb\xff"),
    (sa.LargeBinary(), '""', b""),
    (sa.LargeBinary(2), '"AP8="', b"\x00\xff"),
    (
        sa.JSON(),
        '{"a": [1, 2.5, null, true, {}], "": "😀"}',
        {"a": [1, 2.5, None, True, {}], "": "😀"},
    ),
    (sa.JSON(), '"text"', "text"),
    (sa.JSON(), "[]", []),
    (sa.JSON(), "[" * 200 + "]" * 200, DECODER.decode("[" * 200 + "]" * 200)),
    (sa.JSON(), "0.1", 0.1),
    (sa.JSON(), r'"a\u0000b"', "a\0b"),
    (sa.types.NullType(), '"5"', "5"),
    (sa.types.NullType(), "5", 5),
    (sa.types.NullType(), "0.5", 0.5),
]


@pytest.mark.parametrize("case", range(len(ACCEPTED)))
def test_what_fits_is_accepted(case: int) -> None:
    """A JSON value that writes a value of the type is taken for that value."""
    kind, text, value = ACCEPTED[case]
    found = accept(kind, text)
    assert found == value
    assert type(found) is type(value)


REFUSED: list[tuple[Kind, str, str]] = [
    (sa.Integer(), '"42"', "must be an integer"),
    (sa.Integer(), "true", "must be an integer"),
    (sa.Integer(), "1.5", "must be an integer"),
    (sa.Integer(), "1e-1", "must be an integer"),
    (sa.Integer(), "1e999999999", "must be an integer"),
    (sa.Integer(), "[1]", "must be an integer"),
    (sa.Integer(), "{}", "must be an integer"),
    (sa.Integer(), str(2**53), "must be between -9007199254740991 and 9007199254740991"),
    (sa.Integer(), "1e30", "must be between"),
    (sa.BigInteger(), str(BIG), f"must be between -{BIG} and {BIG - 1}"),
    (sa.BigInteger(), f'"{BIG}"', "must be between"),
    (sa.BigInteger(), '"+1"', "must be an integer"),
    (sa.BigInteger(), '"007"', "must be an integer"),
    (sa.BigInteger(), '""', "must be an integer"),
    (sa.BigInteger(), '"٣"', "must be an integer"),
    (sa.BigInteger(), f'"{"1" * 4000}"', "must be an integer"),
    (sa.Float(), "1e999", "is a larger number than can be held"),
    (sa.Float(), "1" + "0" * 400, "is a larger number than can be held"),
    (sa.Float(), '"NaN"', "must be a number"),
    (sa.Float(), '"1.5"', "must be a number"),
    (sa.Float(), "false", "must be a number"),
    (sa.Numeric(12, 2), "12.345", "must have at most 2 decimals"),
    (sa.Numeric(12, 2), "1e-9", "must have at most 2 decimals"),
    (sa.Numeric(12, 2), "10000000000", "must have at most 10 digits before the decimal point"),
    (sa.Numeric(12, 2), "1e999999999", "must have at most 10 digits before"),
    (sa.Numeric(12, 2), "true", "must be a decimal number, such as 12.50"),
    (sa.Numeric(12, 2), '"12,5"', "must be a decimal number"),
    (sa.Numeric(12, 2), '"NaN"', "must be a decimal number"),
    (sa.Numeric(12, 2), '"Infinity"', "must be a decimal number"),
    (sa.Numeric(20, 4), '"1234567890123456.7891"', "must have at most 15 digits, since SQLite"),
    (sa.Numeric(20, 2), "123456789012345678", "must have at most 15 digits"),
    (sa.Numeric(), "9007199254740993", "must have at most 15 digits"),
    (sa.Numeric(), "1e-400", "must have at most 15 digits"),
    (sa.Numeric(), "1e400", "must have at most 15 digits"),
    (sa.Numeric(), "0.30000000000000001", "must have at most 15 digits"),
    (sa.Boolean(), "1", "must be true or false"),
    (sa.Boolean(), "0", "must be true or false"),
    (sa.Boolean(), '"true"', "must be true or false"),
    (sa.String(3), '"abcd"', "must be at most 3 characters long"),
    (sa.String(3), "1", "must be a string"),
    (sa.Text(), r'"a\u0000b"', r"must not contain the character U\+0000"),
    (sa.Text(), "[]", "must be a string"),
    (sa.Enum("red", "dark red"), '"RED"', "must be one of red, dark red"),
    (sa.Enum("red", "dark red"), "1", "must be one of"),
    (sa.Enum("red", "dark red"), "[]", "must be one of"),
    (sa.Date(), '"2026-02-30"', "is not in the calendar"),
    (sa.Date(), '"2026-01-31T00:00:00Z"', "must be a date, such as"),
    (sa.Date(), "20260131", "must be a date, such as"),
    (sa.Time(), '"24:00"', "must be a time of day"),
    (sa.Time(), '"09:30:00.1234567"', "must have at most 6 decimals of a second"),
    (sa.Time(), "930", "must be a time of day"),
    (sa.DateTime(), '"2026-02-30T09:30:00Z"', "is not in the calendar"),
    (sa.DateTime(), '"2026-01-31T24:00:00Z"', "must be a date and time"),
    (sa.DateTime(), '"2026-01-31T09:30:60Z"', "must be a date and time"),
    (sa.DateTime(), '"2026-01-31T09:30:00 02:00"', "must be a date and time"),
    (sa.DateTime(), '"2026-01-31T09:30:00.0000001Z"', "must have at most 6 decimals of a second"),
    (sa.DateTime(), '"0001-01-01T00:00:00+01:00"', "must be within the years 1 to 9999"),
    (sa.DateTime(), "1769851800", "must be a date and time"),
    (sa.Interval(), '"P1M"', "must be an ISO 8601 duration"),
    (sa.Interval(), '" P1D"', "must be an ISO 8601 duration"),
    (sa.Interval(), "60", "must be an ISO 8601 duration"),
    (sa.Interval(), '"PT0.0000001S"', "must have at most 6 decimals of a second"),
    (sa.Interval(), '"P9999999D"', "is a longer duration than can be held"),
    (sa.Interval(), '"-P719163D"', "is a longer duration than can be held"),
    (sa.Uuid(), '"123e4567"', "must be a UUID"),
    (sa.Uuid(), "1", "must be a UUID"),
    (sa.LargeBinary(), '"A"', "must be base64"),
    (sa.LargeBinary(), r'"AP8=\n"', "must be base64"),
    (sa.LargeBinary(), '" /8="', "must be base64"),
    (sa.LargeBinary(), "[0, 255]", "must be base64"),
    (sa.LargeBinary(1), '"AP8="', "must be at most 1 bytes long"),
    (sa.JSON(), "[" * 201 + "]" * 201, "is nested too deeply"),
    (sa.types.NullType(), "true", "must be a text or a number"),
    (sa.types.NullType(), "[]", "must be a text or a number"),
    (sa.types.NullType(), str(BIG), "must be a text or a number"),
    (sa.types.NullType(), "1e999", "is no number that can be kept exactly"),
    (sa.types.NullType(), r'"\u0000"', "must not contain"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_does_not_fit_is_refused(case: int) -> None:
    """A JSON value that is none of the type is refused, and what is expected is said."""
    kind, text, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        accept(kind, text)


@pytest.mark.parametrize(
    "kind", [sa.Text(), sa.Enum("\ud800", "a"), sa.JSON(), sa.types.NullType()], ids=repr
)
def test_half_a_character_is_refused(kind: Kind) -> None:
    """A lone surrogate, which no decoder lets through, is no text of any type."""
    refused = type_of(kind, "sqlite")
    if isinstance(kind, sa.Enum):
        assert refused.accept("a") == "a"
        return
    with pytest.raises(ValueError, match="must be valid Unicode text"):
        refused.accept("a\ud800")


def test_half_a_character_is_refused_inside_json() -> None:
    """Neither a value nor a name within JSON may hold a lone surrogate."""
    document = type_of(sa.JSON(), "sqlite")
    for value in ({"a": ["\ud800"]}, {"\ud800": 1}):
        with pytest.raises(ValueError, match="must be valid Unicode text"):
            document.accept(value)


ELSEWHERE: list[tuple[Kind, Dialect, str, Any]] = [
    (sa.SmallInteger(), "postgresql", "32767", 32767),
    (sa.Integer(), "postgresql", "-2147483648", -(2**31)),
    (sa.BigInteger(), "postgresql", f'"{BIG - 1}"', BIG - 1),
    (mysql.BIGINT(unsigned=True), "mysql", f'"{2**64 - 1}"', 2**64 - 1),
    (mysql.TINYINT(unsigned=True), "mysql", "255", 255),
    (mysql.MEDIUMINT(), "mysql", "8388607", 8388607),
    (mysql.YEAR(), "mysql", "2155", 2155),
    (sa.Float(), "postgresql", '"Infinity"', math.inf),
    (
        sa.Numeric(),
        "postgresql",
        '"1234567890123456789.123456789"',
        Decimal("1234567890123456789.123456789"),
    ),
    (sa.Numeric(20, 4), "mysql", '"1234567890123456.7891"', Decimal("1234567890123456.7891")),
    (sa.Interval(), "postgresql", '"P9999999D"', dt.timedelta(days=9999999)),
    (sa.ARRAY(sa.Integer()), "postgresql", "[1, null, 3]", [1, None, 3]),
    (sa.ARRAY(sa.Date()), "postgresql", '[["2026-01-31"]]', [[dt.date(2026, 1, 31)]]),
    (sa.ARRAY(sa.Text()), "postgresql", "[]", []),
]


@pytest.mark.parametrize("case", range(len(ELSEWHERE)))
def test_each_database_takes_what_it_can_hold(case: int) -> None:
    """The bounds are those of the column in its database."""
    kind, dialect, text, value = ELSEWHERE[case]
    assert accept(kind, text, dialect) == value


REFUSED_ELSEWHERE: list[tuple[Kind, Dialect, str, str]] = [
    (sa.SmallInteger(), "postgresql", "32768", "must be between -32768 and 32767"),
    (sa.Integer(), "postgresql", "2147483648", "must be between -2147483648 and 2147483647"),
    (sa.Integer(), "mysql", "-2147483649", "must be between"),
    (mysql.TINYINT(unsigned=True), "mysql", "-1", "must be between 0 and 255"),
    (mysql.BIT(3), "mysql", "8", "must be between 0 and 7"),
    (mysql.YEAR(), "mysql", "1900", "must be between 1901 and 2155"),
    (sa.Float(), "mysql", '"Infinity"', "must be a number"),
    (sa.Float(), "mysql", "3.5e38", "is a larger number"),
    (sa.Float(24), "postgresql", "1e39", "is a larger number"),
    # NUMERIC(10) is NUMERIC(10, 0), and so is what MariaDB makes of NUMERIC.
    (sa.Numeric(10), "postgresql", "0.5", "must have at most 0 decimals"),
    (sa.Numeric(), "mysql", "0.5", "must have at most 0 decimals"),
    (sa.JSON(), "mysql", "[" * 25 + "]" * 25, "is nested too deeply"),
    (sa.Interval(), "mysql", '"P9999999D"', "is a longer duration"),
    (sa.ARRAY(sa.Integer()), "postgresql", '[1, "2"]', "item 1 must be an integer"),
    (sa.ARRAY(sa.Integer()), "postgresql", "1", "must be an array"),
    (postgresql.INET(), "postgresql", '"127.0.0.1"', "cannot be written"),
]


@pytest.mark.parametrize("case", range(len(REFUSED_ELSEWHERE)))
def test_no_database_is_given_what_it_would_refuse_or_round(case: int) -> None:
    """What is beyond the column is refused before the database sees it."""
    kind, dialect, text, message = REFUSED_ELSEWHERE[case]
    with pytest.raises(ValueError, match=message):
        accept(kind, text, dialect)


def test_a_number_that_no_float_holds_keeps_its_digits_in_json() -> None:
    """Within JSON a number is a float if that is the same number, and else a Decimal."""
    digits = "0.12345678901234567890123"
    assert accept(sa.JSON(), f"[{digits}, 0.5, 1e2]") == [Decimal(digits), 0.5, 100.0]


class Color(enum.Enum):
    RED = "r"


class Size(enum.IntEnum):
    LARGE = 3


class Word(enum.StrEnum):
    HELLO = "hello"


ADAPTED: list[tuple[Kind, Any, Any]] = [
    (sa.Enum(Color), Color.RED, "RED"),
    (sa.Enum(Color, values_callable=lambda all_: [each.value for each in all_]), Color.RED, "r"),
    (sa.Enum("a", "b"), "b", "b"),
    (sa.Integer(), Size.LARGE, 3),
    (sa.Integer(), True, 1),
    (sa.String(9), Word.HELLO, "hello"),
    (sa.Float(), 1, 1.0),
    (sa.Numeric(9, 2), 0.1, Decimal("0.1")),
    (sa.Numeric(9, 2), 5, Decimal(5)),
    (sa.Boolean(), 1, True),
    (sa.Date(), dt.datetime(2026, 1, 31, 9), dt.date(2026, 1, 31)),
    (sa.DateTime(), dt.datetime(2026, 1, 31, 9, tzinfo=UTC), dt.datetime(2026, 1, 31, 9)),
    (
        sa.DateTime(timezone=True),
        dt.datetime(2026, 1, 31, 9, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        dt.datetime(2026, 1, 31, 7, tzinfo=UTC),
    ),
    (sa.Uuid(), str(CODE), CODE),
    (sa.LargeBinary(), bytearray(b"a"), b"a"),
    (sa.JSON(), {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize("case", range(len(ADAPTED)))
def test_what_python_code_gives_becomes_the_same_value(case: int) -> None:
    """What a model's default or a hook gives is made what a document would have given."""
    kind, given_, value = ADAPTED[case]
    found = type_of(kind, "sqlite").adapt(given_)
    assert found == value
    assert type(found) is type(value)


TEXTS: list[tuple[Kind, st.SearchStrategy[str]]] = [
    (sa.Text(), st.text()),
    (sa.String(3), st.text()),
    (sa.Enum("a", "b"), st.sampled_from(["a", "b", "c", ""])),
    (sa.Date(), st.dates().map(dt.date.isoformat) | st.text("0123456789-", max_size=11)),
    (sa.Time(), st.times().map(dt.time.isoformat) | st.text("0123456789:.", max_size=15)),
    (
        sa.DateTime(),
        st.datetimes().map(lambda moment: moment.isoformat() + "Z")
        | st.text("0123456789:.-+TZ", max_size=30),
    ),
    (
        sa.DateTime(timezone=True),
        st.datetimes(timezones=st.timezones()).map(dt.datetime.isoformat),
    ),
    (sa.Interval(), st.text("PT0123456789DHMSW.-+", max_size=15)),
    (sa.Uuid(), st.uuids().map(str) | st.text("0123456789abcdef-", max_size=40)),
    (sa.LargeBinary(), st.text("AQg048-_+/=", max_size=9)),
]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_document_says_a_text_as_a_query_does(data: st.DataObject) -> None:
    """What both take for a value of a type, they take for the same value."""
    kind, texts = data.draw(st.sampled_from(TEXTS))
    text = data.draw(texts)
    type_ = type_of(kind, "sqlite")
    try:
        found = type_.accept(text)
    except ValueError:
        # A document is asked for more: a length, nothing that would be cut off.
        return
    assert found == type_.parse(text)
    assert found == type_.accept_text(text)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([sa.Numeric(), sa.Numeric(12, 2), sa.Numeric(30, 20), sa.Numeric(20, 5)]),
    st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**15), 10**15, places=3)
    | st.decimals(-100, 100, places=16),
)
def test_a_decimal_is_refused_or_read_again_as_it_is(kind: sa.Numeric[Any], value: Decimal) -> None:
    """What SQLAlchemy's own way of reading a NUMERIC gives is the number that was accepted."""
    type_ = type_of(kind, "sqlite")
    try:
        found = type_.accept(value)
    except ValueError:
        return
    store = type_.store("sqlite")
    assert store is not None
    # "%.*f" is how SQLAlchemy reads it; without a scale the shortest form is what is meant.
    stored = store(found)
    read = repr(stored) if kind.scale is None else f"{stored:.{kind.scale}f}"
    assert Decimal(read) == value


def test_fifteen_digits_are_always_exact() -> None:
    """As many digits as a float of eight bytes keeps are accepted wherever the point is."""
    type_ = type_of(sa.Numeric(), "sqlite")
    for exponent in range(-15, 1):
        value = Decimal((0, (9,) * 15, exponent))
        assert type_.accept(value) == value


def test_texts_of_a_file_are_read_as_their_types() -> None:
    """A field of a CSV file gives the value that the same text means in JSON or in a query."""
    told: list[tuple[Kind, str, Any]] = [
        (sa.Integer(), "42", 42),
        (sa.Float(), "Infinity", math.inf),
        (sa.Float(), "1.5", 1.5),
        (sa.Numeric(9, 2), "1.50", Decimal("1.50")),
        (sa.Boolean(), "true", True),
        (sa.Boolean(), "0", False),
        (sa.JSON(), '{"a": 0.1}', {"a": 0.1}),
        (sa.types.NullType(), "5", 5),
        (sa.types.NullType(), "five", "five"),
    ]
    for kind, text, value in told:
        found = type_of(kind, "sqlite").accept_text(text)
        assert (found, type(found)) == (value, type(value))
    for kind, text, message in (
        (sa.Integer(), "x", "must be an integer"),
        (sa.Integer(), str(2**60), "must be between"),
        (sa.Numeric(9, 2), "0.125", "at most 2 decimals"),
        (sa.JSON(), "{", "must be JSON"),
        (sa.JSON(), "NaN", "must be JSON: NaN is no number"),
    ):
        with pytest.raises(ValueError, match=message):
            type_of(kind, "sqlite").accept_text(text)


def test_what_is_accepted_is_described() -> None:
    """The JSON Schema of the input names the bounds that the type has."""
    small = type_of(sa.SmallInteger(), "postgresql").input_schema()
    assert small == {"type": "integer", "minimum": -32768, "maximum": 32767}
    number, text = type_of(sa.BigInteger(), "sqlite").input_schema()["anyOf"]
    assert number == {"type": "integer", "minimum": -BIG, "maximum": BIG - 1}
    assert text["type"] == "string"
    price = type_of(sa.Numeric(5, 2), "postgresql").input_schema()["anyOf"]
    assert price[0] == {"type": "string", "pattern": r"^-?[0-9]{1,3}(?:\.[0-9]{1,2})?$"}
    assert price[1] == {
        "type": "number",
        "multipleOf": 0.01,
        "exclusiveMinimum": -1000,
        "exclusiveMaximum": 1000,
    }
    title = type_of(sa.String(5), "sqlite").input_schema()
    assert (title["type"], title["maxLength"]) == ("string", 5)


DESCRIBED: list[Kind] = [
    sa.Integer(),
    sa.BigInteger(),
    sa.Boolean(),
    sa.String(5),
    sa.Enum("a", "b"),
    sa.Date(),
    sa.Time(),
    sa.DateTime(),
    sa.Interval(),
    sa.LargeBinary(6),
    sa.Numeric(8, 2),
]
VALIDATED: list[Any] = [
    0, -1, True, None, "", "a", "b", "12", "-7", str(BIG - 2), "0", "01", "abcdef", "äöü", "a\0",
    "2026-01-31", "0000-01-01", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00.1234567Z",
    "2026-01-31t23:59:59.5+23:59", "09:30", "24:00", "09:30:00.123456", 1.5, [], {}, 2**53, 2**64,
    "P99999DT999999H", "-PT0.5S", "P1W", "P", "AP8=", "AP8", "_-8=", "AAAAAAAA", "1.25", "1.255",
]  # fmt: skip


@pytest.mark.parametrize("kind", DESCRIBED, ids=repr)
def test_what_the_schema_allows_is_accepted(kind: Kind) -> None:
    """No document that fits the description of the API is refused for its types."""
    jsonschema = pytest.importorskip("jsonschema")
    type_ = type_of(kind, "sqlite")
    validator = jsonschema.Draft202012Validator(
        type_.input_schema(), format_checker=jsonschema.FormatChecker()
    )
    allowed = [value for value in VALIDATED if validator.is_valid(value)]
    assert allowed, "nothing of the sample fits the schema"
    for value in allowed:
        assert type_.accept(value) is not None
