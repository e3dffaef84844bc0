"""What a client can show for tokens: a code, a refresh token, its own credentials.

What is judged and what is kept is one transaction each, so that nothing is good twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import later, moment, now
from hekla.auth.oauth.errors import OAuthError
from hekla.auth.oauth.pkce import proves
from hekla.auth.oauth.scopes import OFFLINE, OPENID, parse_scope, write_scope
from hekla.auth.oauth.tables import CODES, CONSENTS
from hekla.auth.random_secret import digest, new_id, new_secret
from hekla.auth.sessions import Live, Session
from hekla.auth.statements import insert, prepare, value

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.oauth.authorization import AuthorizationRequest
    from hekla.auth.oauth.client import Client
    from hekla.auth.oauth.tokens import Tokens
    from hekla.auth.origin import Origin
    from hekla.store.protocol import Transaction

__all__ = ["MEMORY", "Grants", "begin_session"]

MEMORY: Final = 86_400
"""Seconds for which a code is known after it was given out, so that its reuse shows."""

# How the OAuth grants show in the methods of a session: RFC 8176 has no word for them.
_SERVICE: Final = "client"


class _Redeemed(NamedTuple):
    session: Session
    roles: frozenset[str]
    nonce: str | None
    refresh: str | None


class Grants:
    """Gives out codes and tokens."""

    def __init__(self, auth: Auth, tokens: Tokens) -> None:
        self._auth = auth
        self._tokens = tokens
        dialect = auth.store.dialect
        one = CODES.c.digest == value("digest")
        self._insert_code = insert(CODES, dialect)
        self._find_code = prepare(sa.select(*CODES.c).where(one), dialect)
        self._use_code = prepare(
            sa.update(CODES)
            .where(one)
            .values(used_at=value("used_at"), session_id=value("session_id")),
            dialect,
        )
        agreed = (CONSENTS.c.user_id == value("user_id")) & (
            CONSENTS.c.client_id == value("client_id")
        )
        self._find_consent = prepare(sa.select(CONSENTS.c.scope).where(agreed), dialect)
        self._insert_consent = insert(CONSENTS, dialect)
        self._change_consent = prepare(
            sa.update(CONSENTS)
            .where(agreed)
            .values(scope=value("scope"), granted_at=value("granted_at")),
            dialect,
        )

    # Consent, and codes

    async def agreed(self, user_id: str, client: Client) -> frozenset[str]:
        """The scopes that a user has let a client have."""
        args = self._find_consent(user_id=user_id, client_id=client.id)
        row = await self._auth.store.fetch(self._find_consent, args)
        return frozenset() if row is None else frozenset(row[0].split())

    async def give_code(
        self, asked: AuthorizationRequest, browser: Live, origin: Origin, *, consent: bool
    ) -> str:
        """A code for the user of a browser's session; ``consent``: they agreed just now."""
        auth = self._auth
        code, user_id = new_secret(), browser.session.user_id
        scope = write_scope(asked.scopes)
        code_args = self._insert_code(
            digest=digest(code),
            client_id=asked.client.id,
            user_id=user_id,
            redirect_uri=asked.redirect_uri,
            scope=scope,
            nonce=asked.nonce,
            challenge=asked.challenge,
            browser_id=browser.session.id,
            expires_at=later(auth.clock, auth.settings.oauth_code_seconds),
            forget_at=later(auth.clock, MEMORY),
            used_at=None,
            session_id=None,
        )

        async def work(tx: Transaction) -> None:
            if consent:
                await self.keep_consent(tx, user_id, asked.client, asked.scopes)
                await auth.audit.write(
                    tx,
                    "oauth_consent",
                    origin,
                    user_id=user_id,
                    client_id=asked.client.id,
                    scope=scope,
                )
            await tx.fetch(self._insert_code.sql, code_args)

        await auth.store.write(work)
        return code

    async def keep_consent(
        self, tx: Transaction, user_id: str, client: Client, scopes: tuple[str, ...]
    ) -> None:
        """Keep that a user lets a client have these scopes, beside those of before."""
        args = self._find_consent(user_id=user_id, client_id=client.id)
        row = await tx.fetch(self._find_consent.sql, args)
        before = [] if row is None else row[0].split()
        statement = self._insert_consent if row is None else self._change_consent
        given = statement(
            user_id=user_id,
            client_id=client.id,
            scope=write_scope([*before, *scopes]),
            granted_at=now(self._auth.clock),
        )
        await tx.fetch(statement.sql, given)

    # Tokens

    async def by_code(
        self, client: Client, form: Mapping[str, str], origin: Origin
    ) -> dict[str, Any]:
        """Redeem a code (RFC 6749, section 4.1.3). Raises OAuthError.

        A code that is shown again ends what it was redeemed for (RFC 9700, section 4.5).
        """
        client.require("authorization_code")
        code, verifier = form.get("code"), form.get("code_verifier")
        if code is None or verifier is None:
            raise OAuthError("invalid_request", "code and code_verifier have to be there.")
        auth = self._auth
        key = digest(code)
        session_id, refresh = new_id(), auth.refresh.new()

        async def work(tx: Transaction) -> _Redeemed | str | None:
            row = await tx.fetch(self._find_code.sql, self._find_code(digest=key))
            if row is None:
                return None
            found = dict(zip(CODES.c.keys(), row, strict=True))
            if found["client_id"] != client.id:
                return None
            at = now(auth.clock)
            if found["used_at"] is not None:
                await self._end(tx, found["session_id"], "code_reused", client, found, origin)
                return "reused"
            if found["expires_at"] <= at:
                return None
            fine = proves(verifier, found["challenge"])
            if form.get("redirect_uri", found["redirect_uri"]) != found["redirect_uri"]:
                fine = False
            browser = await auth.sessions.find_in(tx, found["browser_id"])
            # Who has signed out everywhere since has not meant to let this one in.
            if browser is None or browser.disabled or browser.session.expires_at <= at:
                fine = False
            used = self._use_code(digest=key, used_at=at, session_id=session_id if fine else None)
            await tx.fetch(self._use_code.sql, used)
            if not fine or browser is None:
                return None
            scopes = found["scope"].split()
            lasting = OFFLINE in scopes and "refresh_token" in client.grants
            session = await begin_session(
                auth, tx, client, browser.session, session_id, found["scope"], origin, lasting
            )
            if lasting:
                await auth.refresh.add(tx, session_id, refresh)
            return _Redeemed(session, browser.roles, found["nonce"], refresh if lasting else None)

        done = await auth.store.write(work)
        if done == "reused":
            auth.beacon.light()
        if not isinstance(done, _Redeemed):
            raise OAuthError("invalid_grant", "The code is not good, or not for this client.")
        return self._tokens.answer(done.session, done.roles, refresh=done.refresh, nonce=done.nonce)

    async def by_refresh(
        self, client: Client, form: Mapping[str, str], origin: Origin
    ) -> dict[str, Any]:
        """Exchange a refresh token, which is good once (RFC 6749, section 6). Raises OAuthError."""
        client.require("refresh_token")
        token = form.get("refresh_token")
        if token is None:
            raise OAuthError("invalid_request", "refresh_token has to be there.")
        auth, successor = self._auth, self._auth.refresh.new()
        asked = form.get("scope")

        async def work(tx: Transaction) -> Live | str | None:
            found = await auth.refresh.exchange(tx, token, successor, client.id)
            live = None
            if found.outcome != "unknown":
                live = await auth.sessions.find_in(tx, found.session_id)
            if live is None:
                return None
            if found.outcome == "reused":
                session = msgspec.structs.asdict(live.session)
                await self._end(tx, live.session.id, "refresh_reused", client, session, origin)
                return "reused"
            if asked is not None:
                try:
                    parse_scope(asked, (live.session.scope or "").split())
                except OAuthError as error:
                    raise _Undone(error) from None
            return live

        try:
            done = await auth.store.write(work)
        except _Undone as undone:
            # For more than was agreed to: the token was not used.
            raise undone.error from None
        if done == "reused":
            auth.beacon.light()
        if not isinstance(done, Live) or await auth.authenticate.actor(done) is None:
            raise _Undone().error
        session = done.session
        if asked is not None:
            narrow = write_scope(parse_scope(asked, (session.scope or "").split()))
            session = msgspec.structs.replace(session, scope=narrow)
        return self._tokens.answer(session, done.roles, refresh=successor)

    async def by_itself(
        self, client: Client, form: Mapping[str, str], origin: Origin
    ) -> dict[str, Any]:
        """Tokens for a client that acts as its own user (RFC 6749, section 4.4)."""
        client.require("client_credentials")
        if client.public or client.acts_as is None:
            raise OAuthError("unauthorized_client", "The client may not use this grant.")
        mine = [scope for scope in client.scopes if scope not in (OPENID, OFFLINE)]
        scopes = parse_scope(form.get("scope", ""), mine) or tuple(mine)
        auth, session_id, at = self._auth, new_id(), self._auth.clock.now()
        session = Session(
            id=session_id,
            user_id=client.acts_as,
            kind="token",
            created_at=moment(at),
            used_at=moment(at),
            expires_at=moment(at + timedelta(seconds=auth.settings.access_seconds)),
            proved_at=moment(at),
            methods=_SERVICE,
            address=origin.address,
            agent=origin.agent,
            client_id=client.id,
            scope=write_scope(scopes),
        )

        async def work(tx: Transaction) -> Live | None:
            await auth.sessions.begin(tx, session)
            return await auth.sessions.find_in(tx, session_id)

        live = await auth.store.write(work)
        if live is None or await auth.authenticate.actor(live) is None:
            raise OAuthError("unauthorized_client", "The user that the client acts as is gone.")
        return self._tokens.answer(session, live.roles)

    async def _end(
        self,
        tx: Transaction,
        session_id: str | None,
        event: str,
        client: Client,
        about: Mapping[str, Any],
        origin: Origin,
    ) -> None:
        """End what somebody has a second time, whoever of the two is the thief."""
        if session_id is not None:
            await self._auth.sessions.end(tx, session_id)
        await self._auth.audit.write(
            tx,
            event,
            origin,
            user_id=about["user_id"],
            session_id=session_id,
            client_id=client.id,
        )


