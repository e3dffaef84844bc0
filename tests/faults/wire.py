"""One connection of a client under load: a request, and what came back before the end, if any."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Reply", "Unanswered", "Wire"]


class Unanswered(Exception):
    """The connection ended before a status came back: the request may have been carried out."""


@dataclass(frozen=True)
class Reply:
    """A response; ``document`` is None where there is no body, or where it broke off."""

    status: int
    headers: Mapping[str, str]
    document: Any


class Wire:
    """A connection that is kept open; it is made anew where the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self,
        method: str,
        target: str,
        document: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and wait for its answer. Raises Unanswered."""
        try:
            return await self._ask(method, target, document, headers or {})
        except (OSError, asyncio.IncompleteReadError) as exc:
            self.close()
            raise Unanswered from exc

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _ask(
        self, method: str, target: str, document: Any, headers: Mapping[str, str]
    ) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        lines = [f"{method} {target} HTTP/1.1", "Host: test.example"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        body = b""
        if document is not None:
            body = json.dumps(document).encode()
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        found = {}
        for line in head[1:-2]:
            name, _, value = line.partition(":")
            found[name.lower()] = value.strip()
        try:
            body = await _body(reader, status, found)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return Reply(status, found, None)
        return Reply(status, found, json.loads(body) if body else None)


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding") != "chunked":
        assert status in (204, 304), status
        return b""
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)
