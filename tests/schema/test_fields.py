"""Column types and bounds that ask more of a value than the database does."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla import OperatorError, fields
from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Column


def column(kind: sa.types.TypeEngine[Any], **arguments: Any) -> Column:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("v", kind, **arguments),
    )
    (resource,) = build_schema([Declaration(table)], "sqlite")
    return resource.columns["v"]


def passes(found: Column, value: Any) -> bool:
    """Whether a value passes the type and every check."""
    try:
        value = found.type.accept(value)
        for check in found.checks:
            check(value)
    except ValueError:
        return False
    return True


GOOD: list[tuple[sa.types.TypeEngine[Any], list[str]]] = [
    (
        fields.Email(),
        ["name@example.org", "a+b.c'd@x", "x@sub.example-site.org", "a" * 64 + "@example.org"],
    ),
    (
        fields.Url(),
        [
            "http://example.org",
            "https://example.org:8443/a/b;c?d=e&f=%20#g",
            "https://[2001:db8::1]/",
            "http://127.0.0.1:8000/?q",
            "https://xn--bcher-kva.example/",
        ],
    ),
    (fields.Slug(), ["a", "first-page_2", "-", "A" * 50]),
]
BAD: list[tuple[sa.types.TypeEngine[Any], list[str]]] = [
    (
        fields.Email(),
        [
            "",
            "name",
            "@example.org",
            "name@",
            "a b@example.org",
            "name@example..org",
            "name@-example.org",
            "name@example.org\n",
            "ñ@example.org",
            "a" * 65 + "@example.org",
            "a@" + "b" * 64 + ".org",
            "a@" + ("b" * 60 + ".") * 5 + "org",
        ],
    ),
    (
        fields.Url(),
        [
            "",
            "example.org",
            "//example.org/",
            "javascript:alert(1)",
            "ftp://example.org/",
            "https://",
            "https:///path",
            "https://user:secret@example.org/",
            "https://example.org/a b",
            "https://example.org/%2",
            "https://example.org/\n",
            "https://example.org:port/",
            "https://example.org/ä",
            "https://example.org/" + "a" * 2048,
        ],
    ),
    (fields.Slug(), ["", "a b", "a/b", "ä", "a\n", "a" * 51, "a.b"]),
]


@pytest.mark.parametrize("case", range(len(GOOD)))
def test_a_type_takes_its_own(case: int) -> None:
    """Addresses and slugs that are well formed pass."""
    kind, texts = GOOD[case]
    assert [text for text in texts if not passes(column(kind), text)] == []


@pytest.mark.parametrize("case", range(len(BAD)))
def test_a_type_refuses_what_is_none_of_its_own(case: int) -> None:
    """What is not well formed, too long, or would deceive a reader is refused."""
    kind, texts = BAD[case]
    assert [text for text in texts if passes(column(kind), text)] == []


@settings(deadline=None)
@given(st.emails())
def test_every_usual_address_is_an_email(address: str) -> None:
    """What RFC 5322 calls an address without quotes is one here."""
    assert passes(column(fields.Email()), address)


def test_a_long_text_is_refused_in_no_time() -> None:
    """No text makes a pattern of these types look back and forth."""
    for kind, text in (
        (fields.Email(None), "a@" + "a-" * 50_000),
        (fields.Url(None), "https://" + "a." * 50_000 + "\0"),
        (fields.Slug(None), "a" * 100_000 + "."),
    ):
        (check,) = column(kind).checks
        before = dt.datetime.now()
        assert not check.test(text)
        assert dt.datetime.now() - before < dt.timedelta(seconds=2)


def test_types_are_ordinary_columns() -> None:
    """To SQLAlchemy they are VARCHARs of their length, and copies keep what they ask."""
    assert str(fields.Email().compile()) == "VARCHAR(254)"
    assert str(fields.Url(100).compile()) == "VARCHAR(100)"
    copied = sa.Table("t", sa.MetaData(), sa.Column("v", fields.Slug(9))).to_metadata(sa.MetaData())
    assert isinstance(copied.c.v.type, fields.Slug)
    assert copied.c.v.type.checks == fields.Slug.checks
    assert column(fields.Slug(9)).type.name == "text"


BOUNDS: list[tuple[sa.types.TypeEngine[Any], dict[str, Any], Any, Any, str, dict[str, Any]]] = [
    (sa.Integer(), {"ge": 1}, 1, 0, "must be at least 1", {"minimum": 1}),
    (sa.Integer(), {"gt": 1}, 2, 1, "must be more than 1", {"exclusiveMinimum": 1}),
    (sa.Integer(), {"le": 5}, 5, 6, "must be at most 5", {"maximum": 5}),
    (sa.Integer(), {"lt": 5}, 4, 5, "must be less than 5", {"exclusiveMaximum": 5}),
    (sa.Integer(), {"multiple_of": 5}, -10, 3, "must be a multiple of 5", {"multipleOf": 5}),
    (sa.Float(), {"multiple_of": 0.1}, 0.7, 0.75, "must be a multiple of 0.1", {"multipleOf": 0.1}),
    (
        sa.Numeric(9, 2),
        {"ge": Decimal("0.01")},
        Decimal("0.01"),
        Decimal(0),
        "must be at least 0.01",
        {"minimum": 0.01},
    ),
    (
        sa.Date(),
        {"ge": dt.date(2026, 1, 1)},
        "2026-01-01",
        "2025-12-31",
        "must be at least 2026-01-01",
        {},
    ),
    (
        sa.Text(),
        {"min_length": 2},
        "ab",
        "a",
        "must be at least 2 characters long",
        {"minLength": 2},
    ),
    (
        sa.Text(),
        {"max_length": 2},
        "😀😀",
        "abc",
        "must be at most 2 characters long",
        {"maxLength": 2},
    ),
    (
        sa.Text(),
        {"pattern": "^[A-Z]"},
        "Ab",
        "ab",
        "must match the pattern ^[A-Z]",
        {"pattern": "^[A-Z]"},
    ),
]


@pytest.mark.parametrize("case", range(len(BOUNDS)))
def test_bounds_are_kept_and_told(case: int) -> None:
    """A value at the bound passes, one beyond it is refused; JSON Schema says the same."""
    kind, asked, good, bad, message, schema = BOUNDS[case]
    found = column(kind, info=fields.bounds(**asked))
    assert passes(found, good)
    (check,) = found.checks
    assert check.schema == schema
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check(found.type.accept(bad))


def test_bounds_go_together_with_other_info() -> None:
    """The result is a dictionary that can hold more, and checks of type and info add up."""
    info = {**fields.bounds(min_length=3, pattern="a"), "widget": "big"}
    found = column(fields.Slug(), info=info)
    assert len(found.checks) == 3
    assert passes(found, "abc")
    assert not passes(found, "ab")
    assert not passes(found, "xyz")


def test_info_that_is_no_bounds_is_told() -> None:
    """Something else under the same name is the operator's mistake."""
    with pytest.raises(OperatorError, match='the info of the column "v" holds no checks'):
        column(sa.Text(), info={"hekla_checks": "x"})
