"""Relations as seen by whoever writes: which table holds what ties two rows, in which columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hekla.policy.access import Access
from hekla.schema.resource import Column, Relation, Resource, Schema

__all__ = ["Tie", "find_ties"]

Pairs = tuple[tuple[str, str], ...]
"""Names of columns that are equal in two rows that are tied: the holder's comes first."""


@dataclass(frozen=True, slots=True, eq=False)
class Tie:
    """How a relation ties a row to those at its far end, and whether the actor may tie them.

    ``holder`` says where the foreign key is: in the row itself (``near``), in the rows at the
    far end, or in a table in between. ``near`` pairs the holder's columns with the row's,
    ``far`` with those of the far end; the one that is the holder itself has none. For a table
    in between that is no resource they are names of its columns.

    ``closed`` says why the actor may not set the columns that tie, if that is so. ``once``:
    they can be set only when the holder's row is created.
    """

    relation: Relation
    target: Resource
    holder: Literal["near", "far", "between"]
    near: Pairs
    far: Pairs
    between: Resource | None
    loose: tuple[str, ...]
    closed: str
    once: bool

    @property
    def held(self) -> tuple[str, ...]:
        """The columns that tie, in the table that holds them."""
        return tuple(name for name, _ in (*self.near, *self.far))

    @property
    def given(self) -> tuple[str, ...]:
        """The columns of a row at the far end that it has from the row it is tied to."""
        return tuple(name for name, _ in self.near) if self.holder == "far" else ()

    @property
    def own_key(self) -> tuple[str, ...]:
        """The columns of its key that a row at the far end has from nowhere else."""
        return tuple(name for name in self.target.key if name not in self.given)

    @property
    def depends(self) -> bool:
        """Whether rows at the far end have part of their key from the row they belong to."""
        return len(self.own_key) < len(self.target.key)


def find_ties(schema: Schema, access: Access, resource: Resource) -> Mapping[str, Tie]:
    """The relations of ``resource`` that a document may speak of, by name."""
    found = {}
    for name, relation in access.relations(resource).items():
        tie = _tie(schema, access, resource, relation)
        if tie is not None:
            found[name] = tie
    return found


def _tie(schema: Schema, access: Access, resource: Resource, relation: Relation) -> Tie | None:
    target = schema[relation.target]
    if len(relation.links) == 2:
        return _tie_between(schema, access, resource, relation, target)
    pairs = relation.links[0].pairs
    near = _names(resource, (column for column, _ in pairs))
    far = _names(target, (column for _, column in pairs))
    if near is None or far is None:
        return None
    if relation.many or not _refers(resource, near, target, far):
        return Tie(
            relation,
            target,
            "far",
            tuple(zip(far, near, strict=True)),
            (),
            None,
            _loose(target, far),
            *_closed(access, target, far),
        )
    return Tie(
        relation,
        target,
        "near",
        (),
        tuple(zip(near, far, strict=True)),
        None,
        _loose(resource, near),
        *_closed(access, resource, near),
    )


def _tie_between(
    schema: Schema, access: Access, resource: Resource, relation: Relation, target: Resource
) -> Tie | None:
    first, second = relation.links
    between = next((each for each in schema if each.table is first.table), None)
    near = _names(resource, (column for column, _ in first.pairs))
    far = _names(target, (column for _, column in second.pairs))
    here: tuple[str, ...] | None
    there: tuple[str, ...] | None
    if between is None:
        here = tuple(_column_name(column) for _, column in first.pairs)
        there = tuple(_column_name(column) for column, _ in second.pairs)
    else:
        here = _names(between, (column for _, column in first.pairs))
        there = _names(between, (column for column, _ in second.pairs))
    if near is None or far is None or here is None or there is None:
        return None
    closed = "" if between is None else _closed(access, between, (*here, *there))[0]
    return Tie(
        relation,
        target,
        "between",
        tuple(zip(here, near, strict=True)),
        tuple(zip(there, far, strict=True)),
        between,
        (),
        closed,
        False,
    )


def _column_name(column: sa.ColumnElement[Any]) -> str:
    return str(getattr(column, "name", ""))


def _names(
    resource: Resource, sources: Iterable[sa.ColumnElement[object]]
) -> tuple[str, ...] | None:
    """The names of columns of its table; None if one of them is not known."""
    by_source = {
        column.source: column.name
        for column in (*resource.columns.values(), *resource.hidden.values())
    }
    names = tuple(by_source.get(source, "") for source in sources)
    return names if all(names) else None


def _refers(near: Resource, names: tuple[str, ...], far: Resource, others: tuple[str, ...]) -> bool:
    """Whether the near row of a relation to one holds the foreign key.

    Where neither side declares one, the side whose columns are its key is referred to.
    """
    if _is_foreign_key(near, names, far):
        return True
    if _is_foreign_key(far, others, near):
        return False
    return set(names) != set(near.key)


def _is_foreign_key(holder: Resource, names: tuple[str, ...], other: Resource) -> bool:
    sources = {holder.column(name).source for name in names}
    return any(
        {element.parent for element in constraint.elements} == sources
        and constraint.referred_table is other.table
        for constraint in getattr(holder.table, "foreign_key_constraints", ())
    )


def _loose(holder: Resource, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are set to NULL to let go: one that is NULL is enough to refer to none."""
    columns: list[Column] = [holder.column(name) for name in names]
    return tuple(column.name for column in columns if column.nullable and not column.in_key)


def _closed(access: Access, holder: Resource, names: tuple[str, ...]) -> tuple[str, bool]:
    settable = access.settable(holder)
    shown = access.columns(holder)
    once = False
    for name in names:
        column = holder.column(name)
        if name not in settable:
            if name not in shown:
                return "it cannot be set through this relation", False
            if not column.settable:
                return f"{name} of {holder.name} is read-only", False
            return f"{name} of {holder.name} may not be written by you", False
        once = once or column.write_once
    return "", once
