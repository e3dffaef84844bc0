"""Who is whom: users of this application, and what they are to other providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.statements import create, insert, listed, prepare, prepare_list, value
from hekla.sql.gone import delete_with
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.federation.flow import Identity
    from hekla.schema.types import Dialect
    from hekla.store.protocol import Transaction

__all__ = ["IDENTITIES", "Identities", "LastIdentity", "create_tables"]

IDENTITIES = sa.Table(
    "hekla_identities",
    sa.MetaData(),
    sa.Column("provider", sa.String(32), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("email", sa.String(254)),
    sa.Column("linked_at", sa.String(32), nullable=False),
    sa.Index("hekla_identities_user", "user_id"),
)
"""What users are to other providers: the subject, which is nobody else's, ever."""


def create_tables(auth: Auth, dialect: Dialect) -> list[str]:
    """The statements that create the table; what is a user's goes with them."""
    statements = create([IDENTITIES], dialect)
    table, key = auth.users.resource.table, auth.users.key.source
    if isinstance(table, sa.Table) and isinstance(key, sa.Column):
        owned = [IDENTITIES.c.user_id]
        statements += delete_with(table, key, owned, "hekla_identities_user_gone", dialect)
    return statements


class Identities:
    """The identities of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = IDENTITIES.c, store.dialect
        one = (c.provider == value("provider")) & (c.subject == value("subject"))
        of_user = c.user_id == value("user_id")
        self._insert = insert(IDENTITIES, dialect)
        self._find = prepare(sa.select(c.user_id).where(one), dialect)
        self._list = prepare_list(
            sa.select(c.provider, c.email, c.linked_at).where(of_user).order_by(c.provider),
            dialect,
        )
        self._count = prepare(
            sa.select(sa.func.count()).select_from(IDENTITIES).where(of_user), dialect
        )
        self._owned = prepare(
            sa.select(c.subject).where(of_user, c.provider == value("provider")), dialect
        )
        self._delete = prepare(
            sa.delete(IDENTITIES).where(of_user, c.provider == value("provider")), dialect
        )

    async def find(self, provider: str, subject: str) -> str | None:
        """The user of an identity, as text."""
        args = self._find(provider=provider, subject=subject)
        row = await self._store.fetch(self._find, args)
        return None if row is None else str(row[0])

    async def list(self, user_id: str) -> list[dict[str, Any]]:
        """What a user may know of their identities."""
        return listed(await self._store.fetch(self._list, self._list(user_id=user_id)))

    async def link(self, tx: Transaction, provider: str, identity: Identity, user_id: str) -> str:
        """Keep whose an identity is; the user whose it is, as it may have been another's."""
        found = self._find(provider=provider, subject=identity.subject)
        row = await tx.fetch(self._find.sql, found)
        if row is not None:
            return str(row[0])
        args = self._insert(
            provider=provider,
            subject=identity.subject,
            user_id=user_id,
            email=identity.email,
            linked_at=now(self._clock),
        )
        await tx.fetch(self._insert.sql, args)
        return user_id

    async def unlink(self, tx: Transaction, provider: str, user_id: str, *, last: bool) -> bool:
        """Forget an identity; False if there is none. With ``last`` it may be the last one."""
        args = self._owned(user_id=user_id, provider=provider)
        if await tx.fetch(self._owned.sql, args) is None:
            return False
        if not last:
            row = await tx.fetch(self._count.sql, self._count(user_id=user_id))
            if row is not None and row[0] <= 1:
                raise LastIdentity
        await tx.fetch(self._delete.sql, self._delete(user_id=user_id, provider=provider))
        return True


class LastIdentity(Exception):
    """Without this identity its user could not sign in any more."""
