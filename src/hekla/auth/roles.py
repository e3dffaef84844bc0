"""Roles and groups, and who has them: what ``me.has_role`` knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import GRANTS, GROUP_ROLES, GROUPS, ROLES
from hekla.sql.json import Json, array_of, subquery
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hekla.schema.types import Dialect
    from hekla.store.protocol import Transaction

__all__ = ["Roles", "held_roles", "is_role_name", "read_roles"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,119}")
_names = msgspec.json.Decoder(list[str]).decode


def is_role_name(name: str) -> bool:
    """Whether a role or a group may be called so: letters, digits and ``_ . : -``."""
    return _NAME.fullmatch(name) is not None


def held_roles(
    user_id: sa.ColumnElement[Any], dialect: Dialect
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Two columns for a statement about a user: their own roles, and those of their groups."""
    own = sa.select(array_of(Json(GRANTS.c.role), dialect)).where(GRANTS.c.user_id == user_id)
    of_groups = (
        sa.select(array_of(Json(GROUP_ROLES.c.role), dialect))
        .select_from(GROUPS.join(GROUP_ROLES, GROUP_ROLES.c.group == GROUPS.c.group))
        .where(GROUPS.c.user_id == user_id)
    )
    return (
        subquery(own, dialect).expression.label("own_roles"),
        subquery(of_groups, dialect).expression.label("group_roles"),
    )


def read_roles(own: str, of_groups: str) -> frozenset[str]:
    """The roles in what :func:`held_roles` found."""
    return frozenset(_names(own) + _names(of_groups))


class Roles:
    """The roles of one store. Whatever changes one runs in a transaction of the caller's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        r, g, m, dialect = ROLES.c, GRANTS.c, GROUPS.c, store.dialect
        grant = (g.user_id == value("user_id"), g.role == value("role"))
        member = (m.user_id == value("user_id"), m.group == value("group"))
        of_group = GROUP_ROLES.c.group == value("group")
        count = sa.select(sa.func.count()).select_from(GRANTS).where(g.role == r.name)
        self._all = prepare_list(
            sa.select(r.name, r.description, count.scalar_subquery().label("users"))
            .order_by(r.name)
            .limit(10_000),
            dialect,
        )
        one = sa.select(value("user_id").label("user_id")).subquery("one")
        self._of = prepare(sa.select(*held_roles(one.c.user_id, dialect)).select_from(one), dialect)
        self._own = prepare_list(
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
        self._unlink_role = prepare(
            sa.delete(GROUP_ROLES).where(GROUP_ROLES.c.role == value("name")), dialect
        )
        self._groups = prepare_list(
            sa.select(GROUP_ROLES.c.group, GROUP_ROLES.c.role)
            .order_by(GROUP_ROLES.c.group, GROUP_ROLES.c.role)
            .limit(10_000),
            dialect,
        )
        self._in_group = prepare_list(
            sa.select(m.user_id).where(m.group == value("group")).order_by(m.user_id).limit(10_000),
            dialect,
        )
        self._groups_of = prepare_list(
            sa.select(m.group).where(m.user_id == value("user_id")).order_by(m.group), dialect
        )
        self._find_member = prepare(sa.select(m.group).where(*member), dialect)
        self._add_member = insert(GROUPS, dialect)
        self._remove_member = prepare(sa.delete(GROUPS).where(*member), dialect)
        self._clear_group = prepare(sa.delete(GROUP_ROLES).where(of_group), dialect)
        self._add_group_role = insert(GROUP_ROLES, dialect)
        self._empty_group = prepare(sa.delete(GROUPS).where(m.group == value("group")), dialect)

    async def all(self) -> list[dict[str, Any]]:
        """Every role with how many users were given it."""
        return listed(await self._store.fetch(self._all, self._all()))

    async def of(self, user_id: str) -> frozenset[str]:
        """The roles of a user, those of their groups among them."""
        row = await self._store.fetch(self._of, self._of(user_id=user_id))
        return frozenset() if row is None else read_roles(*row)

    async def own(self, user_id: str) -> list[str]:
        """The roles that a user was given by themselves."""
        rows = listed(await self._store.fetch(self._own, self._own(user_id=user_id)))
        return [row["role"] for row in rows]

    async def members(self, role: str) -> list[str]:
        """The keys, as texts, of the users who were given a role."""
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
        for statement in (self._revoke_role, self._unlink_role, self._delete):
            await tx.fetch(statement.sql, statement(name=name))
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

    # Groups

    async def groups(self) -> dict[str, list[str]]:
        """The groups, each with the roles that it gives."""
        found: dict[str, list[str]] = {}
        for row in listed(await self._store.fetch(self._groups, self._groups())):
            found.setdefault(row["group"], []).append(row["role"])
        return found

    async def groups_of(self, user_id: str) -> list[str]:
        """The groups that a user is in."""
        rows = listed(await self._store.fetch(self._groups_of, self._groups_of(user_id=user_id)))
        return [row["group"] for row in rows]

    async def in_group(self, group: str) -> list[str]:
        """The keys, as texts, of the users who are in a group."""
        rows = listed(await self._store.fetch(self._in_group, self._in_group(group=group)))
        return [row["user_id"] for row in rows]

    async def set_group(self, tx: Transaction, group: str, roles: Sequence[str]) -> None:
        """Let a group give exactly these roles. ValueError for what is no name."""
        if not is_role_name(group):
            raise ValueError("a group is called by letters, digits and _ . : -")
        await tx.fetch(self._clear_group.sql, self._clear_group(group=group))
        for role in dict.fromkeys(roles):
            await self.create(tx, role)
            args = self._add_group_role(group=group, role=role)
            await tx.fetch(self._add_group_role.sql, args)

    async def delete_group(self, tx: Transaction, group: str) -> None:
        """Forget a group, and who was in it."""
        for statement in (self._clear_group, self._empty_group):
            await tx.fetch(statement.sql, statement(group=group))

    async def join(self, tx: Transaction, user_id: str, group: str, by: str | None) -> bool:
        """Put a user into a group; False if they are in it."""
        args = self._find_member(user_id=user_id, group=group)
        if await tx.fetch(self._find_member.sql, args) is not None:
            return False
        args = self._add_member(
            user_id=user_id, group=group, added_at=now(self._clock), added_by=by
        )
        await tx.fetch(self._add_member.sql, args)
        return True

    async def leave(self, tx: Transaction, user_id: str, group: str) -> bool:
        """Take a user out of a group; False if they are not in it."""
        args = self._find_member(user_id=user_id, group=group)
        if await tx.fetch(self._find_member.sql, args) is None:
            return False
        await tx.fetch(self._remove_member.sql, self._remove_member(user_id=user_id, group=group))
        return True
