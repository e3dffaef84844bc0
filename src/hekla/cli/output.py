"""How commands print: headings, columns that line up, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

__all__ = [
    "echo_heading",
    "echo_json",
    "echo_progress",
    "echo_table",
    "echo_warnings",
    "hide_warnings",
]


def echo_heading(text: str) -> None:
    """Print a line that stands above what belongs together."""
    click.echo(click.style(text, bold=True))


def echo_table(rows: Iterable[Sequence[str]], *, indent: int = 2) -> None:
    """Print rows with their columns in line; the first one stands out."""
    rows = [tuple(row) for row in rows]
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        first, rest = click.style(cells[0], fg="cyan"), "  ".join(cells[1:]).rstrip()
        click.echo((" " * indent + f"{first}  {rest}").rstrip())


def echo_json(document: Any, *, indent: int | None = 2) -> None:
    """Print a JSON document."""
    click.echo(json.dumps(document, indent=indent, ensure_ascii=False))


@contextmanager
def echo_progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show on the standard error how far something is, if somebody looks on.

    What it gives is called with what is done and what there is in all; both may grow.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


def echo_warnings() -> None:
    """From here on, print what is logged as a warning as one line on the standard error."""
    import logging

    class Echo(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            click.echo(click.style("Warning: ", fg="yellow") + record.getMessage(), err=True)

    logging.getLogger("hekla").handlers = [Echo(logging.WARNING)]


def hide_warnings() -> None:
    """From here on, print nothing of what is logged."""
    import logging

    logging.getLogger("hekla").handlers = [logging.NullHandler()]
