"""Rules said twice: as the SQLAlchemy expression that Hekla takes, and as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hekla import everyone, me, nobody, signed_in
from hekla.actor import Actor

__all__ = ["EVERYONE", "NOBODY", "Data", "Row", "RuleSpec", "Truth"]

Row = Mapping[str, Any]
Data = Mapping[str, Sequence[Row]]
Truth = bool | None
"""What a condition of SQL may be: None is unknown."""

Tables = Mapping[str, sa.Table]


@dataclass(frozen=True)
class RuleSpec:
    """One rule. ``expression`` needs the tables, ``holds`` looks at one row and all data.

    ``decide`` is what is known of it without a row: True, False, or None.
    """

    says: str
    expression: Callable[[Tables], sa.ColumnElement[bool]]
    decide: Callable[[Actor], Truth]
    holds: Callable[[Row, Data, Actor], Truth]

    def __repr__(self) -> str:
        return self.says

    def __and__(self, other: RuleSpec) -> RuleSpec:
        return RuleSpec(
            f"({self} & {other})",
            lambda tables: self.expression(tables) & other.expression(tables),
            lambda actor: _both(self.decide(actor), other.decide(actor)),
            lambda *of: _both(self.holds(*of), other.holds(*of)),
        )

    def __or__(self, other: RuleSpec) -> RuleSpec:
        return RuleSpec(
            f"({self} | {other})",
            lambda tables: self.expression(tables) | other.expression(tables),
            lambda actor: _opposite(
                _both(_opposite(self.decide(actor)), _opposite(other.decide(actor)))
            ),
            lambda *of: _opposite(_both(_opposite(self.holds(*of)), _opposite(other.holds(*of)))),
        )

    def __invert__(self) -> RuleSpec:
        return RuleSpec(
            f"~{self}",
            lambda tables: ~self.expression(tables),
            lambda actor: _opposite(self.decide(actor)),
            lambda *of: _opposite(self.holds(*of)),
        )


def _both(one: Truth, other: Truth) -> Truth:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _known(
    says: str, expression: sa.ColumnElement[bool], decide: Callable[[Actor], bool]
) -> RuleSpec:
    return RuleSpec(says, lambda tables: expression, decide, lambda row, data, actor: decide(actor))


def _of_rows(
    says: str,
    expression: Callable[[Tables], sa.ColumnElement[bool]],
    holds: Callable[[Row, Data, Actor], Truth],
) -> RuleSpec:
    return RuleSpec(says, expression, lambda actor: None, holds)


EVERYONE = _known("everyone", everyone, lambda actor: True)
NOBODY = _known("nobody", nobody, lambda actor: False)
SIGNED_IN = _known("signed_in", signed_in, lambda actor: actor.id is not None)


def has_role(name: str) -> RuleSpec:
    return _known(f"has_role({name!r})", me.has_role(name), lambda actor: name in actor.roles)


# Where me's values come from: how a rule names them, and how to take them from an actor.
_ME: dict[str, tuple[Callable[[], Any], Callable[[Actor], Any]]] = {
    "me.id": (lambda: me.id, lambda actor: actor.id),
    "me.tenant": (lambda: me.tenant, lambda actor: actor.tenant),
    "me.claims": (lambda: me.claims["unit"], lambda actor: actor.claims.get("unit")),
}


def compares_with_me(table: str, column: str, kind: str, value: str, equal: bool) -> RuleSpec:
    """``column == me.id``; a value of the actor that cannot be of the column's kind is NULL."""
    make, take = _ME[value]

    def expression(tables: Tables) -> sa.ColumnElement[bool]:
        own = tables[table].c[column]
        compared: sa.ColumnElement[bool] = own == make() if equal else own != make()
        return compared

    def holds(row: Row, data: Data, actor: Actor) -> Truth:
        own, other = row[column], _fitted(take(actor), kind)
        if own is None or other is None:
            return None
        return (own == other) is equal

    return _of_rows(f"{table}.{column} {'==' if equal else '!='} {value}", expression, holds)


def _fitted(value: Any, kind: str) -> Any:
    """``value`` of an actor as a column of ``kind`` has it; None if it does not fit."""
    if value is None:
        return None
    text = str(value)
    if kind in ("text", "string"):
        return text
    if kind == "uuid":
        try:
            return UUID(text)
        except ValueError:
            return None
    return int(text) if text.lstrip("-").isdecimal() and text.isascii() else None


def compares(table: str, column: str, operator: str, value: Any) -> RuleSpec:
    """``column == value`` and the like, with a value of the rule's own."""
    of: Callable[[Any, Any], Any] = {
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
    }[operator]

    def expression(tables: Tables) -> sa.ColumnElement[bool]:
        compared: sa.ColumnElement[bool] = of(tables[table].c[column], value)
        return compared

    def holds(row: Row, data: Data, actor: Actor) -> Truth:
        return None if row[column] is None else bool(of(row[column], value))

    return _of_rows(f"{table}.{column} {operator} {value!r}", expression, holds)


def is_null(table: str, column: str, null: bool) -> RuleSpec:
    return _of_rows(
        f"{table}.{column} is {'' if null else 'not '}null",
        lambda tables: (
            tables[table].c[column].is_(None) if null else tables[table].c[column].is_not(None)
        ),
        lambda row, data, actor: (row[column] is None) is null,
    )


def is_true(table: str, column: str) -> RuleSpec:
    """A boolean column as a rule by itself."""
    return _of_rows(
        f"{table}.{column}",
        lambda tables: tables[table].c[column],
        lambda row, data, actor: row[column],
    )


def exists(
    table: str, pairs: Sequence[tuple[str, str]], other: str, inner: RuleSpec | None
) -> RuleSpec:
    """There is a row of ``other``, tied by ``pairs`` of columns, for which ``inner`` holds."""

    def expression(tables: Tables) -> sa.ColumnElement[bool]:
        near, far = tables[table], tables[other]
        # A table that is asked about itself goes by another name inside.
        alias: Any = far.alias("inner_") if near is far else far
        ties = [alias.c[there] == near.c[here] for here, there in pairs]
        if inner is not None:
            ties.append(inner.expression({**tables, other: alias}))
        return sa.exists(sa.select(sa.literal(1)).select_from(alias).where(*ties))

    def holds(row: Row, data: Data, actor: Actor) -> Truth:
        return any(
            all(row[here] is not None and row[here] == each[there] for here, there in pairs)
            and (inner is None or inner.holds(each, data, actor) is True)
            for each in data[other]
        )

    return _of_rows(f"exists({other}: {inner})", expression, holds)
