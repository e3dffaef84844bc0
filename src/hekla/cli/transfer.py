"""What importing and exporting share: who acts, which resource, which file in which form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hekla.cli.target import AppTarget, Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.actor import Actor
    from hekla.app import Hekla
    from hekla.engine import Engine
    from hekla.schema.resource import Resource

__all__ = [
    "FORMS",
    "Acting",
    "acting_options",
    "form_of",
    "opened",
]

FORMS = ("csv", "ndjson", "json")
_SUFFIXES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json"}


def acting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say whose rights it has."""
    for option in (
        click.option(
            "--role", "roles", multiple=True, help="A role of that user; may be given again."
        ),
        click.option("--as", "user", metavar="USER_ID", help="Act as this user, under the rules."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Acting:
    """An engine, and who asks it."""

    app: Hekla
    engine: Engine
    actor: Actor
    is_operator: bool

    @classmethod
    def of(cls, app: Hekla, user: str | None, roles: tuple[str, ...]) -> Acting:
        """Whoever holds the database, or one of its users."""
        from hekla.actor import Actor

        if user is None and not roles:
            return cls(app, app.operator, Actor(roles=frozenset({"admin"})), True)
        key = int(user) if user is not None and user.lstrip("-").isdecimal() else user
        return cls(app, app.engine, Actor(key, frozenset(roles)), False)

    def resource(self, name: str) -> Resource:
        """The resource of that name; OperatorError if there is none."""
        from hekla.schema.names import nearest

        if name not in self.engine.schema.resources:
            hint = nearest(name, self.engine.schema.resources)
            raise OperatorError(f"there is no resource {name!r}{hint}")
        return self.engine.schema[name]


def opened(target: Target, *, writes: bool) -> Hekla:
    """The app of a target. A database that is named by itself is written to if ``writes``."""
    if isinstance(target, AppTarget) or not writes:
        return target.load()
    from sqlalchemy import make_url

    from hekla.app import Hekla
    from hekla.cli.writable import writable
    from hekla.policy.rules import everyone

    writable(target)
    url = make_url(target.url).difference_update_query(["mode"])
    app = Hekla(url.render_as_string(hide_password=False))
    app.reflect(read=everyone, write=everyone)
    return app


def form_of(file: str, form: str | None) -> str:
    """In what form a file is, by its name unless that is said."""
    if form is not None:
        return form
    found = _SUFFIXES.get(Path(file).suffix.lower())
    if found is None:
        raise OperatorError(f"{file}: say what it is by --format {'|'.join(FORMS)}")
    return found
