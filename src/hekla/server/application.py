"""What a server adapter needs of an application."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["Application", "Handler", "Shortcut"]

# Answers at once where nothing has to be waited for, else once awaited.
Handler = Callable[[Request], Response | Coroutine[Any, Any, Response]]


# Answers a GET by its path, query and headers, or says that it takes more than that.
Shortcut = Callable[[str, str, list[tuple[str, str]]], Response | None]


class Application(Protocol):
    """An application as the servers see it: it answers requests between startup and shutdown."""

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...

    @property
    def answer(self) -> Handler: ...

    @property
    def shortcut(self) -> Shortcut | None: ...
