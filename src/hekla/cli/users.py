"""``hekla users``: who may sign in to an app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hekla.cli.arguments import source_argument, target_argument
from hekla.cli.output import echo_json, echo_table
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.management import Management

__all__ = ["users"]

_LOGIN = click.argument("login")


@click.group(short_help="List, add and change the users of an app.")
def users() -> None:
    """Look after the users of an app, also while it is served.

    Users are named by what they sign in with, or by their key.

    \b
    Example:
      hekla users add ann@example.org --role admin
    """


@users.command("list", short_help="List users.")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_(target: Target, as_json: bool) -> None:
    """List all users with their roles, and whether they are shut out.

    \b
    Example:
      hekla users list app.py
    """
    from hekla.cli.signed import run

    async def work(auth: Auth, management: Management) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        after: str | None = None
        while found := await management.list(after, 500):
            rows += [await management.shown(user) for user in found]
            after = found[-1].text
        for row in rows:
            row["login"] = row[auth.users.login]
            row["key"] = row[auth.users.key.name]
        return rows

    rows = run(target, work)
    if as_json:
        echo_json(rows)
        return
    for_people = [
        (
            str(row["login"]),
            str(row["key"]),
            ", ".join(row["roles"]),
            " ".join(
                word
                for word, said in (
                    ("service", row["kind"] == "service"),
                    ("disabled", row["disabled"]),
                    ("without password", not row["has_password"] and row["kind"] == "person"),
                )
                if said
            ),
        )
        for row in rows
    ]
    echo_table(for_people, indent=0)


@users.command(short_help="Add a user.")
@source_argument
@_LOGIN
@click.option("--set", "columns", multiple=True, metavar="COLUMN=VALUE", help="Another column.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role to begin with.")
@click.option("--service", is_flag=True, help="A service: it has keys, and no password.")
@click.option("--no-password", is_flag=True, help="Ask for none: the user sets one by mail.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
def add(
    target: Target,
    login: str,
    columns: tuple[str, ...],
    roles: tuple[str, ...],
    service: bool,
    no_password: bool,
    password_stdin: bool,
) -> None:
    """Add a user; the password is asked for, and not shown.

    \b
    Examples:
      hekla users add ann@example.org --role admin
      hekla users add app.py robot@example.org --service --set name="Robot"
    """
    from hekla.auth.origin import COMMAND
    from hekla.auth.roles import is_role_name
    from hekla.cli.signed import run

    document = dict(_pair(each) for each in columns)
    for role in roles:
        if not is_role_name(role):
            raise OperatorError(f"--role {role}: a role consists of letters, digits and _ . : -")
    password = None if service or no_password else _password(password_stdin)

    async def work(auth: Auth, management: Management) -> Any:
        return await management.add(
            {**auth.users.read_texts(document), auth.users.login: login},
            COMMAND,
            password=password,
            roles=roles,
            kind="service" if service else "person",
        )

    click.echo(f"{login} was added, with the key {run(target, work)}")


@users.command(short_help="Give a user another password.")
@source_argument
@_LOGIN
@click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
def password(target: Target, login: str, password_stdin: bool) -> None:
    """Give a user another password, which is asked for; all their sign-ins end.

    \b
    Examples:
      hekla users password ann@example.org
      hekla users password app.py ann@example.org --password-stdin < secret.txt
    """
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run, user_of

    new = _password(password_stdin)

    async def work(_: Auth, management: Management) -> None:
        await management.set_password(await user_of(management, login), new, COMMAND)

    run(target, work)
    click.echo(f"{login} has another password")


@users.command(short_help="Shut a user out at once.")
@source_argument
@_LOGIN
def disable(target: Target, login: str) -> None:
    """Shut a user out: all sign-ins and keys are dead at once, while the app is served too.

    \b
    Example:
      hekla users disable ann@example.org
    """
    _disable(target, login, True)
    click.echo(f"{login} is shut out")


@users.command(short_help="Let a user in again.")
@source_argument
@_LOGIN
def enable(target: Target, login: str) -> None:
    """Let a user sign in again who was shut out.

    \b
    Example:
      hekla users enable ann@example.org
    """
    _disable(target, login, False)
    click.echo(f"{login} may sign in again")


@users.command(short_help="Delete a user.")
@source_argument
@_LOGIN
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(target: Target, login: str, yes: bool) -> None:
    """Delete a user's row, and with it the password, roles, keys and sign-ins.

    \b
    Example:
      hekla users delete ann@example.org
    """
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run, user_of

    if not yes:
        click.confirm(f"Delete {login} for good?", abort=True)

    async def work(_: Auth, management: Management) -> None:
        await management.delete(await user_of(management, login), COMMAND)

    run(target, work)
    click.echo(f"{login} was deleted")


@users.command("import", short_help="Add users of another system, with their passwords' hashes.")
@source_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--login-column", default="email", show_default=True, help="What they sign in with.")
@click.option(
    "--password-column", default="password", show_default=True, help="The hash of the password."
)
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role for all of them.")
def import_users(
    target: Target,
    file: Path,
    login_column: str,
    password_column: str,
    roles: tuple[str, ...],
) -> int:
    """Add the users of a CSV or NDJSON file; all other columns are those of the model.

    The hashes are those of Django, passlib, werkzeug, bcrypt or argon2; each is replaced when its
    user signs in. What is there already, or not valid, is told by its line and left out.

    \b
    Examples:
      hekla users import users.csv
      hekla users import app.py auth_user.ndjson --login-column username
    """
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run
    from hekla.errors import Problem

    async def work(auth: Auth, management: Management) -> tuple[int, int]:
        added = refused = 0
        for line, record in _records(file):
            login, hashed = record.pop(login_column, None), record.pop(password_column, None)
            try:
                if not login:
                    raise OperatorError(f"there is no {login_column}")
                document = {**auth.users.read_texts(record), auth.users.login: str(login)}
                await management.add(
                    document, COMMAND, hashed=str(hashed) if hashed else None, roles=roles
                )
                added += 1
            except (Problem, OperatorError) as error:
                refused += 1
                said = [f"{f.location} {f.message}" for f in getattr(error, "errors", ())]
                click.echo(f"{file}:{line}: {'; '.join(said) or error}", err=True)
        return added, refused

    added, refused = run(target, work)
    click.echo(f"{added} added, {refused} left out")
    return 1 if refused else 0


def _records(file: Path) -> Any:
    """Each record of a file with its line."""
    import csv
    import json

    with file.open(encoding="utf-8-sig", newline="") as lines:
        if file.suffix.lower() == ".csv":
            reader = csv.DictReader(lines)
            for record in reader:
                yield reader.line_num, {name: each for name, each in record.items() if name}
            return
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                document = json.loads(line)
            except ValueError:
                raise OperatorError(f"{file}:{number}: it is no JSON") from None
            if not isinstance(document, dict):
                raise OperatorError(f"{file}:{number}: it is no JSON object")
            yield number, document


def _disable(target: Target, login: str, disabled: bool) -> None:
    from hekla.auth.origin import COMMAND
    from hekla.cli.signed import run, user_of

    async def work(_: Auth, management: Management) -> None:
        await management.disable(await user_of(management, login), disabled, COMMAND)

    run(target, work)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise OperatorError(f"--set {text}: expected COLUMN=VALUE")
    return name, value
