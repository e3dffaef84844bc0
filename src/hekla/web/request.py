"""A request, as every server adapter hands it over and every endpoint reads it."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import AsyncIterator, Iterable

from hekla.actor import ANONYMOUS, Actor
from hekla.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, Problem
from hekla.settings import Settings
from hekla.web.address import Forwarded, host_of
from hekla.web.body import close_stream
from hekla.web.headers import Headers, HeaderView

__all__ = ["ClientLeft", "Request", "too_large", "too_slow"]

# What may be taken over from a client: it goes into headers and logs.
_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
# A worker's ids cannot meet those of another: each process begins with its own random part.
_ID_PREFIX = os.urandom(6).hex()
_ID_NUMBERS = itertools.count(1)


DEFAULT_SETTINGS = Settings()


def _renew_id_prefix() -> None:
    global _ID_PREFIX
    _ID_PREFIX = os.urandom(6).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_id_prefix)


class ClientLeft(Exception):
    """The client closed the connection before its answer was sent: nobody waits for one."""


class Request:
    """One HTTP request.

    ``path`` begins with ``/`` and is percent-encoded wherever an escape is needed to read it
    back (:mod:`hekla.web.path`); ``query`` is what stood after ``?``, as it was sent. ``base``
    is the path under which the application is mounted, without a slash at its end. ``method``
    is ``GET`` for a HEAD request too, which ``is_head`` tells: its body is cut off later.

    An adapter makes a subclass that reads ``transport``, ``peer``, … from its server only when
    they are asked for, and sets the other attributes itself.
    """

    __slots__ = (
        "_body",
        "_forwarded",
        "_id",
        "_origin",
        "actor",
        "base",
        "headers",
        "is_head",
        "method",
        "path",
        "query",
        "settings",
    )

    method: str
    path: str
    query: str
    headers: HeaderView
    actor: Actor
    base: str
    is_head: bool
    settings: Settings
    _id: str | None
    _body: bytes | None
    _origin: tuple[str, str | None, str | None, str]
    # Set only where a trusted proxy said it, so that no other request pays for it.
    _forwarded: Forwarded

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Iterable[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        scheme: str = "http",
        client: str | None = None,
        authority: str | None = None,
        http_version: str = "1.1",
        actor: Actor = ANONYMOUS,
        base: str = "",
        settings: Settings = DEFAULT_SETTINGS,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = Headers.of(headers)
        self.actor = actor
        self.base = base
        self.is_head = False
        self.settings = settings
        self._id = None
        self._body = body
        self._origin = (scheme, client, authority, http_version)

    # Of the connection; adapters bring their own.

    @property
    def transport(self) -> str:
        """``http`` or ``https``, as the server was reached."""
        return self._origin[0]

    @property
    def peer(self) -> str | None:
        """The address the connection came from, with its port, where the server knows it."""
        return self._origin[1]

    @property
    def target_host(self) -> str | None:
        """The host, and the port if one was given, that the connection was asked for."""
        return self._origin[2] or self.headers.get("host")

    # Of the client, as trusted proxies tell it (hekla.web.proxies).

    @property
    def scheme(self) -> str:
        """``http`` or ``https``, as the client reached the application."""
        forwarded = getattr(self, "_forwarded", None)
        return (forwarded and forwarded.scheme) or self.transport

    @property
    def client(self) -> str | None:
        """The client's address, with its port where that is known."""
        forwarded = getattr(self, "_forwarded", None)
        return (forwarded and forwarded.client) or self.peer

    @property
    def address(self) -> str | None:
        """The client's address without a port; an IPv4 address in IPv6 as IPv4."""
        client = self.client
        return None if not client else host_of(client)

    @property
    def authority(self) -> str | None:
        """The host, and the port if one was given, that the client meant to reach."""
        forwarded = getattr(self, "_forwarded", None)
        return (forwarded and forwarded.host) or self.target_host

    def forward(self, forwarded: Forwarded) -> None:
        """Take over what a trusted proxy tells of the client."""
        self._forwarded = forwarded

    @property
    def http_version(self) -> str:
        """The version of HTTP: ``1.0``, ``1.1`` or ``2``."""
        return self._origin[3]

    @property
    def has_id(self) -> bool:
        """Whether the client sent an id, or somebody has asked for it: then the answer names it."""
        return self._id is not None or "x-request-id" in self.headers.first

    @property
    def id(self) -> str:
        """The request's id: the client's ``X-Request-ID`` where it is well formed, or a new one."""
        if self._id is None:
            sent = self.headers.get("x-request-id")
            if sent is not None and _WELL_FORMED_ID.fullmatch(sent):
                self._id = sent
            else:
                self._id = f"{_ID_PREFIX}-{next(_ID_NUMBERS):x}"
        return self._id

    def _receive(self) -> AsyncIterator[bytes]:
        """The body as it comes in, without bounds. Adapters bring their own."""
        return _one_chunk(self._body or b"")

    async def chunks(
        self, most: str = "max_body_bytes", within: str = "body_timeout"
    ) -> AsyncIterator[bytes]:
        """The body piece by piece, bounded in size and in the whole time it may take.

        ``most`` and ``within`` name the settings of the bounds. Raises Problem
        ``body_too_large`` or ``request_timeout``, ClientLeft if it broke off.
        """
        largest: int = getattr(self.settings, most)
        patience: float = getattr(self.settings, within)
        announced = _length(self.headers.get("content-length"))
        if announced is not None and announced > largest:
            raise too_large(largest, most)
        received = 0
        clock = asyncio.get_running_loop().time
        pieces = self._receive()
        try:
            while True:
                asked = clock()
                try:
                    async with asyncio.timeout(patience):
                        # Not anext(): what Granian hands out cannot be wrapped by it.
                        piece = await pieces.__anext__()
                except TimeoutError:
                    raise too_slow(self.settings, within) from None
                except StopAsyncIteration:
                    break
                # Only waiting for the client counts, not what is done with the pieces.
                patience -= clock() - asked
                received += len(piece)
                if received > largest:
                    raise too_large(largest, most)
                if piece:
                    yield piece
        finally:
            await close_stream(pieces)
        if announced is not None and received < announced:
            # Some servers end a body that broke off as if it were whole.
            raise ClientLeft

    async def body(self) -> bytes:
        """The whole body; it is kept, so that a second call answers the same.

        Raises Problem ``body_too_large`` or ``request_timeout``, ClientLeft if it broke off.
        """
        if self._body is None:
            self._body = b"".join([piece async for piece in self.chunks()])
        return self._body


def _length(announced: str | None) -> int | None:
    """The length that a client announced, if it makes sense."""
    if announced is None or not announced.isdecimal() or len(announced) > 18:
        return None
    return int(announced)


async def _one_chunk(body: bytes) -> AsyncIterator[bytes]:
    yield body


# What is left of such a body must not be read as the next request: the connection is closed.
_CLOSE = {"connection": "close"}


def too_large(largest: int, setting: str) -> Problem:
    """The answer to a client whose body is over the bound that a setting makes."""
    return Problem(
        BODY_TOO_LARGE,
        f"The request body is larger than {largest} bytes (setting {setting}).",
        headers=_CLOSE,
    )


def too_slow(settings: Settings, setting: str = "body_timeout") -> Problem:
    """The answer to a client whose body does not arrive in time."""
    return Problem(
        REQUEST_TIMEOUT,
        f"The request body did not arrive within {getattr(settings, setting):g} seconds"
        f" (setting {setting}).",
        headers=_CLOSE,
    )
