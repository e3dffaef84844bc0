"""Random databases: tables, rows, rules, actors. Small, and full of NULLs, ties and oddities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from hekla.actor import Actor
from tests.property import rules
from tests.property.kinds import KEY_KINDS, KINDS, Kind
from tests.property.model import ColumnSpec, LinkSpec, Model, TableSpec
from tests.property.rules import Data, RuleSpec

__all__ = ["World", "below", "fits", "row_of", "values", "worlds"]

Draw = Any

# Names that a statement uses for itself, reserved words, names that a URL has to quote.
TABLES = ("tasks", "users", "t1", "p1", "word", "select", "Order Details", "docs", "naïve", 'q"t')
COLUMNS = (
    "a",
    "b",
    "name",
    "value",
    "limit",
    "order_by",
    "count",
    "a__gte",
    "order",
    "rowid",
    "x.y",
    'q"t',
    "日",
    "c0",
    "g0",
    "Name",
    "-a",
    "a,b",
)
ROLES = ("auditor", "editor")


@dataclass(frozen=True)
class World:
    """One random database and somebody who asks it."""

    model: Model
    data: Data
    actor: Actor

    def __repr__(self) -> str:
        lines = [repr(self.actor), repr(self.model)]
        for name, rows in self.data.items():
            lines += [f"{name}:", *(f"    {row!r}" for row in rows)]
        return "\n".join(lines)


@cache
def actors() -> st.SearchStrategy[Actor]:
    """Nobody in particular, or somebody with or without roles, a tenant and a claim."""
    who = st.one_of(
        st.none(),
        st.sampled_from((1, 2, 7, "1", "a", "A", "", "9b2cf0de-1f3a-4c7b-8a1e-00112233aabb")),
    )
    unit = st.sampled_from((None, 0, 1, 2, "a", "ab", "1"))
    return st.builds(
        lambda id, roles, tenant, unit: Actor(
            id, frozenset(roles), tenant, {} if unit is None else {"unit": unit}
        ),
        who,
        st.sets(st.sampled_from((*ROLES, "unknown")), max_size=2),
        unit,
        unit,
    )


_odd_text = st.text(alphabet="aAbB%_\\'\"ßſİKké😀\n ,()=:.*[", max_size=4)


@cache
def below(size: int) -> st.SearchStrategy[int]:
    """The place of one of ``size`` things; made once, since most draws are such."""
    return st.integers(0, size - 1)


@cache
def values(kind: Kind) -> st.SearchStrategy[Any]:
    """A value of a kind, mostly one of those that tie."""
    pool = st.sampled_from(kind.pool)
    if kind.name in ("text", "string"):
        return st.one_of(pool, _odd_text)
    if kind.name == "int":
        return st.one_of(pool, st.integers(-5, 5))
    return pool


# Tables


@st.composite
def _key(draw: Draw) -> tuple[ColumnSpec, ...]:
    shape = draw(st.sampled_from(("int", "int", "int", "int", "text", "pair", "other")))
    if shape == "int":
        return (ColumnSpec("id", KINDS["int"], False),)
    if shape == "text":
        return (ColumnSpec("code", KINDS["text"], False),)
    if shape == "pair":
        second = draw(st.sampled_from(("int", "text", "date")))
        return (ColumnSpec("id", KINDS["int"], False), ColumnSpec("part", KINDS[second], False))
    return (ColumnSpec("key", KINDS[draw(st.sampled_from(KEY_KINDS))], False),)


def _reference(
    draw: Draw, target: TableSpec, name: str, *, nullable: bool, unique: bool = False
) -> tuple[tuple[ColumnSpec, ...], LinkSpec]:
    """A foreign key to ``target``, and the columns that it needs."""
    columns = tuple(
        ColumnSpec(
            f"{name}_{column}" if len(target.key) > 1 else f"{name}_id",
            target.kind(column),
            nullable,
        )
        for column in target.key
    )
    link = LinkSpec(tuple(each.name for each in columns), target.name, target.key, unique)
    return columns, link


@st.composite
def _table(draw: Draw, name: str, others: Sequence[TableSpec]) -> TableSpec:
    key = draw(_key())
    plain = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique_by=str.lower))
    columns = list(key)
    for column in plain:
        kind = KINDS[draw(st.sampled_from(("text", "int", "bool", *KINDS)))]
        columns.append(ColumnSpec(column, kind, draw(st.sampled_from((True, True, False)))))
    spec = TableSpec(name, tuple(columns), tuple(each.name for each in key))
    links = []
    # "parent" leads to the table itself; two may lead to the same other one.
    for about in draw(st.lists(st.sampled_from(("owner", "author", "parent")), unique=True)):
        target = spec if about == "parent" else draw(st.sampled_from((spec, *others)))
        unique = draw(st.sampled_from((False, False, False, True)))
        more, link = _reference(draw, target, about, nullable=True, unique=unique)
        columns += more
        links.append(link)
    searched = [each.name for each in columns if each.kind.name in ("text", "string", "enum")]
    search = draw(st.permutations(searched)) if searched else []
    return replace(spec, columns=tuple(columns), links=tuple(links), search=tuple(search[:3]))


@st.composite
def _table_between(draw: Draw, name: str, others: Sequence[TableSpec]) -> TableSpec:
    """A table that ties rows of two others, or of one; with something more in it, or not."""
    left, right = draw(st.sampled_from(others)), draw(st.sampled_from(others))
    first, one = _reference(draw, left, "left", nullable=False)
    second, other = _reference(draw, right, "right", nullable=False)
    columns = [*first, *second]
    key = tuple(each.name for each in columns)
    if draw(st.booleans()):
        kind = KINDS[draw(st.sampled_from(("int", "text", "date")))]
        columns.append(ColumnSpec("note", kind))
    served = draw(st.sampled_from((True, True, False)))
    return TableSpec(name, tuple(columns), key, (one, other), served=served)


@st.composite
def tables(draw: Draw) -> list[TableSpec]:
    """Up to three tables with foreign keys, and perhaps one that ties two of them."""
    names = draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=3, unique=True))
    specs: list[TableSpec] = []
    for name in names:
        specs.append(draw(_table(name, tuple(specs))))
    if draw(st.sampled_from((True, True, False))):
        specs.append(draw(_table_between("links", tuple(specs))))
    return specs


# Rules


def _atoms(draw: Draw, spec: TableSpec, specs: Sequence[TableSpec]) -> RuleSpec:
    """A rule about the rows of one table that is no combination."""
    column = draw(st.sampled_from(spec.columns))
    kind, name = column.kind, column.name
    choices = ["everyone", "nobody", "role", "signed_in", "null"]
    if kind.name in ("int", "bigint", "text", "string", "uuid"):
        choices += ["me"] * 4
    if kind.lookups >= {"gt"} and kind.name not in ("real", "cents"):
        choices += ["compare"] * 2
    if kind.name == "bool":
        choices += ["true"] * 3
    ties = [(link.columns, link.target, link.target_columns) for link in spec.links] + [
        (link.target_columns, other.name, link.columns)
        for other in specs
        for link in other.links
        if link.target == spec.name
    ]
    if ties:
        choices += ["exists"] * 3
    match draw(st.sampled_from(choices)):
        case "everyone":
            return rules.EVERYONE
        case "nobody":
            return rules.NOBODY
        case "signed_in":
            return rules.SIGNED_IN
        case "role":
            return rules.has_role(draw(st.sampled_from(ROLES)))
        case "null":
            return rules.is_null(spec.name, name, draw(st.booleans()))
        case "true":
            return rules.is_true(spec.name, name)
        case "me":
            source = draw(st.sampled_from(("me.id", "me.id", "me.tenant", "me.claims")))
            return rules.compares_with_me(
                spec.name, name, kind.name, source, draw(st.sampled_from((True, True, False)))
            )
        case "compare":
            operator = draw(st.sampled_from(("==", "!=", ">", "<=")))
            return rules.compares(spec.name, name, operator, draw(st.sampled_from(kind.pool)))
        case _:
            near, other, far = draw(st.sampled_from(ties))
            inner = None
            if draw(st.booleans()):
                target = next(each for each in specs if each.name == other)
                inner = _atoms(draw, replace(target, links=()), ())
            return rules.exists(spec.name, tuple(zip(near, far, strict=True)), other, inner)


@st.composite
def rule(draw: Draw, spec: TableSpec, specs: Sequence[TableSpec], depth: int = 2) -> RuleSpec:
    """A rule about the rows of ``spec``."""
    form = draw(st.sampled_from(("atom", "atom", "and", "or", "not"))) if depth else "atom"
    if form == "atom":
        return _atoms(draw, spec, specs)
    one: RuleSpec = draw(rule(spec, specs, depth - 1))
    if form == "not":
        return ~one
    other: RuleSpec = draw(rule(spec, specs, depth - 1))
    return one & other if form == "and" else one | other


@st.composite
def ruled(draw: Draw, spec: TableSpec, specs: Sequence[TableSpec]) -> TableSpec:
    """``spec`` with rules. Many rows are open, or else there is little to compare."""
    read = rules.EVERYONE if draw(st.booleans()) else draw(rule(spec, specs))
    if draw(st.booleans()):
        read = read | draw(rule(spec, specs, 1))
    column_rules = {}
    for column in spec.columns:
        if draw(st.sampled_from((False, False, False, True))):
            column_rules[column.name] = draw(rule(spec, specs, 1))
    return replace(spec, read=read, column_rules=column_rules)


# Rows


@st.composite
def rows_of(draw: Draw, specs: Sequence[TableSpec], most: int = 6) -> dict[str, list[Any]]:
    """Rows for every table; some references lead nowhere."""
    data: dict[str, list[Any]] = {}
    for spec in specs:
        data[spec.name] = []
        size = draw(st.sampled_from((0, 1, 2, *range(2, most + 1), *range(3, most + 1))))
        for _ in range(size):
            row = draw(row_of(spec, data))
            if fits(spec, data[spec.name], row):
                data[spec.name].append(row)
    return data


@cache
def _or_null(kind: Kind) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values(kind), values(kind))


@st.composite
def row_of(draw: Draw, spec: TableSpec, data: Data) -> dict[str, Any]:
    """One row, whose references lead to rows that are there, as a rule."""
    row: dict[str, Any] = {}
    for column in spec.columns:
        nullable = column.nullable and column.name not in spec.key
        row[column.name] = draw(_or_null(column.kind) if nullable else values(column.kind))
    for link in spec.links:
        targets = [*data[link.target], row] if link.target == spec.name else data[link.target]
        form = draw(st.sampled_from(("row", "row", "row", "row", "none", "any")))
        nullable = not set(link.columns) & set(spec.key)
        if form == "row" and targets:
            chosen = draw(st.sampled_from(targets))
            row.update(
                {
                    own: chosen[far]
                    for own, far in zip(link.columns, link.target_columns, strict=True)
                }
            )
        elif form == "none" and nullable:
            row.update(dict.fromkeys(link.columns))
    return row


def fits(spec: TableSpec, rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> bool:
    """Whether a row may stand beside the others: its key and what else is unique are new."""
    for unique in (spec.key, *(link.columns for link in spec.links if link.unique)):
        own = [row[name] for name in unique]
        if None in own:
            continue
        if any(own == [other[name] for name in unique] for other in rows):
            return False
    return True


@st.composite
def worlds(draw: Draw, *, closing: bool = False, indexing: bool = False) -> World:
    """A database with rules, and an actor.

    ``closing``: some columns are closed to the actor for sure; ``indexing``: what can be
    searched may have an index.
    """
    specs = draw(tables())
    specs = [draw(ruled(spec, specs)) for spec in specs]
    if closing:
        specs = [draw(closed(spec)) for spec in specs]
    if indexing:
        specs = [replace(spec, indexed=_can_index(spec) and draw(st.booleans())) for spec in specs]
    return World(Model(specs), draw(rows_of(specs)), draw(actors()))


def _can_index(spec: TableSpec) -> bool:
    """An index needs text, and a key that is the number of the row."""
    kinds = [spec.kind(name).name for name in spec.key]
    return kinds == ["int"] and bool(spec.search) and "rowid" not in spec.search


@st.composite
def closed(draw: Draw, spec: TableSpec) -> TableSpec:
    """``spec`` with an open key, and with a column or two that few may read."""
    column_rules = {n: rule for n, rule in spec.column_rules.items() if n not in spec.key}
    others = [column.name for column in spec.columns if column.name not in spec.key]
    if others:
        for name in draw(st.lists(st.sampled_from(others), min_size=1, max_size=2)):
            column_rules[name] = draw(
                st.sampled_from((rules.NOBODY, rules.has_role("auditor"), ~rules.SIGNED_IN))
            )
    read = spec.read | rules.EVERYONE if draw(st.booleans()) else spec.read
    return replace(spec, read=read, column_rules=column_rules)
