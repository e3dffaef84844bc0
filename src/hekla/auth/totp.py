"""One-time passwords of an app (TOTP, RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hekla.auth.moments import Clock, now
from hekla.auth.random_secret import digest, new_id
from hekla.auth.sealed import Seal
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import FACTORS
from hekla.errors import OperatorError
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["Factors"]

_PURPOSE = "totp"
_RECOVERY = 10
# No letters or digits that look alike.
_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"
# Steps of 30 seconds by which the clock of a telephone may be off.
_WINDOW = 1
_STEP = 30


def _library() -> Any:
    try:
        import pyotp
    except ImportError:
        raise OperatorError("one-time passwords need pyotp: install hekla[totp]") from None
    return pyotp


class Factors:
    """The second factors of users: ``totp`` and ``recovery``."""

    def __init__(self, store: Store, seal: Seal, clock: Clock, issuer: str) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._issuer = issuer
        c, dialect = FACTORS.c, store.dialect
        mine = c.user_id == value("user_id")
        self._insert = insert(FACTORS, dialect)
        self._all = prepare_list(
            sa.select(c.id, c.kind, c.secret, c.last_step, c.active).where(mine).limit(100), dialect
        )
        self._active = prepare(
            sa.select(c.id).where(mine, c.kind == "totp", c.active == 1).limit(1), dialect
        )
        self._delete_kind = prepare(
            sa.delete(FACTORS).where(mine, c.kind == value("kind")), dialect
        )
        self._delete_pending = prepare(
            sa.delete(FACTORS).where(mine, c.kind == "totp", c.active == 0), dialect
        )
        self._delete = prepare(sa.delete(FACTORS).where(c.id == value("id")), dialect)
        self._use = prepare(
            sa.update(FACTORS)
            .where(c.id == value("id"), c.last_step < value("step"))
            .values(last_step=value("step"), active=1),
            dialect,
        )

    async def has_totp(self, user_id: str) -> bool:
        """Whether a user has to show a one-time password when they sign in."""
        return await self._store.fetch(self._active, self._active(user_id=user_id)) is not None

    async def left(self, user_id: str) -> int:
        """How many recovery codes a user has left."""
        return sum(row["kind"] == "recovery" for row in await self._of(user_id))

    async def _of(self, user_id: str) -> list[dict[str, Any]]:
        return listed(await self._store.fetch(self._all, self._all(user_id=user_id)))

    def new_totp(self, login: str) -> tuple[str, str]:
        """A secret, and the address that an app reads from a picture (``otpauth://``)."""
        secret: str = _library().random_base32()
        address: str = (
            _library().TOTP(secret).provisioning_uri(name=login, issuer_name=self._issuer)
        )
        return secret, address

    async def begin_totp(self, tx: Transaction, user_id: str, secret: str) -> None:
        """Keep a secret that counts once its user has shown a password of it."""
        await tx.fetch(self._delete_pending.sql, self._delete_pending(user_id=user_id))
        await self._add(tx, user_id, "totp", self._seal.close(secret, _PURPOSE), 0)

    async def _add(
        self, tx: Transaction, user_id: str, kind: str, secret: str, active: int
    ) -> None:
        args = self._insert(
            id=new_id(),
            user_id=user_id,
            kind=kind,
            secret=secret,
            last_step=0,
            active=active,
            created_at=now(self._clock),
        )
        await tx.fetch(self._insert.sql, args)

    def new_recovery(self) -> list[str]:
        """Codes for when the app is lost, each good once: 12 letters and digits in two groups."""
        return [
            "-".join("".join(secrets.choice(_SIGNS) for _ in range(6)) for _ in range(2))
            for _ in range(_RECOVERY)
        ]

    async def set_recovery(self, tx: Transaction, user_id: str, codes: list[str]) -> None:
        """Keep new recovery codes in place of the old ones."""
        args = self._delete_kind(user_id=user_id, kind="recovery")
        await tx.fetch(self._delete_kind.sql, args)
        for code in codes:
            await self._add(tx, user_id, "recovery", digest(f"{user_id} {_plain(code)}"), 1)

    async def check(
        self, tx: Transaction, user_id: str, code: str, *, pending: bool = False
    ) -> str | None:
        """How ``code`` proves who a user is: ``otp``, ``recovery``; None if it does not.

        Each is good once: of a one-time password the step is kept, a recovery code is deleted.
        ``pending``: it shall prove that the app of a new secret works.
        """
        rows = listed(await tx.fetch(self._all.sql, self._all(user_id=user_id)))
        plain = _plain(code)
        for row in rows:
            if row["kind"] == "totp" and bool(row["active"]) is not pending:
                step = self._matching(self._seal.open(row["secret"], _PURPOSE), plain)
                if step is not None and step > row["last_step"]:
                    await tx.fetch(self._use.sql, self._use(id=row["id"], step=step))
                    if pending:
                        await self._replace(tx, rows, row["id"])
                    return "otp"
        sought = digest(f"{user_id} {plain}")
        for row in rows:
            if row["kind"] == "recovery" and not pending and row["secret"] == sought:
                await tx.fetch(self._delete.sql, self._delete(id=row["id"]))
                return "recovery"
        return None

    async def _replace(self, tx: Transaction, rows: list[dict[str, Any]], new: str) -> None:
        """Let a new secret be the only one: the app that was there before is replaced."""
        for row in rows:
            if row["kind"] == "totp" and row["id"] != new:
                await tx.fetch(self._delete.sql, self._delete(id=row["id"]))

    def _matching(self, secret: str, code: str) -> int | None:
        """The step that a one-time password belongs to."""
        if len(code) != 6 or not code.isascii() or not code.isdigit():
            return None
        totp = _library().TOTP(secret)
        current = int(self._clock.time() // _STEP)
        for step in range(current - _WINDOW, current + _WINDOW + 1):
            if secrets.compare_digest(totp.generate_otp(step), code):
                return step
        return None

    async def remove(self, tx: Transaction, user_id: str) -> None:
        """Take the second factor of a user away."""
        for kind in ("totp", "recovery"):
            args = self._delete_kind(user_id=user_id, kind=kind)
            await tx.fetch(self._delete_kind.sql, args)


def _plain(code: str) -> str:
    return code.strip().lower().replace(" ", "").replace("-", "")[:64]
