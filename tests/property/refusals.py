"""Which queries may not be asked, and by which errors they may be answered."""

from __future__ import annotations

from hekla.query.ast import (
    Aggregate,
    And,
    Compare,
    Condition,
    Not,
    Or,
    Path,
    Related,
    Search,
    Select,
)
from tests.property.model import ResourceModel
from tests.property.sight import Sight

__all__ = ["Refused", "check"]


class Refused(Exception):
    """The query may not be asked; ``codes`` are the errors that may be answered."""

    def __init__(self, codes: set[str]) -> None:
        super().__init__(", ".join(sorted(codes)))
        self.codes = codes


def check(sight: Sight, query: Select | Aggregate) -> None:
    """Raise Refused for a query that names what the actor may not know of."""
    codes: set[str] = set()
    _check(sight, query, sight.model.resources[query.resource], codes)
    if codes:
        raise Refused(codes)


def _check(
    sight: Sight, query: Select | Aggregate, resource: ResourceModel, codes: set[str]
) -> None:
    if not sight.readable(resource):
        codes.add("forbidden")
        return
    _check_condition(sight, query.where, resource, codes)
    if isinstance(query, Aggregate):
        paths = [*query.group_by]
        for measure in (*query.measures, *(having.measure for having in query.having)):
            if measure.path is not None:
                paths.append(measure.path)
        for path in paths:
            _check_path(sight, path, resource, codes)
        return
    for name in query.fields or ():
        if name not in sight.columns(resource):
            codes.add("unknown_column")
    for order in query.order_by:
        _check_path(sight, order.path, resource, codes)
    for include in query.includes:
        target = _check_relation(sight, include.relation, resource, codes)
        if target is not None:
            _check(sight, include.query, target, codes)
    if query.cursor and (not sight.has_key(resource) or query.distinct):
        codes.add("unsupported")
    if query.distinct:
        chosen = query.fields if query.fields is not None else sight.columns(resource)
        if query.includes or any(
            order.path.relations or order.path.column not in chosen for order in query.order_by
        ):
            codes.add("unsupported")


def _check_relation(
    sight: Sight, name: str, resource: ResourceModel, codes: set[str]
) -> ResourceModel | None:
    relation = sight.relations(resource).get(name)
    if relation is None:
        codes.add("unknown_relation")
        return None
    target = sight.model.resources[relation.target]
    if not sight.readable(target):
        codes.add("forbidden")
        return None
    return target


def _check_path(sight: Sight, path: Path, resource: ResourceModel, codes: set[str]) -> None:
    at: ResourceModel | None = resource
    for name in path.relations:
        assert at is not None
        here, at = at, _check_relation(sight, name, at, codes)
        if at is None:
            return
        if here.relations[name].many:
            codes.add("unsupported")
            return
    assert at is not None
    if path.column not in sight.columns(at):
        codes.add("unknown_column")


def _check_condition(
    sight: Sight, condition: Condition | None, resource: ResourceModel, codes: set[str]
) -> None:
    match condition:
        case Compare(column, _, _):
            if column not in sight.columns(resource):
                codes.add("unknown_column")
        case And(parts) | Or(parts):
            for part in parts:
                _check_condition(sight, part, resource, codes)
        case Not(inner):
            _check_condition(sight, inner, resource, codes)
        case Related(name, _, where):
            target = _check_relation(sight, name, resource, codes)
            if target is not None:
                _check_condition(sight, where, target, codes)
        case Search():
            if not sight.searched(resource):
                codes.add("unsupported")
