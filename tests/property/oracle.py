"""A slow and obvious evaluation of queries over all rows, to compare answers with.

Written from the docstrings of :mod:`hekla.query.ast` and the reference; it shares no code with
:mod:`hekla.sql`. Rows are dicts, a table is a list of them, a rule is a Python function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hekla.query.ast import (
    Aggregate,
    And,
    Compare,
    Condition,
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
from tests.property.kinds import Kind, figure_json
from tests.property.model import ResourceModel
from tests.property.refusals import Refused, check
from tests.property.rules import Row
from tests.property.sight import Sight

__all__ = ["Oracle", "Refused", "Undecided"]


class Undecided(Exception):
    """The order of two rows is said nowhere, and it matters."""


class Oracle(Sight):
    """Answers queries over what one actor is to see."""

    # Conditions

    def matches(self, resource: ResourceModel, row: Row, condition: Condition | None) -> bool:
        """Whether a condition holds of a row; what is unknown does not hold."""
        match condition:
            case None:
                return True
            case Compare(column, lookup, value):
                kind = resource.columns[column]
                return compare(kind, self.value(resource, row, column), lookup, value)
            case And(parts):
                return all(self.matches(resource, row, part) for part in parts)
            case Or(parts):
                return any(self.matches(resource, row, part) for part in parts)
            case Not(inner):
                return not self.matches(resource, row, inner)
            case Related(name, quantifier, where):
                relation = resource.relations[name]
                target = self.model.resources[relation.target]
                truths = [
                    self.matches(target, other, where)
                    for other in self.related(resource, row, relation)
                ]
                return {"any": any(truths), "all": all(truths), "none": not any(truths)}[quantifier]
            case Search(text):
                return all(any(hits) for hits in self._hits(resource, row, text))
        raise AssertionError(condition)

    def _hits(self, resource: ResourceModel, row: Row, text: str) -> list[list[bool]]:
        """For each word of ``text``, in which of the search columns it occurs."""
        values = [self.value(resource, row, name) for name in self.searched(resource)]
        return [
            [value is not None and word.casefold() in value.casefold() for value in values]
            for word in text.split()
        ]

    def _worth(self, resource: ResourceModel, row: Row, text: str) -> int:
        """How good a find a row is: a word counts the more, the earlier its column stands."""
        hits = self._hits(resource, row, text)
        return sum(len(each) - place for each in hits for place, hit in enumerate(each) if hit)

    # Values and order

    def at(self, resource: ResourceModel, row: Row, path: Path) -> tuple[Kind, Any]:
        """The kind and value of a column that to-one relations may lead to."""
        here: Row | None = row
        for name in path.relations:
            relation = resource.relations[name]
            there = self.related(resource, here, relation) if here is not None else []
            here = there[0] if there else None
            resource = self.model.resources[relation.target]
        value = None if here is None else self.value(resource, here, path.column)
        return resource.columns[path.column], value

    def ordered(self, resource: ResourceModel, rows: Iterable[Row], query: Select) -> list[Row]:
        """Rows in the order that the query asks for, made total."""
        known = self.columns(resource)
        if query.distinct and query.fields is not None:
            rest = query.fields
        else:
            rest = resource.spec.key if self.has_key(resource) else tuple(known)
        orders = [
            *query.order_by,
            *(Order(Path((), name)) for name in rest if known[name].sortable),
        ]
        result = list(rows)
        for order in reversed(orders):
            nulls_first = not order.descending if order.nulls is None else order.nulls == "first"
            result = _sorted(
                result,
                lambda row, path=order.path: self.at(resource, row, path),  # type: ignore[misc]
                order.descending,
                nulls_first,
            )
        text = _search_text(query.where)
        if text is not None and not query.order_by and not query.cursor and not query.distinct:
            result.sort(key=lambda row: -self._worth(resource, row, text))
        return result

    # Selections

    def rows(self, query: Select) -> list[Row]:
        """The rows of a selection before paging, in order."""
        resource = self.model.resources[query.resource]
        return self._found(resource, self.visible(resource), query)

    def _found(self, resource: ResourceModel, rows: Iterable[Row], query: Select) -> list[Row]:
        found = [row for row in rows if self.matches(resource, row, query.where)]
        return self.ordered(resource, found, query)

    def select(self, query: Select) -> list[Any]:
        """The JSON of the rows that a query selects, with paging."""
        check(self, query)
        resource = self.model.resources[query.resource]
        return self._page(resource, self.visible(resource), query)

    def count(self, query: Select) -> int:
        """How many there are without paging."""
        resource = self.model.resources[query.resource]
        documents = [self.document(resource, row, query) for row in self.rows(query)]
        return len(_once(documents)) if query.distinct else len(documents)

    def _page(self, resource: ResourceModel, rows: Iterable[Row], query: Select) -> list[Any]:
        found = self._found(resource, rows, query)
        documents = [self.document(resource, row, query) for row in found]
        if query.distinct:
            documents = _once(documents)
        elif not self.has_key(resource):
            self._must_not_matter(resource, found, documents)
        start = query.offset or 0
        stop = None if query.limit is None else start + query.limit
        return documents[start:stop]

    def _must_not_matter(
        self, resource: ResourceModel, rows: Sequence[Row], documents: Sequence[Any]
    ) -> None:
        """Rows that are equal in everything that can be sorted have to look the same."""
        sortable = [name for name, kind in self.columns(resource).items() if kind.sortable]
        seen: list[tuple[list[Any], Any]] = []
        for row, document in zip(rows, documents, strict=True):
            values = [self.value(resource, row, name) for name in sortable]
            for other_values, other_document in seen:
                if values == other_values and document != other_document:
                    raise Undecided
            seen.append((values, document))

    def document(self, resource: ResourceModel, row: Row, query: Select) -> dict[str, Any]:
        """One row in its JSON form, with what is included."""
        known = self.columns(resource)
        names = query.fields if query.fields is not None else tuple(known)
        document = {}
        for name in names:
            value = self.value(resource, row, name)
            document[name] = None if value is None else known[name].json(value)
        for include in query.includes:
            document[include.relation] = self._included(resource, row, include)
        return document

    def _included(self, resource: ResourceModel, row: Row, include: Include) -> Any:
        relation = resource.relations[include.relation]
        target = self.model.resources[relation.target]
        others = self.related(resource, row, relation)
        if relation.many:
            return self._page(target, others, include.query)
        found = [other for other in others if self.matches(target, other, include.query.where)]
        return self.document(target, found[0], include.query) if found else None

    # Aggregates

    def aggregate(self, query: Aggregate) -> list[dict[str, Any]]:
        """The JSON of the groups of an aggregation, with paging."""
        check(self, query)
        resource = self.model.resources[query.resource]
        groups: dict[tuple[Any, ...], list[Row]] = {} if query.group_by else {(): []}
        for row in self.visible(resource):
            if self.matches(resource, row, query.where):
                values = tuple(self.at(resource, row, path)[1] for path in query.group_by)
                groups.setdefault(values, []).append(row)
        kinds = [self._kind(resource, path) for path in query.group_by]
        found = []
        for values, rows in groups.items():
            figures = {m.name: self._figure(resource, rows, m) for m in query.measures}
            if all(
                compare(None, self._figure(resource, rows, h.measure), h.lookup, h.value)
                for h in query.having
            ):
                named = {str(p): v for p, v in zip(query.group_by, values, strict=True)}
                found.append((named, figures))
        names = [str(path) for path in query.group_by]
        ranks = dict(zip(names, kinds, strict=True))
        asked = [name for name, _ in query.order_by]
        orders = [*query.order_by, *((name, False) for name in names if name not in asked)]
        for name, descending in reversed(orders):
            found = _sorted(
                found,
                lambda group, name=name: (ranks.get(name), {**group[1], **group[0]}[name]),  # type: ignore[misc]
                descending,
                not descending,
            )
        start = query.offset or 0
        stop = None if query.limit is None else start + query.limit
        documents = []
        for named, figures in found[start:stop]:
            document = {
                name: None if value is None else ranks[name].json(value)
                for name, value in named.items()
            }
            for measure in query.measures:
                kind = None if measure.path is None else self._kind(resource, measure.path)
                document[measure.name] = figure_json(kind, measure.function, figures[measure.name])
            documents.append(document)
        return documents

    def _kind(self, resource: ResourceModel, path: Path) -> Kind:
        for name in path.relations:
            resource = self.model.resources[resource.relations[name].target]
        return resource.columns[path.column]

    def _figure(self, resource: ResourceModel, rows: Sequence[Row], measure: Measure) -> Any:
        if measure.path is None:
            return len(rows)
        found = [self.at(resource, row, measure.path) for row in rows]
        values = [value for _, value in found if value is not None]
        if measure.function == "count":
            return len(values)
        if measure.function == "count_distinct":
            return len(set(values))
        if not values:
            return None
        if measure.function == "sum":
            return sum(values[1:], values[0])
        if measure.function == "avg":
            return float(sum(values[1:], values[0])) / len(values)
        return (min if measure.function == "min" else max)(values)


def compare(kind: Kind | None, own: Any, lookup: str, value: Any) -> bool:
    """Whether ``own`` stands in ``lookup`` to ``value``; NULL satisfies ``isnull`` only."""
    if lookup == "isnull":
        return (own is None) is value
    if own is None:
        return False
    if lookup == "regex":
        # Python's $ also stands before a newline at the end.
        pattern = value.replace("$", r"\Z")
        return re.search(pattern, own, re.ASCII | re.DOTALL) is not None
    return bool(_LOOKUPS[lookup](own, value))


_LOOKUPS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": lambda own, value: own == value,
    "ne": lambda own, value: own != value,
    "gt": lambda own, value: own > value,
    "gte": lambda own, value: own >= value,
    "lt": lambda own, value: own < value,
    "lte": lambda own, value: own <= value,
    "in": lambda own, value: own in value,
    "not_in": lambda own, value: own not in value,
    "range": lambda own, value: value[0] <= own <= value[1],
    "contains": lambda own, value: value in own,
    "icontains": lambda own, value: value.casefold() in own.casefold(),
    "startswith": lambda own, value: own.startswith(value),
    "istartswith": lambda own, value: own.casefold().startswith(value.casefold()),
    "endswith": lambda own, value: own.endswith(value),
    "iendswith": lambda own, value: own.casefold().endswith(value.casefold()),
}


def _sorted(
    items: list[Any],
    value: Callable[[Any], tuple[Kind | None, Any]],
    descending: bool,
    nulls_first: bool,
) -> list[Any]:
    """``items`` sorted by ``value``; those that tie stay as they are."""

    def rank(item: Any) -> Any:
        kind, own = value(item)
        return own if kind is None else kind.rank(own)

    nulls = [item for item in items if value(item)[1] is None]
    others = [item for item in items if value(item)[1] is not None]
    others.sort(key=rank, reverse=descending)
    return nulls + others if nulls_first else others + nulls


def _search_text(condition: Condition | None) -> str | None:
    """The first search that every row has to match."""
    match condition:
        case Search(text):
            return str(text)
        case And(parts):
            return next(filter(None, map(_search_text, parts)), None)
    return None


def _once(documents: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for document in documents:
        if document not in found:
            found.append(document)
    return found
