"""The check that a query speaks only of what its actor may know. Pure; no SQL, no rows.

Rows are guarded when the statement is compiled (:mod:`hekla.sql.scope` puts each table's rule
into it). Here the *names* are: a column that is closed to the actor is answered exactly as one
that does not exist, wherever in the query it stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TypeVar

from hekla.errors import (
    FORBIDDEN,
    UNKNOWN_COLUMN,
    UNKNOWN_RELATION,
    UNSUPPORTED,
    Code,
    Fault,
    Problem,
)
from hekla.policy.access import Access
from hekla.policy.rules import Action
from hekla.query.ast import (
    Aggregate,
    And,
    Compare,
    Condition,
    Measure,
    Not,
    Or,
    Path,
    Related,
    Search,
    Select,
)
from hekla.schema.resource import Column, Relation, Resource

__all__ = [
    "check_readable",
    "check_search",
    "check_writable",
    "find_column",
    "find_relation",
    "guard",
    "suggestion",
]

Q = TypeVar("Q", bound=Select | Aggregate)


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A sentence that names the nearest right word, or nothing."""
    names = list(candidates)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if not close:
        folded = {candidate.casefold(): candidate for candidate in names}
        close = [folded[name.casefold()]] if name.casefold() in folded else []
    return f" Did you mean “{close[0]}”?" if close else ""


def _unknown(code: Code, what: str, candidates: Iterable[str], name: str, location: str) -> Problem:
    message = what + suggestion(name, candidates)
    return Problem(code, message, errors=[Fault(location, message)] if location else ())


def find_column(access: Access, resource: Resource, name: str, location: str = "") -> Column:
    """The column, if the actor may know of it; else Problem ``unknown_column``."""
    columns = access.columns(resource)
    column = columns.get(name)
    if column is None:
        what = f"{resource.name} has no column “{name}”."
        raise _unknown(UNKNOWN_COLUMN, what, columns, name, location)
    return column


def find_relation(access: Access, resource: Resource, name: str, location: str = "") -> Relation:
    """The relation; else Problem ``unknown_relation``, or ``forbidden`` where it leads."""
    relations = access.relations(resource)
    relation = relations.get(name)
    if relation is None:
        what = f"{resource.name} has no relation “{name}”."
        raise _unknown(UNKNOWN_RELATION, what, relations, name, location)
    check_readable(access, access.schema[relation.target])
    return relation


def check_readable(access: Access, resource: Resource) -> None:
    """Raise Problem ``forbidden`` if the actor may read no row of ``resource`` at all."""
    if access.rows(resource) is False:
        raise Problem(FORBIDDEN, f"You may not read {resource.name}.")


def check_writable(access: Access, resource: Resource, action: Action) -> None:
    """Raise Problem ``forbidden`` if the actor may do so to no row of ``resource`` at all."""
    if access.writes(resource, action) is False:
        raise Problem(FORBIDDEN, f"You may not {action} rows of {resource.name}.")


def check_search(access: Access, resource: Resource, location: str = "") -> None:
    """Raise Problem ``unsupported`` where the actor knows of no column to search in."""
    if not any(name in access.columns(resource) for name in resource.search):
        message = f"{resource.name} has no columns to search in."
        raise Problem(UNSUPPORTED, message, errors=[Fault(location, message)] if location else ())


def guard(query: Q, access: Access) -> Q:
    """``query``, if all of its names are open to whoever has ``access``.

    Raises Problem ``unknown_column``, ``unknown_relation`` or ``forbidden``.
    """
    resource = access.schema[query.resource]
    if isinstance(query, Select):
        _select(query, resource, access)
        return query
    check_readable(access, resource)
    _condition(query.where, resource, access)
    for path in query.group_by:
        _path(path, resource, access)
    for measure in (*query.measures, *(having.measure for having in query.having)):
        _measure(measure, resource, access)
    return query


def _select(query: Select, resource: Resource, access: Access) -> None:
    check_readable(access, resource)
    for name in query.fields or ():
        find_column(access, resource, name)
    for order in query.order_by:
        _path(order.path, resource, access)
    _condition(query.where, resource, access)
    for include in query.includes:
        relation = find_relation(access, resource, include.relation)
        _select(include.query, access.schema[relation.target], access)


def _measure(measure: Measure, resource: Resource, access: Access) -> None:
    if measure.path is not None:
        _path(measure.path, resource, access)


def _path(path: Path, resource: Resource, access: Access) -> None:
    for name in path.relations:
        relation = find_relation(access, resource, name)
        if relation.many:
            raise Problem(UNSUPPORTED, f"“{path}” leads through {name}, which is a list.")
        resource = access.schema[relation.target]
    find_column(access, resource, path.column)


def _condition(condition: Condition | None, resource: Resource, access: Access) -> None:
    match condition:
        case Compare(column, _, _):
            find_column(access, resource, column)
        case And(conditions) | Or(conditions):
            for part in conditions:
                _condition(part, resource, access)
        case Not(inner):
            _condition(inner, resource, access)
        case Related(name, _, where):
            relation = find_relation(access, resource, name)
            _condition(where, access.schema[relation.target], access)
        case Search():
            check_search(access, resource)
