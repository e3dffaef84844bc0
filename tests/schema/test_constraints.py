"""What simple CHECK constraints ask is known before the database is asked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla import fields
from hekla.schema.build import Declaration, build_schema
from hekla.schema.check import Check

N = sa.Column("n", sa.Integer)


def checks(
    kind: sa.types.TypeEngine[Any], *constraints: Any, name: str = "n", dialect: Any = "sqlite"
) -> tuple[Check, ...]:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("other", sa.Integer),
        sa.Column(name, kind),
        *(sa.CheckConstraint(each) for each in constraints),
    )
    (resource,) = build_schema([Declaration(table)], dialect)
    return resource.columns[name].checks


READ: list[tuple[sa.types.TypeEngine[Any], str, list[Any], list[Any], list[str]]] = [
    (sa.Integer(), "n >= 1", [1], [0], ["must be at least 1"]),
    (sa.Integer(), '"n">0', [1], [0], ["must be more than 0"]),
    (sa.Integer(), "(N <= 5)", [5], [6], ["must be at most 5"]),
    (sa.Float(), "n < 0.5", [0.4], [0.5], ["must be less than 0.5"]),
    (sa.Numeric(9, 2), "n >= .01", [Decimal("0.01")], [Decimal(0)], ["must be at least 0.01"]),
    (sa.Integer(), "n between -1 and 5", [-1, 5], [-2, 6], ["must be between -1 and 5"]),
    (
        sa.Integer(),
        "n BETWEEN 1 AND 9 AND n < 8 AND other > 3",
        [7],
        [0, 8],
        ["must be between 1 and 9", "must be less than 8"],
    ),
    (
        sa.Integer(),
        "(n > 0) AND (n < 5)",
        [1],
        [0, 5],
        ["must be more than 0", "must be less than 5"],
    ),
    (sa.Integer(), "n IN (1, 2)", [1, 2], [3], ["must be one of 1, 2"]),
    (sa.Text(), "n in ('a', 'it''s')", ["it's"], ["A", "a "], ["must be one of a, it's"]),
    (sa.Text(), "length(n) <= 3", ["abc"], ["abcd"], ["must be at most 3 characters long"]),
    (sa.Text(), "length(n) > 1", ["ab"], ["a"], ["must be more than 1 characters long"]),
]


@pytest.mark.parametrize("case", range(len(READ)))
def test_simple_constraints_are_read(case: int) -> None:
    """A comparison with a number, a list or a length is a check of the column."""
    kind, constraint, good, bad, messages = READ[case]
    found = checks(kind, constraint)
    assert [check.message for check in found] == messages
    assert all(check.test(value) for check in found for value in good)
    assert all(any(not check.test(value) for check in found) for value in bad)


@pytest.mark.parametrize(
    "constraint",
    [
        "n > 1 OR other > 1",
        "NOT n > 1",
        "n > other",
        "n + 1 > 3",
        "n > 1 + 1",
        "abs(n) > 1",
        "n = 1",
        "other > 1",
        "m > 1",
        "n IN (SELECT 1)",
        "CASE WHEN n > 1 THEN 1 END",
        "n > 'a AND n > 5'",
        "(n > 1) = (other > 1)",
        "coalesce(n, 0) > 1 AND other > 2",
        "iif(other > 1 AND n > 5 AND n < 7, 1, 0)",
        "other IN ('a AND n > 5 AND b')",
    ],
)
def test_what_is_not_simple_is_left_to_the_database(constraint: str) -> None:
    """Nothing is guessed of a constraint that says more than one thing of one column."""
    assert checks(sa.Integer(), constraint) == ()


def test_texts_are_not_compared_where_a_collation_might_be() -> None:
    """What a database takes for equal texts is its own affair."""
    assert checks(sa.Text(), "n IN ('a')", dialect="postgresql") == ()
    assert checks(sa.String(9, collation="NOCASE"), "n IN ('a')") == ()
    assert checks(sa.Text(), "n IN ('a' COLLATE NOCASE)") == ()
    assert checks(sa.Text(), "length(n) < 5", dialect="mysql") == ()
    assert checks(sa.Text(), "n > 5") == ()


def test_constraints_may_be_expressions() -> None:
    """SQLAlchemy's own expressions are read as the text that they become."""
    (check,) = checks(sa.Integer(), sa.column("n") >= 3)
    assert check.schema == {"minimum": 3}
    (check,) = checks(sa.Integer(), sa.column("odd name").between(1, 2), name="odd name")
    assert check.schema == {"minimum": 1, "maximum": 2}


def test_what_is_said_twice_is_asked_once() -> None:
    """A bound and a constraint that agree are one check."""
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, info=fields.bounds(ge=1)),
        sa.CheckConstraint("n >= 1"),
    )
    (resource,) = build_schema([Declaration(table)], "sqlite")
    assert len(resource.columns["n"].checks) == 1


CONSTRAINTS = [
    "n >= 1", "n > -2", "n <= 3", "n < 2.5", "n BETWEEN -1 AND 4", "n IN (0, 2, 4)",
    "n > 0 AND n < 4", "n NOT BETWEEN 1 AND 2", "n > 1 OR n < 0", "(n > 1 AND n < 9)",
    "n BETWEEN 1 AND 5 AND n BETWEEN 2 AND 6", "(n > 0) OR (n < -1)", "n IN (1) = 0",
    "(n > 0) AND (n < 5)", "iif(n > 0 AND n > 3 AND n < 9, 1, 1)",
]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(CONSTRAINTS), st.integers(-5, 10))
def test_no_value_is_refused_that_the_database_takes(constraint: str, value: int) -> None:
    """SQLite itself is asked about each value."""
    (taken,) = apsw.Connection(":memory:").execute(
        f"SELECT coalesce({constraint}, 1) FROM (SELECT ? AS n)", (value,)
    )
    passes = all(check.test(value) for check in checks(sa.Integer(), constraint))
    assert passes or not taken[0]
