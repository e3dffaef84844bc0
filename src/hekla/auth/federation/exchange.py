"""From a code to who somebody is: the token endpoint, the ID token, what else is told."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from hekla.auth.federation.fetch import Fetch, UpstreamFailed
from hekla.auth.federation.flow import (
    Expected,
    Identity,
    authorization_url,
    check_identity,
    check_return,
    identity_of,
)
from hekla.auth.federation.metadata import MetadataOf
from hekla.auth.federation.upstream import Upstream
from hekla.auth.jose import InvalidToken, read_header, verify
from hekla.auth.moments import Clock

__all__ = ["Exchange", "GitHub", "OpenIDConnect", "exchange_for"]

_GITHUB: Final = "https://github.com/login/oauth"
_GITHUB_API: Final = "https://api.github.com"


class Exchange(ABC):
    """Signing in with one provider."""

    def __init__(self, upstream: Upstream, fetch: Fetch, clock: Clock, redirect_uri: str) -> None:
        self.upstream = upstream
        self._fetch = fetch
        self._clock = clock
        self._redirect_uri = redirect_uri

    @abstractmethod
    async def url(self, expected: Expected) -> str:
        """Where to send the browser. Raises UpstreamFailed."""

    @abstractmethod
    async def identify(self, parameters: Mapping[str, str], expected: Expected) -> Identity:
        """Who came back. Raises InvalidToken, UpstreamFailed."""

    async def _token(
        self, url: str, code: str, expected: Expected, *, posts_secret: bool
    ) -> dict[str, Any]:
        upstream = self.upstream
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": expected.verifier,
        }
        headers = {}
        if posts_secret or not upstream.client_secret:
            form["client_id"] = upstream.client_id
            if upstream.client_secret:
                form["client_secret"] = upstream.client_secret
        else:
            pair = f"{quote(upstream.client_id, safe='')}:{quote(upstream.client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        status, document = await self._fetch.json("POST", url, headers=headers, form=form)
        if not isinstance(document, dict):
            raise UpstreamFailed(f"the token endpoint answers {status}")
        if status != 200 or "error" in document:
            raise InvalidToken(f"the code is refused: {str(document.get('error'))[:60]!r}")
        return document

    async def _ask(self, url: str, token: object) -> Any:
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise UpstreamFailed("there is no access token")
        headers = {"authorization": f"Bearer {token}"}
        status, document = await self._fetch.json("GET", url, headers=headers)
        if status != 200:
            raise UpstreamFailed(f"{url} answers {status}")
        return document


class OpenIDConnect(Exchange):
    """A provider of OpenID Connect."""

    def __init__(self, upstream: Upstream, fetch: Fetch, clock: Clock, redirect_uri: str) -> None:
        super().__init__(upstream, fetch, clock, redirect_uri)
        self.metadata = MetadataOf(upstream, fetch)

    async def url(self, expected: Expected) -> str:
        metadata, upstream = await self.metadata.get(), self.upstream
        return authorization_url(
            metadata.authorization_endpoint,
            upstream.client_id,
            self._redirect_uri,
            upstream.scopes,
            expected,
        )

    async def identify(self, parameters: Mapping[str, str], expected: Expected) -> Identity:
        metadata, upstream = await self.metadata.get(), self.upstream
        code = check_return(parameters, expected, upstream.issuer, says_issuer=metadata.says_issuer)
        told = await self._token(
            metadata.token_endpoint, code, expected, posts_secret=metadata.posts_secret
        )
        id_token = told.get("id_token")
        if not isinstance(id_token, str):
            raise UpstreamFailed("there is no ID token")
        header = read_header(id_token, own=False)
        key = await self.metadata.key(header.kid, header.alg)
        claims = verify(id_token, key, header.alg)
        at = self._clock.now().timestamp()
        subject = check_identity(claims, upstream.issuer, upstream.client_id, expected.nonce, at)
        if "email" not in claims and metadata.userinfo_endpoint is not None:
            more = await self._ask(metadata.userinfo_endpoint, told.get("access_token"))
            # Else it is about whoever (OpenID Connect Core, section 5.3.2).
            if isinstance(more, dict) and more.get("sub") == subject:
                claims = {**more, **claims}
        return identity_of(subject, claims)


class GitHub(Exchange):
    """GitHub, which speaks OAuth 2.0 and tells who somebody is by its own API."""

    async def url(self, expected: Expected) -> str:
        upstream = self.upstream
        return authorization_url(
            f"{_GITHUB}/authorize",
            upstream.client_id,
            self._redirect_uri,
            upstream.scopes,
            expected,
        )

    async def identify(self, parameters: Mapping[str, str], expected: Expected) -> Identity:
        code = check_return(parameters, expected, _GITHUB, says_issuer=False)
        told = await self._token(f"{_GITHUB}/access_token", code, expected, posts_secret=True)
        token = told.get("access_token")
        user = await self._ask(f"{_GITHUB_API}/user", token)
        if not isinstance(user, dict) or type(user.get("id")) is not int:
            raise UpstreamFailed("GitHub does not say who it is")
        emails = await self._ask(f"{_GITHUB_API}/user/emails", token)
        primary = [
            each["email"]
            for each in (emails if isinstance(emails, list) else [])
            if isinstance(each, dict)
            and each.get("primary") is True
            and each.get("verified") is True
            and isinstance(each.get("email"), str)
        ]
        name = user.get("name") or user.get("login")
        # Not the login, which somebody else may have tomorrow.
        claims = {"email": primary[0] if primary else None, "email_verified": True, "name": name}
        return identity_of(str(user["id"]), claims)


def exchange_for(upstream: Upstream, fetch: Fetch, clock: Clock, redirect_uri: str) -> Exchange:
    """How one signs in with a provider."""
    kind = GitHub if upstream.kind == "github" else OpenIDConnect
    return kind(upstream, fetch, clock, redirect_uri)
