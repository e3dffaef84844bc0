"""``hekla capture``: put on record what other programs write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_table
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from hekla.app import Hekla

__all__ = ["capture"]


@click.command(short_help="Put on record what other programs write to the database.")
@target_argument
@click.option("--create", "wish", flag_value="create", help="Create the triggers, or renew them.")
@click.option("--drop", "wish", flag_value="drop", help="Drop the triggers; the log stays.")
@click.option("--status", "wish", flag_value="status", default=True, help="Show how it stands.")
@click.option("--resource", "names", multiple=True, help="Only this one; may be given again.")
def capture(target: Target, wish: str, names: tuple[str, ...]) -> None:
    """Create, drop or show the triggers that record what other programs write.

    They are meant for the resources that an app declares with capture="triggers", or for all
    tables of a database that is named by itself. Hekla's own writes are recorded without them,
    with who wrote; that stays so.

    \b
    Examples:
      hekla capture examples/tasks/app.py
      hekla capture app.py --create
      hekla capture shop.sqlite --create --resource orders
    """
    from hekla.changes.capture import create, drop, status
    from hekla.cli.writable import writable
    from hekla.store.connection import open_connection

    tables = _tables(target, target.load(), names)
    location, settings = writable(target)
    connection = open_connection(location, settings, query_only=wish == "status")
    try:
        if wish == "create":
            create(connection, tables)
        elif wish == "drop":
            drop(connection, tables)
        found = status(connection, tables)
    finally:
        connection.close(True)
    echo_table((each.table, each.state) for each in found)


def _tables(target: Target, app: Hekla, names: tuple[str, ...]) -> dict[sa.Table, frozenset[str]]:
    from hekla.cli.target import DatabaseTarget
    from hekla.schema.names import nearest
    from hekla.sql.changes import logged_tables, tables_of

    schema = app.schema
    for name in names:
        if name not in schema.resources:
            known = nearest(name, schema.resources)
            raise OperatorError(f"{target.label} has no resource {name!r}{known}")
    if names:
        return tables_of(schema, [schema[name] for name in names])
    tables = app.parts.captured
    if isinstance(target, DatabaseTarget):
        tables = logged_tables(schema)
    if not tables:
        raise OperatorError(
            f'{target.label}: no resource is declared with capture="triggers"; '
            "name one by --resource"
        )
    return tables
