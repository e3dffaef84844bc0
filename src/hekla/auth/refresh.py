"""Refresh tokens: each is good once, and whoever shows one again ends the whole sign-in.

RFC 9700, section 4.14.2. A client may lose the answer and try again: within
``refresh_grace`` seconds a token that was just used is good once more. What was given out for
it before is superseded by that: to show this ends the sign-in too, so that of a thief and a
victim who both have a token the second to come shows that there are two.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import sqlalchemy as sa

from hekla.auth.moments import Clock, later, moment, now
from hekla.auth.random_secret import digest, new_secret
from hekla.auth.statements import insert, prepare, value
from hekla.auth.tables import REFRESH, SESSIONS
from hekla.settings import Settings
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["PREFIX", "RefreshTokens", "Refreshed"]

PREFIX = "hekla_rt_"
"""How every refresh token begins, so that one can be told where it was left lying about."""


class Refreshed(NamedTuple):
    """What became of a refresh token that was shown.

    ``good``: it was exchanged. ``reused``: it was used before, so its session has to end.
    ``unknown``: there is no such token, or not any more.
    """

    outcome: Literal["good", "reused", "unknown"]
    session_id: str = ""


class RefreshTokens:
    """The refresh tokens of one store."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        c, dialect = REFRESH.c, store.dialect
        one = c.digest == value("digest")
        self._insert = insert(REFRESH, dialect)
        self._find = prepare(
            sa.select(
                c.session_id,
                c.expires_at,
                c.used_at,
                c.superseded,
                sa.select(SESSIONS.c.client_id)
                .where(SESSIONS.c.id == c.session_id)
                .scalar_subquery(),
            ).where(one),
            dialect,
        )
        self._use = prepare(sa.update(REFRESH).where(one).values(used_at=value("used_at")), dialect)
        self._supersede = prepare(
            sa.update(REFRESH)
            .where(c.session_id == value("session_id"), c.used_at.is_(None))
            .values(superseded=1, used_at=value("used_at")),
            dialect,
        )

    def new(self) -> str:
        """A token, to be kept by ``add``: made outside of any transaction, which may run again."""
        return new_secret(PREFIX)

    async def add(self, tx: Transaction, session_id: str, token: str) -> None:
        """Keep a token of a session."""
        args = self._insert(
            digest=digest(token),
            session_id=session_id,
            created_at=now(self._clock),
            expires_at=later(self._clock, self._settings.refresh_seconds),
            used_at=None,
            superseded=0,
        )
        await tx.fetch(self._insert.sql, args)

    async def exchange(
        self, tx: Transaction, token: str, successor: str, client_id: str | None = None
    ) -> Refreshed:
        """Use a token, and keep ``successor`` in its place, if the token is good.

        ``client_id`` is the client of OAuth that shows it: a token that was given out to one is
        unknown to all others, and to the application itself.
        """
        key = digest(token)
        row = await tx.fetch(self._find.sql, self._find(digest=key))
        at = self._clock.now()
        if row is None or row[1] <= moment(at) or row[4] != client_id:
            return Refreshed("unknown")
        session_id, _, used_at, superseded, _ = row
        if used_at is not None:
            grace = timedelta(seconds=self._settings.refresh_grace)
            if superseded or used_at <= moment(at - grace):
                return Refreshed("reused", session_id)
            args = self._supersede(session_id=session_id, used_at=moment(at))
            await tx.fetch(self._supersede.sql, args)
        else:
            await tx.fetch(self._use.sql, self._use(digest=key, used_at=moment(at)))
        await self.add(tx, session_id, successor)
        return Refreshed("good", session_id)
