"""Filters of the REST dialect: ``name__lookup=value`` through relations, ``or=(…)`` and such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

from hekla.errors import (
    INVALID_SYNTAX,
    INVALID_VALUE,
    LIMIT_EXCEEDED,
    UNKNOWN_COLUMN,
    UNKNOWN_LOOKUP,
    UNKNOWN_PARAMETER,
    UNSUPPORTED,
    Fault,
    Problem,
)
from hekla.faces.rest.grammar import Name, Reader, Step, split_list
from hekla.policy.access import Access
from hekla.policy.guard import find_column, find_relation, suggestion
from hekla.query.ast import LOOKUPS, And, Compare, Condition, Not, Or, Path, Related
from hekla.schema.resource import Column, Resource
from hekla.settings import Settings

__all__ = ["Budget", "Sourced", "Target", "converter", "parse_filter", "parse_group", "parse_path"]

Quantifier = Literal["any", "all", "none"]


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value together with where it came from: a pair of the query string, and how to read it.

    A request of the same shape takes its value from the same place in the same way, so the
    next one is read without being parsed.
    """

    value: Any
    position: int
    convert: Callable[[str], Any]

    def __hash__(self) -> int:
        return hash(self.position)


@dataclass(slots=True)
class Budget:
    """What one request may still ask for; see the limits of :class:`~hekla.settings.Settings`."""

    settings: Settings
    terms: int = field(init=False)

    def __post_init__(self) -> None:
        self.terms = self.settings.max_filter_terms

    def spend(self, location: str) -> None:
        """Take one term off; Problem ``limit_exceeded`` when there is none left."""
        self.terms -= 1
        if self.terms < 0:
            raise over_limit(
                f"A request may hold {self.settings.max_filter_terms} terms",
                "max_filter_terms",
                location,
            )


def over_limit(sentence: str, setting: str, location: str) -> Problem:
    message = f"{sentence} at most (setting {setting})."
    return Problem(LIMIT_EXCEEDED, message, errors=[Fault(location, message)])


@dataclass(frozen=True, slots=True)
class Target:
    """What the left side of a filter names.

    That is a column of the row itself, or a relation of it (then ``column`` is None and only
    ``isnull`` can be asked), behind ``hops`` relations.
    """

    hops: tuple[tuple[str, Quantifier], ...]
    resource: Resource
    column: Column | None
    relation: str
    lookup: str


def _split_lookup(name: Name, known: Callable[[str], bool]) -> tuple[str, str] | None:
    """Name and lookup, where the last ``__`` parts a known name from a lookup."""
    if name.quoted:
        return (name.text, name.suffix.removeprefix("__") or "exact")
    head, mark, lookup = name.text.rpartition("__")
    if mark and lookup in LOOKUPS and known(head):
        return head, lookup
    return None


def resolve(
    steps: tuple[Step, ...],
    resource: Resource,
    access: Access,
    location: str,
    parameters: Sequence[str] = (),
) -> Target:
    """Find out what a path names. Every unknown name is a Problem with the nearest right one.

    ``parameters`` are what else might have been meant.
    """
    hops: list[tuple[str, Quantifier]] = []
    for step in steps[:-1]:
        if step.name.suffix:
            raise _malformed(f"“{step.name.suffix}” cannot follow a relation", location)
        relation = find_relation(access, resource, step.name.text, location)
        hops.append((relation.name, cast(Quantifier, step.quantifier or "any")))
        resource = access.schema[relation.target]
    last = steps[-1].name
    columns, relations = access.columns(resource), access.relations(resource)

    def known(name: str) -> bool:
        return name in columns or name in relations

    name, lookup = _split_lookup(last, known) or (last.text, "exact")
    if name in columns:
        column = columns[name]
        if lookup != "isnull" and lookup not in column.type.lookups:
            message = f"{resource.name}.{name} has no lookup “{lookup}”." + suggestion(
                lookup, column.type.lookups | {"isnull"}
            )
            raise Problem(UNKNOWN_LOOKUP, message, errors=[Fault(location, message)])
        return Target(tuple(hops), resource, column, "", lookup)
    if name in relations:
        find_relation(access, resource, name, location)
        if lookup != "isnull":
            message = (
                f"“{name}” is a relation: compare a column of it ({name}.column=…), "
                f"or ask whether there is one ({name}__isnull=…)."
            )
            raise Problem(UNKNOWN_COLUMN, message, errors=[Fault(location, message)])
        return Target(tuple(hops), resource, None, name, lookup)
    head, mark, tail = name.rpartition("__")
    if mark and head in columns:
        message = f"There is no lookup “{tail}”." + suggestion(tail, LOOKUPS)
        raise Problem(UNKNOWN_LOOKUP, message, errors=[Fault(location, message)])
    hint = suggestion(head or name, [*columns, *relations, *parameters])
    if hint and len(steps) == 1 and hint == suggestion(name, parameters):
        message = f"There is no parameter “{name}” here.{hint}"
        raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(location, message)])
    hint = suggestion(head or name, [*columns, *relations])
    message = f"{resource.name} has no column “{name}”.{hint}"
    raise Problem(UNKNOWN_COLUMN, message, errors=[Fault(location, message)])


def _malformed(message: str, location: str) -> Problem:
    return Problem(INVALID_SYNTAX, f"{message}.", errors=[Fault(location, message)])


