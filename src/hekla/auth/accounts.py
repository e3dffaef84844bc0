"""Accounts: what Hekla knows of a user beside the application's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.statements import insert, prepare, value
from hekla.auth.tables import ACCOUNTS
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["Account", "Accounts", "Kind"]

Kind = Literal["person", "service"]


class Account(msgspec.Struct, frozen=True):
    """One account. ``password`` is its hash, which is never shown."""

    user_id: str
    password: str | None = None
    password_at: str | None = None
    confirmed: str | None = None
    disabled_at: str | None = None
    kind: Kind = "person"
    created_at: str = ""

    @property
    def disabled(self) -> bool:
        return self.disabled_at is not None


class Accounts:
    """The accounts of one store. Whatever changes one runs in a transaction of the caller's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = ACCOUNTS.c, store.dialect
        one = c.user_id == value("user_id")
        columns = [c[name] for name in Account.__struct_fields__]
        self._find = prepare(sa.select(*columns).where(one), dialect)
        self._insert = insert(ACCOUNTS, dialect)
        self._password = prepare(
            sa.update(ACCOUNTS)
            .where(one)
            .values(password=value("password"), password_at=value("password_at")),
            dialect,
        )
        self._rehash = prepare(
            sa.update(ACCOUNTS)
            .where(one, c.password == value("old"))
            .values(password=value("password")),
            dialect,
        )
        self._confirm = prepare(
            sa.update(ACCOUNTS).where(one).values(confirmed=value("confirmed")), dialect
        )
        self._disable = prepare(
            sa.update(ACCOUNTS).where(one).values(disabled_at=value("disabled_at")), dialect
        )
        self._delete = prepare(sa.delete(ACCOUNTS).where(one), dialect)

    async def find(self, user_id: str) -> Account:
        """The account of a user; one without anything in it if there is none yet."""
        row = await self._store.fetch(self._find, self._find(user_id=user_id))
        return Account(user_id) if row is None else Account(*row)

    async def create(
        self,
        tx: Transaction,
        user_id: str,
        password: str | None,
        *,
        kind: Kind = "person",
        confirmed: str | None = None,
    ) -> None:
        """Make the account of a user who has none."""
        at = now(self._clock)
        args = self._insert(
            user_id=user_id,
            password=password,
            password_at=None if password is None else at,
            confirmed=confirmed,
            disabled_at=None,
            kind=kind,
            created_at=at,
        )
        await tx.fetch(self._insert.sql, args)

    async def ensure(self, tx: Transaction, user_id: str) -> Account:
        """The account of a user, made if there is none."""
        row = await tx.fetch(self._find.sql, self._find(user_id=user_id))
        if row is not None:
            return Account(*row)
        await self.create(tx, user_id, None)
        return Account(user_id)

    async def set_password(self, tx: Transaction, user_id: str, password: str | None) -> None:
        """Replace the hash of a password; None takes the password away."""
        await self.ensure(tx, user_id)
        at = None if password is None else now(self._clock)
        args = self._password(user_id=user_id, password=password, password_at=at)
        await tx.fetch(self._password.sql, args)

    async def rehash(self, tx: Transaction, user_id: str, old: str, password: str) -> None:
        """Replace the hash of the same password, unless the password was changed meanwhile."""
        args = self._rehash(user_id=user_id, old=old, password=password)
        await tx.fetch(self._rehash.sql, args)

    async def confirm(self, tx: Transaction, user_id: str, address: str | None) -> None:
        """Keep that an address was shown to be the user's."""
        await self.ensure(tx, user_id)
        await tx.fetch(self._confirm.sql, self._confirm(user_id=user_id, confirmed=address))

    async def disable(self, tx: Transaction, user_id: str, disabled: bool) -> None:
        """Shut a user out, or let them in again."""
        await self.ensure(tx, user_id)
        at = now(self._clock) if disabled else None
        await tx.fetch(self._disable.sql, self._disable(user_id=user_id, disabled_at=at))

    async def delete(self, tx: Transaction, user_id: str) -> None:
        """Forget an account whose user is gone."""
        await tx.fetch(self._delete.sql, self._delete(user_id=user_id))
