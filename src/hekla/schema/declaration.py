"""What an application says of a resource, beside its rules: plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

__all__ = ["Declaration"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One resource as ``app.resource(Task, …)`` declares it.

    ``entity`` is a mapped class or a Table. ``only`` names the columns to serve (None: all),
    ``hidden`` those not to. ``relations`` maps the name that a relation would have to the one
    it shall have, or to None if it is not to be served. ``search`` names the columns that
    ``search=`` looks in, ``search_index`` the FTS5 table over them, where there is one.

    ``read_only``, ``write_once`` and ``secret`` name columns, as ``created``, ``updated``,
    ``created_by``, ``updated_by``, ``tenant``, ``soft_delete`` and ``version`` do: see Column and
    Resource.
    ``validators`` are functions on a column's value, ``validate`` functions on a whole row.
    ``delete_all``: to delete every row need not be said aloud.
    """

    entity: type[Any] | sa.FromClause
    name: str | None = None
    only: Sequence[str] | None = None
    hidden: Sequence[str] = ()
    relations: Mapping[str, str | None] = field(default_factory=dict)
    search: Sequence[str] = ()
    search_index: str | None = None
    title: str | None = None
    description: str | None = None
    read_only: Sequence[str] = ()
    write_once: Sequence[str] = ()
    secret: Sequence[str] = ()
    created: str | None = None
    updated: str | None = None
    created_by: str | None = None
    updated_by: str | None = None
    tenant: str | None = None
    soft_delete: str | None = None
    version: str | None = None
    validators: Mapping[str, Callable[..., Any] | Sequence[Callable[..., Any]]] = field(
        default_factory=dict
    )
    validate: Callable[..., Any] | Sequence[Callable[..., Any]] = ()
    delete_all: bool = False
