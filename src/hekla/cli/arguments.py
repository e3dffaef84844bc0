"""The argument that every command shares: what to work on."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from hekla.cli.target import DATABASE_SUFFIXES, Target, find

__all__ = ["complete_words", "source_argument", "target_argument"]


def _find(context: click.Context, _: click.Parameter, value: str | None) -> Target | None:
    # While a shell completes the words, some of them may not be there yet.
    return None if context.resilient_parsing else find(value)


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Python files, database files and the folders on the way to them."""
    return _paths(incomplete, (".py", *DATABASE_SUFFIXES))


def complete_words(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, and files of rows."""
    return _paths(incomplete, (".py", *DATABASE_SUFFIXES, ".csv", ".json", ".jsonl", ".ndjson"))


def _paths(incomplete: str, suffixes: Collection[str]) -> list[CompletionItem]:
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    if not folder.is_dir():
        return []
    return [
        CompletionItem(f"{path}/" if path.is_dir() else str(path))
        for path in sorted(folder.iterdir())
        if str(path).startswith(incomplete)
        and not path.name.startswith(".")
        and (path.is_dir() or path.suffix in suffixes)
    ]


target_argument = click.argument(
    "target",
    metavar="[APP|URL|FILE]",
    required=False,
    callback=_find,
    shell_complete=_complete,
)
"""Gives a command its ``target``; OperatorError says what is wrong with what was named."""


def _find_one(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> Target | None:
    if len(value) > 1:
        raise click.UsageError(f"Got unexpected extra argument ({value[1]})", context)
    return _find(context, parameter, value[0] if value else None)


source_argument = click.argument(
    "target",
    metavar="[APP|URL|FILE]",
    nargs=-1,
    callback=_find_one,
    shell_complete=_complete,
)
"""The same for a command whose last argument is another one: ``hekla backup [APP] FILE``."""
