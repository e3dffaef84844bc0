"""``hekla serve``: an app or a database on the network."""

from __future__ import annotations

import gc
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hekla.cli.arguments import target_argument
from hekla.cli.target import AppTarget, DatabaseTarget, Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

    from hekla.app import Hekla
    from hekla.server.application import Handler, Shortcut

__all__ = ["serve"]

# Names in the line that tells what is served.
_SHOWN = 8
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Serve an app, or a database that exists.")
@target_argument
@click.option(
    "--host",
    default="127.0.0.1",
    envvar="HEKLA_HOST",
    show_default=True,
    help="Address to listen at.",
)
@click.option(
    "--port",
    default=8000,
    envvar="HEKLA_PORT",
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen at; 0 takes one that is free.",
)
@click.option(
    "--workers",
    default=1,
    envvar="HEKLA_WORKERS",
    show_default=True,
    type=click.IntRange(1, 256),
    help="Processes that answer requests.",
)
@click.option("--reload", is_flag=True, help="Start again when the code changes (development).")
@click.option(
    "--tls-certificate", type=_EXISTING_FILE, help="PEM file of the certificate; speaks HTTPS."
)
@click.option("--tls-key", type=_EXISTING_FILE, help="PEM file (PKCS #8) of the certificate's key.")
@click.option(
    "--access-log",
    default="off",
    show_default=True,
    type=click.Choice(["off", "text", "json"]),
    help="A line a request on the standard output, for people or for programs.",
)
@click.option(
    "--public",
    is_flag=True,
    help="Let a database served without an app be read by whoever reaches the port.",
)
def serve(target: Target, public: bool, **options: Any) -> int:
    """Serve an app, or every table of a database that exists.

    Without an argument: app.py or main.py here, or what HEKLA_DATABASE_URL names. A database
    without an app is never written and listens on this machine only.

    \b
    Examples:
      hekla serve
      hekla serve examples/tasks/app.py --reload
      hekla serve shop.api:app --host 0.0.0.0 --port 80 --workers 4 --access-log json
      hekla serve chinook.sqlite
      hekla serve sqlite:///chinook.sqlite --port 9000
    """
    if isinstance(target, DatabaseTarget) and not public and not _is_loopback(options["host"]):
        raise OperatorError(
            f"{target.label} is served without an app, so no rule protects it: at "
            f"{options['host']} everybody who reaches the port could read all of it. "
            "Say --public if that is meant, or write an app"
        )
    paths: list[Path] = []
    if options["reload"]:
        if not isinstance(target, AppTarget):
            raise OperatorError(f"--reload watches the code of an app; {target.label} has none")
        paths = [target.folder]
    # Slow to import, and needed by this command only.
    import multiprocessing

    from hekla.server.granian import ServeOptions
    from hekla.server.granian import serve as serve_by_granian

    over_tls = options["tls_certificate"] is not None
    loader = _Loader(target, multiprocessing.Value("b", 0), over_tls)
    try:
        serve_by_granian(loader, ServeOptions(reload_paths=paths, **options))
    except SystemExit as exc:
        # The app could not be started, and the worker that tried has said why.
        return 2 if exc.code else 0
    return 0


@dataclass(frozen=True, slots=True)
class _Loader:
    """Loads the app in each worker."""

    target: Target
    told: Synchronized[int]
    over_tls: bool

    def __call__(self) -> _Served:
        return _Served(self.target.load(), self)


class _Served:
    """The app of one worker; the first worker that has started tells what is served."""

    def __init__(self, app: Hekla, loader: _Loader) -> None:
        self._app = app
        self._loader = loader
        self.shutdown = app.shutdown

    @property
    def answer(self) -> Handler:
        if not self._loader.over_tls:
            return self._app.answer
        from hekla.web.edge import over_tls

        return over_tls(self._app.answer, self._app.settings)

    @property
    def shortcut(self) -> Shortcut | None:
        return None if self._loader.over_tls else self._app.shortcut

    async def startup(self) -> None:
        await self._app.startup()
        # What is there now stays: the collector, which the command line held back while
        # everything was imported, need not look at it again.
        gc.freeze()
        gc.enable()
        self._tell()

    def _tell(self) -> None:
        import logging

        told = self._loader.told
        with told.get_lock():
            if told.value:
                return
            told.value = 1
        docs = next(route.path for route in self._app.routes() if route.path.endswith("/docs"))
        logging.getLogger("hekla").info(
            "%s: %s, described at %s", self._loader.target.label, _listed(self._app), docs
        )


def _listed(app: Hekla) -> str:
    """How many resources there are, and the first of them by name."""
    names = [resource.name for resource in app.schema]
    if not names:
        return "no resource"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    noun = "resource" if len(names) == 1 else "resources"
    return f"{len(names)} {noun} ({', '.join(names[:_SHOWN])}{more})"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
