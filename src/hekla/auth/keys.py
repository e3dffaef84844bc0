"""API keys: how programs, services and devices say who they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from hekla.actor import Actor
from hekla.auth.jose import InvalidToken
from hekla.auth.moments import Clock, moment, now, parse_moment
from hekla.auth.random_secret import digest, new_id, new_secret
from hekla.auth.roles import held_roles, read_roles
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import ACCOUNTS, API_KEYS
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hekla.auth.users import Users
    from hekla.store.protocol import Transaction

__all__ = ["ADMIN", "PREFIX", "ApiKeys", "NewKey", "is_scope"]

PREFIX = "hekla_ak_"
"""How every key begins, so that one can be told where it was left lying about."""

ADMIN = "admin"
"""The scope without which an administrator's key is none of an administrator."""

_HINT = len(PREFIX) + 4
_SCOPE = re.compile(r"(read|write|admin|[^\s\x00-\x1f\"\\]{1,120}:(read|write))")
# Seconds between two times that a key's use is put down.
_USED = 60.0


def is_scope(text: str) -> bool:
    """Whether a text is a scope: ``read``, ``write``, ``admin``, or such as ``tasks:read``."""
    return _SCOPE.fullmatch(text) is not None


class NewKey(NamedTuple):
    """A key that was made: what it is called, and the key itself, which is shown once."""

    id: str
    key: str


class ApiKeys:
    """The keys of one store."""

    def __init__(self, store: Store, users: Users, clock: Clock) -> None:
        self._store = store
        self._users = users
        self._clock = clock
        c, dialect = API_KEYS.c, store.dialect
        self._insert = insert(API_KEYS, dialect)
        self._find = prepare(
            sa.select(
                c.id,
                c.user_id,
                c.scopes,
                c.expires_at,
                c.used_at,
                ACCOUNTS.c.disabled_at,
                *held_roles(c.user_id, dialect),
            )
            .select_from(API_KEYS.outerjoin(ACCOUNTS, ACCOUNTS.c.user_id == c.user_id))
            .where(c.digest == value("digest")),
            dialect,
        )
        shown = (c.id, c.name, c.hint, c.scopes, c.created_at, c.expires_at, c.used_at)
        self._list = prepare_list(
            sa.select(*shown)
            .where(c.user_id == value("user_id"))
            .order_by(c.created_at)
            .limit(1000),
            dialect,
        )
        self._owned = prepare(
            sa.select(c.id).where(c.id == value("id"), c.user_id == value("user_id")), dialect
        )
        self._owner = prepare(sa.select(c.user_id).where(c.id == value("id")), dialect)
        self._delete = prepare(sa.delete(API_KEYS).where(c.id == value("id")), dialect)
        self._touch = prepare(
            sa.update(API_KEYS).where(c.id == value("id")).values(used_at=value("used_at")), dialect
        )
        self.used: dict[str, str] = {}
        """When keys were used that have to be put down."""

    def new(self) -> NewKey:
        """A key, to be kept by ``add``: made outside of any transaction, which may run again."""
        return NewKey(new_id(), new_secret(PREFIX))

    async def add(
        self,
        tx: Transaction,
        new: NewKey,
        user_id: str,
        name: str,
        scopes: Sequence[str],
        expires_at: str | None = None,
        by: str | None = None,
    ) -> None:
        """Keep a new key of a user. ``expires_at`` None: it is good until it is deleted."""
        args = self._insert(
            id=new.id,
            user_id=user_id,
            name=name,
            digest=digest(new.key),
            hint=new.key[:_HINT],
            scopes=" ".join(sorted(set(scopes))),
            created_at=now(self._clock),
            created_by=by,
            expires_at=expires_at,
            used_at=None,
        )
        await tx.fetch(self._insert.sql, args)

    async def list(self, user_id: str) -> list[dict[str, Any]]:
        """What the owner of keys may know of them."""
        rows = listed(await self._store.fetch(self._list, self._list(user_id=user_id)))
        for row in rows:
            row["scopes"] = row["scopes"].split()
        return rows

    async def delete(self, tx: Transaction, key_id: str, user_id: str | None = None) -> str | None:
        """Delete a key, of that user if one is named; whose it was, None if there is no such."""
        if user_id is not None:
            args = self._owned(id=key_id, user_id=user_id)
            if await tx.fetch(self._owned.sql, args) is None:
                return None
        row = await tx.fetch(self._owner.sql, self._owner(id=key_id))
        if row is None:
            return None
        await tx.fetch(self._delete.sql, self._delete(id=key_id))
        return str(row[0])

    async def read(self, key: str) -> tuple[Actor, float]:
        """Who a key stands for, and until when (seconds). Raises InvalidToken."""
        row = await self._store.fetch(self._find, self._find(digest=digest(key)))
        if row is None:
            raise InvalidToken("there is no such key")
        key_id, user_text, scopes, expires_at, used_at, disabled_at, roles, of_groups = row
        at = self._clock.now()
        if disabled_at is not None or (expires_at is not None and expires_at <= moment(at)):
            raise InvalidToken("the key has expired, or its user is shut out")
        user = await self._users.find(user_text)
        if user is None:
            raise InvalidToken("its user is gone")
        if used_at is None or (at - parse_moment(used_at)).total_seconds() > _USED:
            self.used[key_id] = moment(at)
        given = frozenset(scopes.split())
        held = read_roles(roles, of_groups)
        if ADMIN not in given:
            held -= {ADMIN}
        actor = self._users.actor(user, held, {"key_id": key_id, "amr": ["key"]}, given)
        until = float("inf") if expires_at is None else parse_moment(expires_at).timestamp()
        return actor, until

    async def touch(self, used: Mapping[str, str]) -> None:
        """Keep when keys were last used."""

        async def work(tx: Transaction) -> None:
            for key_id, at in used.items():
                await tx.fetch(self._touch.sql, self._touch(id=key_id, used_at=at))

        await self._store.write(work)