class _Undone(Exception):
    """Ends a work so that nothing of it is kept."""

    def __init__(self, error: OAuthError | None = None) -> None:
        super().__init__()
        self.error = error or OAuthError(
            "invalid_grant", "The refresh token is not good, or not for this client."
        )


async def begin_session(
    auth: Auth,
    tx: Transaction,
    client: Client,
    browser: Session,
    session_id: str,
    scope: str,
    origin: Origin,
    lasting: bool,
) -> Session:
    """Begin the session of a client in the name of the user of a browser's.

    ``origin`` is the client's own request. Without ``lasting`` it ends with its access token.
    """
    at = auth.clock.now()
    seconds = auth.settings.token_session_seconds if lasting else auth.settings.access_seconds
    session = Session(
        id=session_id,
        user_id=browser.user_id,
        kind="token",
        created_at=moment(at),
        used_at=moment(at),
        expires_at=moment(at + timedelta(seconds=seconds)),
        # When the user has shown who they are, not when the client came.
        proved_at=browser.proved_at,
        methods=browser.methods,
        address=origin.address,
        agent=origin.agent,
        behind=browser.behind,
        client_id=client.id,
        scope=scope,
    )
    await auth.sessions.begin(tx, session)
    await auth.audit.write(
        tx,
        "oauth_sign_in",
        origin,
        user_id=browser.user_id,
        session_id=session_id,
        client_id=client.id,
        scope=scope,
    )
    return session
