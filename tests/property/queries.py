"""Random queries about a random database, written so that they often find something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

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
from tests.property.kinds import Kind
from tests.property.model import Model, ResourceModel
from tests.property.oracle import Oracle
from tests.property.strategies import World, below, values

__all__ = ["aggregates", "selects", "walks"]

Draw = Any

PATTERNS = (
    "a",
    "^a",
    "b$",
    "[a-c]+",
    "a|ß",
    "(?:ab|B)",
    ".",
    "^$",
    r"\d",
    r"\W",
    "%",
    "a.b",
    r"\.",
)
LIMITS = (None, None, 0, 1, 2, 3, 10)


class Asker:
    """Draws the parts of a query. ``blind``: also names that the actor may not know of.

    ``plain``: only what the REST dialect can say.
    """

    def __init__(
        self, draw: Draw, world: World, *, blind: bool = False, plain: bool = False
    ) -> None:
        self.draw = draw
        self.model: Model = world.model
        self.data = world.data
        self.oracle = Oracle(world.model, world.data, world.actor)
        self.blind = blind
        self.plain = plain

    def one_of(self, *items: Any) -> Any:
        return items[self.draw(below(len(items)))] if len(items) > 1 else items[0]

    def chance(self, one_in: int) -> bool:
        return bool(self.one_of(*[False] * (one_in - 1), True))

    # Names

    def resource(self) -> ResourceModel:
        resources = list(self.model.resources.values())
        if not self.blind:
            resources = [r for r in resources if self.oracle.readable(r)] or resources
        chosen: ResourceModel = self.one_of(*resources)
        return chosen

    def columns(self, resource: ResourceModel) -> dict[str, Kind]:
        if self.blind and self.chance(4):
            return resource.columns
        return self.oracle.columns(resource)

    def relations(self, resource: ResourceModel, *, many: bool = True) -> list[str]:
        known = self.oracle.relations(resource)
        if self.blind and self.chance(4):
            return list(resource.relations)
        # What leads over a table in between is asked for more often.
        return [
            name
            for name, relation in known.items()
            for _ in range(2 * len(relation.steps) - 1)
            if (many or not relation.many)
            and (self.blind or self.oracle.readable(self.model.resources[relation.target]))
        ]

    def target(self, resource: ResourceModel, relation: str) -> ResourceModel:
        return self.model.resources[resource.relations[relation].target]

    def path(self, resource: ResourceModel, depth: int = 2) -> tuple[Path, Kind] | None:
        """A column with its kind, over up to ``depth`` to-one relations."""
        names: list[str] = []
        while len(names) < depth and self.chance(3):
            ways = self.relations(resource, many=False)
            if not ways:
                break
            names.append(self.one_of(*ways))
            resource = self.target(resource, names[-1])
        columns = self.columns(resource)
        if not columns:
            return None
        column = self.one_of(*columns)
        return Path(tuple(names), column), columns[column]

    # Conditions

    def condition(self, resource: ResourceModel, depth: int) -> Condition:
        forms = ["compare"] * 4
        if depth:
            forms += ["and", "or", "not", "related", "related", "related"]
            if not self.plain and self.oracle.searched(resource):
                forms.append("search")
        match self.one_of(*forms):
            case "and":
                return And(self.parts(resource, depth))
            case "or":
                return Or(self.parts(resource, depth))
            case "not":
                return Not(self.condition(resource, depth - 1))
            case "search":
                return Search(self.words(resource))
            case "related":
                ways = self.relations(resource)
                if ways:
                    name = self.one_of(*ways)
                    where = None
                    if not self.chance(4):
                        where = self.condition(self.target(resource, name), depth - 1)
                    return Related(name, self.one_of("any", "any", "all", "none"), where)
        return self.compare(resource)

    def parts(self, resource: ResourceModel, depth: int) -> tuple[Condition, ...]:
        size = self.one_of(0, 1, 2, 2, 3)
        return tuple(self.condition(resource, depth - 1) for _ in range(size))

    def compare(self, resource: ResourceModel) -> Condition:
        columns = self.columns(resource)
        if not columns:
            return And(())
        name = self.one_of(*columns)
        kind = columns[name]
        lookup = self.one_of(*sorted(kind.lookups))
        return Compare(name, lookup, self.operand(resource, name, kind, lookup))

    def operand(self, resource: ResourceModel, name: str, kind: Kind, lookup: str) -> Any:
        if lookup == "isnull":
            return self.one_of(True, False)
        if lookup == "regex":
            return self.one_of(*PATTERNS)
        if lookup in ("in", "not_in"):
            return [self.known(resource, name, kind) for _ in range(self.one_of(0, 1, 2, 3))]
        if lookup == "range":
            ends = [self.known(resource, name, kind) for _ in range(2)]
            ends.sort(key=kind.rank, reverse=self.chance(5))
            return tuple(ends)
        value = self.known(resource, name, kind)
        if lookup in ("exact", "ne", "gt", "gte", "lt", "lte"):
            return value
        # A part of a text, perhaps in another case.
        start = self.one_of(0, 0, 1)
        part = value[start : start + self.one_of(0, 1, 2, 9)]
        return self.one_of(part, part.swapcase()) if lookup.startswith("i") else part

    def known(self, resource: ResourceModel, name: str, kind: Kind) -> Any:
        """A value that is there, as a rule; never one that no request can hold."""
        there = [row[name] for row in self.data[resource.spec.name] if row[name] is not None]
        value = self.one_of(*there) if there and not self.chance(4) else self.draw(values(kind))
        return value.replace("\0", "") if isinstance(value, str) else value

    def words(self, resource: ResourceModel) -> str:
        found = []
        for _ in range(self.one_of(1, 1, 2)):
            name = self.one_of(*resource.spec.search)
            text = self.known(resource, name, resource.columns[name])
            found += self.one_of(text.split() or ["a"], ["a"], [text[:1]])
        return " ".join(found)

    # Selections

    def orders(self, resource: ResourceModel, *, own: bool = False) -> tuple[Order, ...]:
        found = []
        for _ in range(self.one_of(0, 0, 1, 1, 2, 3)):
            drawn = self.path(resource, depth=0 if own else 2)
            if drawn is not None and drawn[1].sortable:
                nulls = self.one_of(None, None, "first", "last")
                found.append(Order(drawn[0], self.chance(2), nulls))
        return tuple({str(order.path): order for order in found}.values())

    def fields(self, resource: ResourceModel) -> tuple[str, ...] | None:
        columns = self.columns(resource)
        if not columns or self.chance(2):
            return None
        return tuple(self.draw(st.lists(st.sampled_from(list(columns)), min_size=1, unique=True)))

    def includes(self, resource: ResourceModel, depth: int) -> tuple[Include, ...]:
        ways = self.relations(resource)
        if not depth or not ways or self.chance(3):
            return ()
        names = self.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=2, unique=True))
        return tuple(Include(name, self.included(resource, name, depth)) for name in names)

    def included(self, resource: ResourceModel, name: str, depth: int) -> Select:
        target = self.target(resource, name)
        many = resource.relations[name].many
        return Select(
            target.name,
            fields=self.fields(target),
            includes=self.includes(target, depth - 1),
            where=self.condition(target, 1) if self.chance(3) else None,
            order_by=self.orders(target) if many else (),
            limit=self.one_of(*LIMITS) if many else None,
            offset=self.one_of(None, None, 0, 1) if many else None,
        )

    def select(self) -> Select:
        resource = self.resource()
        distinct = self.chance(6)
        where = self.condition(resource, 3) if not self.chance(4) else None
        if self.oracle.searched(resource) and self.chance(5):
            search = Search(self.words(resource))
            where = search if where is None else And((where, search))
        fields = self.fields(resource)
        orders = self.orders(resource, own=distinct)
        if distinct and fields is not None:
            orders = tuple(order for order in orders if order.path.column in fields)
        return Select(
            resource.name,
            fields=fields,
            includes=() if distinct else self.includes(resource, 3),
            where=where,
            order_by=orders,
            limit=self.one_of(*LIMITS),
            offset=self.one_of(None, None, None, 0, 1, 2, 50),
            cursor=(
                not (distinct or self.plain) and self.oracle.has_key(resource) and self.chance(4)
            ),
            count=self.chance(3),
            distinct=distinct,
        )

    # Aggregates

    def measure(self, resource: ResourceModel) -> tuple[Measure, Kind | None]:
        drawn = self.path(resource)
        if drawn is None or self.chance(3):
            return Measure("count", None, "count"), None
        path, kind = drawn
        function = self.one_of("count", *sorted(kind.aggregates))
        return Measure(function, path, f"{function}_{path}"), kind

    def aggregate(self) -> Aggregate:
        resource = self.resource()
        found = dict(self.measure(resource) for _ in range(self.one_of(0, 1, 2, 3)))
        groups: dict[str, Path] = {}
        for _ in range(self.one_of(0, 1, 1, 2) if found else 1):
            drawn = self.path(resource)
            if drawn is not None and drawn[1].sortable:
                groups[str(drawn[0])] = drawn[0]
        if not found and not groups:
            found[Measure("count", None, "count")] = None
        measures = tuple({m.name: m for m in found if m.name not in groups}.values())
        names = [*groups, *(measure.name for measure in measures)]
        asked = (
            self.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        )
        return Aggregate(
            resource.name,
            measures,
            tuple(groups.values()),
            self.condition(resource, 2) if self.chance(2) else None,
            tuple(self.having(measure, found[measure]) for measure in measures if self.chance(4)),
            tuple((name, self.chance(2)) for name in asked),
            self.one_of(None, None, 1, 2),
            self.one_of(None, None, None, 1),
        )

    def having(self, measure: Measure, kind: Kind | None) -> Having:
        lookups: tuple[str, ...] = ("exact", "ne", "gt", "gte", "lt", "lte")
        value: Any
        if kind is None or measure.function in ("count", "count_distinct"):
            value = self.one_of(0, 1, 2, 3)
        elif measure.function == "avg":
            value = self.one_of(0.0, 0.5, 1.0, 2.5)
        else:
            value = self.draw(values(kind))
            if isinstance(value, str):
                value = value.replace("\0", "")
            if "gt" not in kind.lookups:
                lookups = lookups[:2]
        return Having(measure, self.one_of(*lookups), value)


@st.composite
def selects(
    draw: Draw, world: World, *, blind: bool = False, plain: bool = False, export: bool = False
) -> Select:
    """A selection; ``blind`` may name what is hidden, ``plain`` keeps to the REST dialect."""
    query = Asker(draw, world, blind=blind, plain=plain).select()
    return replace(query, count=False) if export else query


@st.composite
def walks(draw: Draw, world: World) -> Select | None:
    """A list to be gone through by cursor, in small pages; None where there is none."""
    asker = Asker(draw, world, plain=True)
    resources = [
        resource
        for resource in world.model.resources.values()
        if asker.oracle.readable(resource) and asker.oracle.has_key(resource)
    ]
    if not resources:
        return None
    resource = max(resources, key=lambda each: len(asker.oracle.visible(each)))
    if asker.chance(3):
        resource = asker.one_of(*resources)
    return Select(
        resource.name,
        fields=asker.fields(resource),
        where=asker.condition(resource, 1) if asker.chance(4) else None,
        order_by=asker.orders(resource),
        limit=asker.one_of(1, 2, 3),
        cursor=True,
    )


@st.composite
def aggregates(draw: Draw, world: World, *, blind: bool = False, plain: bool = False) -> Aggregate:
    """An aggregation."""
    return Asker(draw, world, blind=blind, plain=plain).aggregate()
