"""Who is behind a proxy, and that nobody can say so but a declared one."""

from __future__ import annotations

import pytest

from hekla.errors import OperatorError
from hekla.web.address import Forwarded, host_of, network_of
from hekla.web.proxies import Proxies, parse_forwarded
from hekla.web.request import Request

CUSTOM = ("x-forwarded-for", "x-forwarded-proto")
WITH_HOST = (*CUSTOM, "x-forwarded-host")
STANDARD = ("forwarded",)
TRUSTED = ("10.0.0.0/8", "fd00::/8", "192.0.2.1")
Pairs = list[tuple[str, str]]


def seen(
    peer: str | None,
    headers: Pairs,
    declared: tuple[str, ...] = CUSTOM,
    trusted: tuple[str, ...] = TRUSTED,
) -> Forwarded | None:
    return Proxies(trusted, declared).forwarded(Request("GET", "/", headers=headers, client=peer))


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        # One proxy, one client.
        ("10.0.0.1:999", "203.0.113.7", "203.0.113.7"),
        # What the client itself sent stands to the left of what the proxy added.
        ("10.0.0.1:999", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1:999", "10.0.0.9, 203.0.113.7", "203.0.113.7"),
        # Two proxies.
        ("10.0.0.1:999", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1:999", "6.6.6.6, 203.0.113.7, 192.0.2.1, 10.0.0.2", "203.0.113.7"),
        # A client within the networks of the proxies: the leftmost.
        ("10.0.0.1:999", "10.1.1.1, 10.0.0.2", "10.1.1.1"),
        # Ports and brackets.
        ("10.0.0.1:999", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1:999", "[2001:DB8::1]:4711", "2001:db8::1"),
        ("10.0.0.1:999", "2001:db8::1", "2001:db8::1"),
        ("[fd00::1]:999", "2001:db8::1", "2001:db8::1"),
        ("[fd00::1]:999", "fe80::1%eth0", "fe80::1"),
        # IPv4 within IPv6, on either side.
        ("[::ffff:10.0.0.1]:999", "::ffff:203.0.113.7", "203.0.113.7"),
        ("10.0.0.1:999", "203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7"),
        # What cannot be read ends what is known; the nearest that could be is taken.
        ("10.0.0.1:999", "unknown", None),
        ("10.0.0.1:999", "203.0.113.7, unknown", None),
        ("10.0.0.1:999", "203.0.113.7, not-an-address, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1:999", "203.0.113.7,", None),
        ("10.0.0.1:999", "0177.0.0.1", None),
        ("10.0.0.1:999", "203.0.113.7\x00", None),
        ("10.0.0.1:999", "", None),
    ],
)
def test_the_rightmost_address_that_is_no_proxy(peer: str, told: str, client: str | None) -> None:
    """Each address was written by whoever stands to its right; the tale ends at a stranger."""
    found = seen(peer, [("X-Forwarded-For", told)])
    assert found is not None
    assert found.client == client


@pytest.mark.parametrize(
    "peer", ["203.0.113.7:999", "11.0.0.1:999", "[2001:db8::1]:999", "192.0.2.2:1", None, ""]
)
def test_a_stranger_is_not_believed(peer: str | None) -> None:
    """Who is no declared proxy may say what it likes, in every header there is."""
    everything = [
        ("Forwarded", "for=127.0.0.1;proto=https;host=bank.example"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "bank.example"),
        ("X-Real-IP", "127.0.0.1"),
    ]
    for declared in (WITH_HOST, STANDARD):
        assert seen(peer, everything, declared) is None


def test_only_declared_headers_are_read() -> None:
    """A proxy that sets one header passes on the others as the client sent them."""
    sent = [
        ("Forwarded", "for=127.0.0.1;proto=https;host=bank.example"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "bank.example"),
    ]
    assert seen("10.0.0.1:9", sent, ("x-forwarded-for",)) == Forwarded("203.0.113.7", None, None)
    assert seen("10.0.0.1:9", sent, CUSTOM) == Forwarded("203.0.113.7", "https", None)
    assert seen("10.0.0.1:9", sent, STANDARD) == Forwarded("127.0.0.1", "https", "bank.example")


def test_lines_of_one_header_are_one_list() -> None:
    """A client's own line stands before that of the proxy (RFC 9110 section 5.3)."""
    sent = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.7")]
    found = seen("10.0.0.1:9", sent)
    assert found is not None
    assert found.client == "203.0.113.7"


@pytest.mark.parametrize(
    ("hops", "schemes", "scheme"),
    [
        ("203.0.113.7", "https", "https"),
        ("203.0.113.7", "HTTPS", "https"),
        # The client's own claim stands to the left.
        ("203.0.113.7", "https, http", "http"),
        ("6.6.6.6, 203.0.113.7", "https, http", "http"),
        # A value for each hop: that of the client's.
        ("203.0.113.7, 10.0.0.2", "https, http", "https"),
        ("203.0.113.7", "gopher", None),
        ("203.0.113.7", "https\r\nx: y", None),
        ("203.0.113.7", "", None),
    ],
)
def test_the_scheme_that_belongs_to_the_client(hops: str, schemes: str, scheme: str | None) -> None:
    """It is the one that the same proxy wrote, or the nearest one."""
    found = seen("10.0.0.1:9", [("X-Forwarded-For", hops), ("X-Forwarded-Proto", schemes)])
    assert found is not None
    assert found.scheme == scheme


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "a\r\nb", "[::1", "a:b", "ä.example", ""])
def test_a_host_that_is_none_is_not_taken_over(host: str) -> None:
    """What is told of the host is looked at before anybody makes a link of it."""
    found = seen("10.0.0.1:9", [("X-Forwarded-Host", host)], WITH_HOST)
    assert found is not None
    assert found.host is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.7", Forwarded("203.0.113.7")),
        (
            "For=203.0.113.7;Proto=HTTPS;host=a.example",
            Forwarded("203.0.113.7", "https", "a.example"),
        ),
        ('for="[2001:db8::1]:4711"', Forwarded("2001:db8::1")),
        ('for="203.0.113.7:80" ; proto = https', Forwarded()),
        ("for=6.6.6.6, for=203.0.113.7;proto=http", Forwarded("203.0.113.7", "http")),
        ("for=6.6.6.6;proto=https, for=203.0.113.7", Forwarded("203.0.113.7")),
        ("for=203.0.113.7;proto=https, for=10.0.0.2;proto=http", Forwarded("203.0.113.7", "https")),
        ("for=203.0.113.7, for=_hidden", Forwarded()),
        ("for=203.0.113.7, for=unknown, for=10.0.0.2", Forwarded("10.0.0.2")),
        # A comma, a semicolon and a quote within quotes end nothing.
        ('for=6.6.6.6;host="a, for=127.0.0.1", for=203.0.113.7', Forwarded("203.0.113.7")),
        ('host="a\\", for=127.0.0.1;x=\\"", for=203.0.113.7', Forwarded("203.0.113.7")),
        # Quotes that are never closed swallow what the proxy wrote: then nothing is known.
        ('host="a, for=203.0.113.7', Forwarded()),
        ("for=127.0.0.1;for=203.0.113.7", Forwarded()),
        ("nonsense", Forwarded()),
        ("", Forwarded()),
    ],
)
def test_the_standard_header(value: str, expected: Forwarded) -> None:
    """``Forwarded`` (RFC 7239): elements from the right, each with its own scheme and host."""
    assert seen("10.0.0.1:9", [("Forwarded", value)], STANDARD) == expected


