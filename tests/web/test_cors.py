"""Who may call from a browser."""

from __future__ import annotations

import pytest

from hekla.web.cors import Cors
from hekla.web.request import Request

APP = "https://app.example.com"


def asked(**headers: str) -> Request:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("GET", "/", headers=pairs)


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        (APP, True),
        ("HTTPS://APP.EXAMPLE.COM", True),
        ("http://app.example.com", False),
        ("https://app.example.com.evil.org", False),
        ("https://evil.org/https://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("null", False),
        ("*", False),
        ("", False),
    ],
)
def test_an_origin_is_let_in_as_a_whole_or_not(origin: str, let_in: bool) -> None:
    """Origins are compared from end to end; the answer names the one that asked."""
    headers = dict(Cors([APP]).headers(asked(origin=origin)))
    assert headers.get("access-control-allow-origin") == (origin if let_in else None)
    assert headers["vary"] == "Origin"


def test_everybody_is_let_in_without_credentials() -> None:
    """A star never goes together with credentials, whatever was asked for."""
    headers = dict(Cors(["*"], credentials=True).headers(asked(origin=APP)))
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert "vary" not in headers


def test_credentials_go_with_named_origins() -> None:
    """Cookies may be sent from pages of named origins, if that was asked for."""
    headers = dict(Cors([APP + "/"], credentials=True).headers(asked(origin=APP)))
    assert headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-credentials" not in dict(Cors([APP]).headers(asked(origin=APP)))


def test_a_preflight_names_the_methods_and_the_headers() -> None:
    """The methods are those of the route; headers are those asked for, if they are names."""
    cors = Cors([APP])
    request = asked(
        origin=APP,
        access_control_request_method="PATCH",
        access_control_request_headers="content-type, x-mine",
    )
    assert cors.preflight(request, "GET, PATCH") == [
        ("access-control-allow-methods", "GET, PATCH"),
        ("access-control-max-age", "600"),
        ("vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ("access-control-allow-headers", "content-type, x-mine"),
    ]


def test_what_is_no_preflight_gets_nothing() -> None:
    """OPTIONS without the question of a browser, or from elsewhere, is OPTIONS and no more."""
    cors = Cors([APP])
    assert cors.preflight(asked(origin=APP), "GET") == []
    assert cors.preflight(asked(access_control_request_method="GET"), "GET") == []
    elsewhere = asked(origin="https://evil.org", access_control_request_method="GET")
    assert cors.preflight(elsewhere, "GET") == []
    odd = asked(
        origin=APP,
        access_control_request_method="GET",
        access_control_request_headers="x\r\nset-cookie: a",
    )
    assert "access-control-allow-headers" not in dict(cors.preflight(odd, "GET"))
