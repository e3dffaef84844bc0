"""In SQLite every lookup of every type finds what a plain Python filter finds."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hekla.schema.types import Type, type_of
from tests.schema.columns import DIALECTS, SqliteColumn

Kind = sa.types.TypeEngine[Any]
Strategy = st.SearchStrategy[Any]

# No NUL: SQLite can hold one, but no value of a query may have one; see the last tests.
CHARACTERS = st.one_of(
    st.sampled_from("aAsSkKéÉßſ\u212a%_\\|*?[]'\"^ İıΣσς😀\U0010ffff\ud7ff\ue000"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
TEXTS = st.text(CHARACTERS, max_size=5)
MOMENTS = st.one_of(
    st.datetimes(),
    st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)),
    st.sampled_from(
        [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, 9), dt.datetime.max, dt.datetime.min]
    ),
)


def naive(value: dt.datetime) -> dt.datetime:
    return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value


def plain(value: Any) -> Any:
    return value


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
NEAR = st.datetimes(dt.datetime(2025, 12, 30), dt.datetime(2026, 1, 3))
EPOCH = dt.datetime(1970, 1, 1)


def kept_moment(value: dt.datetime) -> str:
    return value.isoformat(" ", timespec="microseconds")


class Case:
    """How values of a type are made, stored and compared in Python."""

    def __init__(
        self,
        kind: Kind,
        values: Strategy,
        store: Callable[[Any], Any] = plain,
        asked: Strategy | None = None,
        key: Callable[[Any], Any] = plain,
    ) -> None:
        self.kind = kind
        self.values = values
        self.store = store
        self.asked = values if asked is None else asked
        self.key = key


CASES = {
    "integer": Case(sa.Integer(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)),
    "float": Case(sa.Float(), st.floats(allow_nan=False) | st.sampled_from([0.1, 0.5, -0.0])),
    # With at most 15 digits a float holds a decimal exactly.
    "decimal": Case(
        sa.Numeric(15, 2),
        st.integers(-(10**15) + 1, 10**15 - 1).map(lambda n: Decimal(n) / 100),
        store=float,
    ),
    "boolean": Case(sa.Boolean(), st.booleans(), store=int),
    "text": Case(sa.Text(), TEXTS),
    "date": Case(sa.Date(), st.dates() | st.just(dt.date.max), store=dt.date.isoformat),
    "time": Case(
        sa.Time(),
        st.times() | st.sampled_from([dt.time(9), dt.time.max, dt.time.min]),
        store=lambda value: value.isoformat(timespec="microseconds"),
    ),
    "datetime": Case(sa.DateTime(), MOMENTS, store=kept_moment),
    "datetime with offsets": Case(
        sa.DateTime(timezone=True),
        NEAR,
        store=kept_moment,
        asked=st.builds(lambda value, zone: value.replace(tzinfo=zone), NEAR, OFFSETS),
        key=naive,
    ),
    "interval": Case(
        sa.Interval(),
        st.timedeltas(dt.datetime.min - EPOCH, dt.datetime.max - EPOCH) | st.just(dt.timedelta(1)),
        store=lambda value: kept_moment(EPOCH + value),
        asked=st.timedeltas() | st.just(dt.timedelta(1)),
    ),
    "uuid": Case(sa.Uuid(), st.uuids() | st.just(UUID(int=5)), store=lambda value: value.hex),
    "enum": Case(sa.Enum("red", "dark red", "Blue"), st.sampled_from(["red", "dark red", "Blue"])),
    "binary": Case(sa.LargeBinary(), st.binary(max_size=3)),
}


@cache
def column_of(name: str) -> SqliteColumn:
    """One column for all examples, since each connection costs a millisecond."""
    return SqliteColumn(CASES[name].kind)


ONE: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda stored, asked: bool(stored == asked),
    "ne": lambda stored, asked: bool(stored != asked),
    "gt": lambda stored, asked: bool(stored > asked),
    "gte": lambda stored, asked: bool(stored >= asked),
    "lt": lambda stored, asked: bool(stored < asked),
    "lte": lambda stored, asked: bool(stored <= asked),
    "contains": lambda stored, asked: asked in stored,
    "startswith": lambda stored, asked: bool(stored.startswith(asked)),
    "endswith": lambda stored, asked: bool(stored.endswith(asked)),
    "icontains": lambda stored, asked: asked.casefold() in stored.casefold(),
    "istartswith": lambda stored, asked: bool(stored.casefold().startswith(asked.casefold())),
    "iendswith": lambda stored, asked: bool(stored.casefold().endswith(asked.casefold())),
}


def stands(lookup: str, asked: Any, stored: Any) -> bool:
    return ONE[lookup](stored, asked)


def is_among(asked: list[Any], inside: bool, stored: Any) -> bool:
    return (stored in asked) == inside


def is_between(bounds: tuple[Any, Any], stored: Any) -> bool:
    return bool(bounds[0] <= stored <= bounds[1])


def expected_ids(values: list[Any], holds: Callable[[Any], bool]) -> list[int]:
    return [place for place, v in enumerate(values, 1) if v is not None and holds(v)]


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_lookups_find_what_python_finds(name: str, data: st.DataObject) -> None:
    """Each lookup returns the rows for which Python's own comparison holds, and no NULL."""
    case = CASES[name]
    values = data.draw(st.lists(st.none() | case.values, max_size=5), "stored")
    known = st.sampled_from([v for v in values if v is not None] or [data.draw(case.values)])
    column = column_of(name)
    column.keep(*(None if value is None else case.store(value) for value in values))
    matching = name in ("text", "enum")
    for lookup in sorted(column.type.lookups - {"isnull", "regex"}):
        one = TEXTS if matching and lookup in ONE and lookup not in _PLAIN else case.asked | known
        if lookup in ("in", "not_in"):
            some = data.draw(st.lists(one, max_size=3), lookup)
            keys = [case.key(item) for item in some]
            within = expected_ids(values, partial(is_among, keys, lookup == "in"))
            assert column.find(lookup, some) == within, lookup
        elif lookup == "range":
            low, high = data.draw(st.tuples(one, one), lookup)
            bounds = (case.key(low), case.key(high))
            between = expected_ids(values, partial(is_between, bounds))
            assert column.find(lookup, (low, high)) == between
        else:
            asked = data.draw(one, lookup)
            found = expected_ids(values, partial(stands, lookup, case.key(asked)))
            assert column.find(lookup, asked) == found, lookup


