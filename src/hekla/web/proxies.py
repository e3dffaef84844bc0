"""Who is behind a proxy: the client's address, scheme and host, as declared proxies tell them.

Anybody can send ``X-Forwarded-For``. So nothing is read that does not come from a declared
proxy, and only the headers that it is declared to set. An address in such a header was written
by whoever is named to its right: reading from the right, the first that is no declared proxy is
the client, and everything left of it is a tale.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

from hekla.cache import Cache
from hekla.errors import OperatorError
from hekla.web.address import Forwarded, IPAddress, parse_address
from hekla.web.headers import list_value
from hekla.web.request import Request

__all__ = ["FORWARDED_HEADERS", "Proxies", "parse_networks"]

FORWARDED_HEADERS: Final = (
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
)
_UNIX: Final = "unix"
# More hops than any chain of proxies has; whatever is left of them was made up.
_MOST_HOPS: Final = 32
_PAIR: Final = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*))\s*"
)
_SCHEMES: Final = frozenset({"http", "https"})
_HOST: Final = re.compile(
    r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?"
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(names: Iterable[str]) -> tuple[tuple[Network, ...], bool]:
    """Networks, and whether a Unix socket is among ``names``. Raises OperatorError."""
    networks: list[Network] = []
    for name in names:
        if name == _UNIX:
            continue
        try:
            networks.append(ipaddress.ip_network(name))
        except ValueError as exc:
            raise OperatorError(
                f"trusted_proxies: {exc}; name addresses, networks such as 10.0.0.0/8, "
                "or unix for a Unix socket"
            ) from None
    return tuple(networks), _UNIX in names


class Proxies:
    """The declared proxies, by address or network, and the headers that they set.

    Raises OperatorError for what is no network and no such header.
    """

    def __init__(self, trusted: Sequence[str], headers: Sequence[str]) -> None:
        self._networks, self._unix = parse_networks(trusted)
        unknown = [name for name in headers if name.lower() not in FORWARDED_HEADERS]
        if unknown:
            raise OperatorError(
                f"forwarded_headers: {unknown[0]!r} is none of {', '.join(FORWARDED_HEADERS)}"
            )
        self._headers = frozenset(name.lower() for name in headers)
        self._known: Cache[str, bool] = Cache(4096)

    def forwarded(self, request: Request) -> Forwarded | None:
        """What is told of the client of a request; None if it does not come from a proxy."""
        if not self.trusts(request.peer):
            return None
        if "forwarded" in self._headers:
            return self._by_standard(request)
        return self._by_custom(request)

    def trusts(self, address: str | None) -> bool:
        """Whether an address, with or without a port, is one of the proxies."""
        if not address:
            return self._unix
        # Not all addresses: each connection has a port of its own.
        found = parse_address(address)
        return found is not None and self._is_proxy(found)

    def _is_proxy(self, address: IPAddress) -> bool:
        name = str(address)
        known = self._known.get(name)
        if known is None:
            known = any(
                address.version == network.version and address in network
                for network in self._networks
            )
            self._known.put(name, known)
        return known

    def _by_standard(self, request: Request) -> Forwarded:
        """By ``Forwarded`` (RFC 7239)."""
        elements = parse_forwarded(list_value(request.headers, "forwarded") or "")
        place = self._place([element.get("for", "") for element in elements])
        if place is None:
            return Forwarded()
        element = elements[place]
        return Forwarded(
            _client(element.get("for", "")),
            _scheme(element.get("proto", "")),
            _host(element.get("host", "")),
        )

    def _by_custom(self, request: Request) -> Forwarded:
        """By ``X-Forwarded-For`` and its like, as far as they are declared."""
        hops = self._list(request, "x-forwarded-for")
        place = self._place(hops)
        client = None if place is None else _client(hops[place])
        return Forwarded(
            client,
            _scheme(self._beside(request, "x-forwarded-proto", hops, place)),
            _host(self._beside(request, "x-forwarded-host", hops, place)),
        )

    def _list(self, request: Request, name: str) -> list[str]:
        if name not in self._headers:
            return []
        value = list_value(request.headers, name)
        return [] if not value else [part.strip() for part in value.split(",")]

    def _beside(self, request: Request, name: str, hops: list[str], place: int | None) -> str:
        """The value that belongs to a hop, or else that of the nearest proxy."""
        values = self._list(request, name)
        if not values:
            return ""
        if place is not None and len(values) == len(hops):
            return values[place]
        return values[-1]

    def _place(self, hops: Sequence[str]) -> int | None:
        """Which of the hops is the client; None if the nearest of them cannot be read."""
        place = None
        for index in range(len(hops) - 1, max(-1, len(hops) - 1 - _MOST_HOPS), -1):
            address = parse_address(hops[index])
            if address is None:
                # Hidden or made up: what is known for certain ends here.
                break
            place = index
            if not self._is_proxy(address):
                break
        return place


def parse_forwarded(value: str) -> list[dict[str, str]]:
    """The elements of ``Forwarded``, names in lower case (RFC 7239 section 4).

    An element that is not well formed is empty, so that what is known ends there.
    """
    elements: list[dict[str, str]] = []
    for part in _split(value, ","):
        element: dict[str, str] = {}
        for pair in _split(part, ";"):
            match = _PAIR.fullmatch(pair)
            if match is None:
                if pair.strip():
                    element = {}
                    break
                continue
            name = match[1].lower()
            if name in element:
                # Twice: one of them is not the proxy's.
                element = {}
                break
            quoted = match[2]
            element[name] = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        elements.append(element)
    return elements


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that is not within quotes."""
    parts, start, quoted, place = [], 0, False, 0
    while place < len(text):
        character = text[place]
        if quoted and character == "\\":
            place += 1
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def _client(text: str) -> str | None:
    address = parse_address(text)
    return None if address is None else str(address)


def _scheme(text: str) -> str | None:
    return text.lower() if text.lower() in _SCHEMES else None


def _host(text: str) -> str | None:
    return text if _HOST.fullmatch(text) else None
