"""The parameters of ``GET /tasks/aggregate``: groups, measures, having."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from hekla.errors import INVALID_VALUE, UNKNOWN_COLUMN, UNKNOWN_LOOKUP, UNSUPPORTED, Fault, Problem
from hekla.faces.rest.filters import (
    Budget,
    Sourced,
    connect,
    parse_filter,
    parse_group,
    parse_path,
    read_value,
)
from hekla.faces.rest.grammar import Reader
from hekla.faces.rest.parse import Pairs, number, once, search_text
from hekla.policy.access import Access
from hekla.policy.guard import check_readable, check_search, suggestion
from hekla.query.ast import Aggregate, And, Condition, Having, Measure, Path, Search
from hekla.schema.resource import Resource
from hekla.schema.types import Type
from hekla.settings import Settings

__all__ = ["AGGREGATE_PARAMETERS", "parse_aggregate"]

MEASURES = ("count", "count_distinct", "sum", "avg", "min", "max")
AGGREGATE_PARAMETERS = (
    "group_by",
    *MEASURES,
    "having",
    "order_by",
    "limit",
    "skip",
    "search",
    "or",
    "and",
    "not",
)
_HAVING = ("exact", "ne", "gt", "gte", "lt", "lte")
Function = Literal["count", "count_distinct", "sum", "avg", "min", "max"]


@dataclass(frozen=True, slots=True)
class _Known:
    """A measure that the request asks for, and the type of its figures."""

    measure: Measure
    type: Type


def _paths(
    text: str, resource: Resource, access: Access, budget: Budget, location: str
) -> list[tuple[Path, Type]]:
    reader = Reader(text, location)
    found: dict[str, tuple[Path, Type]] = {}
    while True:
        path, column = parse_path(reader, resource, access, budget)
        found[str(path)] = (path, column.type)
        if reader.at_end:
            return list(found.values())
        reader.expect(",")


def _measures(
    function: Function,
    text: str,
    resource: Resource,
    access: Access,
    budget: Budget,
    taken: set[str],
) -> list[_Known]:
    location = f"query.{function}"
    found = []

    def name(wanted: str) -> str:
        # A group of the same name came first.
        while wanted in taken:
            wanted += "_"
        taken.add(wanted)
        return wanted

    if function == "count" and not text:
        budget.spend(location)
        return [_Known(Measure("count", None, name("count")), Type.count_type)]
    for path, type_ in _paths(text, resource, access, budget, location):
        if function != "count" and function not in type_.aggregates:
            message = f"“{path}” has no {function}." + suggestion(function, type_.aggregates)
            raise Problem(UNSUPPORTED, message, errors=[Fault(location, message)])
        measure = Measure(function, path, name(f"{function}_{path}"))
        found.append(_Known(measure, type_.aggregate_type(function)))
    return found


def _figure_name(reader: Reader) -> str:
    """A group or a measure: over a path it has dots in its name, which stand for themselves."""
    parts = []
    while True:
        name = reader.name()
        parts.append(name.text + name.suffix)
        if not reader.take("."):
            return ".".join(parts)


def _having(text: str, known: dict[str, _Known], budget: Budget) -> tuple[Having, ...]:
    """``(count__gte=5,avg_priority__lt=2)``."""
    location = "query.having"
    reader = Reader(text, location)
    reader.open()
    found = []
    while reader.peek() != ")":
        budget.spend(location)
        full = _figure_name(reader)
        head, mark, lookup = full.rpartition("__")
        if full in known:
            head, lookup = full, "exact"
        elif not mark or head not in known:
            message = f"“{full}” is no measure of this request." + suggestion(full, known)
            raise Problem(UNKNOWN_COLUMN, message, errors=[Fault(location, message)])
        allowed = [each for each in _HAVING if each in known[head].type.lookups]
        if lookup not in allowed:
            message = f"“{head}” has no lookup “{lookup}” here." + suggestion(lookup, allowed)
            raise Problem(UNKNOWN_LOOKUP, message, errors=[Fault(location, message)])
        reader.expect("=")
        value: Any = read_value(known[head].type.parse, reader.value(), location)
        found.append(Having(known[head].measure, lookup, value))
        if not reader.take(","):
            break
    reader.close()
    reader.end()
    return tuple(found)


def _order(text: str, names: list[str]) -> tuple[tuple[str, bool], ...]:
    reader = Reader(text, "query.order_by")
    found: dict[str, bool] = {}
    while True:
        descending = reader.take("-")
        name = _figure_name(reader)
        if name not in names:
            message = f"order_by takes a group or a measure, not “{name}”." + suggestion(
                name, names
            )
            raise Problem(UNKNOWN_COLUMN, message, errors=[Fault("query.order_by", message)])
        found.setdefault(name, descending)
        if reader.at_end:
            return tuple(found.items())
        reader.expect(",")


def parse_aggregate(
    pairs: Pairs, resource: Resource, access: Access, settings: Settings
) -> Aggregate:
    """The query of ``GET /tasks/aggregate?group_by=completed&count&avg=priority``."""
    check_readable(access, resource)
    once(pairs, [name for name in AGGREGATE_PARAMETERS if name not in MEASURES])
    budget = Budget(settings)
    given = dict(pairs)
    groups: tuple[Path, ...] = ()
    if "group_by" in given:
        found = _paths(given["group_by"], resource, access, budget, "query.group_by")
        for path, type_ in found:
            if not type_.sortable:
                message = f"Rows cannot be grouped by “{path}”."
                raise Problem(UNSUPPORTED, message, errors=[Fault("query.group_by", message)])
        groups = tuple(path for path, _ in found)
    taken = {str(path) for path in groups}
    known: dict[str, _Known] = {}
    conditions: list[Condition] = []
    limit: Any = None
    offset: Any = None
    for position, (name, text) in enumerate(pairs):
        location = f"query.{name}"
        if name in MEASURES:
            for each in _measures(cast(Function, name), text, resource, access, budget, taken):
                known[each.measure.name] = each
        elif name in ("or", "and", "not"):
            reader = Reader(text, location)
            conditions.append(connect(name, parse_group(reader, resource, access, budget)))
            reader.end()
        elif name == "limit":
            convert = number(settings.max_page_size, "max_page_size", "limit")
            limit = Sourced(read_value(convert, text, location), position, convert)
        elif name == "skip":
            convert = number(2**63 - 1, "", "skip")
            offset = Sourced(read_value(convert, text, location), position, convert)
        elif name == "search":
            check_search(access, resource, location)
            budget.spend(location)
            if text.split():
                convert_words = search_text(settings)
                conditions.append(Search(read_value(convert_words, text, location)))
        elif name not in AGGREGATE_PARAMETERS:
            conditions.append(
                parse_filter(name, text, position, resource, access, budget, AGGREGATE_PARAMETERS)
            )
    if not groups and not known:
        message = "Ask for a group (group_by=…) or a measure (count, sum=…, avg=…, min=…, max=…)."
        raise Problem(INVALID_VALUE, message, errors=[Fault("query", message)])
    having = _having(given["having"], known, budget) if "having" in given else ()
    order: tuple[tuple[str, bool], ...] = ()
    if "order_by" in given:
        order = _order(given["order_by"], [*(str(path) for path in groups), *known])
    return Aggregate(
        resource.name,
        tuple(each.measure for each in known.values()),
        groups,
        conditions[0] if len(conditions) == 1 else And(tuple(conditions)) if conditions else None,
        having,
        order,
        limit if limit is not None else settings.max_page_size,
        offset,
    )
