"""The frozen description of everything that is served: resources, their columns, relations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sqlalchemy as sa

from hekla.schema.types import Type

__all__ = ["Column", "Link", "Relation", "Resource", "Schema"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column as the API sees it: ``name`` is its JSON key, ``source`` the table's column.

    ``guarded``: the database may hold values that do not fit the type (a reflected SQLite
    table, a view), so each value is looked at before it is taken for what it should be.
    """

    name: str
    source: sa.ColumnElement[object]
    type: Type
    nullable: bool = True
    in_key: bool = False
    generated: bool = False
    guarded: bool = False
    has_default: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One step of a join: rows of two tables belong together where each pair is equal.

    ``pairs`` holds ``(near column, far column)``, near being the side one comes from.
    """

    table: sa.FromClause
    pairs: tuple[tuple[sa.ColumnElement[object], sa.ColumnElement[object]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """The way from a row to rows of another resource (or of the same one).

    ``links`` is one step for a foreign key in either direction, two for a many-to-many (the
    first leads to the table in between). ``many`` tells an array from an object. ``order`` is
    what a model's ``order_by`` asks for: columns of the target, each with whether it descends.
    """

    name: str
    target: str
    many: bool
    links: tuple[Link, ...]
    description: str = ""
    order: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One table or view as the API sees it.

    ``key`` names the columns that identify a row, in order; empty where there is none: such a
    resource has lists only. ``search`` names the columns that ``search=`` looks in, and
    ``search_index`` the FTS5 table over them (external content, rowid equal to the row's).
    """

    name: str
    table: sa.FromClause
    columns: Mapping[str, Column]
    relations: Mapping[str, Relation] = field(default_factory=lambda: MappingProxyType({}))
    key: tuple[str, ...] = ()
    writable: bool = False
    search: tuple[str, ...] = ()
    search_index: str | None = None
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """All resources by name, and what could not be served with the reason."""

    resources: Mapping[str, Resource]
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Resource:
        return self.resources[name]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())