def test_elements_are_told_apart_by_what_is_not_in_quotes() -> None:
    """The examples of RFC 7239 section 4."""
    assert parse_forwarded('For="[2001:db8:cafe::17]:4711"') == [
        {"for": "[2001:db8:cafe::17]:4711"}
    ]
    assert parse_forwarded("for=192.0.2.60;proto=http;by=203.0.113.43") == [
        {"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}
    ]
    assert parse_forwarded("for=192.0.2.43, for=198.51.100.17") == [
        {"for": "192.0.2.43"},
        {"for": "198.51.100.17"},
    ]


def test_a_thousand_hops_are_not_all_looked_at() -> None:
    """No chain of proxies is that long; the rest was made up."""
    found = seen("10.0.0.1:9", [("X-Forwarded-For", ", ".join(["10.0.0.2"] * 5000))])
    assert found == Forwarded("10.0.0.2")


def test_a_proxy_at_a_unix_socket() -> None:
    """A peer without an address is believed where ``unix`` is declared."""
    sent = [("X-Forwarded-For", "203.0.113.7")]
    assert seen(None, sent, trusted=("unix",)) == Forwarded("203.0.113.7")
    assert seen("203.0.113.9:1", sent, trusted=("unix",)) is None


@pytest.mark.parametrize("name", ["10.0.0.1/8", "proxy.example", "*", "", "10.0.0.0/33"])
def test_what_is_no_network_is_said_at_the_start(name: str) -> None:
    """A network is written with all its bits; a mistake here would let strangers in."""
    with pytest.raises(OperatorError, match="trusted_proxies"):
        Proxies((name,), CUSTOM)


def test_what_is_no_header_is_said_at_the_start() -> None:
    """Only headers that are understood can be declared."""
    with pytest.raises(OperatorError, match="x-real-ip"):
        Proxies(TRUSTED, ("x-real-ip",))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("203.0.113.7:80", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
        ("[2001:DB8::1]:80", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("testclient:80", "testclient"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_without_its_port(text: str, host: str) -> None:
    """In one form, so that one client is one client."""
    assert host_of(text) == host


def test_who_has_a_network_is_counted_as_one() -> None:
    """An IPv6 customer has 2^64 addresses to choose from."""
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:203.0.113.7") == network_of("203.0.113.7") == "203.0.113.7"
