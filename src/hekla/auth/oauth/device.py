"""Devices without a browser: they show a code, which somebody types elsewhere (RFC 8628)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import later, moment, now, parse_moment
from hekla.auth.oauth.client import DEVICE_GRANT
from hekla.auth.oauth.errors import OAuthError
from hekla.auth.oauth.grants import MEMORY, begin_session
from hekla.auth.oauth.scopes import OFFLINE, parse_scope, write_scope
from hekla.auth.oauth.tables import DEVICE_CODES
from hekla.auth.random_secret import digest, new_id, new_secret
from hekla.auth.sessions import Session
from hekla.auth.statements import insert, prepare, value

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.oauth.client import Client
    from hekla.auth.oauth.tokens import Tokens
    from hekla.auth.origin import Origin
    from hekla.auth.sessions import Live
    from hekla.store.protocol import Transaction

__all__ = ["Devices", "Waiting", "normal_user_code"]

# RFC 8628, section 6.1: no vowels, so no words; 20^8 is more than anybody can try.
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8
# Seconds between two questions of a device, and what is added where it asks too often.
_WAIT: Final = 5
_LONGEST_WAIT: Final = 60
# Codes of one client that may wait at once.
_MOST_WAITING: Final = 10_000


class Waiting(msgspec.Struct, frozen=True):
    """A device that waits for somebody to let it in."""

    key: str
    client_id: str
    scopes: tuple[str, ...]


class _Approved(NamedTuple):
    session: Session
    roles: frozenset[str]
    refresh: str | None


def normal_user_code(text: str) -> str | None:
    """What somebody typed as the code that it is; None if it can be none."""
    letters = re.sub(r"[\s-]", "", text[:64]).upper()
    if len(letters) != _LENGTH or not set(letters) <= set(_LETTERS):
        return None
    return letters


class Devices:
    """Gives out device codes, and tokens for those that were let in."""

    def __init__(self, auth: Auth, tokens: Tokens, verification_uri: str) -> None:
        self._auth = auth
        self._tokens = tokens
        self._uri = verification_uri
        c, dialect = DEVICE_CODES.c, auth.store.dialect
        one = c.digest == value("digest")
        self._insert = insert(DEVICE_CODES, dialect)
        self._find = prepare(sa.select(*c).where(one), dialect)
        self._find_user_code = prepare(
            sa.select(c.digest, c.client_id, c.scope).where(
                c.user_code == value("user_code"),
                c.status == "pending",
                c.expires_at > value("now"),
            ),
            dialect,
        )
        self._count = prepare(
            sa.select(sa.func.count()).where(
                c.client_id == value("client_id"), c.expires_at > value("now")
            ),
            dialect,
        )
        self._poll = prepare(
            sa.update(DEVICE_CODES)
            .where(one)
            .values(polled_at=value("polled_at"), wait=value("wait")),
            dialect,
        )
        self._decide = prepare(
            sa.update(DEVICE_CODES)
            .where(one)
            .values(status=value("status"), user_id=value("user_id"), browser_id=value("browser")),
            dialect,
        )
        self._use = prepare(
            sa.update(DEVICE_CODES)
            .where(one)
            .values(status="used", session_id=value("session_id")),
            dialect,
        )
        self._pending = prepare(
            sa.select(c.status).where(one, c.status == "pending", c.expires_at > value("now")),
            dialect,
        )

    async def begin(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a device that asks to be let in (section 3.2). Raises OAuthError."""
        client.require(DEVICE_GRANT)
        scopes = parse_scope(form.get("scope", ""), client.scopes)
        if not scopes:
            raise OAuthError("invalid_scope", "The request has to name a scope.")
        auth = self._auth
        code = new_secret()
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        seconds = auth.settings.device_code_seconds
        args = self._insert(
            digest=digest(code),
            user_code=digest(letters),
            client_id=client.id,
            scope=write_scope(scopes),
            expires_at=later(auth.clock, seconds),
            forget_at=later(auth.clock, MEMORY),
            polled_at=None,
            wait=_WAIT,
            status="pending",
            user_id=None,
            browser_id=None,
            session_id=None,
        )

        async def work(tx: Transaction) -> bool:
            counted = self._count(client_id=client.id, now=now(auth.clock))
            row = await tx.fetch(self._count.sql, counted)
            if row is not None and row[0] >= _MOST_WAITING:
                return False
            await tx.fetch(self._insert.sql, args)
            return True

        if not await auth.store.write(work):
            raise OAuthError("temporarily_unavailable", "Too many devices of this client wait.")
        user_code = f"{letters[:4]}-{letters[4:]}"
        return {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": self._uri,
            "verification_uri_complete": f"{self._uri}?user_code={user_code}",
            "expires_in": int(seconds),
            "interval": _WAIT,
        }

    async def find(self, user_code: str) -> Waiting | None:
        """The device that waits with a code that somebody typed, in its normal form."""
        args = self._find_user_code(user_code=digest(user_code), now=now(self._auth.clock))
        row = await self._auth.store.fetch(self._find_user_code, args)
        return None if row is None else Waiting(row[0], row[1], tuple(row[2].split()))

    async def decide(self, waiting: Waiting, browser: Live, origin: Origin, *, allow: bool) -> bool:
        """Let a device in, or not; False if it does not wait any more."""
        auth, user_id = self._auth, browser.session.user_id
        args = self._decide(
            digest=waiting.key,
            status="approved" if allow else "denied",
            user_id=user_id,
            browser=browser.session.id,
        )

        async def work(tx: Transaction) -> bool:
            pending = self._pending(digest=waiting.key, now=now(auth.clock))
            if await tx.fetch(self._pending.sql, pending) is None:
                return False
            await tx.fetch(self._decide.sql, args)
            await auth.audit.write(
                tx,
                "oauth_device_approved" if allow else "oauth_device_denied",
                origin,
                user_id=user_id,
                client_id=waiting.client_id,
                scope=write_scope(waiting.scopes),
            )
            return True

        return bool(await auth.store.write(work))

    async def by_code(
        self, client: Client, form: Mapping[str, str], origin: Origin
    ) -> dict[str, Any]:
        """Tokens for a device that was let in (section 3.4). Raises OAuthError."""
        client.require(DEVICE_GRANT)
        code = form.get("device_code")
        if code is None:
            raise OAuthError("invalid_request", "device_code has to be there.")
        auth, key = self._auth, digest(code)
        session_id, refresh = new_id(), auth.refresh.new()

        async def work(tx: Transaction) -> _Approved | str:
            row = await tx.fetch(self._find.sql, self._find(digest=key))
            if row is None:
                return "invalid_grant"
            found = dict(zip(DEVICE_CODES.c.keys(), row, strict=True))
            if found["client_id"] != client.id:
                return "invalid_grant"
            if found["status"] == "used":
                if found["session_id"] is not None:
                    await auth.sessions.end(tx, found["session_id"])
                await auth.audit.write(
                    tx,
                    "code_reused",
                    origin,
                    user_id=found["user_id"],
                    session_id=found["session_id"],
                    client_id=client.id,
                )
                return "reused"
            at = auth.clock.now()
            if found["expires_at"] <= moment(at):
                return "expired_token"
            if found["status"] == "denied":
                return "access_denied"
            if found["status"] == "pending":
                return await self._asked(tx, found)
            browser = await auth.sessions.find_in(tx, found["browser_id"])
            fine = (
                browser is not None
                and not browser.disabled
                and browser.session.expires_at > moment(at)
            )
            used = self._use(digest=key, session_id=session_id if fine else None)
            await tx.fetch(self._use.sql, used)
            if not fine or browser is None:
                return "access_denied"
            lasting = OFFLINE in found["scope"].split() and "refresh_token" in client.grants
            session = await begin_session(
                auth, tx, client, browser.session, session_id, found["scope"], origin, lasting
            )
            if lasting:
                await auth.refresh.add(tx, session_id, refresh)
            return _Approved(session, browser.roles, refresh if lasting else None)

        done = await auth.store.write(work)
        if done == "reused":
            auth.beacon.light()
            done = "invalid_grant"
        if isinstance(done, str):
            raise OAuthError(done, _SAID[done])
        return self._tokens.answer(done.session, done.roles, refresh=done.refresh)

    async def _asked(self, tx: Transaction, found: Mapping[str, Any]) -> str:
        """Whether a device that waits asks too often; it is told to slow down then."""
        at, wait = self._auth.clock.now(), found["wait"]
        early = found["polled_at"] is not None and (
            parse_moment(found["polled_at"]) + timedelta(seconds=wait) > at
        )
        wait = min(wait + _WAIT, _LONGEST_WAIT) if early else wait
        args = self._poll(digest=found["digest"], polled_at=moment(at), wait=wait)
        await tx.fetch(self._poll.sql, args)
        return "slow_down" if early else "authorization_pending"


_SAID: Final = {
    "invalid_grant": "The device code is not good, or not for this client.",
    "expired_token": "The device code has expired: begin again.",
    "access_denied": "The user did not let the device in.",
    "slow_down": "The device asks too often: wait five seconds longer from now on.",
    "authorization_pending": "Nobody has let the device in yet.",
}
