"""``hekla changes``: what can be done to the change log from outside."""

from __future__ import annotations

import click

from hekla.cli.arguments import target_argument
from hekla.cli.target import Target

__all__ = ["changes"]


@click.group(short_help="Throw away old changes.")
def changes() -> None:
    """Look after the change log.

    \b
    Example:
      hekla changes prune examples/tasks/app.py --max-age 2592000
    """


@changes.command(short_help="Throw away changes that are too old, or too many.")
@target_argument
@click.option("--max-age", type=click.IntRange(0), help="Seconds to keep; 0: for ever.")
@click.option("--max-rows", type=click.IntRange(0), help="Changes to keep; 0: any number.")
def prune(target: Target, max_age: int | None, max_rows: int | None) -> None:
    """Throw away the oldest changes of an app's database, while it is served.

    A server does so by itself, by the settings changes_max_age and changes_max_rows, which are
    taken here too unless the options say otherwise. The newest change is always kept.

    \b
    Examples:
      hekla changes prune
      hekla changes prune examples/tasks/app.py --max-rows 100000
    """
    # Only this command needs it, and it is slow to import.
    import asyncio

    from hekla.changes.retention import Retention
    from hekla.cli.writable import writable
    from hekla.sql.changes import create_log
    from hekla.store.sqlite import SqliteStore

    location, settings = writable(target)
    age = settings.changes_max_age if max_age is None else max_age
    rows = settings.changes_max_rows if max_rows is None else max_rows

    async def run() -> int:
        store = SqliteStore(location, settings)
        store.prepare_writer(create_log("sqlite"))
        await store.start()
        try:
            return await Retention(store, age, rows).prune()
        finally:
            await store.close()

    gone = asyncio.run(run())
    click.echo(f"{gone} change{'' if gone == 1 else 's'} thrown away")
