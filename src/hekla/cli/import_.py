"""``hekla import``: rows from a file, or all resources from a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from hekla.cli.arguments import complete_words
from hekla.cli.meter import Meter
from hekla.cli.output import echo_json
from hekla.cli.transfer import FORMS, Acting, acting_options, form_of, opened
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.app import Hekla
    from hekla.schema.resource import Resource
    from hekla.writing.intake import Intake, Options

__all__ = ["import_"]


@click.command("import", short_help="Read rows from a file, or from a folder of files.")
@click.argument(
    "words", metavar="[APP|URL|FILE] RESOURCE FILE", nargs=-1, shell_complete=complete_words
)
@click.option("--format", "form", type=click.Choice(FORMS), help="By the file's name.")
@click.option(
    "--all",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="All files of a folder, each named for its resource.",
)
@click.option("--dry-run", is_flag=True, help="Check everything and keep nothing.")
@click.option(
    "--upsert",
    metavar="COLUMNS",
    help='Change rows that are there, found by "key" or a unique set.',
)
@click.option(
    "--on-error",
    type=click.Choice(["abort", "skip"]),
    default="abort",
    help="Keep nothing, or what is good.",
)
@click.option(
    "--read-only",
    type=click.Choice(["refuse", "ignore", "keep"]),
    help="Values that no request can set; kept by default, refused with --as.",
)
@click.option("--no-hooks", is_flag=True, help="Ask no hooks of the application.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@acting_options
def import_(
    words: tuple[str, ...],
    form: str | None,
    folder: str | None,
    dry_run: bool,
    upsert: str | None,
    on_error: str,
    read_only: str | None,
    no_hooks: bool,
    as_json: bool,
    user: str | None,
    roles: tuple[str, ...],
) -> int:
    """Read rows of RESOURCE from FILE, or from the standard input, which is named -.

    All rows are kept or none, unless --on-error skip says otherwise. What `hekla export` wrote
    comes back as it was, with keys, stamps and versions; with --as a user imports what this
    user may write.

    \b
    Examples:
      hekla import tasks tasks.csv --dry-run
      hekla import app.py tasks tasks.csv --upsert key
      gzip -dc customers.ndjson.gz | hekla import shop.sqlite customers - --format ndjson
      hekla import --all backup/
    """
    import asyncio

    from hekla.cli.target import find

    target, resource, file = _parsed(words, folder is not None)
    app = opened(find(target), writes=True)
    acting = Acting.of(app, user, roles)
    if folder is None:
        files = [(acting.resource(resource), file, form_of(file, form))]
    else:
        files = _files(acting, folder)
    keeps = read_only or ("keep" if acting.is_operator else "refuse")
    outcomes = asyncio.run(
        _import(app, acting, files, upsert, on_error, keeps, dry_run=dry_run, hooks=not no_hooks)
    )
    return _tell(outcomes, dry_run=dry_run, as_json=as_json)


def _parsed(words: tuple[str, ...], everything: bool) -> tuple[str | None, str, str]:
    match words:
        case () if everything:
            return None, "", ""
        case (target,) if everything:
            return target, "", ""
        case (resource, file) if not everything:
            return None, resource, file
        case (target, resource, file) if not everything:
            return target, resource, file
    wanted = "[APP] with --all DIR" if everything else "[APP] RESOURCE FILE"
    raise click.UsageError(f"Expected {wanted}.")


def _files(acting: Acting, folder: str) -> list[tuple[Resource, str, str]]:
    """The files of a folder, in an order in which rows find those that they refer to."""
    from urllib.parse import unquote

    from hekla.writing.foreign import in_order

    found: dict[str, str] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        name = acting.resource(unquote(path.stem)).name
        if name in found:
            raise OperatorError(f"{path} and {found[name]} are both for {name}")
        found[name] = str(path)
    if not found:
        raise OperatorError(f"{folder}: there is nothing to import")
    schema = acting.engine.schema
    ordered = in_order(schema, list(found))
    return [(schema[name], found[name], form_of(found[name], None)) for name in ordered]


Told = tuple[str, str, Any, bool]


async def _import(
    app: Hekla,
    acting: Acting,
    files: list[tuple[Resource, str, str]],
    upsert: str | None,
    on_error: str,
    read_only: str,
    *,
    dry_run: bool,
    hooks: bool,
) -> list[Told]:
    from hekla.faces.rest.unique_sets import unique_set
    from hekla.writing.intake import Options

    await app.startup()
    intakes: list[Intake] = []
    try:
        with Meter("") as meter:
            for resource, file, form in files:
                meter.begin(f"{file}, checked")
                options = Options(
                    upsert=() if upsert is None else unique_set(resource, upsert, resource.columns),
                    on_error=cast("Any", on_error),
                    read_only=cast("Any", read_only),
                    dry_run=dry_run,
                )
                intakes.append(await _read(acting, resource, file, form, options, meter))
            meter.begin("written", sum(intake.rows.size for intake in intakes))
            kept = await acting.engine.load(
                intakes, acting.actor, hooks=hooks, progress=meter.reach
            )
    finally:
        for intake in intakes:
            intake.close()
        await app.shutdown()
    return [
        (resource.name, file, intake.outcomes, kept)
        for (resource, file, _), intake in zip(files, intakes, strict=True)
    ]


async def _read(
    acting: Acting,
    resource: Resource,
    file: str,
    form: str,
    options: Options,
    meter: Meter,
) -> Intake:
    from hekla.faces.rest.import_ import open_records

    longest = acting.engine.settings.max_body_bytes
    source: BinaryIO
    try:
        source = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: ASYNC230, SIM115
    except OSError as error:
        raise OperatorError(f"{file}: {error.strerror}") from error
    try:
        header, records = open_records(cast("Any", form), source, longest)
        intake = acting.engine.intake(resource.name, acting.actor, options, header)
        await intake.fill(records, meter.reach)
    finally:
        if file != "-":
            source.close()
    return intake


def _tell(outcomes: list[Told], *, dry_run: bool, as_json: bool) -> int:
    """Print the reports; the exit code."""
    failed = False
    reports = []
    for name, file, outcome, kept in outcomes:
        failed = failed or bool(outcome.failed)
        shown = "standard input" if file == "-" else file
        for error in outcome.errors:
            place = shown if error.line is None else f"{shown}:{error.line}"
            where = f"{error.location}: " if error.location else ""
            click.echo(f"{place}: {where}{error.message} ({error.code})", err=True)
        if outcome.failed > len({error.row for error in outcome.errors}):
            click.echo(f"{shown}: only the first errors are shown", err=True)
        reports.append({"resource": name, "kept": kept and not dry_run, **outcome.document()})
        if as_json:
            continue
        counts = [f"{outcome.read} read"]
        for what in ("created", "updated", "unchanged", "failed"):
            number = getattr(outcome, what)
            if number:
                counts.append(f"{number} {what}")
        note = (
            "; nothing was kept"
            if not kept
            else "; nothing is kept of a dry run"
            if dry_run
            else ""
        )
        click.echo(f"{name}: {', '.join(counts)}{note}")
    if as_json:
        echo_json(reports if len(reports) > 1 else reports[0])
    return 2 if failed else 0
