"""What can be changed, as frozen data: no text, no SQL, no HTTP.

Rows are mappings from column names, as the API has them, to typed Python values that were
validated (:mod:`hekla.writing.rows`). Rows are named by a condition, as in a query, whose
values are apart from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from hekla.query.shape import Which

__all__ = [
    "Create",
    "Delete",
    "Mutation",
    "Nested",
    "Outcome",
    "Replace",
    "Row",
    "Update",
    "Upsert",
]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nested:
    """What shall become of the rows at the other end of ``relation``.

    ``create`` makes new ones that belong to the row, ``link`` ties ones that exist by their
    keys, ``update`` changes ones that belong to it, ``unlink`` lets go of some and ``delete``
    deletes some that belong to it. ``exact``: whatever belongs to the row and is named by none
    of these is let go of. ``at`` is the JSON pointer of the relation in the document.
    """

    relation: str
    create: tuple[Create, ...] = ()
    link: tuple[tuple[Any, ...], ...] = ()
    update: tuple[tuple[tuple[Any, ...], Row], ...] = ()
    unlink: tuple[tuple[Any, ...], ...] = ()
    delete: tuple[tuple[Any, ...], ...] = ()
    exact: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """A new row. ``at`` is the JSON pointer of its document, for faults."""

    resource: str
    row: Row
    nested: tuple[Nested, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Change the columns in ``row`` of the row, or of all rows, that ``where`` names.

    ``merge`` names columns of JSON whose value is a merge patch (RFC 7396). ``version`` is what
    the version column has to hold, or else somebody else was faster. ``many`` False
    stands for exactly one row, which has to be there; ``where`` None is every row, if ``many``.
    """

    resource: str
    where: Which | None
    row: Row
    nested: tuple[Nested, ...] = ()
    merge: frozenset[str] = frozenset()
    version: Any = None
    many: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class Replace:
    """Give the row of ``key`` exactly the values of ``row``, or create it with that key.

    ``key`` holds the values of the primary key; ``row`` has one for each column that can be set.
    """

    resource: str
    key: Row
    row: Row
    nested: tuple[Nested, ...] = ()
    version: Any = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Upsert:
    """Change the row whose columns ``by`` (a unique set) are those of ``row``, or create it.

    ``change`` holds what is set where the row is there already: of the columns in ``row`` those
    that the document gave, without defaults.
    """

    resource: str
    by: tuple[str, ...]
    row: Row
    change: Row = field(default_factory=lambda: MappingProxyType({}))
    nested: tuple[Nested, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the row, or all rows, that ``where`` names; ``many`` as in :class:`Update`."""

    resource: str
    where: Which | None
    many: bool = False
    at: str = ""


Mutation = Create | Update | Replace | Upsert | Delete

Outcome = Literal["created", "updated", "deleted"]
"""What became of a row."""
