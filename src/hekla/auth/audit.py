"""The audit: what happened to accounts, written in the transaction in which it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from hekla.auth.login import LONGEST_LOGIN
from hekla.auth.moments import Clock, now
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import AUDIT
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.auth.origin import Origin
    from hekla.store.protocol import Transaction

__all__ = ["Audit"]


class Audit:
    """Writes and reads the audit of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        columns = [column.name for column in AUDIT.columns if column.name != "id"]
        self._insert = insert(AUDIT, store.dialect, *columns)
        c = AUDIT.c
        newest = sa.select(*AUDIT.columns).order_by(c.id.desc()).limit(value("limit"))
        before = c.id < value("before")
        self._page = prepare_list(newest.where(before), store.dialect)
        self._of_user = prepare_list(
            newest.where(before, c.user_id == value("user_id")), store.dialect
        )
        self._prune = prepare(sa.delete(AUDIT).where(c.at < value("at")), store.dialect)

    async def write(
        self,
        tx: Transaction,
        event: str,
        origin: Origin,
        *,
        user_id: str | None = None,
        login: str | None = None,
        session_id: str | None = None,
        **detail: Any,
    ) -> None:
        """Put on record that ``event`` happened to a user's account."""
        args = self._insert(
            at=now(self._clock),
            event=event,
            user_id=user_id,
            login=None if login is None else login[:LONGEST_LOGIN],
            by=origin.by,
            behind=origin.behind,
            session_id=session_id or origin.session_id,
            address=origin.address,
            agent=origin.agent,
            request=origin.request,
            detail=msgspec.json.encode(detail).decode() if detail else None,
        )
        await tx.fetch(self._insert.sql, args)

    async def note(self, event: str, origin: Origin, **given: Any) -> None:
        """Put on record what happens in no transaction of its own."""

        async def work(tx: Transaction) -> None:
            await self.write(tx, event, origin, **given)

        await self._store.write(work, single=True)

    async def read(
        self, *, before: int | None = None, limit: int = 100, user_id: str | None = None
    ) -> list[dict[str, Any]]:
        """What happened, the newest first, before a number."""
        last = (1 << 62) if before is None else before
        if user_id is None:
            args = self._page(before=last, limit=limit)
            rows = listed(await self._store.fetch(self._page, args))
        else:
            args = self._of_user(before=last, limit=limit, user_id=user_id)
            rows = listed(await self._store.fetch(self._of_user, args))
        for row in rows:
            row["detail"] = None if row["detail"] is None else msgspec.json.decode(row["detail"])
        return rows
