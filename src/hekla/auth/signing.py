"""The keys that tokens are signed with: made, changed from time to time, and published.

A new key is published (``/.well-known/jwks.json``) an hour before it signs, so that whoever keeps
the keys knows it by then; an old one stays as long as a token that it signed may be good.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from hekla.auth.jose import InvalidToken, Key, import_key, new_key, read_header, sign, verify
from hekla.auth.moments import Clock, moment
from hekla.auth.options import Algorithm
from hekla.auth.random_secret import new_id
from hekla.auth.sealed import Seal
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import SIGNING_KEYS
from hekla.settings import Settings
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["SigningKeys"]

_PURPOSE = "signing key"
_PUBLISHED_BEFORE = timedelta(hours=1)
# Seconds between two looks at the database for a key that is not known.
_LOOK = 1.0


class _SigningKey(msgspec.Struct, frozen=True):
    kid: str
    algorithm: str
    key: Key
    created_at: str
    active_at: str

    def public(self) -> dict[str, Any]:
        document = dict(self.key.as_dict(private=False))
        return document | {"kid": self.kid, "use": "sig", "alg": self.algorithm}


class SigningKeys:
    """The signing keys of one store. ``load`` comes before everything else."""

    def __init__(
        self, store: Store, settings: Settings, seal: Seal, clock: Clock, algorithm: Algorithm
    ) -> None:
        self._store = store
        self._settings = settings
        self._seal = seal
        self._clock = clock
        self._algorithm = algorithm
        self._keys: dict[str, _SigningKey] = {}
        self._looked = 0.0
        c, dialect = SIGNING_KEYS.c, store.dialect
        self._all = prepare_list(sa.select(*c).order_by(c.active_at).limit(100), dialect)
        self._insert = insert(SIGNING_KEYS, dialect)
        self._newest = prepare(
            sa.select(sa.func.max(c.created_at)).where(c.algorithm == value("algorithm")), dialect
        )
        self._delete = prepare(sa.delete(SIGNING_KEYS).where(c.kid == value("kid")), dialect)

    async def load(self) -> None:
        """Read the keys, and make the first one, or the next when its time has come."""
        await self._read()
        at = self._clock.now()
        oldest = moment(at - timedelta(seconds=self._settings.signing_key_seconds))
        own = [each for each in self._keys.values() if each.algorithm == self._algorithm]
        if not own or max(each.created_at for each in own) <= oldest:
            await self._make(oldest, first=not own)
            await self._read()
        await self._forget()

    async def _read(self) -> None:
        self._looked = time.monotonic()
        found = {}
        for row in listed(await self._store.fetch(self._all, self._all())):
            known = self._keys.get(row["kid"])
            found[row["kid"]] = known or self._opened(row)
        self._keys = found

    def _opened(self, row: dict[str, Any]) -> _SigningKey:
        document = msgspec.json.decode(self._seal.open(row["sealed"], _PURPOSE))
        key = import_key(document)
        return _SigningKey(row["kid"], row["algorithm"], key, row["created_at"], row["active_at"])

    async def _make(self, oldest: str, *, first: bool) -> None:
        kid = new_id()
        document = msgspec.json.encode(new_key(self._algorithm)).decode()
        sealed = self._seal.close(document, _PURPOSE)
        at = self._clock.now()
        active = at if first else at + _PUBLISHED_BEFORE
        args = self._insert(
            kid=kid,
            algorithm=self._algorithm,
            sealed=sealed,
            created_at=moment(at),
            active_at=moment(active),
        )

        async def work(tx: Transaction) -> None:
            # Another process may have been faster.
            newest = self._newest(algorithm=self._algorithm)
            row = await tx.fetch(self._newest.sql, newest)
            if row is None or row[0] is None or row[0] <= oldest:
                await tx.fetch(self._insert.sql, args)

        await self._store.write(work, single=True)

    async def _forget(self) -> None:
        """Delete the keys that nothing that is still good can have been signed with."""
        at = self._clock.now()
        signed_until = timedelta(seconds=self._settings.access_seconds) + 2 * _PUBLISHED_BEFORE
        current = self._current()
        gone = [
            each.kid
            for each in self._keys.values()
            if each.active_at < current.active_at and current.active_at < moment(at - signed_until)
        ]
        if not gone:
            return

        async def work(tx: Transaction) -> None:
            for kid in gone:
                await tx.fetch(self._delete.sql, self._delete(kid=kid))

        await self._store.write(work)
        for kid in gone:
            self._keys.pop(kid, None)

    def _current(self) -> _SigningKey:
        at = moment(self._clock.now())
        active = [
            each
            for each in self._keys.values()
            if each.algorithm == self._algorithm and each.active_at <= at
        ]
        if not active:
            raise RuntimeError("there is no signing key: load() comes first")
        return max(active, key=lambda each: each.active_at)

    def sign(self, claims: dict[str, Any], typ: str) -> str:
        """A token of these claims, of the type ``typ`` (RFC 8725, section 3.11)."""
        current = self._current()
        return sign(claims, current.key, current.kid, current.algorithm, typ)

    async def verify(self, token: str, typ: str) -> dict[str, Any]:
        """The claims of a token of that type that was signed here. Raises InvalidToken.

        When it is good, and for whom, is for the caller to check.
        """
        header = read_header(token)
        if header.typ != typ:
            raise InvalidToken(f"it is a token of another type than {typ}")
        if header.kid is None:
            raise InvalidToken("it names no key")
        known = self._keys.get(header.kid)
        if known is None and time.monotonic() - self._looked > _LOOK:
            # Another process may have made it.
            await self._read()
            known = self._keys.get(header.kid)
        if known is None or known.algorithm != header.alg:
            raise InvalidToken("no key of that name and algorithm signs here")
        return verify(token, known.key, known.algorithm)

    def public(self) -> dict[str, Any]:
        """The keys as others may know them: a JWK set (RFC 7517, section 5)."""
        return {"keys": [each.public() for each in self._keys.values()]}
