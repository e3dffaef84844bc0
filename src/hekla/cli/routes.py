"""``hekla routes``: every address that an app answers."""

from __future__ import annotations

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_json, echo_table, echo_warnings
from hekla.cli.target import Target

__all__ = ["routes"]


@click.command(short_help="List every address that an app answers.")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def routes(target: Target, as_json: bool) -> None:
    """List every address that an app answers, with its methods.

    \b
    Examples:
      hekla routes
      hekla routes examples/tasks/app.py
      hekla routes shop.sqlite --json
    """
    echo_warnings()
    app = target.load()
    rows = app.routes()
    if as_json:
        echo_json(
            [
                {"methods": list(row.methods), "path": row.path, "description": row.description}
                for row in rows
            ]
        )
    else:
        echo_table((row.path, ", ".join(row.methods), row.description) for row in rows)
