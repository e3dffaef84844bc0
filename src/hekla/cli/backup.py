"""``hekla backup``: a copy of the database, made while it is served."""

from __future__ import annotations

import click

from hekla.cli.arguments import source_argument
from hekla.cli.output import echo_progress
from hekla.cli.target import Target

__all__ = ["backup"]


@click.command(short_help="Copy the database into a file, while it is served.")
@source_argument
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def backup(target: Target, file: str, force: bool) -> None:
    """Copy the database of an app into FILE, as it is at this moment.

    Whoever reads or writes goes on meanwhile. The copy is read back before it gets its name:
    FILE is never half a copy. It is an SQLite database like any other.

    \b
    Examples:
      hekla backup monday.db
      hekla backup examples/tasks/app.py /backups/tasks.db --force
      hekla backup shop.sqlite shop-copy.sqlite
    """
    from hekla.store.backup import back_up

    location, settings = target.locate()
    with echo_progress("Copying") as progress:
        copy = back_up(location, file, settings, force=force, progress=progress)
    rows = sum(copy.rows.values())
    click.echo(f"{file}: {len(copy.rows)} tables, {rows} rows, {copy.size} bytes, checked")
