"""What may be written in a URL for a value of each type, and how its JSON is described."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla.schema.types import Type, type_of
from hekla.schema.types.duration import format_duration, parse_duration

Kind = sa.types.TypeEngine[Any]

UTC = dt.UTC
CODE = UUID("123e4567-e89b-12d3-a456-426614174000")

READ: list[tuple[Kind, str, Any]] = [
    (sa.Integer(), "42", 42),
    (sa.Integer(), "+42", 42),
    (sa.Integer(), "-007", -7),
    (sa.Integer(), "9223372036854775807", 2**63 - 1),
    (sa.Integer(), "-9223372036854775808", -(2**63)),
    (sa.Float(), "1.5", 1.5),
    (sa.Float(), "-.5e3", -500.0),
    (sa.Float(), "3.", 3.0),
    (sa.Float(), "Infinity", math.inf),
    (sa.Float(), "-Infinity", -math.inf),
    (sa.Float(), "1e999", math.inf),
    (sa.Numeric(10, 2), "12.50", Decimal("12.50")),
    (sa.Numeric(), "12345678901234567890.123", Decimal("12345678901234567890.123")),
    (sa.Boolean(), "true", True),
    (sa.Boolean(), "False", False),
    (sa.Boolean(), "1", True),
    (sa.Boolean(), "0", False),
    (sa.String(2), "longer than two", "longer than two"),
    (sa.Text(), "", ""),
    (sa.Text(), "😀\n", "😀\n"),
    (sa.Date(), "2024-02-29", dt.date(2024, 2, 29)),
    (sa.Time(), "09:30", dt.time(9, 30)),
    (sa.Time(), "09:30:00.5", dt.time(9, 30, 0, 500000)),
    (sa.Time(), "09:30:00.123456789", dt.time(9, 30, 0, 123456)),
    (sa.DateTime(), "2026-01-31T09:30:00Z", dt.datetime(2026, 1, 31, 9, 30)),
    (sa.DateTime(), "2026-01-31 09:30", dt.datetime(2026, 1, 31, 9, 30)),
    (sa.DateTime(), "2026-01-31", dt.datetime(2026, 1, 31)),
    (sa.DateTime(), "2026-01-31t09:30:00.25z", dt.datetime(2026, 1, 31, 9, 30, 0, 250000)),
    (sa.DateTime(), "2026-01-31T09:30:00+02:00", dt.datetime(2026, 1, 31, 7, 30)),
    (sa.DateTime(), "2026-01-31T09:30:00 02:00", dt.datetime(2026, 1, 31, 7, 30)),
    (sa.DateTime(), "2026-01-31T09:30:00-0530", dt.datetime(2026, 1, 31, 15, 0)),
    (
        sa.DateTime(timezone=True),
        "2026-01-31T09:30:00+02:00",
        dt.datetime(2026, 1, 31, 7, 30, tzinfo=UTC),
    ),
    (sa.DateTime(timezone=True), "2026-01-31", dt.datetime(2026, 1, 31, tzinfo=UTC)),
    (sa.Interval(), "P1DT2H3.5S", dt.timedelta(days=1, hours=2, seconds=3.5)),
    (sa.Interval(), "-PT0.000001S", dt.timedelta(microseconds=-1)),
    (sa.Interval(), "P2W", dt.timedelta(weeks=2)),
    (sa.Interval(), " PT36H", dt.timedelta(hours=36)),
    (sa.Uuid(), "123e4567-e89b-12d3-a456-426614174000", CODE),
    (sa.Uuid(), "123E4567E89B12D3A456426614174000", CODE),
    (sa.Enum("red", "dark red"), "dark red", "dark red"),
    (sa.LargeBinary(), "AP8=", b"\x00\xff"),
    (sa.LargeBinary(), "-_8", b"\xfb\xff"),
    (sa.LargeBinary(), " /8=", b"\xfb\xff"),
    (sa.LargeBinary(), "", b""),
    (sa.types.NullType(), "5", "5"),
]


@pytest.mark.parametrize("case", range(len(READ)))
def test_what_fits_is_read(case: int) -> None:
    """A text that writes a value of the type is read as that value."""
    kind, text, value = READ[case]
    found = type_of(kind, "sqlite").parse(text)
    assert found == value
    assert type(found) is type(value)


REFUSED: list[tuple[Kind, str, str]] = [
    (sa.Integer(), "", "must be an integer"),
    (sa.Integer(), "1.0", "must be an integer"),
    (sa.Integer(), " 1", "must be an integer"),
    (sa.Integer(), "1_000", "must be an integer"),
    (sa.Integer(), "٣", "must be an integer"),
    (sa.Integer(), "9223372036854775808", "must be between -9223372036854775808 and"),
    (sa.Integer(), "1" * 5000, "must be an integer"),
    (sa.Float(), "nan", "must be a number"),
    (sa.Float(), "inf", "must be a number"),
    (sa.Float(), "1,5", "must be a number"),
    (sa.Float(), "٣", "must be a number"),
    (sa.Numeric(), "NaN", "must be a decimal number"),
    (sa.Numeric(), "1e99999", "must be a decimal number"),
    (sa.Boolean(), "yes", "must be true or false"),
    (sa.Boolean(), "", "must be true or false"),
    (sa.Text(), "a\0b", "must not contain the character U\\+0000"),
    (sa.Text(), "\ud800", "must be valid Unicode text"),
    (sa.Date(), "2026-2-1", "must be a date, such as"),
    (sa.Date(), "2026-02-30", "is not in the calendar"),
    (sa.Date(), "0000-01-01", "is not in the calendar"),
    (sa.Time(), "25:00", "must be a time of day"),
    (sa.Time(), "09:30:60", "must be a time of day"),
    (sa.DateTime(), "soon", "must be a date and time"),
    (sa.DateTime(), "2026-01-31T24:00:00", "must be a date and time"),
    (sa.DateTime(), "2026-13-01T00:00:00Z", "is not in the calendar"),
    (sa.DateTime(), "2026-01-31T09:30:00+24:00", "must be a date and time"),
    (sa.DateTime(), "0001-01-01T00:00:00+01:00", "must be within the years 1 to 9999"),
    (sa.DateTime(), "2026-01-31 02:00 02:00 02:00", "must be a date and time"),
    (sa.Interval(), "P", "must be an ISO 8601 duration"),
    (sa.Interval(), "P1DT", "must be an ISO 8601 duration"),
    (sa.Interval(), "P1Y", "must be an ISO 8601 duration"),
    (sa.Interval(), "P999999999DT24H", "is a longer duration than can be held"),
    (sa.Uuid(), "123e4567", "must be a UUID"),
    (sa.Uuid(), "１23e4567e89b12d3a456426614174000", "must be a UUID"),
    (sa.Enum("red", "dark red"), "RED", "must be one of red, dark red"),
    (sa.LargeBinary(), "A", "must be base64"),
    (sa.LargeBinary(), "AP8*", "must be base64"),
    (sa.types.NullType(), "\0", "must not contain"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_does_not_fit_is_refused(case: int) -> None:
    """A text that is no value of the type is refused, and what is expected is said."""
    kind, text, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        type_of(kind, "sqlite").parse(text)


def test_a_part_of_a_member_may_be_looked_for() -> None:
    """For contains and its like, an enumeration takes any text."""
    color = type_of(sa.Enum("red", "dark red"), "sqlite")
    assert color.parse("dark", "icontains") == "dark"
    with pytest.raises(ValueError, match="must be one of"):
        color.parse("dark", "ne")


def test_a_bad_pattern_is_refused_where_it_is_read() -> None:
    """A regular expression is checked before it comes near a database."""
    text = type_of(sa.Text(), "sqlite")
    assert text.parse("(", "contains") == "("
    assert text.parse("^a+$", "regex") == "^a+$"
    with pytest.raises(ValueError, match="is no pattern: it has a \\( without its \\)"):
        text.parse("(", "regex")


@settings(deadline=None)
@given(st.timedeltas())
def test_a_duration_is_read_as_it_is_written(value: dt.timedelta) -> None:
    """Every timedelta has one ISO 8601 form, and that form is read as the same timedelta."""
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.timedelta(0), "PT0S"),
        (dt.timedelta(days=1), "P1D"),
        (dt.timedelta(days=-1), "-P1D"),
        (dt.timedelta(hours=36, minutes=5), "P1DT12H5M"),
        (dt.timedelta(seconds=-0.5), "-PT0.5S"),
        (dt.timedelta(seconds=10), "PT10S"),
    ],
)
def test_a_duration_is_written_in_its_shortest_form(value: dt.timedelta, text: str) -> None:
    """Parts that are zero are left out, and a negative duration has one sign in front."""
    assert format_duration(value) == text


SCHEMAS: list[tuple[Kind, dict[str, Any]]] = [
    (sa.Integer(), {"type": "integer"}),
    (sa.Boolean(), {"type": "boolean"}),
    (sa.String(5), {"type": "string"}),
    (sa.Date(), {"type": "string", "format": "date"}),
    (sa.DateTime(), {"type": "string", "format": "date-time"}),
    (sa.Uuid(), {"type": "string", "format": "uuid"}),
    (sa.Enum("red", "blue"), {"type": "string", "enum": ["red", "blue"]}),
    (sa.LargeBinary(), {"type": "string", "contentEncoding": "base64"}),
]


@pytest.mark.parametrize("case", range(len(SCHEMAS)))
def test_the_json_form_is_described(case: int) -> None:
    """A column's JSON Schema says its JSON type; a guarded one's promises nothing."""
    kind, expected = SCHEMAS[case]
    type_: Type = type_of(kind, "sqlite")
    assert type_.schema() == expected
    assert type_.schema(guarded=True).keys() == {"description"}


def test_the_schema_of_a_big_integer_takes_both_forms() -> None:
    """Within 2^53 a number, beyond it a string of digits."""
    number, text = type_of(sa.BigInteger(), "sqlite").schema()["anyOf"]
    assert number == {"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}
    assert text == {"type": "string", "pattern": "^-?[0-9]{16,40}$"}


def test_an_array_is_described_by_its_items() -> None:
    """An array holds what its items' schema says, or arrays where it has several dimensions."""
    numbers = type_of(sa.ARRAY(sa.Integer()), "postgresql")
    items = {"anyOf": [{"type": "integer"}, {"type": ["null", "array"]}]}
    assert numbers.schema() == {"type": "array", "items": items}
    assert numbers.parse("7", "contains") == 7


def test_any_json_fits_a_json_column() -> None:
    """Nothing is promised of what is in a JSON column, and any JSON may be asked for."""
    document = type_of(sa.JSON(), "sqlite")
    assert "type" not in document.schema()
    assert document.parse('{"a": [1]}') == {"a": [1]}
