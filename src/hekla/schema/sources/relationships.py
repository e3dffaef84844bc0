"""Relations from the relationship()s of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.sql import operators

from hekla.schema.draft import Draft, DraftRelation, Pair, link
from hekla.schema.resource import Link
from hekla.schema.sources.entity import Entity

__all__ = ["draft_relations"]


def draft_relations(
    entity: Entity, drafts: Mapping[Entity, Draft], warnings: list[str]
) -> list[DraftRelation]:
    """The relations that an entity's relationship()s declare, as far as they can be served.

    That is: the two sides are tied by equal columns and by nothing else, and the other side
    is a resource. A warning names each other relationship.
    """
    if entity.mapper is None:
        return []
    by_mapper: dict[orm.Mapper[Any], Entity] = {}
    for other in drafts:
        if other.mapper is not None:
            by_mapper.setdefault(other.mapper, other)
    found = []
    for relationship in entity.mapper.relationships:
        told = f"the relationship {entity.mapper.class_.__name__}.{relationship.key} is left out: "
        target = by_mapper.get(relationship.mapper)
        if target is None:
            warnings.append(f"{told}{relationship.mapper.class_.__name__} is not a resource")
            continue
        links = _links(entity, target, relationship)
        if links is None:
            warnings.append(f"{told}it asks for more than equal columns of the two sides")
            continue
        order = _order(target, drafts[target], relationship)
        if order is None:
            warnings.append(
                f"the order of {entity.mapper.class_.__name__}.{relationship.key} is left out: "
                "it is not by columns that are served"
            )
        found.append(
            DraftRelation(
                name=relationship.key,
                target=drafts[target],
                many=bool(relationship.uselist),
                links=links,
                order=order or (),
                description=relationship.doc or "",
            )
        )
    return found


def _links(
    entity: Entity, target: Entity, relationship: orm.RelationshipProperty[Any]
) -> tuple[Link, ...] | None:
    between = relationship.secondary
    if between is None:
        pairs = _served(
            entity,
            target,
            _only_pairs(relationship.primaryjoin, relationship.local_remote_pairs or ()),
        )
        return None if pairs is None else (link(target.table, pairs),)
    if not isinstance(between, sa.Table) or relationship.secondaryjoin is None:
        return None
    near = _only_pairs(relationship.primaryjoin, relationship.synchronize_pairs)
    far = _only_pairs(relationship.secondaryjoin, relationship.secondary_synchronize_pairs or ())
    near = _served(entity, None, near)
    far = _served(target, None, far)
    if near is None or far is None:
        return None
    return (link(between, near), link(target.table, ((there, here) for here, there in far)))


def _only_pairs(join: sa.ColumnElement[bool], pairs: Sequence[Pair]) -> Sequence[Pair] | None:
    """``pairs``, if their being equal is all that ``join`` asks."""
    asked = set()
    for term in _terms(join):
        if not isinstance(term, sa.BinaryExpression) or term.operator is not operators.eq:
            return None
        asked.add(frozenset((hash(term.left), hash(term.right))))
    return pairs if asked == {frozenset((hash(a), hash(b))) for a, b in pairs} else None


def _terms(join: Any) -> Iterable[Any]:
    if isinstance(join, sa.BooleanClauseList) and join.operator is operators.and_:
        for clause in join.clauses:
            yield from _terms(clause)
    elif isinstance(join, sa.sql.elements.Grouping):
        yield from _terms(join.element)
    else:
        yield join


def _served(
    near: Entity, far: Entity | None, pairs: Sequence[Pair] | None
) -> tuple[Pair, ...] | None:
    """``pairs`` in the columns that the two sides serve; None if one of them is not there."""
    if pairs is None:
        return None
    found = []
    for here, there in pairs:
        served = (near.served(here), there if far is None else far.served(there))
        if served[0] is None or served[1] is None:
            return None
        found.append((served[0], served[1]))
    return tuple(found)


def _order(
    target: Entity, draft: Draft, relationship: orm.RelationshipProperty[Any]
) -> tuple[tuple[str, bool], ...] | None:
    """``order_by`` as names of served columns, each with whether it descends."""
    found = []
    for term in relationship.order_by or ():
        descending = False
        column: Any = term
        while isinstance(column, sa.UnaryExpression):
            if column.modifier not in (operators.asc_op, operators.desc_op):
                return None
            descending = column.modifier is operators.desc_op
            column = column.element
        name = target.names.get(column)
        if name is None or name not in draft.columns:
            return None
        found.append((name, descending))
    return tuple(found)
