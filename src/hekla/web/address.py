"""Network addresses as requests name them, with and without ports."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

__all__ = ["Forwarded", "IPAddress", "host_of", "network_of", "parse_address"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# 192.0.2.1:80, [2001:db8::1]:80 or [2001:db8::1]; an IPv6 address without brackets has no port.
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([^:]*):\d{1,5}")
# What one customer of a provider has as a rule (RFC 6177).
_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a trusted proxy tells of a client; None where it says nothing of the kind."""

    client: str | None = None
    scheme: str | None = None
    host: str | None = None


def host_of(text: str) -> str:
    """The host of ``host:port``; an address in its usual form, IPv4 in IPv6 as IPv4."""
    match = _WITH_PORT.fullmatch(text)
    host = text if match is None else match[1] or match[2] or ""
    address = parse_address(host)
    return host if address is None else str(address)


def parse_address(text: str) -> IPAddress | None:
    """An IP address, with or without a port; None for what is none."""
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match[1] or match[2] or ""
    try:
        # The zone says through which interface of ours, not who.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(host: str) -> str:
    """What an address is counted as: itself, or the IPv6 network of 64 bits that it is in."""
    address = parse_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))
    return host if address is None else str(address)
