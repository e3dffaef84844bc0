"""Sessions: sign-ins that last, each of which can be ended at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.roles import held_roles, read_roles
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import ACCOUNTS, REFRESH, SESSIONS
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hekla.schema.types import Dialect
    from hekla.store.protocol import Transaction

__all__ = ["Kind", "Live", "Session", "Sessions"]

Kind = Literal["cookie", "token"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in. Moments are texts; ``methods`` are what was shown, as ``pwd otp``.

    ``proved_at`` is when the user last showed who they are; ``behind`` is who acts as the user.
    """

    id: str
    user_id: str
    kind: Kind
    secret: str | None = None
    created_at: str
    used_at: str
    expires_at: str
    proved_at: str
    methods: str
    address: str | None = None
    agent: str | None = None
    behind: str | None = None
    client_id: str | None = None
    scope: str | None = None


class Live(msgspec.Struct, frozen=True):
    """A session as it is now: with the roles of its user, and whether they are shut out."""

    session: Session
    disabled: bool
    roles: frozenset[str]


_FIELDS = Session.__struct_fields__
# What its user may see of a session.
_SHOWN = ("id", "kind", "created_at", "used_at", "expires_at", "methods", "address", "agent")


class Sessions:
    """The sessions of one store. Whatever changes one runs in a transaction of the caller's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = SESSIONS.c, store.dialect
        of_user = c.user_id == value("user_id")
        tokens = sa.select(c.id).where(of_user, c.id != value("but"))
        self._insert = insert(SESSIONS, dialect)
        self._by_id = _live(c.id == value("id"), dialect)
        self._by_secret = _live(c.secret == value("secret"), dialect)
        self._list = prepare_list(
            sa.select(*(c[name] for name in _SHOWN), c.behind, c.client_id)
            .where(of_user, c.expires_at > value("now"))
            .order_by(c.used_at.desc())
            .limit(1000),
            dialect,
        )
        self._delete = prepare(sa.delete(SESSIONS).where(c.id == value("id")), dialect)
        self._owned = prepare(sa.select(c.id).where(c.id == value("id"), of_user), dialect)
        self._delete_all = prepare(
            sa.delete(SESSIONS).where(of_user, c.id != value("but")), dialect
        )
        self._count = prepare(
            sa.select(sa.func.count()).select_from(SESSIONS).where(of_user), dialect
        )
        self._delete_tokens = prepare(
            sa.delete(REFRESH).where(REFRESH.c.session_id == value("id")), dialect
        )
        self._delete_all_tokens = prepare(
            sa.delete(REFRESH).where(REFRESH.c.session_id.in_(tokens)), dialect
        )
        self._touch = prepare(
            sa.update(SESSIONS)
            .where(c.id == value("id"), c.used_at < value("used_at"))
            .values(used_at=value("used_at")),
            dialect,
        )
        self._prove = prepare(
            sa.update(SESSIONS)
            .where(c.id == value("id"))
            .values(proved_at=value("proved_at"), methods=value("methods")),
            dialect,
        )
        self._turn = prepare(
            sa.update(SESSIONS).where(c.id == value("id")).values(secret=value("secret")), dialect
        )

    async def begin(self, tx: Transaction, session: Session) -> None:
        """Keep a new session."""
        args = self._insert(**msgspec.structs.asdict(session))
        await tx.fetch(self._insert.sql, args)

    async def find(self, session_id: str) -> Live | None:
        """The session of an id, as it is now."""
        return _read(await self._store.fetch(self._by_id, self._by_id(id=session_id)))

    async def find_secret(self, secret: str) -> Live | None:
        """The session of the digest of a cookie, as it is now."""
        return _read(await self._store.fetch(self._by_secret, self._by_secret(secret=secret)))

    async def find_in(self, tx: Transaction, session_id: str) -> Live | None:
        """The session of an id, as a transaction sees it."""
        return _read(await tx.fetch(self._by_id.sql, self._by_id(id=session_id)))

    async def list(self, user_id: str) -> list[dict[str, Any]]:
        """What a user may know of their sessions, the one last used first."""
        args = self._list(user_id=user_id, now=now(self._clock))
        return listed(await self._store.fetch(self._list, args))

    async def end(self, tx: Transaction, session_id: str, user_id: str | None = None) -> bool:
        """End a session, of that user if one is named, and its refresh tokens; False: no such."""
        if user_id is not None:
            args = self._owned(id=session_id, user_id=user_id)
            if await tx.fetch(self._owned.sql, args) is None:
                return False
        await tx.fetch(self._delete_tokens.sql, self._delete_tokens(id=session_id))
        await tx.fetch(self._delete.sql, self._delete(id=session_id))
        return True

    async def end_all(self, tx: Transaction, user_id: str, but: str | None = None) -> None:
        """End all sessions of a user, but perhaps one."""
        kept = but or ""
        for statement in (self._delete_all_tokens, self._delete_all):
            await tx.fetch(statement.sql, statement(user_id=user_id, but=kept))

    async def prove(self, tx: Transaction, session_id: str, methods: str) -> None:
        """Keep that the user has shown just now who they are, and how."""
        args = self._prove(id=session_id, proved_at=now(self._clock), methods=methods)
        await tx.fetch(self._prove.sql, args)

    async def turn(self, tx: Transaction, session_id: str, secret: str) -> None:
        """Let a session be found by another cookie from now on."""
        await tx.fetch(self._turn.sql, self._turn(id=session_id, secret=secret))

    async def touch(self, used: Mapping[str, str]) -> None:
        """Keep when sessions were last used."""

        async def work(tx: Transaction) -> None:
            for session_id, at in used.items():
                await tx.fetch(self._touch.sql, self._touch(id=session_id, used_at=at))

        await self._store.write(work)


def _live(condition: sa.ColumnElement[bool], dialect: Dialect) -> Any:
    """The statement for one session with the state of its account and the roles of its user."""
    return prepare(
        sa.select(
            *(SESSIONS.c[name] for name in _FIELDS),
            ACCOUNTS.c.disabled_at,
            *held_roles(SESSIONS.c.user_id, dialect),
        )
        .select_from(
            SESSIONS.outerjoin(ACCOUNTS, ACCOUNTS.c.user_id == SESSIONS.c.user_id),
        )
        .where(condition),
        dialect,
    )


def _read(row: tuple[Any, ...] | None) -> Live | None:
    if row is None:
        return None
    session = Session(**dict(zip(_FIELDS, row[:-3], strict=True)))
    return Live(session, row[-3] is not None, read_roles(row[-2], row[-1]))