_PLAIN = {"exact", "ne", "gt", "gte", "lt", "lte"}


@settings(max_examples=40, deadline=None)
@given(stored=st.lists(TEXTS, max_size=4), needle=TEXTS, data=st.data())
@example(stored=["a\0b", "ab\0", "\0"], needle="b", data=None)
@example(stored=["K\u212akſs", "STRASSE", "straße", "ŉ"], needle="ss", data=None)
@example(stored=["\ud7ffa", "\ue000", "\ud7fe"], needle="\ud7ff", data=None)
@example(stored=["a\U0010ffffb", "b", "a"], needle="a\U0010ffff", data=None)
@example(stored=["\U0010ffffb", "b"], needle="\U0010ffff", data=None)
@example(stored=["a" * 60_000], needle="a" * 30_000, data=None)
def test_a_part_of_a_stored_text_is_found(stored: list[str], needle: str, data: Any) -> None:
    """A needle cut from a stored text, with whatever it is made of, is found as in Python."""
    if data is not None and stored:
        text = data.draw(st.sampled_from(stored))
        start = data.draw(st.integers(0, len(text)))
        needle = text[start : data.draw(st.integers(start, len(text)))]
    column = column_of("text")
    column.keep(*stored)
    for lookup in ONE.keys() - _PLAIN:
        expected = expected_ids(stored, partial(stands, lookup, needle))
        assert column.find(lookup, needle) == expected, lookup


WAYS = [
    lambda v: v.isoformat(" ", timespec="microseconds"),
    lambda v: v.isoformat(" "),
    lambda v: v.isoformat(" ").rstrip("0") if v.microsecond else v.isoformat(" "),
    lambda v: v.isoformat(" ", timespec="microseconds") + "000",
    lambda v: v.date().isoformat() if v.time() == dt.time() else v.isoformat(" "),
]


