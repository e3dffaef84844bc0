"""Who else on this machine reads the files: the database, secrets, the key of TLS."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from hekla.doctor.circumstances import Circumstances
from hekla.doctor.finding import Finding
from hekla.settings import PREFIX, Settings

__all__ = ["check_files"]


def check_files(database: str | None, served: Circumstances) -> Iterator[Finding]:
    """Findings about the database's file (None: in memory) and those with secrets."""
    if os.name != "posix":
        return
    if database is None:
        yield Finding(
            "database_in_memory",
            "note",
            "The database is in memory: all of it is gone when the process ends.",
            "Name a file, such as sqlite:///app.db.",
        )
    else:
        yield from _database(database)
    for path in _secret_files(served):
        mode = _mode(path)
        if mode is not None and mode & (stat.S_IROTH | stat.S_IWOTH):
            yield Finding(
                "secret_file_readable",
                "danger",
                f"Every user of this machine can read {path}, which holds a secret.",
                f"chmod 600 {path}",
            )
    if os.geteuid() == 0:
        yield Finding(
            "runs_as_root",
            "caution",
            "This is run as root; whoever breaks into a server that is, has the machine.",
            "Serve as a user of its own, and let a proxy or CAP_NET_BIND_SERVICE see to the port.",
        )


def _database(name: str) -> Iterator[Finding]:
    # The log holds rows too.
    paths = [path for path in (name, f"{name}-wal") if os.path.exists(path)]
    modes = [mode for mode in map(_mode, paths) if mode is not None]
    if any(mode & stat.S_IWOTH for mode in modes):
        yield Finding(
            "database_writable",
            "danger",
            f"Every user of this machine can write to {name}, past all rules.",
            f"chmod 600 {name}*",
        )
    elif any(mode & stat.S_IROTH for mode in modes):
        folder = _mode(os.path.dirname(name) or ".")
        # Nobody reads a file in a folder that they may not enter.
        if folder is None or folder & stat.S_IXOTH:
            yield Finding(
                "database_readable",
                "caution",
                f"Every user of this machine can read {name}, past all rules.",
                f"chmod 600 {name}*, and serve with umask 077 (UMask=0077 in a unit of systemd).",
            )


def _secret_files(served: Circumstances) -> Iterator[str | Path]:
    for each in fields(Settings):
        path = served.environment.get(f"{PREFIX}{each.name.upper()}_FILE")
        if path and not each.repr:
            yield path
    if served.tls_key is not None:
        yield served.tls_key


def _mode(path: str | Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError:
        return None
