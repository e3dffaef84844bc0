"""The load: wrk with a script that sends prepared requests, bodies and all."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import CONNECTIONS, require_wrk
from benchmarks.server import BenchmarkError

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw: answers, the seconds they took, and latencies in milliseconds.

    ``sent`` requests went out, ``created`` of them to create a row; the last of them may have
    had no answer yet when the time was over.
    """

    requests: int
    seconds: float
    sent: int
    created: int
    p50: float
    p99: float
    errors: int

    @property
    def surely_created(self) -> int:
        """How many creates were answered at least: those that were not are the last ones."""
        return self.created - (self.sent - self.requests)


def run_load(url: str, requests: Path, seconds: float, skip: int = 0) -> Load:
    """Send the requests of a file to `url`, on 32 connections, for at least `seconds`.

    The first `skip` requests are left out. wrk knows whole seconds only. Raises
    `BenchmarkError` when wrk itself fails.
    """
    command = [require_wrk(), "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{max(1, round(seconds))}s", "--timeout", "60s"]
    command += ["--script", str(SCRIPT), url, "--", str(requests), str(skip)]
    answer = subprocess.run(command, capture_output=True, text=True)
    for line in answer.stdout.splitlines():
        if line.startswith("RESULT "):
            figures = json.loads(line.removeprefix("RESULT "))
            kinds = ("status", "connect", "read", "write", "timeout")
            errors = sum(figures.pop(kind) for kind in kinds)
            return Load(errors=errors, **figures)
    raise BenchmarkError(f"wrk failed: {(answer.stderr or answer.stdout).strip()[-300:]}")
