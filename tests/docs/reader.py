"""Somebody who does what a document says: writes its files, runs its code, types its commands."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.docs.blocks import Block, Command, commands_of, matches

__all__ = ["Reader"]

ROOT = Path(__file__).parents[2]
SERVERS = ("hekla serve", "uvicorn", "hypercorn", "daphne", "gunicorn", "granian")
# What needs the network, or would set up an environment inside the one that runs this.
NOT_RUN = ("git clone", "cd ", "pip install", "uv ", "make test", "make bench")
# What a recipe of the Makefile comes down to, once its environment is there.
RECIPES = {"make serve": "hekla serve examples/tasks/app.py"}
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4}\b|(?<=--port )\d+|(?<=-p )\d+")


class Reader:
    """Works through one document in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, str] = {}
        self.server: subprocess.Popen[str] | None = None
        self.log: IO[str] | None = None
        (folder / "examples").symlink_to(ROOT / "examples")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HEKLA_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(folder),
            "PYTHONPATH": "",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "PYTHONUNBUFFERED": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what one block is there for."""
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._with_our_ports(block.text), encoding="utf-8")
        elif block.language == "python":
            done = self._run([sys.executable, "-c", self._with_our_ports(block.text)])
            assert done.returncode == 0, f"line {block.line}: {done.stdout}{done.stderr}"
        elif block.language == "console":
            for command in commands_of(block.text):
                self._type(command, block.line)

    def close(self) -> None:
        """Stop what still runs."""
        if self._runs and self.server is not None:
            os.killpg(self.server.pid, signal.SIGTERM)
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.server.pid, signal.SIGKILL)
                self.server.wait()
                raise
        if self.log is not None:
            self.log.close()
        self.server = self.log = None

    def _type(self, command: Command, line: int) -> None:
        if command.text.startswith(NOT_RUN):
            return
        text = RECIPES.get(command.text, command.text)
        text = self._with_our_ports(text)
        bare = re.sub(r"^(\w+=\S* )+", "", text)
        if bare.startswith(SERVERS):
            given = self._serve(text)
        else:
            done = self._run(["bash", "-o", "pipefail", "-c", text])
            given = done.stdout + done.stderr
        for public, private in self.ports.items():
            given = given.replace(f":{private}", f":{public}")
        # What a server says at its start is seldom shown, but it has to run.
        unshown = not command.answer and bare.startswith(SERVERS) and self._runs
        assert unshown or matches(command.answer, given), (
            f"line {line}: {command.text}\n--- shown\n{command.answer}\n--- given\n{given}"
        )

    def _with_our_ports(self, text: str) -> str:
        return PORT.sub(lambda found: self._port(found[0]), text)

    @property
    def _runs(self) -> bool:
        return self.server is not None and self.server.poll() is None

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _serve(self, text: str) -> str:
        """Start a server in place of the one before, and answer what it said by then."""
        self.close()
        arguments = shlex.split(text)
        variables = []
        while "=" in arguments[0]:
            variables.append(arguments.pop(0).split("=", 1))
        for option in ("--port", "-p", "--bind", "-b"):
            if option in arguments:
                port = arguments[arguments.index(option) + 1].rpartition(":")[2]
                break
        else:
            port = self._port("8000")
            binds = arguments[0] in ("hypercorn", "gunicorn")
            arguments += ["--bind", f"127.0.0.1:{port}"] if binds else ["--port", port]
        self.log = (self.folder / "server.log").open("w+", encoding="utf-8")
        self.server = subprocess.Popen(
            arguments,
            cwd=self.folder,
            env={**self.environment, **dict(variables)},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._wait(int(port))
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def _wait(self, port: int) -> None:
        """Until the server answers, or ends because it was asked for something it refuses."""
        assert self.server is not None
        deadline = time.monotonic() + 90
        while self.server.poll() is None:
            with socket.socket() as client:
                client.settimeout(2)
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    client.sendall(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                    # A server may listen before it answers.
                    with suppress(TimeoutError, ConnectionError):
                        if client.recv(100).split(b" ")[1:2] == [b"200"]:
                            return
            assert time.monotonic() < deadline, f"{self.server.args!r} does not answer"
            time.sleep(0.05)

    def _port(self, public: str) -> str:
        """The free port that stands for one of the document's."""
        if public not in self.ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.ports[public] = str(probe.getsockname()[1])
        return self.ports[public]
