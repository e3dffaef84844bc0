"""Addresses that browsers may be sent to."""

from __future__ import annotations

import pytest

from hekla.auth.oauth.authorization import answer_uri
from hekla.auth.oauth.redirects import (
    find_redirect,
    is_impersonable,
    origin_of_redirect,
    redirect_fault,
)

CALLBACK = "https://shop.example/callback"


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK,
        "https://shop.example:8443/callback?tenant=1",
        "https://shop.example",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:8080/",
        "http://[::1]/callback",
        "http://localhost:3000/callback",
        "com.example.app:/callback",
        "com.example.app://callback",
    ],
)
def test_addresses_that_can_be_registered(uri: str) -> None:
    """By TLS, of this very machine, or of an app's own scheme (RFC 8252)."""
    assert redirect_fault(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "callback",
        "/callback",
        "//shop.example/callback",
        "http://shop.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2@evil.example/callback",
        "https://user@shop.example/callback",
        "https://user:password@shop.example/callback",
        "https://shop.example/callback#fragment",
        "https://shop.example/callback#",
        "https://shop.example/call back",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\\evil.example",
        "https://shop.example/é",
        'https://shop.example/"onload="',
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example:port/",
        "https:///callback",
        "https:",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,hi",
        "file:///etc/passwd",
        "myapp:/callback",
        "https://shop.example/" + "a" * 2000,
    ],
)
def test_addresses_that_cannot(uri: str) -> None:
    """What is not safe to send a code to, or could become something else on the way."""
    assert redirect_fault(uri) is not None


@pytest.mark.parametrize(
    "given",
    [
        CALLBACK + "/",
        CALLBACK + "?a=b",
        CALLBACK + "#a",
        CALLBACK + "/../evil",
        CALLBACK + "%2f",
        CALLBACK.upper(),
        "https://SHOP.example/callback",
        "https://shop.example:443/callback",
        "https://shop.example/Callback",
        "https://shop.example.evil.example/callback",
        "https://shop.example@evil.example/callback",
        "https://evil.example/callback",
        "https://evil.example/https://shop.example/callback",
        "http://shop.example/callback",
        "https://shop.example/callback ",
        " https://shop.example/callback",
        "https://shop.example/callback\r\nx: y",
        "https://shop.example/callback\x00",
        "",
    ],
)
def test_one_is_registered_from_end_to_end_or_not(given: str) -> None:
    """No prefix, no pattern, no other spelling of the same."""
    assert find_redirect([CALLBACK], CALLBACK) == CALLBACK
    assert find_redirect([CALLBACK], given) is None


@pytest.mark.parametrize(
    ("registered", "given", "found"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:51004/cb", True),
        ("http://127.0.0.1", "http://127.0.0.1:51004", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?a=b", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.2:51004/cb", False),
        ("http://127.0.0.1/cb", "http://[::1]:51004/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:51004/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example:80/cb", False),
        # A name can be taken over, so its port has to be the one that was registered.
        ("http://localhost:3000/cb", "http://localhost:3001/cb", False),
        ("https://shop.example/cb", "https://shop.example:8443/cb", False),
    ],
)
def test_the_port_of_a_loopback_address_may_be_another(
    registered: str, given: str, found: bool
) -> None:
    """RFC 8252, section 7.3: and nothing else of it may."""
    assert (find_redirect([registered], given) is not None) is found


def test_which_addresses_any_program_can_take() -> None:
    """A loopback port and a scheme belong to whoever comes first."""
    assert not is_impersonable(CALLBACK)
    assert is_impersonable("http://127.0.0.1/cb")
    assert is_impersonable("com.example.app:/cb")


def test_sources_for_the_policy_of_a_page() -> None:
    """An origin, or a scheme where there is none."""
    assert origin_of_redirect("https://shop.example:8443/cb?a=b") == "https://shop.example:8443"
    assert origin_of_redirect("com.example.app:/cb") == "com.example.app:"


def test_answers_are_added_to_what_the_address_has() -> None:
    """Encoded, whatever they hold, and with whose answer it is."""
    issuer = "https://tasks.example"
    assert answer_uri(CALLBACK, issuer, "a&b\r\n=#", code="c/d") == (
        f"{CALLBACK}?code=c%2Fd&state=a%26b%0D%0A%3D%23&iss=https%3A%2F%2Ftasks.example"
    )
    assert answer_uri(CALLBACK + "?t=1", issuer, None, code="c").startswith(
        CALLBACK + "?t=1&code=c&"
    )
    assert answer_uri("com.example.app:/cb", issuer, None, code="c").startswith(
        "com.example.app:/cb?code=c&"
    )
