"""Clients that others wrote sign in by Hekla, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]

from tests.auth.oauth.provider_process import CALLBACK, ProviderProcess, User, serve_provider
from tests.npm import node_modules

OPENID_CLIENT = "openid-client@6.9.0"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    with serve_provider(tmp_path_factory.mktemp("provider")) as process:
        yield process


@pytest.fixture
def user() -> Iterator[User]:
    user = User()
    yield user
    user.close()


def test_requests_oauthlib(
    provider: ProviderProcess, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client of requests signs a user in, asks who it is, and goes on by a refresh token."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    known = provider.register("Requests", "--redirect", CALLBACK, "--scope", "offline_access")
    found = httpx.get(f"{provider.url}/.well-known/openid-configuration").json()
    session = OAuth2Session(
        known["id"], redirect_uri=CALLBACK, scope=["openid", "offline_access"], pkce="S256"
    )
    try:
        url, state = session.authorization_url(found["authorization_endpoint"])
        callback = user.go(url)
        assert httpx.URL(callback).params["state"] == state
        told = session.fetch_token(
            found["token_endpoint"],
            authorization_response=callback,
            client_secret=known["secret"],
            include_client_id=True,
        )
        assert session.get(found["userinfo_endpoint"]).json() == {"sub": "1"}
        renewed = session.refresh_token(
            found["token_endpoint"], auth=(known["id"], known["secret"])
        )
        assert renewed["refresh_token"] != told["refresh_token"]
        assert session.get(found["userinfo_endpoint"]).status_code == 200
    finally:
        session.close()


def test_openid_client(provider: ProviderProcess, user: User) -> None:
    """The certified client of Node does all there is, and checks whatever it can check.

    Signatures, nonce, state, the issuer in answers (mix-up), introspection, revocation, the
    device grant and client credentials.
    """
    folder = node_modules(OPENID_CLIENT)
    scopes = [
        part for scope in ("profile", "email", "offline_access") for part in ("--scope", scope)
    ]
    known = provider.register("Node", "--redirect", CALLBACK, *scopes)
    device = provider.register("Screen", "--public", "--grant", "device")
    acting = ("--grant", "client-credentials", "--acts-as", "ann@example.org", "--scope", "read")
    robot = provider.register("Robot", *acting)
    process = subprocess.Popen(
        ["node", str(Path(__file__).with_name("node") / "openid_client.mjs")],
        env={**os.environ, "NODE_FOLDER": str(folder), "NODE_NO_WARNINGS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        sending, receiving = process.stdin, process.stdout

        def say(document: Any) -> None:
            sending.write(json.dumps(document) + "\n")
            sending.flush()

        def hear() -> Any:
            line = receiving.readline()
            assert line, "the client ended with an error"
            return json.loads(line)

        try:
            say(
                {
                    "issuer": provider.url,
                    "redirect": CALLBACK,
                    "id": known["id"],
                    "secret": known["secret"],
                    "device": {"id": device["id"]},
                    "robot": {"id": robot["id"], "secret": robot["secret"]},
                }
            )
            say({"callback": user.go(hear()["url"])})
            told = hear()
            assert told["mixUp"] == "OAUTH_INVALID_RESPONSE"
            assert told["claims"]["sub"] == "1"
            assert told["claims"]["iss"] == provider.url
            assert told["user"] == {
                "sub": "1",
                "name": "Ann",
                "email": "ann@example.org",
                "email_verified": False,
            }
            assert told["scope"] == "email offline_access openid profile"
            assert (told["before"], told["after"]) == (True, False)
            page = user.go(hear()["url"])
            assert "The device is in" in page
            last = hear()
            assert last["device"] == "1"
        finally:
            process.kill()
    bearer = {"authorization": f"Bearer {last['robot']}"}
    me = httpx.get(f"{provider.url}/auth/me", headers=bearer).json()
    assert me["email"] == "ann@example.org"
