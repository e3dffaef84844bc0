"""``hekla inspect``: what a database or an app holds, and what of it cannot be served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_heading, echo_json, echo_table, hide_warnings
from hekla.cli.target import Target

if TYPE_CHECKING:
    from hekla.schema.resource import Resource, Schema

__all__ = ["inspect"]


@click.command(short_help="Show resources, relations, and what cannot be served and why.")
@target_argument
@click.option("--columns", is_flag=True, help="Show every column too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def inspect(target: Target, columns: bool, as_json: bool) -> None:
    """Show the resources and relations of a database or an app, and what cannot be served.

    \b
    Examples:
      hekla inspect sqlite:///shop.sqlite
      hekla inspect chinook.sqlite --columns
      hekla inspect examples/tasks/app.py --json
    """
    # They are part of what is shown, and nobody has to be told twice.
    hide_warnings()
    schema = target.load().schema
    if as_json:
        echo_json(_document(schema))
        return
    for resource in schema:
        echo_heading(_title(resource))
        if columns:
            echo_table(_column_rows(resource))
        echo_table(
            (relation.name, "many" if relation.many else "one", f"-> {relation.target}")
            for relation in resource.relations.values()
        )
    click.echo(
        f"{_counted(len(schema.resources), 'resource')}, "
        f"{_counted(len(schema.warnings), 'warning')}"
    )
    for warning in schema.warnings:
        click.echo(click.style("  ! ", fg="yellow") + warning)


def _title(resource: Resource) -> str:
    key = f"key {', '.join(resource.key)}" if resource.key else "no key: lists only"
    return f"{resource.name}  ({_counted(len(resource.columns), 'column')}, {key})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _column_rows(resource: Resource) -> list[tuple[str, str, str]]:
    return [
        (column.name, column.type.name, "can be null" if column.nullable else "")
        for column in resource.columns.values()
    ]


def _document(schema: Schema) -> dict[str, Any]:
    return {
        "resources": [
            {
                "name": resource.name,
                "key": list(resource.key),
                "columns": [
                    {"name": column.name, "type": column.type.name, "nullable": column.nullable}
                    for column in resource.columns.values()
                ],
                "relations": [
                    {"name": relation.name, "target": relation.target, "many": relation.many}
                    for relation in resource.relations.values()
                ],
            }
            for resource in schema
        ],
        "warnings": list(schema.warnings),
    }
