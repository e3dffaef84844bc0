"""Applications that cannot be started."""

from __future__ import annotations

from hekla.errors import OperatorError
from hekla.web.request import Request
from hekla.web.response import Response


class Application:
    """It finds out at its start that it cannot work."""

    async def startup(self) -> None:
        raise OperatorError("the database cannot be opened")

    async def shutdown(self) -> None:
        raise AssertionError

    shortcut = None

    def answer(self, request: Request) -> Response:
        raise AssertionError


application = Application()


def __getattr__(name: str) -> object:
    """Importing anything else fails as a mistake in an application's module would."""
    raise OperatorError(f"there is no app called {name}")
