"""SQL written out as text with places for columns and binds, where Core's own words are many."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["Expression", "condition", "expression"]


class Expression(FunctionElement[Any]):
    """``template`` with its ``{0}``, ``{1}``, … replaced by the SQL of the arguments.

    It is an element like any other to SQLAlchemy: tables and binds inside it are found, and
    columns in it are replaced when a statement is adapted. Its type is unknown on purpose: of
    a BOOLEAN, SQLAlchemy would make ``(…) = 1`` where the database has no boolean.
    """

    inherit_cache = False
    name = "hekla_expression"

    def __init__(self, template: str, *arguments: sa.ColumnElement[Any]) -> None:
        super().__init__(*(_grouped(argument) for argument in arguments))
        self.template = template

    def self_group(self, against: Any = None) -> Any:
        return self


def _grouped(argument: sa.ColumnElement[Any]) -> Any:
    return argument.self_group(against=operators.getitem)


@compiles(Expression)
def _compile_expression(element: Expression, compiler: SQLCompiler, **options: Any) -> str:
    template = element.template
    if compiler.dialect.identifier_preparer._double_percents:
        # The driver fills places written as %s, so a percent sign of ours is written twice.
        template = template.replace("%", "%%")
    arguments = [compiler.process(clause, **options) for clause in element.clauses]
    return template.format(*arguments)


def expression(template: str, *arguments: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """An expression that needs no parentheses around it: a CASE, a call, a literal."""
    return Expression(template, *arguments)


def condition(template: str, *arguments: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A condition, put in parentheses so that NOT, AND and OR may stand beside it."""
    return Expression(f"({template})", *arguments)
