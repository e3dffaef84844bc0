"""Devices that somebody signed in from, known by a secret that they were given then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from hekla.auth.moments import Clock, later, now
from hekla.auth.random_secret import digest, new_secret
from hekla.auth.statements import insert, prepare, value
from hekla.auth.tables import DEVICES
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["DEVICE_SECONDS", "Devices"]

DEVICE_SECONDS = 180 * 86_400


class Devices:
    """The known devices of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = DEVICES.c, store.dialect
        self._insert = insert(DEVICES, dialect)
        self._find = prepare(
            sa.select(c.digest).where(
                c.digest == value("digest"),
                c.user_id == value("user_id"),
                c.expires_at > value("now"),
            ),
            dialect,
        )
        self._delete_all = prepare(sa.delete(DEVICES).where(c.user_id == value("user_id")), dialect)

    def new(self) -> str:
        """A secret for a device."""
        return new_secret()

    async def is_known(self, secret: str | None, user_id: str) -> bool:
        """Whether a device shows that this user signed in from it."""
        if not secret:
            return False
        args = self._find(digest=digest(secret), user_id=user_id, now=now(self._clock))
        return await self._store.fetch(self._find, args) is not None

    async def add(self, tx: Transaction, secret: str, user_id: str) -> None:
        """Keep that a user signed in from a device."""
        args = self._insert(
            digest=digest(secret),
            user_id=user_id,
            expires_at=later(self._clock, DEVICE_SECONDS),
        )
        await tx.fetch(self._insert.sql, args)

    async def forget_all(self, tx: Transaction, user_id: str) -> None:
        """Know none of a user's devices any more."""
        await tx.fetch(self._delete_all.sql, self._delete_all(user_id=user_id))
