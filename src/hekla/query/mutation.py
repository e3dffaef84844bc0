"""What can be changed, as frozen data: no text, no SQL, no HTTP.

Rows are mappings from column names, as the API has them, to typed Python values that were
validated (:mod:`hekla.writing.rows`). Rows are named by a condition, as in a query, whose
values are apart from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from hekla.errors import Problem
from hekla.query.shape import Which

__all__ = [
    "Create",
    "Delete",
    "Existing",
    "Mutation",
    "Nested",
    "Outcome",
    "Replace",
    "Row",
    "Update",
    "Upsert",
    "size",
]

Row = Mapping[str, Any]


class Existing(msgspec.Struct, frozen=True, gc=False):
    """A row that is there, named by its key, and what of it is changed, if anything.

    ``key`` leaves out the columns that the row has from the one that it belongs to. ``otherwise``
    is made if there is no such row (a Problem is why that cannot be); without it, that is a
    fault. ``merge`` and ``version`` are as in :class:`Update`.
    """

    key: Row
    row: Row = msgspec.field(default_factory=lambda: MappingProxyType({}))
    nested: tuple[Nested, ...] = ()
    merge: frozenset[str] = frozenset()
    version: Any = None
    otherwise: Create | Problem | None = None
    at: str = ""

    @property
    def changes(self) -> bool:
        """Whether it is to be changed, beside being tied to another row."""
        return bool(self.row or self.nested) or self.version is not None


class Nested(msgspec.Struct, frozen=True, gc=False):
    """What shall become of the rows at the other end of ``relation``.

    ``rows`` belong to the row afterwards: new ones, and ones that exist. With ``exact`` no
    others do: the rest is let go of. ``update`` changes some that belong to it, ``unlink`` lets
    go of some, ``delete`` deletes some. ``through`` holds, for each of ``rows``, what else is in
    the row of the table in between, if that is a resource. ``at`` is the JSON pointer of the
    relation in the document.
    """

    relation: str
    rows: tuple[Create | Existing, ...] = ()
    update: tuple[Existing, ...] = ()
    unlink: tuple[Existing, ...] = ()
    delete: tuple[Existing, ...] = ()
    exact: bool = False
    through: tuple[Row, ...] = ()
    at: str = ""

    def all(self) -> Iterator[Create | Existing]:
        """Every row that it speaks of."""
        return chain(self.rows, self.update, self.unlink, self.delete)


class Create(msgspec.Struct, frozen=True, gc=False):
    """A new row. ``at`` is the JSON pointer of its document, for faults."""

    resource: str
    row: Row
    nested: tuple[Nested, ...] = ()
    at: str = ""


class Update(msgspec.Struct, frozen=True, gc=False):
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


class Replace(msgspec.Struct, frozen=True, gc=False):
    """Give the row of ``key`` exactly the values of ``row``, or create it with that key.

    ``key`` holds the values of the primary key; ``row`` has one for each column that can be set.
    """

    resource: str
    key: Row
    row: Row
    nested: tuple[Nested, ...] = ()
    version: Any = None
    at: str = ""


class Upsert(msgspec.Struct, frozen=True, gc=False):
    """Change the row whose columns ``by`` (a unique set) are those of ``row``, or create it.

    ``change`` holds what is set where the row is there already: of the columns in ``row`` those
    that the document gave, without defaults.
    """

    resource: str
    by: tuple[str, ...]
    row: Row
    change: Row = msgspec.field(default_factory=lambda: MappingProxyType({}))
    nested: tuple[Nested, ...] = ()
    version: Any = None
    at: str = ""


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Delete the row, or all rows, that ``where`` names; ``many`` as in :class:`Update`."""

    resource: str
    where: Which | None
    many: bool = False
    at: str = ""


Mutation = Create | Update | Replace | Upsert | Delete

Outcome = Literal["created", "updated", "deleted"]
"""What became of a row."""


def size(mutation: Mutation) -> int:
    """How many rows a mutation names, nested ones included; one for those of a filter."""
    nested = () if isinstance(mutation, Delete) else mutation.nested
    return 1 + sum(map(_size, nested))


def _size(nested: Nested) -> int:
    return sum(1 + sum(map(_size, each.nested)) for each in nested.all())
