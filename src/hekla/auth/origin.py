"""Where a request comes from, as sessions and the audit keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hekla.web.request import Request

__all__ = ["COMMAND", "Origin", "address_of", "origin_of"]

_LONGEST_AGENT = 400


class Origin(msgspec.Struct, frozen=True):
    """Who asks, from where: ``by`` is the user's key as text, ``behind`` who acts as them."""

    address: str | None = None
    agent: str | None = None
    request: str | None = None
    by: str | None = None
    behind: str | None = None
    session_id: str | None = None


COMMAND = Origin(agent="command line")
"""Whoever holds the database."""


def address_of(client: str | None) -> str:
    """The address of a client without its port: ``192.0.2.7``, ``2001:db8::7``."""
    if not client:
        return ""
    if client.startswith("["):
        return client[1:].partition("]")[0][:64]
    host, _, port = client.rpartition(":")
    # An IPv6 address without a port has colons of its own.
    return (host if host and ":" not in host and port.isdigit() else client)[:64]


def origin_of(request: Request) -> Origin:
    """Where ``request`` comes from, and who asks by it."""
    actor = request.actor
    agent = request.headers.get("user-agent")
    behind = actor.claims.get("behind")
    return Origin(
        address_of(request.client),
        None if agent is None else _printable(agent)[:_LONGEST_AGENT],
        request.id,
        None if actor.id is None else str(actor.id),
        None if behind is None else str(behind),
        actor.claims.get("sid"),
    )


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text[: 2 * _LONGEST_AGENT])
