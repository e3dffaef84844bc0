"""What can be asked, as frozen data: no text, no SQL, no HTTP.

Every face builds these nodes; the engine reads nothing else. Columns and relations are named
as the API names them. A value stands as a typed Python value (``int``, ``datetime``,
``Decimal``, ``list`` for ``in``, a 2-tuple for ``range``); :mod:`hekla.query.shape` takes the
values out, so that queries which differ in nothing else share one plan.

Truth is SQL's inside one comparison (a NULL matches nothing but ``isnull``); ``Not`` is the
complement of a set of rows: a row that its condition does not return is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "LOOKUPS",
    "Aggregate",
    "And",
    "Compare",
    "Condition",
    "Having",
    "Include",
    "Measure",
    "Not",
    "Or",
    "Order",
    "Path",
    "Related",
    "Search",
    "Select",
]

LOOKUPS = (
    "exact",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "not_in",
    "isnull",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "range",
)


@dataclass(frozen=True, slots=True)
class Path:
    """A column, reached over zero or more to-one relations: ``project.owner.name``."""

    relations: tuple[str, ...]
    column: str

    def __str__(self) -> str:
        return ".".join((*self.relations, self.column))


@dataclass(frozen=True, slots=True)
class Compare:
    """A column of the row itself compared with a value by one of :data:`LOOKUPS`."""

    column: str
    lookup: str
    value: Any


@dataclass(frozen=True, slots=True)
class And:
    """All of the conditions hold; with none, always true."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the conditions holds; with none, never true."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold, be it false or unknown."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Related:
    """What holds of the rows at the other end of a relation, as far as the actor may see them.

    ``any``: at least one of them satisfies ``where`` (or just exists, when it is None).
    ``all``: none of them fails it. ``none``: none satisfies it. A to-one relation is a set
    of at most one row. Who may not know of a column that ties the two ends does not know of the
    relation; in a row where that column is masked it leads nowhere.
    """

    relation: str
    quantifier: Literal["any", "all", "none"]
    where: Condition | None


@dataclass(frozen=True, slots=True)
class Search:
    """Every word of ``text`` occurs in one of the resource's search columns.

    In those that the actor may read, in upper or lower case alike; with no words, always true.
    A selection whose rows all have to match comes best finds first, unless it has an order, a
    cursor or ``distinct``: a word counts for each column that holds it, the more the earlier
    that column stands; an index over the columns has its own measure.
    """

    text: Any


Condition = And | Or | Not | Compare | Related | Search


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an ordering. ``nulls`` None: nulls first ascending, last descending.

    A path that leads to no row the actor may see has a NULL at its end.
    """

    path: Path
    descending: bool = False
    nulls: Literal["first", "last"] | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """The rows at the other end of ``relation`` are embedded, as ``query`` chooses them.

    ``query.limit`` counts per parent row. For a to-one relation only ``fields``, ``includes``
    and ``where`` of it mean anything; it is null where there is no row, or not such a row.
    """

    relation: str
    query: Select


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of one resource.

    ``fields`` None is every readable column. ``order_by`` is what was asked; the engine adds
    the key so that the order is total. Where there is no key, or not every row shows it to the
    actor, it adds every readable column that can be sorted.
    ``limit`` None is no limit (the engine's limits apply before it gets there). ``after``
    holds the ordering values of the last row of the page before, for keyset paging: one a
    key of the *completed* ordering. ``one`` asks for a single object in place of an array.
    ``cursor``: whether the answer has to carry the values that continue after its last row,
    which needs a key that every row shows. ``count``: whether it has to carry the number of
    rows without paging. ``distinct``: rows equal in all of ``fields`` are given (and counted)
    once; only these columns may order them, and nothing can be embedded.
    """

    resource: str
    fields: tuple[str, ...] | None = None
    includes: tuple[Include, ...] = ()
    where: Condition | None = None
    order_by: tuple[Order, ...] = ()
    limit: Any = None
    offset: Any = None
    after: tuple[Any, ...] | None = None
    one: bool = False
    cursor: bool = False
    count: bool = False
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure over a group: ``count``, ``count_distinct``, ``sum``, ``avg``, ``min``, ``max``.

    ``path`` None is allowed with ``count`` only, and counts rows. ``name`` is its JSON key:
    ``count``, or ``avg_priority``.
    """

    function: Literal["count", "count_distinct", "sum", "avg", "min", "max"]
    path: Path | None
    name: str


@dataclass(frozen=True, slots=True)
class Having:
    """A condition on a measure of each group, by ``exact ne gt gte lt lte``."""

    measure: Measure
    lookup: str
    value: Any


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Figures over the rows of ``where``, by group; NULL is a group too.

    Without ``group_by`` there is one group, be it of no rows. ``count`` and ``count_distinct``
    of a path leave NULLs out, as do the others, which are NULL over no values. A figure that is
    NULL satisfies no ``having``. ``order_by`` names groups or measures, each with whether it
    descends; then the groups decide in their order. NULLs as in :class:`Order`.
    """

    resource: str
    measures: tuple[Measure, ...]
    group_by: tuple[Path, ...] = ()
    where: Condition | None = None
    having: tuple[Having, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()
    limit: Any = None
    offset: Any = None