@settings(max_examples=40, deadline=None)
@given(
    stored=st.lists(st.tuples(MOMENTS, st.sampled_from(WAYS)), max_size=5),
    asked=MOMENTS,
    data=st.data(),
)
def test_moments_are_compared_however_they_are_written(
    stored: list[tuple[dt.datetime, Any]], asked: dt.datetime, data: st.DataObject
) -> None:
    """A date alone, seconds alone and any number of decimals are the same moment."""
    asked = data.draw(st.sampled_from([asked, *(moment for moment, _ in stored)]))
    column = column_of("datetime")
    column.keep(*(way(moment) for moment, way in stored))
    values = [moment for moment, _ in stored]
    for lookup in _PLAIN:
        expected = expected_ids(values, partial(stands, lookup, asked))
        assert column.find(lookup, asked) == expected, lookup
    assert column.find("in", [asked]) == expected_ids(values, lambda v: v == asked)
    assert column.find("not_in", [asked]) == expected_ids(values, lambda v: v != asked)


ANY = st.one_of(
    st.sampled_from([5, "5", 5.0, "5.0", "x", b"5", 2**60, str(2**60), 0.5, "0.5", ""]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("05.x", max_size=3),
    st.binary(max_size=2),
)


def reads_as(text: str) -> int | float | None:
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+(e[+-]?[0-9]{1,3})?", text):
        return float(text)
    return None


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.none() | ANY, max_size=6),
    text=st.sampled_from(["5", "5.0", "x", "", "0.5", str(2**60)]) | st.text("05.x", max_size=3),
)
def test_an_unknown_column_is_compared_as_number_and_as_text(values: list[Any], text: str) -> None:
    """A value that reads as a number is equal to the number and to its text."""
    column = SqliteColumn(sa.types.NullType(), declared="")
    column.keep(*values)
    number = reads_as(text)

    def equal(value: Any) -> bool:
        if isinstance(value, int | float):
            return number is not None and value == number
        return bool(value == text)

    def ordered(lookup: str, value: Any) -> bool:
        if isinstance(value, int | float):
            return number is not None and stands(lookup, number, value)
        return isinstance(value, str) and stands(lookup, text, value)

    assert column.find("exact", text) == expected_ids(values, equal)
    assert column.find("in", [text]) == expected_ids(values, equal)
    assert column.find("ne", text) == expected_ids(values, lambda v: not equal(v))
    assert column.find("not_in", [text]) == expected_ids(values, lambda v: not equal(v))
    for lookup in ("gt", "gte", "lt", "lte"):
        expected = expected_ids(values, partial(ordered, lookup))
        assert column.find(lookup, text) == expected, lookup
    assert column.find("startswith", text) == expected_ids(
        values, lambda v: isinstance(v, str) and v.startswith(text)
    )


@pytest.mark.parametrize("lookup", ["icontains", "iendswith", "endswith", "contains", "startswith"])
def test_text_that_is_not_valid_can_be_searched(lookup: str) -> None:
    """Bytes that are no UTF-8 in one row do not spoil a search through the others."""
    column = SqliteColumn(sa.Text(), "CAST(x'ff' AS TEXT)", "'é'")
    assert column.find(lookup, "é") == [2]


def test_the_text_of_a_statement_does_not_depend_on_the_value() -> None:
    """One statement serves all values: long and short, ASCII or not, one or many."""
    column = SqliteColumn(sa.Text())

    def text(lookup: str, value: Any) -> str:
        statement = column.ids(lookup, value)
        return str(statement.compile(dialect=DIALECTS["sqlite"]))

    for lookup in column.type.lookups - {"isnull", "range", "regex"}:
        many = lookup in ("in", "not_in")
        first, second = ([], ["é", "b"]) if many else ("", "é" * 30_000)
        assert text(lookup, first) == text(lookup, second)


def test_what_a_type_cannot_do_is_refused() -> None:
    """Integers have no contains, JSON has nothing but isnull, and isnull is not for types."""
    for kind, lookup in (
        (sa.Integer(), "contains"),
        (sa.JSON(), "exact"),
        (sa.Boolean(), "gt"),
        (sa.Text(), "isnull"),
        (sa.Text(), "nearly"),
    ):
        type_: Type = type_of(kind, "sqlite")
        with pytest.raises(ValueError, match=f"{type_.name} has no lookup {lookup}"):
            SqliteColumn(kind).find(lookup, "x")
