"""Roles, and who has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import GRANTS, ROLES
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["Roles", "is_role_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,119}")


def is_role_name(name: str) -> bool:
    """Whether a role may be called so: letters, digits and ``_ . : -``."""
    return _NAME.fullmatch(name) is not None


class Roles:
    """The roles of one store. Whatever changes one runs in a transaction of the caller's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        r, g, dialect = ROLES.c, GRANTS.c, store.dialect
        grant = (g.user_id == value("user_id"), g.role == value("role"))
        members = (
            sa.select(sa.func.count()).where(g.role == r.name).select_from(GRANTS).scalar_subquery()
        )
        self._all = prepare_list(
            sa.select(r.name, r.description, members.label("users")).order_by(r.name).limit(10_000),
            dialect,
        )
        self._of = prepare_list(
            sa.select(g.role).where(g.user_id == value("user_id")).order_by(g.role), dialect
        )
        self._members = prepare_list(
            sa.select(g.user_id).where(g.role == value("role")).order_by(g.user_id).limit(10_000),
            dialect,
        )
        self._find = prepare(sa.select(r.name).where(r.name == value("name")), dialect)
        self._insert = insert(ROLES, dialect)
        self._delete = prepare(sa.delete(ROLES).where(r.name == value("name")), dialect)
        self._find_grant = prepare(sa.select(g.role).where(*grant), dialect)
        self._grant = insert(GRANTS, dialect)
        self._revoke = prepare(sa.delete(GRANTS).where(*grant), dialect)
        self._revoke_role = prepare(sa.delete(GRANTS).where(g.role == value("name")), dialect)
        self._revoke_user = prepare(sa.delete(GRANTS).where(g.user_id == value("user_id")), dialect)

    async def all(self) -> list[dict[str, Any]]:
        """Every role with how many users have it."""
        return listed(await self._store.fetch(self._all, self._all()))

    async def of(self, user_id: str) -> frozenset[str]:
        """The roles of a user."""
        rows = listed(await self._store.fetch(self._of, self._of(user_id=user_id)))
        return frozenset(row["role"] for row in rows)

    async def members(self, role: str) -> list[str]:
        """The keys, as texts, of the users who have a role."""
        rows = listed(await self._store.fetch(self._members, self._members(role=role)))
        return [row["user_id"] for row in rows]

    async def create(self, tx: Transaction, name: str, description: str | None = None) -> bool:
        """Make a role; False if there is one of that name. ValueError for what is no name."""
        if not is_role_name(name):
            raise ValueError("a role is called by letters, digits and _ . : -")
        if await tx.fetch(self._find.sql, self._find(name=name)) is not None:
            return False
        args = self._insert(name=name, description=description, created_at=now(self._clock))
        await tx.fetch(self._insert.sql, args)
        return True

    async def delete(self, tx: Transaction, name: str) -> bool:
        """Take a role away from everybody, and forget it; False if there is none."""
        if await tx.fetch(self._find.sql, self._find(name=name)) is None:
            return False
        await tx.fetch(self._revoke_role.sql, self._revoke_role(name=name))
        await tx.fetch(self._delete.sql, self._delete(name=name))
        return True

    async def grant(self, tx: Transaction, user_id: str, role: str, by: str | None) -> bool:
        """Give a user a role, which is made if there is none; False if they have it."""
        await self.create(tx, role)
        args = self._find_grant(user_id=user_id, role=role)
        if await tx.fetch(self._find_grant.sql, args) is not None:
            return False
        args = self._grant(user_id=user_id, role=role, granted_at=now(self._clock), granted_by=by)
        await tx.fetch(self._grant.sql, args)
        return True

    async def revoke(self, tx: Transaction, user_id: str, role: str) -> bool:
        """Take a role away from a user; False if they do not have it."""
        args = self._find_grant(user_id=user_id, role=role)
        if await tx.fetch(self._find_grant.sql, args) is None:
            return False
        await tx.fetch(self._revoke.sql, self._revoke(user_id=user_id, role=role))
        return True

    async def revoke_all(self, tx: Transaction, user_id: str) -> None:
        """Take all roles away from a user who is gone."""
        await tx.fetch(self._revoke_user.sql, self._revoke_user(user_id=user_id))
