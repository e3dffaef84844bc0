"""Who may read and write which rows and columns, said as SQLAlchemy expressions over ``me``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.sql.elements import BindParameter

__all__ = [
    "ADMINISTRATORS",
    "Action",
    "MeValue",
    "Role",
    "Rule",
    "Rules",
    "SignedIn",
    "everyone",
    "me",
    "nobody",
    "signed_in",
]

Rule = sa.ColumnElement[bool]

Action = Literal["create", "update", "delete"]
"""What can be done to a row, other than reading it."""


class MeValue(BindParameter[Any]):
    """A value of whoever asks: a bound parameter that each request fills anew."""

    inherit_cache = True
    me_path: tuple[str, ...]

    def __init__(self, *path: str) -> None:
        super().__init__("me_" + "_".join(path), None, unique=True)
        self.me_path = path


class Role(sa.ColumnElement[bool]):
    """Whether the actor has a role: known when the statement is compiled."""

    __visit_name__ = "hekla_role"
    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, name: str) -> None:
        self.name = name


class SignedIn(sa.ColumnElement[bool]):
    """Whether anybody signed in: known when the statement is compiled."""

    __visit_name__ = "hekla_signed_in"
    inherit_cache = False
    type = sa.Boolean()


class _Claims:
    """``me.claims["name"]``: what the token or session says beyond id, roles and tenant."""

    def __getitem__(self, name: str) -> MeValue:
        return MeValue("claims", name)


class _Me:
    """Whoever asks, as rules see it: each value is bound when a request is answered."""

    @property
    def id(self) -> MeValue:
        """The actor's key; NULL for nobody, so that ``owner_id == me.id`` is never true then."""
        return MeValue("id")

    @property
    def tenant(self) -> MeValue:
        """The actor's tenant; NULL where there is none."""
        return MeValue("tenant")

    @property
    def claims(self) -> _Claims:
        """Further facts of the actor by name; NULL where it has no such claim."""
        return _Claims()

    def has_role(self, name: str) -> Role:
        """Whether the actor has the role ``name``."""
        return Role(name)


me = _Me()
everyone: Rule = sa.true()
nobody: Rule = sa.false()
signed_in: Rule = SignedIn()

# A resource with no rules is visible to administrators only.
ADMINISTRATORS: Rule = Role("admin")


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rules of one resource: who may do what with which rows.

    A row that is changed has to satisfy the rule of its action before and after. ``columns``
    closes single columns further (by API name), ``write_columns`` closes them to writing only:
    a row in which such a column is set has to satisfy its rule as well.
    """

    read: Rule = ADMINISTRATORS
    columns: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    create: Rule = ADMINISTRATORS
    update: Rule = ADMINISTRATORS
    delete: Rule = ADMINISTRATORS
    write_columns: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, action: Action) -> Rule:
        """The rule of one way of writing."""
        match action:
            case "create":
                return self.create
            case "update":
                return self.update
            case "delete":
                return self.delete

    def within(self, rule: Rule) -> Rules:
        """The same for the rows for which ``rule`` holds; for others nothing may be done."""
        return Rules(
            rule & self.read,
            self.columns,
            rule & self.create,
            rule & self.update,
            rule & self.delete,
            self.write_columns,
        )

    def all(self) -> Iterator[Rule]:
        """Every rule there is."""
        yield from (self.read, self.create, self.update, self.delete)
        yield from self.columns.values()
        yield from self.write_columns.values()
