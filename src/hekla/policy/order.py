"""Orderings made total by what the actor may see."""

from __future__ import annotations

from collections.abc import Sequence

from hekla.errors import UNSUPPORTED, Problem
from hekla.policy.access import Access
from hekla.query.ast import Order, Path, Select
from hekla.schema.resource import Resource

__all__ = ["complete_order", "shows_key"]


def shows_key(access: Access, resource: Resource) -> bool:
    """Whether every row shows its key, so that no two of them look alike."""
    visible, masks = access.columns(resource), access.masks(resource)
    return bool(resource.key) and all(n in visible and n not in masks for n in resource.key)


def complete_order(access: Access, resource: Resource, query: Select) -> tuple[Order, ...]:
    """What was asked, and then the key, so that no two rows tie.

    Without a key, or where it does not show in every row, all columns that can be sorted take
    its place. With ``distinct`` only the chosen fields may order rows.
    """
    visible = access.columns(resource)
    asked = {order.path.column for order in query.order_by if not order.path.relations}
    if query.distinct:
        chosen = tuple(visible) if query.fields is None else query.fields
        if any(order.path.relations or order.path.column not in chosen for order in query.order_by):
            raise Problem(UNSUPPORTED, "With distinct, order_by takes only what is in fields.")
    ties: Sequence[str]
    if query.distinct and query.fields is not None:
        ties = query.fields
    elif shows_key(access, resource):
        ties = () if asked.issuperset(resource.key) else resource.key
        if any(resource.columns[name].nullable for name in resource.key):
            # SQLite lets several rows have NULL for a key: the other columns tell them apart.
            ties = (*ties, *visible)
    else:
        ties = tuple(visible)
    rest = tuple(
        Order(Path((), name))
        for name in dict.fromkeys(ties)
        if name not in asked and visible[name].type.sortable
    )
    return query.order_by + rest
