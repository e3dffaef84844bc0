"""A query, or a condition, without its values: what a plan is compiled from, and cached by.

``parameterize`` takes every value out of it and leaves a numbered :class:`Hole` in its
place. Two queries that differ in values only come out equal, so they share one statement.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from hekla.query.ast import Aggregate, Compare, Condition, Select

__all__ = ["Hole", "Pattern", "Question", "Shape", "Which", "parameterize", "which"]


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of the value number ``index`` of a query."""

    index: int


Node = TypeVar("Node")


class _Hashed(Generic[Node]):
    """A node of the AST whose values are ``holes`` in number, with its hash worked out once."""

    __slots__ = ("_hash", "holes", "query")

    def __init__(self, query: Node, holes: int) -> None:
        self.query = query
        self.holes = holes
        self._hash = hash(query)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, _Hashed) and self._hash == other._hash and self.query == other.query
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.query!r})"


class Shape(_Hashed[Select | Aggregate]):
    """A query whose values are holes."""

    __slots__ = ()


class Pattern(_Hashed[Condition]):
    """A condition whose values are holes."""

    __slots__ = ()


class Question(msgspec.Struct, frozen=True):
    """A shape and the values for its holes, in order: all that the engine needs to know."""

    shape: Shape
    values: tuple[Any, ...]


class Which(msgspec.Struct, frozen=True):
    """Which rows are meant: a condition and the values for its holes, in order."""

    pattern: Pattern
    values: tuple[Any, ...]


# Fields that hold a value wherever they are not None. ``isnull`` compares with a truth value
# that changes the text of the statement, so its value stays in the shape.
_VALUES = frozenset({"value", "text", "limit", "offset"})


@cache
def _field_names(node: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(node))


def parameterize(query: Select | Aggregate) -> Question:
    """Take the values out of ``query``, in the order in which its fields are declared."""
    taken, values = _take_values(query)
    return Question(Shape(taken, len(values)), values)


def which(condition: Condition) -> Which:
    """Take the values out of a condition that names rows to be changed."""
    taken, values = _take_values(condition)
    return Which(Pattern(taken, len(values)), values)


def _take_values(whole: Any) -> tuple[Any, tuple[Any, ...]]:
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

    return walk(whole), tuple(values)
