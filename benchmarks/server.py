"""A server under test: its process tree, from start to end, with what the tree costs."""

import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.catalog import App
from benchmarks.work import ROOT, WORK


class BenchmarkError(Exception):
    """A run cannot go on; the message says why, in one line."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One app, served on a loopback port, with its output in `.work/{name}.log`."""

    def __init__(self, app: App, database: Path, name: str | None = None) -> None:
        self.app = app
        self.name = name or app.name
        self.port = free_port()
        WORK.mkdir(exist_ok=True)
        self.log = WORK / f"{self.name}.log"
        environment = dict(os.environ, BENCH_DATABASE=str(database), PYTHONPATH=str(ROOT))
        command = app.command(self.port)
        if not Path(command[0]).exists():
            raise BenchmarkError(
                f"{app.name}: {Path(command[0]).name} is not installed:"
                " install benchmarks/requirements.txt"
            )
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self, path: str, seconds: float = 60) -> None:
        """Return when `path` answers 200; raise `BenchmarkError` when it never does."""
        end = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.name} did not start: {self._last_words()}")
            try:
                status, _, body = self.fetch(path)
            except OSError:
                time.sleep(0.1)
                continue
            if status == 200:
                return
            last = f"{path} answered {status}: {body[:200]!r}"
            time.sleep(0.2)
        raise BenchmarkError(f"{self.name} is not ready after {seconds:.0f} s: {last}")

    def fetch(self, path: str, timeout: float = 60) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (names in lower case) and body of one GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        except http.client.HTTPException as exc:
            raise ConnectionError(str(exc)) from exc
        finally:
            connection.close()

    def tree(self) -> list[psutil.Process]:
        """Return the server's process and all that it started."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Return the CPU time that the tree has used, user and system."""
        total = 0.0
        for process in self.tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def memory_bytes(self) -> int:
        """Return what the tree holds in memory now: PSS where the system tells it, or RSS."""
        return sum(_memory_of(process) for process in self.tree())

    def anonymous_and_resident_bytes(self) -> tuple[int, int]:
        """Return what the tree has allocated, and what it holds in all, mapped files too."""
        anonymous = resident = 0
        for process in self.tree():
            fields = _status_of(process)
            resident += fields.get("VmRSS", 0)
            anonymous += fields.get("RssAnon", fields.get("VmRSS", 0))
        return anonymous, resident

    def settle(self, seconds: float = 15) -> None:
        """Return when the tree is idle: the last requests of a cut-off load are done."""
        end = time.monotonic() + seconds
        before = self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.cpu_seconds()
            if now - before < 0.015:
                return
            before = now

    def stop(self) -> None:
        """End the tree."""
        tree = self.tree()
        self.process.terminate()
        _, alive = psutil.wait_procs(tree, timeout=5)
        for process in alive:
            process.kill()
        self.process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if "Error" in line]
        return (errors or lines or ["no output"])[-1].strip()


def _memory_of(process: psutil.Process) -> int:
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        try:
            return int(process.memory_info().rss)
        except psutil.NoSuchProcess:
            return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _status_of(process: psutil.Process) -> dict[str, int]:
    """Return the memory lines of a process's status, in bytes."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        try:
            return {"VmRSS": int(process.memory_info().rss)}
        except psutil.NoSuchProcess:
            return {}
    pairs = (line.split() for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return {name.rstrip(":"): int(value) * 1024 for name, value, _ in pairs}


class PeakMemory:
    """The most memory a server held while this was watching it."""

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def watch_memory(server: Server, interval: float = 0.25) -> Iterator[PeakMemory]:
    """Sample the server's memory until the block ends, and once more then."""
    peak = PeakMemory()
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(interval):
            peak.bytes = max(peak.bytes, server.memory_bytes())

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
        peak.bytes = max(peak.bytes, server.memory_bytes())
