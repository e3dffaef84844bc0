"""A resource while it is being made: what a source knows of a table before names are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hekla.schema.resource import Column, Link, RowCheck

__all__ = ["Draft", "DraftKey", "DraftRelation", "Pair", "link"]

Pair = tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class DraftKey:
    """A foreign key that holds: ``pairs`` of (own column, column of ``target``).

    ``names`` and ``target_names`` are what the two sides call these columns, whether the API
    shows them or not.
    """

    names: tuple[str, ...]
    target: Draft
    target_names: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DraftRelation:
    """A relation that a model declares: its name is given, its target's is not yet."""

    name: str
    target: Draft
    many: bool
    links: tuple[Link, ...]
    order: tuple[tuple[str, bool], ...] = ()
    description: str = ""


@dataclass(slots=True, eq=False)
class Draft:
    """One table on its way to be a resource.

    ``name`` is what the source would call it, until the final one is given. ``uniques`` holds
    the sets of column names of which no two rows have the same values, the key among them;
    ``extent`` all column names of the table, also those that are not served.
    """

    name: str
    table: sa.FromClause
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    uniques: frozenset[frozenset[str]] = frozenset()
    extent: frozenset[str] = frozenset()
    foreign_keys: list[DraftKey] = field(default_factory=list)
    relations: list[DraftRelation] = field(default_factory=list)
    renames: Mapping[str, str | None] = field(default_factory=dict)
    writable: bool = False
    search: tuple[str, ...] = ()
    search_index: str | None = None
    title: str = ""
    description: str = ""
    schema: str | None = None
    hidden: Mapping[str, Column] = field(default_factory=dict)
    validators: tuple[RowCheck, ...] = ()
    version: str | None = None
    soft_delete: str | None = None
    delete_all: bool = False


def link(table: sa.FromClause, pairs: Iterable[Pair]) -> Link:
    """A step to ``table`` over ``pairs`` of (near column, far column)."""
    return Link(table, tuple(pairs))
