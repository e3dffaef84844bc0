"""The ``hekla`` command: one file per command, which imports what it needs when it runs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

import hekla
from hekla.cli.backup import backup
from hekla.cli.capture import capture
from hekla.cli.changes import changes
from hekla.cli.clients import clients
from hekla.cli.completion import completion
from hekla.cli.doctor import doctor
from hekla.cli.explain import explain
from hekla.cli.export import export
from hekla.cli.import_ import import_
from hekla.cli.inspect import inspect
from hekla.cli.keys import keys
from hekla.cli.openapi import openapi
from hekla.cli.restore import restore
from hekla.cli.roles import roles
from hekla.cli.routes import routes
from hekla.cli.serve import serve
from hekla.cli.users import users
from hekla.errors import OperatorError, Problem

__all__ = ["commands", "main"]


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"hekla {hekla.__version__}")
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Documentation is in the folder docs/ of the project. Colours are left out where "
    "NO_COLOR is set.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and stop.",
)
@click.option("--traceback", is_flag=True, help="Show where in the code an error came from.")
def commands(traceback: bool) -> None:
    """Serve typed models, or a database that exists, as a complete API.

    \b
    Try it on any SQLite file, which is only ever read:
      hekla serve chinook.sqlite
      curl http://127.0.0.1:8000/

    \b
    Or on an application of your own, in app.py:
      hekla serve
    """


for _command in (serve, routes, explain, openapi, inspect, backup, restore, completion):
    commands.add_command(_command)
for _command in (changes, capture, import_, export, doctor, clients):
    commands.add_command(_command)
for _command in (users, roles, keys):
    commands.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: it worked. 1: it did not, and the fault is not the caller's. 2: the caller has to change
    something; one line on the standard error says what. 130: interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    show_traceback = "--traceback" in arguments
    color = False if os.environ.get("NO_COLOR") else None
    # Nothing that is imported is garbage: to look for some takes a tenth of the start.
    gc.disable()
    try:
        result = commands.main(arguments, "hekla", standalone_mode=False, color=color)
    except click.ClickException as exc:
        _complain(exc.format_message(), _hint(exc))
        return 2
    except (OperatorError, Problem) as exc:
        if show_traceback:
            raise
        _complain(_describe(exc))
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        gc.enable()
    return result if isinstance(result, int) else 0


def _hint(exc: click.ClickException) -> str:
    context = getattr(exc, "ctx", None)
    return f" ({context.command_path} --help tells more)" if context else ""


def _describe(exc: Exception) -> str:
    if isinstance(exc, Problem):
        # As a rule the detail holds what each fault says, and the other way round.
        said = [fault.message for fault in exc.errors if fault.message not in exc.detail]
        return " ".join([exc.detail, *said])
    return str(exc)


def _complain(message: str, hint: str = "") -> None:
    line = " ".join(message.split())
    click.echo(click.style("Error: ", fg="red") + line + hint, err=True)
