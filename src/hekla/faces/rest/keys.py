"""Keys in URLs: ``/tasks/7``, ``/playlist_tracks/1,3402``, ``/customers/a%2Fb``.

The columns of a key are joined by commas, each percent-encoded. A column that begins with
``=`` is what follows, literally: so a key may be empty (``=``), equal a word that means
something else here (``=aggregate``), or begin with ``=`` itself (``==x``). ``!null`` is NULL,
which SQLite allows in keys.

A server may have decoded ``%2F`` and ``%2C`` before Hekla sees the address (RSGI hands over
nothing else). Where a key with more commas than columns can then be read in several ways, all
that fit the columns' types are candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, pairwise
from typing import Any

from hekla.errors import Problem
from hekla.query.ast import And, Compare, Condition
from hekla.schema.resource import Column, Resource
from hekla.web.path import decode_segment, encode_segment

__all__ = ["Key", "format_key", "key_condition", "parse_key"]

RESERVED_KEYS = frozenset({"aggregate", "import", "export", "changes", "live", "batch", "search"})
NULL = "!null"
_MOST_CANDIDATES = 32

Key = tuple[Any, ...]


def format_key(values: tuple[Any, ...]) -> str:
    """The address of a row below its list; values as they stand in JSON."""
    if len(values) == 1 and type(values[0]) is int:
        # The commonest.
        return str(values[0])
    columns = []
    for value in values:
        text = NULL if value is None else str(value)
        literal = text.startswith("=") or (not text or text in RESERVED_KEYS)
        if value is not None and (literal or text == NULL):
            text = f"={text}"
        columns.append(encode_segment(text))
    return ",".join(columns)


def _column(text: str, column: Column) -> Any:
    if "%" in text:
        text = decode_segment(text)
    if text and text[0] in "=!":
        if text == NULL:
            return None
        if text[0] == "=":
            text = text[1:]
    return column.type.parse(text)


def _splits(text: str, columns: int) -> Iterator[list[str]]:
    """All ways to read ``text`` as that many columns."""
    parts = text.split(",")
    if len(parts) == columns:
        yield parts
        return
    for cuts in combinations(range(1, len(parts)), columns - 1):
        edges = (0, *cuts, len(parts))
        yield [",".join(parts[a:b]) for a, b in pairwise(edges)]


def parse_key(text: str, resource: Resource, columns: Mapping[str, Column]) -> list[Key]:
    """The keys that an encoded address may mean: one, unless a server decoded it before.

    None at all if no row can have such a key.
    """
    if not resource.key or not all(name in columns for name in resource.key):
        return []
    if len(resource.key) == 1:
        try:
            return [(_column(text, columns[resource.key[0]]),)]
        except (ValueError, Problem):
            return []
    key = [columns[name] for name in resource.key]
    found: list[Key] = []
    for parts in islice(_splits(text, len(key)), _MOST_CANDIDATES):
        try:
            found.append(tuple(_column(*pair) for pair in zip(parts, key, strict=True)))
        except (ValueError, Problem):
            continue
    return found


def key_condition(resource: Resource, key: Key) -> Condition:
    """The condition that a row has this key."""
    parts = tuple(
        Compare(name, "isnull", True) if value is None else Compare(name, "exact", value)
        for name, value in zip(resource.key, key, strict=True)
    )
    return parts[0] if len(parts) == 1 else And(parts)
