"""What a server adapter needs of an application."""

from __future__ import annotations

from typing import Protocol

from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["Application"]


class Application(Protocol):
    """An application as the servers see it: it answers requests between startup and shutdown."""

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def handle(self, request: Request) -> Response: ...
