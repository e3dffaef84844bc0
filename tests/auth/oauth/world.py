"""An application that others sign in with: a browser, a client's own back channel."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from hekla import Hekla
from hekla.auth.jose import import_key
from hekla.auth.jose import verify as verify_signature
from hekla.auth.moments import now
from hekla.auth.oauth.client import Client
from hekla.auth.oauth.clients import new_client
from hekla.auth.oauth.pkce import challenge_of
from hekla.auth.oauth.provider import Provider
from hekla.web.request import Request
from tests.auth.world import PASSWORD, QUICK, make_app
from tests.auth.world import Client as Person
from tests.scenarios.client import Answer

__all__ = [
    "BASE",
    "CALLBACK",
    "VERIFIER",
    "Browser",
    "authorization",
    "claims_of",
    "make_provider",
    "provider_of",
    "register",
    "register_person",
    "sent_to",
    "token",
    "token_form",
]

BASE = "https://tasks.example"
CALLBACK = "https://shop.example/callback"
VERIFIER = "v" * 64


def make_provider(folder: Path, **options: Any) -> Hekla:
    settings = {"public_url": BASE, **options.pop("settings", {})}
    oauth = options.pop("oauth", {})
    app = make_app(folder, settings=msgspec_replace(settings), **options)
    app.oauth(**oauth)
    return app


def msgspec_replace(given: Mapping[str, Any]) -> Any:
    return replace(QUICK, **given)


def provider_of(app: Hekla) -> Provider:
    provider = app.parts.provider
    assert provider is not None
    return provider


async def register(app: Hekla, **given: Any) -> tuple[Client, str]:
    """A registered client and its secret, empty for a public one."""
    provider = provider_of(app)
    fields: dict[str, Any] = {
        "redirect_uris": [CALLBACK],
        "scopes": ["openid", "profile", "email", "offline_access", "read", "write"],
        **given,
    }
    name = fields.pop("name", "Shop")
    client, secret = new_client(
        name, at=now(provider.auth.clock), known_scopes=provider.known_scopes, **fields
    )
    await provider.clients.add(client)
    return client, secret or ""


def authorization(client: Client, **given: str | None) -> str:
    """The address that a client sends a browser to; a parameter of None is left out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "s 1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **given,
    }
    kept = {name: value for name, value in parameters.items() if value is not None}
    return f"/oauth/authorize?{urlencode(kept)}"


@dataclass
class Browser:
    """Somebody before a browser, which keeps cookies and says where a form comes from."""

    app: Hekla
    cookies: dict[str, str] = field(default_factory=dict)
    origin: str | None = BASE
    language: str = "en"
    address: str = "203.0.113.5:4000"

    async def ask(
        self,
        method: str,
        target: str,
        form: Mapping[str, str] | list[tuple[str, str]] | None = None,
        **headers: str,
    ) -> Answer:
        pairs = [("host", "tasks.example"), ("accept-language", self.language)]
        if self.cookies:
            pairs.append(("cookie", "; ".join(f"{n}={v}" for n, v in self.cookies.items())))
        if method == "POST" and self.origin is not None:
            pairs.append(("origin", self.origin))
        body = b""
        if form is not None:
            body = urlencode(form).encode()
            pairs.append(("content-type", "application/x-www-form-urlencoded"))
        pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
        path, _, query = target.removeprefix(BASE).partition("?")
        request = Request(
            method, path, query, pairs, body=body, scheme="https", client=self.address
        )
        response = await self.app.handle(request)
        joined: dict[str, str] = {}
        for name, value in response.headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
            if name == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self.cookies[cookie] = content
        assert isinstance(response.body, bytes)
        return Answer(response.status, joined, response.body)

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.ask("GET", target, None, **headers)

    async def sign_in(self, email: str = "ann@example.org", password: str = PASSWORD) -> Answer:
        form = {"login": email, "password": password, "next": "/oauth/device"}
        return await self.ask("POST", "/oauth/sign-in", form)

    async def submit(self, page: Answer, **given: str) -> Answer:
        """Send the form of a page, its hidden fields as they are."""
        return await self.ask("POST", action_of(page), {**hidden_of(page), **given})

    async def agree(self, target: str, decision: str = "allow") -> Answer:
        """Come to an address, and decide on the page that is shown there."""
        return await self.submit(await self.get(target), decision=decision)


def action_of(page: Answer) -> str:
    found = re.search(r'<form method="post" action="([^"]*)"', page.body.decode())
    assert found, page.body.decode()
    return unescape(found[1])


def hidden_of(page: Answer) -> dict[str, str]:
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.body.decode())
    return {unescape(name): unescape(value) for name, value in fields}


async def register_person(app: Hekla, email: str = "ann@example.org") -> str:
    """A user; answers the key as text."""
    answer = await Person(app).register(email)
    assert answer.status == 201, answer.body
    return str(answer.json()["user"]["id"])


def sent_to(answer: Answer) -> dict[str, str]:
    """The parameters that a browser is sent back with, each there once."""
    assert answer.status == 303, (answer.status, answer.body)
    found = parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


async def token(
    app: Hekla,
    client: Client | None,
    secret: str,
    form: Mapping[str, str],
    path: str = "/oauth/token",
    *,
    basic: bool = True,
) -> Answer:
    """What a client asks of the back channel, as the client that it is."""
    pairs = dict(form)
    headers: dict[str, str] = {}
    if client is not None:
        if secret and basic:
            credentials = base64.b64encode(f"{client.id}:{secret}".encode()).decode()
            headers["authorization"] = f"Basic {credentials}"
        else:
            pairs = {"client_id": client.id, **pairs}
            if secret:
                pairs["client_secret"] = secret
    return await Browser(app, origin=None, address="198.51.100.9:1").ask(
        "POST", path, pairs, **headers
    )


def token_form(code: str, **given: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **given,
    }


def claims_of(app: Hekla, jwt: str) -> dict[str, Any]:
    """The claims of a token, verified with the keys that are published."""
    header = msgspec.json.decode(_part(jwt, 0))
    keys = {key["kid"]: key for key in provider_of(app).auth.keys.public()["keys"]}
    return verify_signature(jwt, import_key(keys[header["kid"]]), header["alg"])


def _part(jwt: str, place: int) -> bytes:
    text = jwt.split(".")[place]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
