"""An application's sign-in, for commands that look after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar

from hekla.cli.target import AppTarget
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.management import Management
    from hekla.auth.users import Found
    from hekla.cli.target import Target

__all__ = ["run", "user_of"]

T = TypeVar("T")


def run(target: Target, work: Callable[[Auth, Management], Coroutine[None, None, T]]) -> T:
    """Start the app, do ``work``, stop it. Raises OperatorError where nobody can sign in."""
    if not isinstance(target, AppTarget):
        raise OperatorError(f"{target.label}: only an app in Python has users; name its file")
    app = target.load()

    async def running() -> T:
        from hekla.auth.management import Management

        app.prepare()
        if app.parts.auth is None:
            raise OperatorError(f"{target.label}: nobody signs in: there is no app.auth(…)")
        await app.startup()
        try:
            return await work(app.parts.auth, Management(app.parts.auth))
        finally:
            await app.shutdown()

    return asyncio.run(running())


async def user_of(management: Management, login: str) -> Found:
    """The user of a login, or of a key. Raises OperatorError."""
    user = await management.find(login)
    if user is None:
        raise OperatorError(f"there is no user {login!r}")
    return user
