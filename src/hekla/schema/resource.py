"""The frozen description of everything that is served: resources, their columns, relations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa

from hekla.schema.check import Check
from hekla.schema.default import Default
from hekla.schema.types import Type

__all__ = ["Column", "Link", "Relation", "Resource", "RowCheck", "Schema", "Stamp", "Validator"]

Stamp = Literal["created", "updated", "created_by", "updated_by", "tenant"]

Validator = Callable[[Any], Any]
"""Gives the value to store for a value, or raises ValueError."""

RowCheck = Callable[[Mapping[str, Any]], None]
"""Raises ValueError (``hekla.fields.Invalid`` names columns) for a row that is not valid."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column as the API sees it: ``name`` is its JSON key, ``source`` the table's column.

    ``guarded``: the database may hold values that do not fit the type (a reflected SQLite
    table, a view), so each value is looked at before it is taken for what it should be.

    Of writing: ``default`` and ``on_update`` are what the model computes in Python for a row
    that is created or changed without a value, ``default_sql`` and ``on_update_sql`` the same
    as expressions; ``server_default``: the database gives a value by itself. ``read_only``: no
    request may give a value; ``write_once``: only the one that creates the row may. ``secret``
    keeps it out of the change log. ``stamp``: Hekla writes the moment or the actor there.
    ``checks`` and the application's own ``validators`` test a value that is not NULL.
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
    default: Default | None = None
    default_sql: sa.ColumnElement[Any] | None = None
    on_update: Default | None = None
    on_update_sql: sa.ColumnElement[Any] | None = None
    server_default: bool = False
    read_only: bool = False
    write_once: bool = False
    secret: bool = False
    stamp: Stamp | None = None
    checks: tuple[Check, ...] = ()
    validators: tuple[Validator, ...] = ()

    @property
    def settable(self) -> bool:
        """Whether a request may give a value at all."""
        return not (self.generated or self.read_only or self.stamp) and self.type.writable

    @property
    def required(self) -> bool:
        """Whether whoever creates a row must give a value."""
        return self.settable and not (self.nullable or self.fills_itself)

    @property
    def fills_itself(self) -> bool:
        """Whether a row that is created without a value gets one that is not NULL."""
        given = self.default is not None or self.default_sql is not None
        return given or self.server_default or self.generated


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

    ``hidden`` holds the table's columns that the API does not show; what they are filled with
    by default, or as a stamp, is written all the same. ``uniques`` are sets of shown columns
    that tell rows apart, the key first. ``validators`` test a whole row. ``version`` names the
    column that counts the writes of a row, ``soft_delete`` the one that marks it as deleted
    (a moment, or true); either may be hidden. ``delete_all``: whoever deletes without a filter
    means every row.
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
    hidden: Mapping[str, Column] = field(default_factory=lambda: MappingProxyType({}))
    uniques: tuple[tuple[str, ...], ...] = ()
    validators: tuple[RowCheck, ...] = ()
    version: str | None = None
    soft_delete: str | None = None
    delete_all: bool = False

    def column(self, name: str) -> Column:
        """The column ``name``, hidden or not; KeyError if there is none."""
        column = self.columns.get(name)
        return self.hidden[name] if column is None else column


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """All resources by name, and what could not be served with the reason."""

    resources: Mapping[str, Resource]
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Resource:
        return self.resources[name]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())
