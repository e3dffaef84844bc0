"""What another provider says of itself: its addresses, and the keys that it signs with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hekla.auth.federation.fetch import Fetch, UpstreamFailed, is_safe
from hekla.auth.federation.upstream import Upstream
from hekla.auth.jose import InvalidToken, Key, import_key

__all__ = ["Metadata", "MetadataOf"]

# Seconds for which it is believed that nothing changed, and between two looks for a new key.
_TRUST: Final = 3600.0
_LOOK: Final = 10.0
_MOST_KEYS: Final = 100
# What jose.py can verify; "none" and secrets shared with a client are not among it.
ALGORITHMS: Final = ("EdDSA", "ES256", "ES384", "RS256", "PS256")


class Metadata(msgspec.Struct, frozen=True):
    """The addresses of a provider (OpenID Connect Discovery, section 3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    posts_secret: bool
    says_issuer: bool


class MetadataOf:
    """Finds out about one provider, and keeps it for an hour."""

    def __init__(
        self, upstream: Upstream, fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._upstream = upstream
        self._fetch = fetch
        self._clock = clock
        self._found: Metadata | None = None
        self._found_at = 0.0
        self._keys: dict[tuple[str | None, str], Key] = {}
        self._keys_at = float("-inf")
        self._one = asyncio.Lock()

    async def get(self) -> Metadata:
        """The metadata. Raises UpstreamFailed."""
        async with self._one:
            if self._found is None or self._clock() - self._found_at > _TRUST:
                self._found = await self._discover()
                self._found_at = self._clock()
            return self._found

    async def _discover(self) -> Metadata:
        issuer = self._upstream.issuer
        url = issuer.removesuffix("/") + "/.well-known/openid-configuration"
        status, document = await self._fetch.json("GET", url)
        if status != 200 or not isinstance(document, dict):
            raise UpstreamFailed(f"{url} answers {status}")
        if document.get("issuer") != issuer:
            # Else one provider could speak for another (section 4.3).
            raise UpstreamFailed(f"{url} is of another issuer")
        endpoints = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            endpoint = document.get(name)
            if not isinstance(endpoint, str) or not is_safe(endpoint, issuer):
                raise UpstreamFailed(f"{url} has no {name} that could be safe")
            endpoints[name] = endpoint
        userinfo = document.get("userinfo_endpoint")
        if not isinstance(userinfo, str) or not is_safe(userinfo, issuer):
            userinfo = None
        offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Metadata(
            **endpoints,
            userinfo_endpoint=userinfo,
            algorithms=tuple(name for name in ALGORITHMS if name in offered),
            posts_secret="client_secret_basic" not in methods,
            says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """The key of an ID token. Raises InvalidToken, UpstreamFailed.

        One that is not known is looked for: providers change their keys. But not each time that
        somebody makes one up.
        """
        metadata = await self.get()
        if algorithm not in metadata.algorithms:
            raise InvalidToken(f"the algorithm {algorithm[:20]!r} is not the provider's")
        async with self._one:
            found = self._find(kid, algorithm)
            stale = self._clock() - self._keys_at
            if stale > _TRUST or (found is None and stale > _LOOK):
                self._keys = await self._read(metadata.jwks_uri)
                self._keys_at = self._clock()
                found = self._find(kid, algorithm)
        if found is None:
            raise InvalidToken("no key of that name signs for the provider")
        return found

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        if kid is not None:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, own), key in self._keys.items() if own == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _read(self, url: str) -> dict[tuple[str | None, str], Key]:
        status, document = await self._fetch.json("GET", url)
        keys = document.get("keys") if status == 200 and isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise UpstreamFailed(f"{url} answers {status}, and no keys")
        found: dict[tuple[str | None, str], Key] = {}
        for each in keys[:_MOST_KEYS]:
            if not isinstance(each, dict) or each.get("use", "sig") != "sig":
                continue
            for algorithm in _algorithms_of(each):
                try:
                    found[each.get("kid"), algorithm] = import_key(each)
                except InvalidToken:
                    # Of a kind that others may know.
                    continue
        return found


def _algorithms_of(key: dict[str, Any]) -> tuple[str, ...]:
    """What a key may sign with: what it says, or what its kind can."""
    by_kind = {
        ("RSA", None): ("RS256", "PS256"),
        ("EC", "P-256"): ("ES256",),
        ("EC", "P-384"): ("ES384",),
        ("OKP", "Ed25519"): ("EdDSA",),
    }
    kind = key.get("kty")
    fitting = by_kind.get((str(kind), None if kind == "RSA" else key.get("crv")), ())
    said = key.get("alg")
    return fitting if said is None else tuple(each for each in fitting if each == said)
