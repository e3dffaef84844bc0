"""Which hosts are answered for."""

from __future__ import annotations

import pytest

from hekla.errors import OperatorError, Problem
from hekla.web.hosts import Hosts
from hekla.web.request import Request

ALLOWED = ("shop.example.com", "*.shop.example.com", "[::1]", "127.0.0.1")


def outcome(allowed: tuple[str, ...], *hosts: str) -> int:
    try:
        Hosts(allowed).check(Request("GET", "/", headers=[("Host", host) for host in hosts]))
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("shop.example.com", 200),
        ("SHOP.example.COM", 200),
        ("shop.example.com.", 200),
        ("shop.example.com:8443", 200),
        ("a.shop.example.com", 200),
        ("a.b.shop.example.com", 200),
        ("[::1]:8000", 200),
        ("127.0.0.1:8000", 200),
        ("example.com", 421),
        ("evil.example", 421),
        ("shop.example.com.evil.example", 421),
        ("evil-shop.example.com", 421),
        (".shop.example.com", 400),
        ("shop.example.com:80:80", 400),
        ("shop.example.com@evil.example", 400),
        ("shop.example.com/evil.example", 400),
        ("shop.example.com evil.example", 400),
        ("shop.example.com\r\nx: y", 400),
        ("shop.example.com#", 400),
        ("", 400),
        ("[::1", 400),
        ("ähem.example", 400),
    ],
)
def test_a_host_is_served_as_a_whole_or_not(host: str, status: int) -> None:
    """Others are misdirected (421), and what is no host at all is a bad request."""
    assert outcome(ALLOWED, host) == status


def test_no_host_or_several() -> None:
    """HTTP/1.1 asks for exactly one (RFC 9112 section 3.2)."""
    assert outcome(ALLOWED) == 400
    assert outcome(ALLOWED, "shop.example.com", "evil.example") == 400


def test_a_star_alone_lets_any_host_in() -> None:
    """But still none that is not one."""
    assert outcome(("*",), "whatever.example") == 200
    assert outcome(("*",), "what ever") == 400


def test_a_star_does_not_stand_for_the_domain_itself() -> None:
    """``*.example.com`` is what is below it."""
    assert outcome(("*.example.com",), "example.com") == 421


@pytest.mark.parametrize("name", ["https://a.example", "a.example:80", "a.*.example", "", "a b"])
def test_what_is_no_host_is_said_at_the_start(name: str) -> None:
    """A pattern that could never fit would lock everybody out."""
    with pytest.raises(OperatorError, match="allowed_hosts"):
        Hosts((name,))
