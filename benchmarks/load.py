"""The load: wrk with a script that asks for prepared paths."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import BenchmarkError

CONNECTIONS = 32
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw: answers, the seconds they took, and latencies in milliseconds."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float
    errors: int


def require_wrk() -> str:
    """Return the path of wrk, or raise `BenchmarkError`."""
    found = shutil.which("wrk")
    if found is None:
        raise BenchmarkError(
            "wrk is not on the PATH: install it (apt-get install wrk, brew install wrk)"
        )
    return found


def wrk_version() -> str:
    """Return what wrk calls itself."""
    answer = subprocess.run([require_wrk(), "-v"], capture_output=True, text=True)
    return " ".join((answer.stdout or answer.stderr).split()[:2])


def run_load(url: str, paths: Path, seconds: float, skip: int = 0) -> Load:
    """Ask `url` for the paths of a file, on 32 connections, for at least `seconds`.

    The first `skip` paths are left out, so that rounds do not repeat each other. wrk knows
    whole seconds only. Raises `BenchmarkError` when wrk itself fails.
    """
    command = [require_wrk(), "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{max(1, round(seconds))}s", "--timeout", "60s"]
    command += ["--script", str(SCRIPT), url, "--", str(paths), str(skip)]
    answer = subprocess.run(command, capture_output=True, text=True)
    for line in answer.stdout.splitlines():
        if line.startswith("RESULT "):
            figures = json.loads(line.removeprefix("RESULT "))
            kinds = ("status", "connect", "read", "write", "timeout")
            errors = sum(figures.pop(kind) for kind in kinds)
            return Load(errors=errors, **figures)
    raise BenchmarkError(f"wrk failed: {(answer.stderr or answer.stdout).strip()[-300:]}")