def parse_truth(text: str) -> bool:
    """``true`` or ``false``; ValueError for anything else."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError("expected true or false")
    return known[text.lower()]


def converter(column: Column, lookup: str, settings: Settings) -> Callable[[str], Any]:
    """How the text of a filter's value becomes what :class:`Compare` holds; ValueError if not."""
    parse = partial(column.type.parse, lookup=lookup)
    if lookup == "isnull":
        return parse_truth
    if lookup in ("in", "not_in"):

        def items(text: str) -> list[Any]:
            values = split_list(text)
            if len(values) > settings.max_in_values:
                raise over_limit(
                    f"A list may hold {settings.max_in_values} values", "max_in_values", "query"
                )
            return [parse(value) for value in values]

        return items
    if lookup == "range":

        def ends(text: str) -> tuple[Any, Any]:
            values = split_list(text)
            if len(values) != 2:
                raise ValueError("expected two values, such as 1,10")
            return parse(values[0]), parse(values[1])

        return ends
    return parse


def read_value(convert: Callable[[str], Any], text: str, location: str) -> Any:
    try:
        return convert(text)
    except ValueError as error:
        message = f"{error}"
        raise Problem(
            INVALID_VALUE,
            f"The value of {location.partition('.')[2]} does not fit: {message}.",
            errors=[Fault(location, message)],
        ) from error


def _compare(
    target: Target, text: str, position: int | None, location: str, budget: Budget
) -> Condition:
    budget.spend(location)
    condition: Condition
    if target.column is None:
        absent = read_value(parse_truth, text, location)
        condition = Related(target.relation, "none" if absent else "any", None)
    else:
        convert = converter(target.column, target.lookup, budget.settings)
        value = read_value(convert, text, location)
        if position is not None and target.lookup != "isnull":
            value = Sourced(value, position, convert)
        condition = Compare(target.column.name, target.lookup, value)
    return _behind(target.hops, condition)


def _behind(hops: tuple[tuple[str, Quantifier], ...], condition: Condition) -> Condition:
    for relation, quantifier in reversed(hops):
        condition = Related(relation, quantifier, condition)
    return condition


def parse_filter(
    name: str,
    text: str,
    position: int,
    resource: Resource,
    access: Access,
    budget: Budget,
    parameters: Sequence[str] = (),
) -> Condition:
    """One parameter that is a filter: ``owner.name__icontains=ann``.

    ``parameters`` are those that are no filters, one of which may have been meant.
    """
    location = f"query.{name}"
    reader = Reader(name, location)
    steps = reader.steps()
    reader.end()
    _bounded(steps, budget, location)
    target = resolve(steps, resource, access, location, parameters)
    return _compare(target, text, position, location, budget)


def _bounded(steps: tuple[Step, ...], budget: Budget, location: str) -> None:
    deepest = budget.settings.max_filter_depth
    if len(steps) - 1 > deepest:
        raise over_limit(
            f"A filter may go through {deepest} relations", "max_filter_depth", location
        )


def parse_group(
    reader: Reader, resource: Resource, access: Access, budget: Budget, depth: int = 0
) -> tuple[Condition, ...]:
    """``(a=1,b__gte=2,or=(…),not=(…),comments:all(c=3))``: conditions in parentheses."""
    if depth > budget.settings.max_filter_depth:
        deepest = budget.settings.max_filter_depth
        raise over_limit(f"Conditions may nest {deepest} deep", "max_filter_depth", reader.location)
    reader.open()
    conditions = []
    while reader.peek() != ")":
        conditions.append(_group_member(reader, resource, access, budget, depth))
        if not reader.take(","):
            break
    reader.close()
    return tuple(conditions)


def _group_member(
    reader: Reader, resource: Resource, access: Access, budget: Budget, depth: int
) -> Condition:
    location = reader.location
    steps = reader.steps()
    _bounded(steps, budget, location)
    if reader.peek() == "(":
        # comments:all(author_id=3,body__contains=x): several conditions on the same row.
        hops: list[tuple[str, Quantifier]] = []
        for step in steps:
            relation = find_relation(access, resource, step.name.text, location)
            hops.append((relation.name, cast(Quantifier, step.quantifier or "any")))
            resource = access.schema[relation.target]
        budget.spend(location)
        inner = parse_group(reader, resource, access, budget, depth + 1)
        return _behind(tuple(hops), And(inner))
    if not (reader.take("=") or reader.take(":")):
        raise reader.fail("“=”")
    connective = steps[0].name
    if (
        len(steps) == 1
        and not connective.quoted
        and connective.text in ("or", "and", "not")
        and reader.peek() == "("
    ):
        budget.spend(location)
        return connect(connective.text, parse_group(reader, resource, access, budget, depth + 1))
    target = resolve(steps, resource, access, location)
    return _compare(target, reader.value(), None, location, budget)


def connect(word: str, conditions: tuple[Condition, ...]) -> Condition:
    if word == "or":
        return Or(conditions)
    return Not(And(conditions)) if word == "not" else And(conditions)


def parse_path(
    reader: Reader, resource: Resource, access: Access, budget: Budget
) -> tuple[Path, Column]:
    """A column, or one that to-one relations lead to: ``project.owner.name``."""
    steps = reader.steps(quantifiers=False)
    _bounded(steps, budget, reader.location)
    budget.spend(reader.location)
    hops = []
    for step in steps[:-1]:
        relation = find_relation(access, resource, step.name.text, reader.location)
        if relation.many:
            message = f"{step.name.text} is a list; only single objects can be gone through here."
            raise Problem(UNSUPPORTED, message, errors=[Fault(reader.location, message)])
        hops.append(relation.name)
        resource = access.schema[relation.target]
    last = steps[-1].name
    if last.suffix:
        raise reader.fail("a column without a lookup")
    return Path(tuple(hops), last.text), find_column(access, resource, last.text, reader.location)
