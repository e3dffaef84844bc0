"""From the parameters of a URL to a query: the REST dialect, parameter by parameter.

All errors of syntax and all unknown names end here, each with the place of the fault and the
nearest right word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hekla.errors import (
    INVALID_SYNTAX,
    INVALID_VALUE,
    UNKNOWN_PARAMETER,
    UNSUPPORTED,
    Fault,
    Problem,
)
from hekla.faces.rest.filters import (
    Budget,
    Sourced,
    connect,
    over_limit,
    parse_filter,
    parse_group,
    parse_path,
    parse_truth,
    read_value,
)
from hekla.faces.rest.grammar import Reader, split_list
from hekla.policy.access import Access
from hekla.policy.guard import check_readable, check_search, find_column, find_relation, suggestion
from hekla.query.ast import (
    And,
    Condition,
    Include,
    Order,
    Search,
    Select,
)
from hekla.schema.resource import Resource
from hekla.settings import Settings

__all__ = [
    "ITEM_PARAMETERS",
    "LIST_PARAMETERS",
    "Pairs",
    "parse_item",
    "parse_list",
    "search_text",
]

Pairs = Sequence[tuple[str, str]]

# What has a meaning of its own in a list; a column of such a name is filtered by name__exact.
LIST_PARAMETERS = (
    "fields",
    "include",
    "order_by",
    "limit",
    "skip",
    "cursor",
    "count",
    "distinct",
    "search",
    "or",
    "and",
    "not",
)
ITEM_PARAMETERS = ("fields", "include")

# SQLite's integers, and PostgreSQL's, end here.
_LARGEST = 2**63 - 1


@dataclass(slots=True)
class _Draft:
    """The parts of a selection while its parameters are read."""

    resource: Resource
    access: Access
    budget: Budget
    fields: tuple[str, ...] | None = None
    includes: tuple[Include, ...] = ()
    conditions: list[Condition] | None = None
    order_by: tuple[Order, ...] = ()
    limit: Any = None
    offset: Any = None
    cursor: bool = False
    count: bool = False
    distinct: bool = False
    # How deep it is included in others.
    depth: int = 0

    def where(self) -> Condition | None:
        conditions = self.conditions or []
        return (
            conditions[0]
            if len(conditions) == 1
            else And(tuple(conditions))
            if conditions
            else None
        )


def number(largest: int, setting: str, name: str) -> Callable[[str], int]:
    """How ``limit`` and ``skip`` are read: a whole number of at most ``largest``."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > 19:
            raise ValueError("expected a whole number that is not negative")
        value = int(text)
        if value > largest:
            if setting:
                raise over_limit(f"{name} may be {largest}", setting, f"query.{name}")
            raise ValueError("the number is too large")
        return value

    return convert


