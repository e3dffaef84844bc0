"""``hekla openapi``: the description of an API, for client generators and reviewers."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_json, echo_warnings
from hekla.cli.target import Target
from hekla.errors import OperatorError

__all__ = ["openapi"]


@click.command(short_help="Print the OpenAPI 3.1 description of an app.")
@target_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file and print nothing.",
)
@click.option("--compact", is_flag=True, help="All on one line.")
def openapi(target: Target, output: Path | None, compact: bool) -> None:
    """Print the OpenAPI 3.1 description of an app, the same as /openapi.json serves.

    \b
    Examples:
      hekla openapi
      hekla openapi examples/tasks/app.py --output openapi.json
      hekla openapi shop.sqlite | jq '.paths | keys'
    """
    echo_warnings()
    app = target.load()
    document = app.openapi()
    indent = None if compact else 2
    if output is None:
        echo_json(document, indent=indent)
        return
    try:
        text = json.dumps(document, indent=indent, ensure_ascii=False)
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise OperatorError(f"{output}: {exc.strerror}") from exc
