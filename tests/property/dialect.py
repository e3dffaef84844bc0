"""Queries written as the URLs that ask them: the REST dialect, from docs/reference/rest.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from hekla.query.ast import (
    Aggregate,
    And,
    Compare,
    Condition,
    Having,
    Include,
    Measure,
    Not,
    Or,
    Order,
    Path,
    Related,
    Search,
    Select,
)
from tests.property.kinds import KINDS, Kind
from tests.property.model import Model, ResourceModel

__all__ = ["Writer", "address"]

PARAMETERS = frozenset(
    {"fields", "include", "order_by", "limit", "skip", "cursor", "count", "distinct", "search"}
    | {"or", "and", "not", "group_by", "having", "count_distinct", "sum", "avg", "min", "max"}
)
LOOKUPS = frozenset().union(*(kind.lookups for kind in KINDS.values()))


def _text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _name(name: str) -> str:
    """A name in a path: in quotes where it holds what means something there."""
    return _text(name) if set(name) & set('=:,.()"') or name.startswith("-") else name


def address(resource: str, pairs: Iterable[tuple[str, str]], rest: str = "") -> str:
    """Path and query of a request, every name and value percent-encoded."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return f"/{quote(resource, safe='')}{rest}" + (f"?{query}" if query else "")


class Writer:
    """Writes the queries about one database."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def select(self, query: Select) -> str:
        """The URL of a list."""
        resource = self.model.resources[query.resource]
        pairs = []
        for condition in _and_parts(query.where):
            if isinstance(condition, Search):
                pairs.append(("search", condition.text))
            else:
                pairs.append(self._parameter(resource, condition))
        if query.fields is not None:
            pairs.append(("fields", ",".join(map(_name, query.fields))))
        if query.includes:
            pairs.append(("include", self._includes(query.includes)))
        if query.order_by:
            pairs.append(("order_by", ",".join(map(_order, query.order_by))))
        if query.limit is not None:
            pairs.append(("limit", str(query.limit)))
        if query.offset is not None:
            pairs.append(("skip", str(query.offset)))
        if query.count:
            pairs.append(("count", "exact"))
        if query.distinct:
            pairs.append(("distinct", "true"))
        if query.cursor:
            pairs.append(("cursor", ""))
        return address(query.resource, pairs)

    def aggregate(self, query: Aggregate) -> str:
        """The URL of an aggregation."""
        resource = self.model.resources[query.resource]
        pairs = []
        if query.group_by:
            pairs.append(("group_by", ",".join(map(_path, query.group_by))))
        for measure in query.measures:
            path = "" if measure.path is None else _path(measure.path)
            pairs.append((measure.function, path))
        for condition in _and_parts(query.where):
            if isinstance(condition, Search):
                pairs.append(("search", condition.text))
            else:
                pairs.append(self._parameter(resource, condition))
        if query.having:
            terms = ",".join(self._having(resource, having) for having in query.having)
            pairs.append(("having", f"({terms})"))
        if query.order_by:
            terms = ",".join(
                f"{'-' if descending else ''}{_name(name)}" for name, descending in query.order_by
            )
            pairs.append(("order_by", terms))
        if query.limit is not None:
            pairs.append(("limit", str(query.limit)))
        if query.offset is not None:
            pairs.append(("skip", str(query.offset)))
        return address(query.resource, pairs, "/aggregate")

    # Conditions

    def _parameter(self, resource: ResourceModel, condition: Condition) -> tuple[str, str]:
        """A condition as one parameter."""
        match condition:
            case Compare(column, lookup, value):
                kind = resource.columns[column]
                return _column(column, lookup, top=True), _operand(kind, lookup, value)
            case Or(parts):
                return "or", self._group(resource, parts)
            case Not(And(parts)):
                return "not", self._group(resource, parts)
            case Not(inner):
                return "not", self._group(resource, (inner,))
            case Related(name, "any", None):
                return f"{_name(name)}__isnull", "false"
            case Related(name, "none", None):
                return f"{_name(name)}__isnull", "true"
            case Related():
                dotted = self._dotted(resource, condition)
                if dotted is not None:
                    return dotted
        return "and", self._group(resource, _and_parts(condition))

    def _dotted(self, resource: ResourceModel, condition: Condition) -> tuple[str, str] | None:
        """``comments:none.author.name``, if that is all that is asked."""
        hops = []
        while isinstance(condition, Related) and condition.where is not None:
            hops.append(_name(condition.relation))
            if condition.quantifier != "any":
                hops[-1] += f":{condition.quantifier}"
            resource = self.model.resources[resource.relations[condition.relation].target]
            condition = condition.where
        if not isinstance(condition, Compare):
            return None
        kind = resource.columns[condition.column]
        path = ".".join((*hops, _column(condition.column, condition.lookup)))
        return path, _operand(kind, condition.lookup, condition.value)

    def _group(self, resource: ResourceModel, parts: Iterable[Condition]) -> str:
        return "(" + ",".join(self._member(resource, part) for part in parts) + ")"

    def _member(self, resource: ResourceModel, condition: Condition) -> str:
        match condition:
            case Compare(column, lookup, value):
                kind = resource.columns[column]
                text = _operand(kind, lookup, value)
                inside = f"({text})" if lookup in ("in", "not_in", "range") else _text(text)
                return f"{_column(column, lookup)}={inside}"
            case Related(name, quantifier, where):
                target = self.model.resources[resource.relations[name].target]
                inner = "()" if where is None else self._group(target, _and_parts(where))
                return f"{_name(name)}:{quantifier}{inner}"
        name, value = self._parameter(resource, condition)
        return f"{name}={value}"

    # What is embedded

    def _includes(self, includes: Iterable[Include]) -> str:
        return ",".join(text for include in includes for text in self._include(include))

    def _include(self, include: Include) -> list[str]:
        """A relation with its options; by dots, once for each relation that goes on from it."""
        query = include.query
        target = self.model.resources[query.resource]
        if query == Select(query.resource, includes=query.includes) and query.includes:
            # Nothing but the next relation is asked for, so a dot does.
            return [
                f"{_name(include.relation)}.{text}"
                for further in query.includes
                for text in self._include(further)
            ]
        options = []
        if query.fields is not None:
            options.append(f"fields:({','.join(map(_name, query.fields))})")
        if query.order_by:
            options.append(f"order_by:({','.join(map(_order, query.order_by))})")
        if query.limit is not None:
            options.append(f"limit:{query.limit}")
        if query.offset is not None:
            options.append(f"skip:{query.offset}")
        if query.where is not None:
            options.append(f"and:{self._group(target, _and_parts(query.where))}")
        if query.includes:
            options.append(f"include:({self._includes(query.includes)})")
        return [_name(include.relation) + (f"({','.join(options)})" if options else "")]

    # Figures

    def _having(self, resource: ResourceModel, having: Having) -> str:
        measure = having.measure
        kind = _figure_kind(resource, measure, self.model)
        value = str(having.value) if kind is None else kind.text(having.value)
        suffix = "" if having.lookup == "exact" else f"__{having.lookup}"
        return f"{_name(measure.name)}{suffix}={_text(value)}"


def _and_parts(condition: Condition | None) -> tuple[Condition, ...]:
    if condition is None:
        return ()
    return condition.conditions if isinstance(condition, And) else (condition,)


def _column(name: str, lookup: str, *, top: bool = False) -> str:
    """The left side of a comparison; a lookup is left out where that can be understood."""
    plain = name.rpartition("__")[2] not in LOOKUPS or '"' in _name(name)
    if lookup == "exact" and plain and not (top and name in PARAMETERS):
        return _name(name)
    return f"{_name(name) if plain else _text(name)}__{lookup}"


def _operand(kind: Kind, lookup: str, value: Any) -> str:
    if lookup == "isnull":
        return "true" if value else "false"
    if lookup in ("in", "not_in", "range"):
        return ",".join(_text(kind.text(item)) for item in value)
    if lookup == "regex" or isinstance(value, str):
        return str(value)
    return kind.text(value)


def _path(path: Path) -> str:
    return ".".join(map(_name, (*path.relations, path.column)))


def _order(order: Order) -> str:
    nulls = "" if order.nulls is None else f":nulls_{order.nulls}"
    return f"{'-' if order.descending else ''}{_path(order.path)}{nulls}"


def _figure_kind(resource: ResourceModel, measure: Measure, model: Model) -> Kind | None:
    """The kind of what a measure gives; None for numbers."""
    if measure.path is None or measure.function in ("count", "count_distinct", "avg"):
        return None
    for name in measure.path.relations:
        resource = model.resources[resource.relations[name].target]
    return resource.columns[measure.path.column]
