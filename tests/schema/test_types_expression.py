"""SQL written out as text behaves like any other element of SQLAlchemy."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.util import ClauseAdapter

from hekla.schema.types.expression import condition, expression
from tests.schema.columns import DIALECTS

table = sa.table("t", sa.column("a"), sa.column("b"))


def text_of(element: sa.ClauseElement, dialect: Any = "sqlite") -> str:
    return str(element.compile(dialect=DIALECTS[dialect]))


def test_arguments_take_their_places() -> None:
    """Each place is filled, as often as it occurs, and what is compound is put in parentheses."""
    assert text_of(expression("f({1}, {0}, {1})", table.c.a, table.c.b)) == "f(t.b, t.a, t.b)"
    assert text_of(expression("f({0}) || 'x'", table.c.a + table.c.b)) == "f((t.a + t.b)) || 'x'"


def test_a_condition_stands_beside_others() -> None:
    """NOT, AND, OR and IS NOT take the condition as a whole."""
    either = condition("{0} = 1 OR {1} = 2", table.c.a, table.c.b)
    assert text_of(sa.not_(either)) == "NOT (t.a = 1 OR t.b = 2)"
    assert text_of(sa.and_(either, table.c.a > table.c.b)) == ("(t.a = 1 OR t.b = 2) AND t.a > t.b")
    assert text_of(either.is_not(sa.literal_column("1"))) == "(t.a = 1 OR t.b = 2) IS NOT 1"


def test_binds_are_given_as_often_as_they_occur() -> None:
    """A bind that is written twice has two arguments, in the order of the text."""
    first: sa.ColumnElement[int] = sa.bindparam("first", 1)
    second: sa.ColumnElement[int] = sa.bindparam("second", 2)
    compiled: Any = condition("{0} > {1} OR {0} < 0", first, second).compile(
        dialect=DIALECTS["sqlite"]
    )
    assert str(compiled) == "(? > ? OR ? < 0)"
    assert compiled.positiontup == ["first", "second", "first"]


def test_columns_inside_follow_an_alias() -> None:
    """When a statement is adapted to an alias, what is inside is adapted too."""
    alias = table.alias("other")
    adapted = ClauseAdapter(alias).traverse(expression("f({0})", table.c.a))
    assert text_of(adapted) == "f(other.a)"
    assert (
        text_of(sa.select(adapted)) == "SELECT f(other.a) AS hekla_expression_1 \nFROM t AS other"
    )


def test_percent_signs_are_doubled_where_the_driver_fills_places() -> None:
    """A percent sign of ours is none of the driver's places."""
    element = expression("DATE_FORMAT({0}, '%Y')", table.c.a)
    assert text_of(element, "mysql") == "DATE_FORMAT(t.a, '%%Y')"
    assert text_of(element, "sqlite") == "DATE_FORMAT(t.a, '%Y')"
