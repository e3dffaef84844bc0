"""Secrets that are good once, and not for long: in links, as codes, and between two steps."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import Clock, later, now
from hekla.auth.random_secret import digest, new_secret
from hekla.auth.statements import insert, prepare, value
from hekla.auth.tables import CODES
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["Code", "Codes", "Purpose"]

Purpose = Literal[
    "register",
    "confirm",
    "email",
    "reset",
    "link",
    "code",
    "second",
    "passkey",
    "invitation",
    "upstream",
]

# Wrong answers that a code of digits stands.
_TRIES = 5


class Code(msgspec.Struct, frozen=True):
    """What a secret is for: its purpose, whose it is, for which address, and what else is known."""

    digest: str
    purpose: str
    user_id: str | None
    address: str | None
    answer: str | None
    tries: int
    data: str | None
    expires_at: str

    def told(self) -> dict[str, Any]:
        """What was kept with it."""
        found: dict[str, Any] = {} if self.data is None else msgspec.json.decode(self.data)
        return found


class Codes:
    """The secrets of one store. They are made outside of a transaction, and kept in one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = CODES.c, store.dialect
        one = c.digest == value("digest")
        self._insert = insert(CODES, dialect)
        self._find = prepare(
            sa.select(*(c[name] for name in Code.__struct_fields__)).where(one), dialect
        )
        self._delete = prepare(sa.delete(CODES).where(one), dialect)
        self._failed = prepare(sa.update(CODES).where(one).values(tries=c.tries + 1), dialect)
        self._delete_all = prepare(
            sa.delete(CODES).where(c.user_id == value("user_id"), c.purpose != value("but")),
            dialect,
        )
        self._delete_purpose = prepare(
            sa.delete(CODES).where(c.user_id == value("user_id"), c.purpose == value("purpose")),
            dialect,
        )

    def new(self) -> str:
        """A secret for a link."""
        return new_secret()

    def new_digits(self) -> str:
        """Six digits, for people to type."""
        return f"{secrets.randbelow(1_000_000):06d}"

    async def add(
        self,
        tx: Transaction,
        secret: str,
        purpose: Purpose,
        seconds: float,
        *,
        user_id: str | None = None,
        address: str | None = None,
        digits: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Keep a secret. With ``digits`` it names what these are asked for, and may be known."""
        args = self._insert(
            digest=digest(secret),
            purpose=purpose,
            user_id=user_id,
            address=address,
            answer=None if digits is None else digest(secret + digits),
            tries=0,
            data=None if data is None else msgspec.json.encode(data).decode(),
            created_at=now(self._clock),
            expires_at=later(self._clock, seconds),
        )
        await tx.fetch(self._insert.sql, args)

    async def peek(self, secret: str, *purposes: Purpose) -> Code | None:
        """What a secret is for, without using it up."""
        row = await self._store.fetch(self._find, self._find(digest=digest(secret)))
        return self._good(row, purposes)

    async def take(
        self, tx: Transaction, secret: str, *purposes: Purpose, digits: str | None = None
    ) -> Code | None:
        """Use a secret up; None if there is no such, or not any more, or the digits are wrong.

        Wrong digits count: the transaction has to be committed all the same.
        """
        row = await tx.fetch(self._find.sql, self._find(digest=digest(secret)))
        found = self._good(row, purposes)
        if found is None:
            return None
        if found.answer is not None:
            right = digits is not None and secrets.compare_digest(
                found.answer, digest(secret + digits)
            )
            if not right:
                statement = self._failed if found.tries + 1 < _TRIES else self._delete
                await tx.fetch(statement.sql, statement(digest=found.digest))
                return None
        await tx.fetch(self._delete.sql, self._delete(digest=found.digest))
        return found

    def _good(self, row: tuple[Any, ...] | None, purposes: tuple[Purpose, ...]) -> Code | None:
        if row is None:
            return None
        found = Code(*row)
        if found.purpose not in purposes or found.expires_at <= now(self._clock):
            return None
        return found

    async def forget(self, tx: Transaction, user_id: str, purpose: Purpose | None = None) -> None:
        """Make worthless what a user was sent before, of one purpose or of all."""
        if purpose is None:
            args = self._delete_all(user_id=user_id, but="")
            await tx.fetch(self._delete_all.sql, args)
        else:
            args = self._delete_purpose(user_id=user_id, purpose=purpose)
            await tx.fetch(self._delete_purpose.sql, args)
