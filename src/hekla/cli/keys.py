"""``hekla keys``: the API keys of users and services."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from hekla.cli.arguments import source_argument
from hekla.cli.output import echo_json, echo_table
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.management import Management
    from hekla.store.protocol import Transaction

__all__ = ["keys"]


@click.group(short_help="List, make and delete API keys.")
def keys() -> None:
    """Look after the API keys of an app's users and services.

    \b
    Example:
      hekla keys add robot@example.org --scope tasks:read
    """


@keys.command("list", short_help="List the keys of a user.")
@source_argument
@click.argument("login")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_(target: Target, login: str, as_json: bool) -> None:
    """List the keys of a user: what each may do, until when, and when it was last used.

    \b
    Example:
      hekla keys list robot@example.org
    """
    from hekla.cli.signed import run, user_of

    async def work(auth: Auth, management: Management) -> list[dict[str, Any]]:
        user = await user_of(management, login)
        return await auth.api_keys.list(user.text)

    rows = run(target, work)
    if as_json:
        echo_json(rows)
        return
    echo_table(
        [
            (
                row["id"],
                f"{row['hint']}…",
                row["name"],
                ", ".join(row["scopes"]),
                f"until {row['expires_at']}" if row["expires_at"] else "",
                f"used {row['used_at']}" if row["used_at"] else "never used",
            )
            for row in rows
        ],
        indent=0,
    )


@keys.command(short_help="Make a key.")
@source_argument
@click.argument("login")
@click.option("--name", default="command line", show_default=True, help="What it is called.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="What it may do: read, write, admin, or such as tasks:read.",
)
@click.option("--days", type=click.IntRange(1, 36_500), help="Days for which it is good.")
def add(target: Target, login: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a key of a user or a service, and print it: it is shown this once.

    \b
    Example:
      hekla keys add app.py robot@example.org --scope read --scope tasks:write --days 90
    """
    from hekla.auth.keys import is_scope
    from hekla.auth.moments import later
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run, user_of

    async def work(auth: Auth, management: Management) -> str:
        for scope in scopes:
            resource = scope.rpartition(":")[0]
            if not is_scope(scope) or (resource and resource not in auth.resources):
                raise OperatorError(
                    f"--scope {scope}: expected read, write, admin, or such as tasks:read"
                )
        user = await user_of(management, login)
        new = auth.api_keys.new()
        seconds = None if days is None else timedelta(days=days).total_seconds()
        expires = None if seconds is None else later(auth.clock, seconds)

        async def keep(tx: Transaction) -> None:
            await auth.api_keys.add(tx, new, user.text, name, scopes, expires)
            await auth.audit.write(
                tx, "key_created", COMMAND, user_id=user.text, key=new.id, scopes=list(scopes)
            )

        await auth.store.write(keep)
        return new.key

    click.echo(run(target, work))


@keys.command(short_help="Delete a key.")
@source_argument
@click.argument("key")
def delete(target: Target, key: str) -> None:
    """Delete a key by its id, as hekla keys list shows it: it is dead at once.

    \b
    Example:
      hekla keys delete 4f0c1e
    """
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run

    async def work(auth: Auth, _: Management) -> bool:
        async def forget(tx: Transaction) -> bool:
            owner = await auth.api_keys.delete(tx, key)
            if owner is None:
                return False
            await auth.audit.write(tx, "key_deleted", COMMAND, user_id=owner, key=key)
            return True

        return bool(await auth.write(forget))

    if not run(target, work):
        raise OperatorError(f"there is no key {key!r}")
    click.echo(f"{key} was deleted")
