"""``hekla explain``: the one statement that a request becomes, and how the database runs it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_heading, echo_json, hide_warnings
from hekla.cli.target import Target
from hekla.errors import OperatorError

__all__ = ["explain"]


@click.command(short_help="Show the SQL that a request becomes, and the database's plan.")
@click.argument("request_text", metavar="REQUEST")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def explain(request_text: str, target: Target, as_json: bool) -> None:
    """Show the one SQL statement that REQUEST becomes, its values, and the database's plan.

    REQUEST is a method and an address, as in "GET /tasks?limit=3", or the address alone.
    Nothing is sent over the network and no row is read.

    \b
    Examples:
      hekla explain "GET /tasks?completed=false&include=owner"
      hekla explain "/tasks/1" examples/tasks/app.py
      hekla explain "/albums?artist.name=AC/DC" chinook.sqlite
    """
    method, address = _parse(request_text)
    # Only this command needs it, and it is slow to import.
    import asyncio

    hide_warnings()
    app = target.load()
    explanation = asyncio.run(app.explain(method, address))
    if as_json:
        echo_json(
            {
                "sql": explanation.sql,
                "binds": list(explanation.binds),
                "plan": list(explanation.plan_lines),
            }
        )
        return
    echo_heading("SQL")
    click.echo(_indented(explanation.sql.splitlines()))
    echo_heading("Binds")
    click.echo(_indented(f"{n}  {value!r}" for n, value in enumerate(explanation.binds, 1)))
    echo_heading("Plan")
    click.echo(_indented(explanation.plan_lines))


def _parse(text: str) -> tuple[str, str]:
    """The method and the address of "GET /tasks?limit=3", "/tasks" or "http://host/tasks"."""
    method, _, address = text.strip().rpartition(" ")
    parts = urlsplit(address)
    if parts.scheme and parts.netloc:
        address = parts.path + (f"?{parts.query}" if parts.query else "")
    if not address.startswith("/"):
        raise OperatorError(f'{text!r} is not a request; one looks like "GET /tasks?limit=3"')
    return method.strip().upper() or "GET", address


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines) or "  (none)"
