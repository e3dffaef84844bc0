"""A disk that a test holds the plug of: mounted in a folder, cut off, mounted again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fuse import missing
from tests.faults.volatile import Loss
from tests.servers import ROOT

__all__ = ["Drive", "forgetful_drive"]


class Drive:
    """The process that keeps the disk; ``folder`` is where it is mounted."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._process = process
        self._settings: dict[str, Any] = {
            "capacity": None,
            "sync_seconds": (0.0, 0.0),
            "sync_fails": False,
        }

    @property
    def syncs(self) -> int:
        """How many times a file was synced so far."""
        return int(self._tell("ask")["syncs"])

    @property
    def used(self) -> int:
        """How many bytes are in files."""
        return int(self._tell("ask")["used"])

    def mount(self) -> None:
        """Turn the power on."""
        self._tell("mount")

    def cut(self, seed: int) -> Loss:
        """Turn the power off: whoever uses the disk gets errors, and what was not synced is lost.

        What of it is left after all is drawn from ``seed``.
        """
        answer = self._tell("cut", seed=seed)
        return Loss(answer["writes"], answer["bytes"], answer["names"])

    def set(self, **settings: Any) -> None:
        """Change ``capacity`` (bytes), ``sync_seconds`` (from, to) or ``sync_fails``."""
        self._settings |= settings
        self._tell("set", **self._settings)

    def _tell(self, what: str, **values: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **values}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def forgetful_drive() -> Iterator[Drive]:
    """A disk in a folder of its own, mounted; skips where that cannot be done, CI aside."""
    lack = missing()
    if lack is not None and os.environ.get("CI") != "true":
        pytest.skip(lack)
    with tempfile.TemporaryDirectory(prefix="hekla-disk-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forgetful", folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A key pressed in the terminal, such as Ctrl-C, is for the tests alone.
            start_new_session=True,
        )
        drive = Drive(Path(folder), process)
        try:
            drive.mount()
            yield drive
        finally:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.wait(10)
            process.stdout.close()
