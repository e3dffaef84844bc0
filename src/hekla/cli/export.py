"""``hekla export``: rows into a file, or all resources into a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from hekla.cli.arguments import complete_words
from hekla.cli.meter import Meter
from hekla.cli.transfer import FORMS, Acting, acting_options, form_of, opened
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.app import Hekla
    from hekla.schema.resource import Resource

__all__ = ["export"]


@click.command(short_help="Write the rows of a resource, or of all, into files.")
@click.argument(
    "words", metavar="[APP|URL|FILE] RESOURCE [FILE]", nargs=-1, shell_complete=complete_words
)
@click.option("--format", "form", type=click.Choice(FORMS), help="By the file's name, or CSV.")
@click.option("--filter", "filters", multiple=True, help='As in an address: "completed=false".')
@click.option("--fields", help="The columns, separated by commas; all by default.")
@click.option(
    "--all",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="All resources, a file each.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@acting_options
def export(
    words: tuple[str, ...],
    form: str | None,
    filters: tuple[str, ...],
    fields: str | None,
    folder: str | None,
    force: bool,
    user: str | None,
    roles: tuple[str, ...],
) -> None:
    """Write the rows of RESOURCE into FILE, or to the standard output.

    All rows and columns are in it, whoever may see them, just as they are stored; with --as
    those that this user may see. Memory stays flat however many there are.

    \b
    Examples:
      hekla export tasks tasks.csv
      hekla export app.py tasks --filter "completed=false" --fields id,title
      hekla export shop.sqlite customers - --format ndjson | gzip > customers.ndjson.gz
      hekla export --all backup/ --format ndjson
    """
    import asyncio

    target, resource, file = _parsed(words, folder is not None)
    from hekla.cli.target import find

    app = opened(find(target), writes=False)
    acting = Acting.of(app, user, roles)
    if folder is None:
        assert resource is not None
        output = file or "-"
        kind = form or (form_of(output, None) if output != "-" else "csv")
        files = [(acting.resource(resource), output)]
    else:
        kind = form or "csv"
        Path(folder).mkdir(parents=True, exist_ok=True)
        files = [
            (each, _file(folder, each, kind)) for each in acting.engine.schema if each.writable
        ]
    for _, output in files:
        if output != "-" and not force and Path(output).exists():
            raise OperatorError(f"{output} is there already; --force replaces it")
    asyncio.run(_export(app, acting, files, kind, filters, fields))


def _parsed(words: tuple[str, ...], everything: bool) -> tuple[str | None, str | None, str | None]:
    """The app, the resource and the file. Two words are told apart by whether one is a file."""
    match words:
        case () if everything:
            return None, None, None
        case (target,) if everything:
            return target, None, None
        case (resource,) if not everything:
            return None, resource, None
        case (first, second) if not everything:
            if second == "-" or "." in second or "/" in second:
                return None, first, second
            return first, second, None
        case (target, resource, file) if not everything:
            return target, resource, file
    wanted = "[APP] with --all DIR" if everything else "[APP] RESOURCE [FILE]"
    raise click.UsageError(f"Expected {wanted}.")


def _file(folder: str, resource: Resource, form: str) -> str:
    from hekla.schema.names import path_segment

    return str(Path(folder) / f"{path_segment(resource.name)}.{form}")


async def _export(
    app: Hekla,
    acting: Acting,
    files: list[tuple[Resource, str]],
    form: str,
    filters: tuple[str, ...],
    fields: str | None,
) -> None:
    await app.startup()
    try:
        for resource, file in files:
            await _write(acting, resource, file, form, filters, fields)
    finally:
        await app.shutdown()


async def _write(
    acting: Acting,
    resource: Resource,
    file: str,
    form: str,
    filters: tuple[str, ...],
    fields: str | None,
) -> None:
    import msgspec

    from hekla.faces.rest import export as exports
    from hekla.faces.rest.parse import parse_list
    from hekla.query.ast import Aggregate, Measure
    from hekla.web.query_string import split_query

    engine, actor = acting.engine, acting.actor
    pairs = [pair for text in filters for pair in split_query(text)]
    if fields is not None:
        pairs.append(("fields", fields))
    select = parse_list(pairs, resource, engine.policy.access(actor), engine.settings, export=True)
    question = exports.question_of(select)
    total = None
    with Meter(resource.name) as meter:
        if sys.stderr.isatty() and select.limit is None:
            count = Aggregate(resource.name, (Measure("count", None, "count"),), where=select.where)
            answer = await engine.read(exports.question_of(count), actor)
            total = None if answer is None else msgspec.json.decode(answer.body)[0]["count"]
        meter.begin(resource.name, total)
        kind = {"csv": exports.CSV, "ndjson": exports.NDJSON, "json": exports.JSON}[form]
        pieces = await exports.written(engine, question, actor, kind, meter.add)
        if file == "-":
            output: BinaryIO = sys.stdout.buffer
            async for piece in pieces:
                output.write(piece)
            output.flush()
            return
        part = f"{file}.part"
        try:
            with open(part, "wb") as output:  # noqa: ASYNC230
                async for piece in pieces:
                    output.write(piece)
            os.replace(part, file)
        except BaseException:
            os.unlink(part)
            raise
    click.echo(f"{file}: {meter.done} rows of {resource.name}")
