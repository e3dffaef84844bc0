"""A query without its values: what a plan is compiled from, and cached by.

``parameterize`` takes every value out of a query and leaves a numbered :class:`Hole` in its
place. Two queries that differ in values only come out equal, so they share one statement.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import msgspec

from hekla.query.ast import Aggregate, Compare, Select

__all__ = ["Hole", "Question", "Shape", "parameterize"]


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of the value number ``index`` of a query."""

    index: int


class Shape:
    """A query whose values are holes, with its hash worked out once."""

    __slots__ = ("_hash", "query")

    def __init__(self, query: Select | Aggregate) -> None:
        self.query = query
        self._hash = hash(query)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Shape) and self._hash == other._hash and self.query == other.query
        )

    def __repr__(self) -> str:
        return f"Shape({self.query!r})"


class Question(msgspec.Struct, frozen=True):
    """A shape and the values for its holes, in order: all that the engine needs to know."""

    shape: Shape
    values: tuple[Any, ...]


# Fields that hold a value wherever they are not None. ``isnull`` compares with a truth value
# that changes the text of the statement, so its value stays in the shape.
_VALUES = frozenset({"value", "text", "limit", "offset"})


@cache
def _field_names(node: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(node))


def parameterize(query: Select | Aggregate) -> Question:
    """Take the values out of ``query``, in the order in which its fields are declared."""
    values: list[Any] = []

    def hole(value: Any) -> Hole:
        values.append(value)
        return Hole(len(values) - 1)

    def walk(node: Any) -> Any:
        if isinstance(node, tuple):
            return tuple(walk(item) for item in node)
        if not is_dataclass(node):
            return node
        changed = {}
        for name in _field_names(node.__class__):
            part = getattr(node, name)
            if part is None:
                new: Any = None
            elif name == "after":
                new = tuple(None if item is None else hole(item) for item in part)
            elif name in _VALUES:
                structural = isinstance(node, Compare) and node.lookup == "isnull"
                new = part if structural else hole(part)
            else:
                new = walk(part)
            changed[name] = new
        kind: Any = type(node)
        return kind(**changed)

    return Question(Shape(walk(query)), tuple(values))
