"""Requests that were understood once: the next one of the same form is not parsed again.

Two requests whose parameters have the same names in the same order, and equal texts wherever
the text is more than a value, ask the same question about other values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hekla.engine import Engine, Plan
from hekla.faces.rest.filters import Sourced
from hekla.faces.rest.parse import Pairs
from hekla.policy.access import Access
from hekla.query.ast import Aggregate, Select
from hekla.query.shape import Shape, parameterize

__all__ = ["ASKED", "LONGEST_ASKED", "Asked", "Prepared", "prepare", "skeleton"]

# Parameters whose text decides about the statement; all others are read as values.
_STRUCTURAL = frozenset(
    {"fields", "include", "order_by", "count", "distinct", "or", "and", "not", "having"}
    | {"group_by", "count_distinct", "sum", "avg", "min", "max"}
)


def skeleton(pairs: Pairs, aggregate: bool = False) -> tuple[Any, ...]:
    """What two requests must have in common to ask the same question about other values."""
    parts: list[Any] = [
        pair if pair[0] in _STRUCTURAL or pair[0][-6:] == "isnull" else pair[0] for pair in pairs
    ]
    if "search" in parts:
        # A blank one finds everything, and the groups of an aggregate are searched as they are.
        return tuple(
            [
                pair if pair[0] == "search" and (aggregate or not pair[1].strip()) else part
                for part, pair in zip(parts, pairs, strict=True)
            ]
        )
    return tuple(parts)


def _never(args: Sequence[Any]) -> None:
    return None


class Prepared(msgspec.Struct, frozen=True):
    """A plan, and where each of its values comes from.

    ``sources`` holds ``(position, convert)`` for a pair of the query string, ``(-1 - n, None)``
    for the given value number ``n`` (of a key or a cursor), and ``(None, value)`` for a value
    that is always the same. ``limit`` and ``offset`` tell which values these are, ``tag``
    names the ordering. ``bare``: there is no argument but the one value given. ``read`` reads
    the plan's row by its arguments, where that can be done at once.
    """

    plan: Plan
    shape: Shape
    sources: tuple[tuple[int | None, Any], ...]
    limit: int | None = None
    offset: int | None = None
    tag: str = ""
    bare: bool = False
    read: Callable[[Sequence[Any]], bytes | tuple[Any, ...] | None] = _never

    def values(self, pairs: Pairs, given: Sequence[Any] = ()) -> list[Any]:
        """The values of this request; ValueError if one does not fit."""
        values = []
        for position, convert in self.sources:
            if position is None:
                values.append(convert)
            elif position >= 0:
                values.append(convert(pairs[position][1]))
            else:
                values.append(given[-1 - position])
        return values


# How many query strings are remembered as they were understood, and how long they may be.
ASKED, LONGEST_ASKED = 8192, 512


class Asked(msgspec.Struct, frozen=True):
    """A list as one query string asks for it; ``paging`` is what a Link to another page keeps.

    The same text asks the same again, as it does when a page is loaded by many.
    """

    prepared: Prepared
    values: tuple[Any, ...]
    paging: str


def given_value(place: int) -> Sourced:
    """The marker of a value that does not come from the query string."""
    return Sourced(None, -1 - place, _same)


def _same(text: str) -> Any:
    return text


def prepare(query: Select | Aggregate, engine: Engine, access: Access, tag: str = "") -> Prepared:
    """Take ``query``, whose values know where they came from, as the model of its like."""
    question = parameterize(query)
    sources: list[tuple[int | None, Callable[[str], Any] | Any]] = []
    for value in question.values:
        if isinstance(value, Sourced):
            sources.append((value.position, value.convert if value.position >= 0 else None))
        else:
            sources.append((None, value))
    shaped = question.shape.query
    plan = engine.plan(question.shape, access)
    return Prepared(
        plan,
        question.shape,
        tuple(sources),
        None if shaped.limit is None else shaped.limit.index,
        None if shaped.offset is None else shaped.offset.index,
        tag,
        sources == [(-1, None)] and plan.direct == 1,
        engine.reader(plan),
    )
