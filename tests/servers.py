"""Every server that Hekla runs under, started as a process of its own on a free port."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["SERVERS", "Server", "free_port", "require", "running", "wait_until_it_listens"]

ROOT = Path(__file__).parent.parent
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server that listens: ``name`` is a key of :data:`SERVERS`."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the server and the application have written so far."""
        return self.log.read_text(errors="replace")


# From an import string such as "tests.server.application:app" and a port to arguments of python.
SERVERS: dict[str, Callable[[str, int], list[str]]] = {
    "hekla": lambda app, port: ["-m", "tests.server.serve", app, str(port)],
    "granian-asgi": lambda app, port: (
        ["-m", "granian", "--interface", "asgi", "--port", str(port), app]
    ),
    "uvicorn": lambda app, port: ["-m", "uvicorn", "--port", str(port), app],
    "hypercorn": lambda app, port: ["-m", "hypercorn", "--bind", f"127.0.0.1:{port}", app],
    "daphne": lambda app, port: ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), app],
    "gunicorn": lambda app, port: (
        ["-m", "gunicorn", "-k", "asgi", "--bind", f"127.0.0.1:{port}", app]
    ),
}


def require(name: str) -> None:
    """Skip the test if a server is not installed, unless this is a CI run: then it fails."""
    package = "granian" if name == "hekla" else name.partition("-")[0]
    if importlib.util.find_spec(package) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{package} is not installed")


def free_port() -> int:
    """A port of the loopback address that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, app: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """Run a server with an application, given by its import string, until the block ends."""
    require(name)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *SERVERS[name](app, port)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(name, port, process, log)
        try:
            _wait_until_it_listens(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_it_listens(server: Server) -> None:
    if not wait_until_it_listens(server.port, server.process):
        pytest.fail(f"{server.name} did not start:\n{server.output}")


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process listens at the port; False if it does not in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