def parse_fields(text: str, resource: Resource, access: Access, location: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in split_list(text, location):
        find_column(access, resource, name, location)
        found[name] = None
    if not found:
        raise Problem(
            INVALID_VALUE, "fields names no column.", errors=[Fault(location, "no column named")]
        )
    return tuple(found)


def parse_order(
    text: str, resource: Resource, access: Access, budget: Budget, location: str
) -> tuple[Order, ...]:
    """``-priority,project.name,due_at:nulls_last``."""
    reader = Reader(text, location)
    found: dict[str, Order] = {}
    while True:
        descending = reader.take("-")
        path, column = parse_path(reader, resource, access, budget)
        if not column.type.sortable:
            message = f"Rows cannot be ordered by “{path}”."
            raise Problem(UNSUPPORTED, message, errors=[Fault(location, message)])
        nulls = None
        if reader.take(":"):
            word = reader.name().text
            if word not in ("nulls_first", "nulls_last"):
                raise reader.fail("nulls_first or nulls_last")
            nulls = word.removeprefix("nulls_")
        # A column that came before decides already.
        found.setdefault(str(path), Order(path, descending, nulls))  # type: ignore[arg-type]
        if reader.at_end:
            return tuple(found.values())
        reader.expect(",")


def parse_include(
    text: str,
    resource: Resource,
    access: Access,
    budget: Budget,
    location: str,
    depth: int = 1,
) -> tuple[Include, ...]:
    """``owner,comments(limit:3,order_by:-id).author``."""
    reader = Reader(text, location)
    found: dict[str, Include] = {}
    while True:
        _include(reader, resource, access, budget, found, depth)
        if reader.at_end:
            return tuple(found.values())
        reader.expect(",")


def _include(
    reader: Reader,
    resource: Resource,
    access: Access,
    budget: Budget,
    found: dict[str, Include],
    depth: int,
) -> None:
    settings = budget.settings
    if depth > settings.max_embed_depth:
        deepest = settings.max_embed_depth
        raise over_limit(f"include may nest {deepest} deep", "max_embed_depth", reader.location)
    budget.spend(reader.location)
    name = reader.name().text
    relation = find_relation(access, resource, name, reader.location)
    target = access.schema[relation.target]
    given = found.get(name)
    query = given.query if given is not None else _plain(target, relation.many, settings)
    if reader.peek() == "(":
        if given is not None:
            raise reader.fail(f"the options of {name} once only")
        query = _options(reader, target, access, budget, relation.many, depth)
    if reader.take("."):
        deeper = {include.relation: include for include in query.includes}
        _include(reader, target, access, budget, deeper, depth + 1)
        query = replace(query, includes=tuple(deeper.values()))
    found[name] = Include(name, query)


def _plain(target: Resource, many: bool, settings: Settings) -> Select:
    return Select(target.name, limit=settings.max_embedded_rows if many else None)


def _options(
    reader: Reader, target: Resource, access: Access, budget: Budget, many: bool, depth: int
) -> Select:
    """``(limit:3,order_by:-id,fields:(id,body),author_id:5)``: as the parameters of a list."""
    pairs: list[tuple[str, str]] = []
    reader.open()
    while reader.peek() != ")":
        start = reader.position
        reader.steps()
        name = reader.text[start : reader.position]
        if not (reader.take(":") or reader.take("=")):
            raise reader.fail("“:”")
        grouped = name in ("or", "and", "not") and reader.peek() == "("
        value = reader.value()
        pairs.append((name, f"({value})" if grouped else value))
        if not reader.take(","):
            break
    reader.close()
    settings = budget.settings
    draft = _Draft(target, access, budget, depth=depth)
    allowed = LIST_PARAMETERS if many else ("fields", "or", "and", "not", "include")
    for name, text in pairs:
        if name in ("cursor", "count", "search", "distinct") or (
            name in LIST_PARAMETERS and name not in allowed
        ):
            message = f"{name} cannot be an option of this include."
            raise Problem(UNSUPPORTED, message, errors=[Fault(reader.location, message)])
        _parameter(draft, name, text, None, reader.location)
    limit = draft.limit if draft.limit is not None else settings.max_embedded_rows
    return Select(
        target.name,
        fields=draft.fields,
        includes=draft.includes,
        where=draft.where(),
        order_by=draft.order_by,
        limit=limit if many else None,
        offset=draft.offset,
    )


def _parameter(draft: _Draft, name: str, text: str, position: int | None, location: str) -> None:
    """Read one parameter into ``draft``. ``position`` None: its text belongs to the shape."""
    resource, access, budget = draft.resource, draft.access, draft.budget
    settings = budget.settings
    if draft.conditions is None:
        draft.conditions = []

    def sourced(convert: Callable[[str], Any]) -> Any:
        value = read_value(convert, text, location)
        return value if position is None else Sourced(value, position, convert)

    match name:
        case "fields":
            draft.fields = parse_fields(text, resource, access, location)
        case "include":
            depth = draft.depth + 1
            draft.includes = parse_include(text, resource, access, budget, location, depth)
        case "order_by":
            draft.order_by = parse_order(text, resource, access, budget, location)
        case "limit":
            draft.limit = sourced(number(settings.max_page_size, "max_page_size", "limit"))
        case "skip":
            draft.offset = sourced(number(_LARGEST, "", "skip"))
        case "count":
            if text != "exact":
                message = "expected exact"
                raise Problem(
                    INVALID_VALUE, f"count: {message}.", errors=[Fault(location, message)]
                )
            draft.count = True
        case "distinct":
            draft.distinct = read_value(parse_truth, text, location)
        case "search":
            check_search(access, resource, location)
            budget.spend(location)
            if text.split():
                draft.conditions.append(Search(sourced(search_text(settings))))
        case "or" | "and" | "not":
            reader = Reader(text, location)
            group = parse_group(reader, resource, access, budget)
            reader.end()
            draft.conditions.append(connect(name, group))
        case _ if position is None:
            draft.conditions.append(parse_group_text(name, text, draft, location))
        case _:
            draft.conditions.append(
                parse_filter(name, text, position, resource, access, budget, LIST_PARAMETERS)
            )


def parse_group_text(name: str, text: str, draft: _Draft, location: str) -> Condition:
    """A filter whose value is part of the shape, as in the options of an include."""
    quoted = '"' + text.replace('"', '""') + '"'
    reader = Reader(f"({name}={quoted})", location)
    (condition,) = parse_group(reader, draft.resource, draft.access, draft.budget)
    return condition


def search_text(settings: Settings) -> Callable[[str], str]:
    """How the words of ``search`` are read."""

    def convert(text: str) -> str:
        if "\0" in text:
            raise ValueError("a text cannot hold the NUL character")
        if len(text.split()) > settings.max_filter_terms:
            raise over_limit(
                f"A search may hold {settings.max_filter_terms} words",
                "max_filter_terms",
                "query.search",
            )
        return text

    return convert


def _known(name: str, allowed: Sequence[str], resource: Resource, access: Access) -> None:
    candidates = [*allowed, *access.columns(resource), *access.relations(resource)]
    message = f"There is no parameter “{name}” here." + suggestion(name, candidates)
    raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(f"query.{name}", message)])


