"""``hekla serve`` as a process group that can be killed whole, at any moment."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import ROOT, free_port

__all__ = ["Served", "served"]

_START_SECONDS = 60


class Served:
    """A running server: ``port``, and what it has written to ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def kill(self) -> None:
        """End the main process and every worker at once, as ``kill -9`` does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def served(file: Path, log: Path, workers: int = 1, app: str = "application") -> Iterator[Served]:
    """Serve an application of this folder over the database ``file`` until the block ends."""
    port = free_port()
    command = ["-m", "hekla", "serve", f"tests/faults/{app}.py", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--workers", str(workers)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HEKLA_TEST_FILE": str(file)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Served(process, port, log)
    try:
        _wait_until_it_listens(server)
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def _wait_until_it_listens(server: Served) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"hekla serve did not start:\n{server.output}")
