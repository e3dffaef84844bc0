"""Clients: how they are registered, and how they show who they are."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hekla.auth.oauth.client import (
    DEVICE_GRANT,
    Client,
    Credentials,
    check_client,
    read_credentials,
    shown,
)
from hekla.auth.oauth.clients import new_client
from hekla.auth.oauth.errors import OAuthError
from hekla.auth.oauth.pkce import challenge_of, is_challenge, proves
from hekla.auth.random_secret import digest
from hekla.errors import OperatorError

NOW = "2026-05-01T00:00:00.000000Z"
GOOD: dict[str, Any] = {
    "at": NOW,
    "known_scopes": ("openid", "read"),
    "redirect_uris": ["https://shop.example/cb"],
}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("", {}),
        (" Shop", {}),
        ("Shop\nEvil", {}),
        ("Shop\u202egnihtemos", {}),
        ("Shop\u200b", {}),
        ("S" * 101, {}),
        ("Shop", {"redirect_uris": []}),
        ("Shop", {"redirect_uris": ["http://shop.example/cb"]}),
        ("Shop", {"redirect_uris": [f"https://shop.example/{n}" for n in range(21)]}),
        ("Shop", {"grants": ["implicit"]}),
        ("Shop", {"grants": ["password"]}),
        ("Shop", {"grants": ["refresh_token"]}),
        ("Shop", {"scopes": ["everything"]}),
        ("Shop", {"grants": ["client_credentials"]}),
        ("Shop", {"grants": ["client_credentials"], "public": True, "acts_as": "1"}),
        ("Shop", {"acts_as": "1"}),
        ("Shop", {"public": True, "inspects": True}),
    ],
)
def test_what_cannot_be_registered(name: str, given: dict[str, Any]) -> None:
    """A client that is not safe, or that users could not recognise, is refused with a reason."""
    with pytest.raises(OperatorError):
        new_client(name, **{**GOOD, **given})


def test_a_secret_is_kept_as_a_digest_only() -> None:
    """And a public client has none at all."""
    client, secret = new_client("Shop", **GOOD)
    assert secret is not None
    assert secret.startswith("hekla_cs_")
    assert client.secret == digest(secret)
    assert secret not in repr(client)
    assert {"secret", "old_secret"} & shown(client).keys() == set()
    public, nothing = new_client("App", public=True, **GOOD)
    assert (public.public, nothing) == (True, None)


@pytest.mark.parametrize(
    ("authorization", "form", "expected"),
    [
        (basic("a:b"), {}, Credentials("a", "b", True)),
        (basic("a:b").replace("Basic", "basic"), {}, Credentials("a", "b", True)),
        (basic("a%3Ab:c%20d+e"), {}, Credentials("a:b", "c d e", True)),
        (basic("a:b:c"), {"client_id": "a"}, Credentials("a", "b:c", True)),
        (None, {"client_id": "a", "client_secret": "b"}, Credentials("a", "b", False)),
        (None, {"client_id": "a"}, Credentials("a", None, False)),
        (basic("a:b"), {"client_secret": "b"}, "invalid_request"),
        (basic("a:b"), {"client_id": "c"}, "invalid_request"),
        (basic("a"), {}, "invalid_client"),
        (basic(":b"), {}, "invalid_client"),
        ("Basic !!!", {}, "invalid_client"),
        ("Basic /w==", {}, "invalid_client"),
        (basic("a:" + "b" * 600), {}, "invalid_client"),
        (None, {}, "invalid_client"),
        ("Bearer abc", {}, "invalid_client"),
    ],
)
def test_credentials(
    authorization: str | None, form: dict[str, str], expected: Credentials | str
) -> None:
    """By the header or in the form, one of them (RFC 6749, section 2.3)."""
    try:
        found: Credentials | str = read_credentials(authorization, form)
    except OAuthError as error:
        found = error.error
    assert found == expected


CONFIDENTIAL = Client(id="a", name="A", secret=digest("right"))
ROTATED = Client(
    id="a",
    name="A",
    secret=digest("right"),
    old_secret=digest("old"),
    old_secret_until="2026-05-01T00:00:00.000001Z",
)
PUBLIC = Client(id="a", name="A")


@pytest.mark.parametrize(
    ("client", "secret", "now", "fine"),
    [
        (CONFIDENTIAL, "right", NOW, True),
        (CONFIDENTIAL, "wrong", NOW, False),
        (CONFIDENTIAL, "", NOW, False),
        (CONFIDENTIAL, None, NOW, False),
        (ROTATED, "right", NOW, True),
        (ROTATED, "old", NOW, True),
        (ROTATED, "old", "2026-05-01T00:00:00.000001Z", False),
        (PUBLIC, None, NOW, True),
        (PUBLIC, "guess", NOW, False),
        (None, "right", NOW, False),
        (None, None, NOW, False),
    ],
)
def test_a_client_shows_that_it_is_the_one(
    client: Client | None, secret: str | None, now: str, fine: bool
) -> None:
    """One error for all that is wrong; a public client shows nothing, and no guesses."""
    credentials = Credentials("a", secret, True)
    if fine:
        assert check_client(client, credentials, now) is client
        return
    with pytest.raises(OAuthError) as caught:
        check_client(client, credentials, now)
    assert caught.value.error == "invalid_client"


def test_proof_keys() -> None:
    """The example of RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert challenge_of(verifier) == challenge
    assert proves(verifier, challenge)
    # The challenge itself is no proof, which is what "plain" would take for one.
    assert not proves(challenge, challenge)
    for other in ("", "short", verifier[:-1] + "l", verifier + "é", verifier + " ", "a" * 129):
        assert not proves(other, challenge)
    assert is_challenge(challenge)
    for other in ("", challenge[:-1], challenge + "A", challenge[:-1] + "=", challenge[:-1] + "+"):
        assert not is_challenge(other)


def test_the_device_grant_needs_no_address() -> None:
    """A client that only devices use sends nobody back."""
    client, _ = new_client("Screen", **{**GOOD, "redirect_uris": [], "grants": [DEVICE_GRANT]})
    assert client.redirect_uris == ()
