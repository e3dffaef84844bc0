"""``hekla completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]


@click.command(short_help="Print the script that makes a shell complete hekla's commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands and options.

    \b
    For this session:
      eval "$(hekla completion bash)"
      eval "$(hekla completion zsh)"
      hekla completion fish | source

    Put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish to have it always.
    """
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click brings all three
        raise click.UsageError(f"this version of click knows no {shell}")
    click.echo(kind(context.find_root().command, {}, "hekla", "_HEKLA_COMPLETE").source())
