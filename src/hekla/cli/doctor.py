"""``hekla doctor``: what is unsafe in this configuration, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hekla.cli.arguments import target_argument
from hekla.cli.output import echo_json, hide_warnings
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.doctor.finding import Finding

__all__ = ["doctor"]

# As hekla.doctor.finding has them; repeated here, so that --help is quick.
_LEVELS = ("danger", "caution", "note")
_COLOURS = {"danger": "red", "caution": "yellow", "note": "cyan"}
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="List what is unsafe in this configuration.")
@target_argument
@click.option(
    "--host",
    default="127.0.0.1",
    envvar="HEKLA_HOST",
    show_default=True,
    help="Where it is, or will be, served.",
)
@click.option(
    "--workers", default=1, envvar="HEKLA_WORKERS", show_default=True, type=click.IntRange(1, 256)
)
@click.option("--tls-certificate", type=_FILE, help="The certificate it is served with.")
@click.option("--tls-key", type=_FILE, help="And its key.")
@click.option(
    "--fail-on",
    default="caution",
    show_default=True,
    type=click.Choice([*_LEVELS, "never"]),
    help="From which level on the exit code is 2.",
)
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a finding out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def doctor(
    target: Target,
    host: str,
    workers: int,
    tls_certificate: Path | None,
    tls_key: Path | None,
    fail_on: str,
    ignore: tuple[str, ...],
    as_json: bool,
) -> int:
    """List what is unsafe in this configuration, and what to do about it.

    Looks at the settings, the rules and the files of an app as it is run here, with this
    environment; nothing is changed. Say where it is served as for hekla serve.

    \b
    Examples:
      hekla doctor
      hekla doctor shop/app.py --host 0.0.0.0 --workers 4
      hekla doctor --json --fail-on danger --ignore runs_as_root
    """
    # What could not be served is for hekla inspect.
    hide_warnings()
    from hekla.doctor.circumstances import Circumstances
    from hekla.doctor.finding import FINDINGS

    unknown = set(ignore) - set(FINDINGS)
    if unknown:
        raise OperatorError(
            f"--ignore {min(unknown)}: there is no such finding; there are {', '.join(FINDINGS)}"
        )
    app = target.load()
    served = Circumstances(host, tls_certificate, tls_key, workers)
    found = [each for each in app.diagnose(served) if each.code not in ignore]
    if as_json:
        echo_json({"findings": [asdict(each) for each in found], **_counts(found)})
    else:
        _show(found)
    grave = _LEVELS[: _LEVELS.index(fail_on) + 1] if fail_on != "never" else ()
    return 2 if any(each.level in grave for each in found) else 0


def _counts(found: Collection[Finding]) -> dict[str, int]:
    return {level: sum(each.level == level for each in found) for level in _LEVELS}


def _show(found: Collection[Finding]) -> None:
    width = max(map(len, _LEVELS))
    indent = " " * (width + 2)
    for each in found:
        level = click.style(each.level.ljust(width), fg=_COLOURS[each.level], bold=True)
        click.echo(f"{level}  {each.what}  [{each.code}]")
        click.echo(f"{indent}{click.style('->', fg='green')} {each.remedy}")
    if not found:
        click.echo("Nothing unsafe was found.")
        return
    counts = [f"{number} {level}" for level, number in _counts(found).items() if number]
    click.echo(f"{len(found)} found: {', '.join(counts)}")
