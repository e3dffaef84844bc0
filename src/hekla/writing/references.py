"""Foreign keys as seen by whoever writes: one may refer only to rows that one may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hekla.errors import MISSING_REFERENCE, Fault, Problem
from hekla.policy.access import Access
from hekla.schema.resource import Relation, Resource, Schema
from hekla.schema.types import Dialect
from hekla.sql.plan import Plan, ValueSlot, render
from hekla.sql.scope import Scope

__all__ = ["Reference", "find_references", "missing"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The columns of a foreign key, and the statement that finds the row they refer to."""

    names: tuple[str, ...]
    target: str
    plan: Plan

    def problem(self, at: str) -> Problem:
        """What is said where there is no such row, or none that may be seen."""
        return missing(self.names, self.target, at)


def missing(names: tuple[str, ...], target: str, at: str) -> Problem:
    """The Problem that these columns refer to no row of ``target``."""
    message = f"There is no such row in {target}." if target else "There is no such row."
    return Problem(
        MISSING_REFERENCE, message, errors=[Fault(f"{at}/{name}", message) for name in names]
    )


def _own_names(resource: Resource, relation: Relation) -> tuple[str, ...] | None:
    """The columns of the row that hold the foreign key; None if it is at the other end."""
    if relation.many or len(relation.links) != 1:
        return None
    by_source = {column.source: column.name for column in resource.columns.values()}
    names = tuple(by_source.get(near, "") for near, _ in relation.links[0].pairs)
    far = {column for _, column in relation.links[0].pairs}
    near_keys = [
        {element.parent for element in constraint.elements}
        for constraint in getattr(resource.table, "foreign_key_constraints", ())
    ]
    near = {column for column, _ in relation.links[0].pairs}
    return names if all(names) and near in near_keys and far else None


def find_references(
    schema: Schema, access: Access, dialect: Dialect, resource: Resource
) -> tuple[Reference, ...]:
    """The foreign keys whose target shows only some of its rows to the actor.

    Where every row shows, the database's own check is enough. Where none does, its answer is
    all there is: what refers to such a table is meant to be written without reading it.
    """
    found: dict[tuple[str, ...], Reference] = {}
    for relation in resource.relations.values():
        target = schema[relation.target]
        names = _own_names(resource, relation)
        if names is None or names in found or isinstance(access.rows(target), bool):
            continue
        scope = Scope(schema, access, dialect)
        source = scope.source(target)
        conditions = scope.row_rule(source)
        for slot, (name, (_, far)) in enumerate(zip(names, relation.links[0].pairs, strict=True)):
            stored = resource.columns[name].type.store(dialect)
            raw = sa.type_coerce(source.raw(far), sa.types.NullType())
            conditions.append(raw == ValueSlot(slot).bind(stored, sa.types.NullType()))
        one: sa.Label[Any] = sa.literal_column("1").label("found")
        statement = sa.select(one).select_from(source.alias).where(*conditions)
        plan = render(statement, dialect, access, columns=("found",))
        found[names] = Reference(names, target.name, plan)
    return tuple(found.values())
