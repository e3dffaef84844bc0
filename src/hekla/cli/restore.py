"""``hekla restore``: a copy of the database put back in its place."""

from __future__ import annotations

import sys

import click

from hekla.cli.arguments import source_argument
from hekla.cli.output import echo_progress
from hekla.cli.target import Target
from hekla.errors import OperatorError

__all__ = ["restore"]


@click.command(short_help="Put a copy back in the place of the database.")
@source_argument
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(target: Target, file: str, yes: bool) -> None:
    """Replace the database of an app by FILE, a copy that `hekla backup` made.

    FILE is checked first, and what the database holds now is kept beside it. Processes that
    serve the database need no restart: from one moment on they see what FILE holds.

    \b
    Examples:
      hekla restore monday.db
      hekla restore examples/tasks/app.py /backups/tasks.db --yes
    """
    from hekla.store import backup

    location, settings = target.locate()
    copy = backup.inspect_copy(file)
    if not yes:
        if not sys.stdin.isatty():
            raise OperatorError("nobody is there to be asked; add --yes to replace the database")
        what = f"{len(copy.rows)} tables, {sum(copy.rows.values())} rows"
        click.confirm(f"Replace {location} by {file} ({what})?", abort=True, err=True)
    with echo_progress("Restoring") as progress:
        restored = backup.restore(location, file, settings, progress=progress)
    rows = sum(restored.copy.rows.values())
    click.echo(f"{location}: {len(restored.copy.rows)} tables, {rows} rows, checked")
    if restored.kept is not None:
        click.echo(f"What was there before is in {restored.kept}")
    if restored.was_damaged:
        click.echo("It was damaged and had to be moved: restart what serves the database.")
