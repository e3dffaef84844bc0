"""The tokens that a client is given, and what they say when they are shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa

from hekla.auth.jose import InvalidToken
from hekla.auth.moments import now, parse_moment
from hekla.auth.oauth.scopes import OPENID, opens_api
from hekla.auth.random_secret import digest, new_id
from hekla.auth.refresh import PREFIX
from hekla.auth.statements import prepare, value
from hekla.auth.tables import REFRESH
from hekla.auth.tokens import ACCESS, check_claims

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.oauth.client import Client
    from hekla.auth.sessions import Live, Session
    from hekla.auth.users import Found

__all__ = ["Shown", "Tokens"]

_IDENTITY: Final = "JWT"
_USERINFO: Final = "/oauth/userinfo"


class Shown(msgspec.Struct, frozen=True):
    """A token that was shown and is good: its session, and what it says of itself."""

    live: Live
    scopes: frozenset[str]
    claims: dict[str, Any]
    kind: str


class Tokens:
    """Makes and reads the tokens of the provider."""

    def __init__(self, auth: Auth, base: str) -> None:
        self._auth = auth
        self.issuer = auth.tokens.issuer
        self._userinfo = base + _USERINFO
        c = REFRESH.c
        self._refresh = prepare(
            sa.select(c.session_id, c.expires_at, c.used_at).where(c.digest == value("digest")),
            auth.store.dialect,
        )

    def answer(
        self,
        session: Session,
        roles: frozenset[str],
        *,
        refresh: str | None = None,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        """The successful answer of the token endpoint (RFC 6749, section 5.1)."""
        document: dict[str, Any] = {
            "access_token": self.access_token(session, roles),
            "token_type": "Bearer",
            "expires_in": int(self._auth.settings.access_seconds),
            "scope": session.scope or "",
        }
        if refresh is not None:
            document["refresh_token"] = refresh
        if OPENID in _scopes(session):
            document["id_token"] = self.id_token(session, nonce)
        return document

    def access_token(self, session: Session, roles: frozenset[str]) -> str:
        """An access token (RFC 9068) for the API, or else for what the user tells of themselves.

        The one is of no use where the other is asked for: they are for different audiences.
        """
        if opens_api(_scopes(session)):
            return self._auth.tokens.issue(session, session.user_id, roles)
        at = int(self._auth.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self._userinfo,
            "sub": session.user_id,
            "client_id": session.client_id,
            "iat": at,
            "nbf": at,
            "exp": at + int(self._auth.settings.access_seconds),
            "jti": new_id(),
            "sid": session.id,
            "scope": session.scope or "",
        }
        return self._auth.keys.sign(claims, ACCESS)

    def id_token(self, session: Session, nonce: str | None) -> str:
        """Who signed in, for the client alone (OpenID Connect Core, section 2)."""
        at = int(self._auth.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": session.user_id,
            "aud": session.client_id,
            "iat": at,
            "exp": at + int(self._auth.settings.access_seconds),
            "auth_time": int(parse_moment(session.proved_at).timestamp()),
            "amr": session.methods.split(),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self._auth.keys.sign(claims, _IDENTITY)

    async def read_access(self, token: str) -> Shown:
        """An access token that is good, for whichever of the two audiences. Raises InvalidToken."""
        auth = self._auth
        claims = await auth.keys.verify(token, ACCESS)
        api = claims.get("aud") != self._userinfo
        audience = auth.tokens.audience if api else self._userinfo
        check_claims(claims, self.issuer, audience, auth.clock.now().timestamp())
        live = await self._live(str(claims.get("sid")))
        if live.session.user_id != claims["sub"]:
            raise InvalidToken("its session is of somebody else")
        scopes = frozenset(str(claims.get("scope", "")).split())
        return Shown(live, scopes, claims, "access_token")

    async def read_refresh(self, token: str) -> Shown:
        """A refresh token that is good; it stays so. Raises InvalidToken."""
        row = await self._auth.store.fetch(self._refresh, self._refresh(digest=digest(token)))
        if row is None or row[1] <= now(self._auth.clock) or row[2] is not None:
            raise InvalidToken("it is not good, or not any more")
        live = await self._live(row[0])
        session = live.session
        claims = {
            "iss": self.issuer,
            "sub": session.user_id,
            "client_id": session.client_id,
            "exp": int(parse_moment(row[1]).timestamp()),
        }
        return Shown(live, _scopes(session), claims, "refresh_token")

    async def read(self, token: str) -> Shown:
        """A token of either kind. Raises InvalidToken."""
        if token.startswith(PREFIX):
            return await self.read_refresh(token)
        return await self.read_access(token)

    async def is_about(self, id_token: str, client: Client, user_id: str) -> bool:
        """Whether an ID token that was issued here to a client, when ever, is about a user."""
        try:
            claims = await self._auth.keys.verify(id_token, _IDENTITY)
        except InvalidToken:
            return False
        return (
            claims.get("iss") == self.issuer
            and claims.get("aud") == client.id
            and claims.get("sub") == user_id
        )

    async def _live(self, session_id: str) -> Live:
        live = await self._auth.sessions.find(session_id)
        if live is None or await self._auth.authenticate.actor(live) is None:
            raise InvalidToken("its session has ended")
        return live

    async def user_claims(self, user: Found, scopes: frozenset[str]) -> dict[str, Any]:
        """What a user lets a client know (OpenID Connect Core, section 5.1)."""
        claims: dict[str, Any] = {"sub": user.text}
        users = self._auth.users
        if "profile" in scopes:
            if user.row.get("name"):
                claims["name"] = user.row["name"]
            if users.login != "email":
                claims["preferred_username"] = user.login
        email = user.row.get("email")
        if "email" in scopes and email:
            account = await self._auth.accounts.find(user.text)
            claims["email"] = email
            claims["email_verified"] = account.confirmed == email
        return claims


def _scopes(session: Session) -> frozenset[str]:
    return frozenset((session.scope or "").split())
