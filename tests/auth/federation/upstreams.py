"""Another provider as a test wants it: it answers as it should, or as it should not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hekla import Hekla
from hekla.auth.federation.exchange import OpenIDConnect
from hekla.auth.federation.face import Federation
from hekla.auth.federation.fetch import UpstreamFailed
from hekla.auth.jose import import_key, new_key, sign
from hekla.auth.moments import Clock
from hekla.auth.oauth.pkce import challenge_of
from tests.auth.oauth.world import BASE, Browser
from tests.auth.world import QUICK, make_app, stop_clock
from tests.scenarios.client import Answer

__all__ = ["ISSUER", "Upstream", "begin", "come_back", "federation_of", "make_federated"]

ISSUER = "https://login.example"


class Upstream:
    """A provider of OpenID Connect in this process, in place of the seam to one."""

    def __init__(self, clock: Clock, issuer: str = ISSUER, client_id: str = "hekla") -> None:
        self.clock = clock
        self.issuer = issuer
        self.client_id = client_id
        self.key = new_key("EdDSA")
        self.kid = "k1"
        self.asked: list[str] = []
        self.nonce: str | None = None
        self.challenge: str | None = None
        self.user: dict[str, Any] = {
            "sub": "u-1",
            "email": "ann@example.org",
            "email_verified": True,
            "name": "Ann",
        }
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.id_token: str | None = None
        self.published = True
        self.down = False

    def public(self) -> dict[str, Any]:
        return {**import_key(self.key).as_dict(private=False), "kid": self.kid, "alg": "EdDSA"}

    async def json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        self.asked.append(url)
        if self.down:
            raise UpstreamFailed("login.example cannot be asked")
        match urlsplit(url).path:
            case "/.well-known/openid-configuration":
                document = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                    "id_token_signing_alg_values_supported": ["EdDSA"],
                    "authorization_response_iss_parameter_supported": True,
                }
                return 200, {**document, **self.metadata}
            case "/keys":
                return 200, {"keys": [self.public()] if self.published else []}
            case "/token":
                assert form is not None
                if challenge_of(form["code_verifier"]) != self.challenge:
                    return 400, {"error": "invalid_grant"}
                return 200, {"access_token": "t", "id_token": self.id_token or self.token()}
            case "/userinfo":
                return 200, self.userinfo or {}
        return 404, {}

    def token(self) -> str:
        at = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": at,
            "exp": at + 300,
            "nonce": self.nonce,
            **self.user,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return sign(claims, import_key(self.key), self.kid, "EdDSA", "JWT")


def make_federated(folder: Path, **options: Any) -> tuple[Hekla, Upstream]:
    """An application, not started, and the provider that its users may sign in with."""
    from dataclasses import replace

    app = make_app(folder, settings=replace(QUICK, public_url=BASE), **options)
    app.sign_in_with("work", issuer=ISSUER, client_id="hekla", client_secret="s3cret")
    upstream = Upstream(stop_clock(app))
    for exchange in federation_of(app).exchanges.values():
        assert isinstance(exchange, OpenIDConnect)
        exchange._fetch = upstream  # type: ignore[assignment]
        exchange.metadata._fetch = upstream  # type: ignore[assignment]
    return app, upstream


def federation_of(app: Hekla) -> Federation:
    federation = app.parts.federation
    assert federation is not None
    return federation


async def begin(
    browser: Browser, upstream: Upstream, target: str = "/oauth/with/work"
) -> dict[str, str]:
    """Go to the other provider; the parameters that one comes there with."""
    answer = await browser.get(target)
    return went(answer, upstream)


def went(answer: Answer, upstream: Upstream) -> dict[str, str]:
    """The parameters that a browser is sent to the other provider with."""
    assert answer.status == 303, answer.body
    parts = urlsplit(answer.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{upstream.issuer}/authorize"
    found = {name: values[0] for name, values in parse_qs(parts.query).items()}
    upstream.nonce, upstream.challenge = found["nonce"], found["code_challenge"]
    return found


async def come_back(browser: Browser, sent: Mapping[str, str], **given: str | None) -> Answer:
    """Come back with an answer; a parameter of None is left out."""
    from urllib.parse import urlencode

    parameters = {"code": "c", "state": sent["state"], "iss": ISSUER, **given}
    kept = {name: value for name, value in parameters.items() if value is not None}
    return await browser.get(f"/oauth/callback/work?{urlencode(kept)}")
