"""``hekla roles``: who has which role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hekla.cli.arguments import source_argument, target_argument
from hekla.cli.output import echo_json, echo_table
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.management import Management

__all__ = ["roles"]


@click.group(short_help="List, grant and revoke roles.")
def roles() -> None:
    """Say who has which role; admin is that of administrators.

    \b
    Example:
      hekla roles grant ann@example.org admin
    """


@roles.command("list", short_help="List roles.")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_(target: Target, as_json: bool) -> None:
    """List the roles that there are, each with how many users were given it.

    \b
    Example:
      hekla roles list
    """
    from hekla.cli.signed import run

    async def work(auth: Auth, _: Management) -> list[dict[str, Any]]:
        return await auth.roles.all()

    rows = run(target, work)
    if as_json:
        echo_json(rows)
    else:
        people = [f"{row['users']} user{'' if row['users'] == 1 else 's'}" for row in rows]
        echo_table(
            [
                (row["name"], each, row["description"] or "")
                for row, each in zip(rows, people, strict=True)
            ],
            indent=0,
        )


@roles.command(short_help="Give a user a role.")
@source_argument
@click.argument("login")
@click.argument("role")
def grant(target: Target, login: str, role: str) -> None:
    """Give a user a role; it holds at once, while the app is served too.

    \b
    Example:
      hekla roles grant app.py ann@example.org admin
    """
    _change(target, login, role, granted=True)
    click.echo(f"{login} has the role {role}")


@roles.command(short_help="Take a role from a user.")
@source_argument
@click.argument("login")
@click.argument("role")
def revoke(target: Target, login: str, role: str) -> None:
    """Take a role from a user; it holds at once, while the app is served too.

    \b
    Example:
      hekla roles revoke app.py ann@example.org admin
    """
    _change(target, login, role, granted=False)
    click.echo(f"{login} has not the role {role} by themselves")


def _change(target: Target, login: str, role: str, *, granted: bool) -> None:
    from hekla.auth.origin import COMMAND
    from hekla.auth.roles import is_role_name
    from hekla.cli.signed import run, user_of

    if not is_role_name(role):
        raise OperatorError(f"{role!r}: a role consists of letters, digits and _ . : -")

    async def work(_: Auth, management: Management) -> None:
        user = await user_of(management, login)
        given = [role] if granted else []
        await management.change_roles(user, given, [] if granted else [role], COMMAND)

    run(target, work)