def once(pairs: Pairs, names: Sequence[str]) -> None:
    """Parameters that are no filters may be given once."""
    seen = set()
    for name, _ in pairs:
        if name in names and name not in ("or", "and", "not"):
            if name in seen:
                message = "given twice"
                raise Problem(
                    INVALID_SYNTAX,
                    f"The parameter {name} was given twice.",
                    errors=[Fault(f"query.{name}", message)],
                )
            seen.add(name)


def parse_list(
    pairs: Pairs,
    resource: Resource,
    access: Access,
    settings: Settings,
    *,
    export: bool = False,
) -> Select:
    """The query of ``GET /tasks?…``; ``after`` of a cursor is put in by whoever reads cursors.

    ``export``: without a limit all rows are meant, and a limit may be any number.
    """
    check_readable(access, resource)
    once(pairs, LIST_PARAMETERS)
    draft = _Draft(resource, access, Budget(settings))
    for position, (name, text) in enumerate(pairs):
        location = f"query.{name}"
        if name == "cursor":
            draft.cursor = True
        elif name == "limit" and export:
            convert = number(_LARGEST, "", "limit")
            draft.limit = Sourced(read_value(convert, text, location), position, convert)
        else:
            _parameter(draft, name, text, position, location)
    if export and (draft.cursor or draft.count):
        name = "cursor" if draft.cursor else "count"
        message = f"{name} has no meaning in an export, which holds every row."
        raise Problem(UNSUPPORTED, message, errors=[Fault(f"query.{name}", message)])
    limit = draft.limit
    if limit is None and not export:
        limit = settings.default_page_size
    return Select(
        resource.name,
        fields=draft.fields,
        includes=draft.includes,
        where=draft.where(),
        order_by=draft.order_by,
        limit=limit,
        offset=draft.offset,
        cursor=draft.cursor,
        count=draft.count,
        distinct=draft.distinct,
    )


def parse_item(pairs: Pairs, resource: Resource, access: Access, settings: Settings) -> Select:
    """What ``GET /tasks/7?…`` asks of the row; its key is put in by the caller."""
    check_readable(access, resource)
    once(pairs, ITEM_PARAMETERS)
    draft = _Draft(resource, access, Budget(settings))
    for position, (name, text) in enumerate(pairs):
        if name not in ITEM_PARAMETERS:
            _known(name, ITEM_PARAMETERS, resource, access)
        _parameter(draft, name, text, position, f"query.{name}")
    return Select(resource.name, fields=draft.fields, includes=draft.includes, one=True)
