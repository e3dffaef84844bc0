"""One timed window: load on one operation of one server, and what it cost the server."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.compare import Tokens, path_of
from benchmarks.figures import Figures
from benchmarks.load import Load, run_load
from benchmarks.operations import Operation
from benchmarks.server import BenchmarkError, Server, watch_memory
from benchmarks.work import WORK

ATTEMPTS = 3


def paths_file(server: Server, operation: Operation) -> Path:
    """Return the file with the paths that wrk asks `server` for."""
    return WORK / f"{server.name}-{operation.name}.paths"


def write_paths(
    server: Server, operation: Operation, numbers: Iterable[int], tokens: Tokens
) -> None:
    """Write the paths that perform `operation` for each of `numbers`."""
    lines = [path_of(server.app, operation.name, number, tokens) for number in numbers]
    paths_file(server, operation).write_text("\n".join(lines) + "\n")


def put_load(server: Server, operation: Operation, seconds: float, skip: int) -> Load:
    """Put load on one operation; raise `BenchmarkError` on any answer but 2xx."""
    stretched = seconds * operation.weight
    found = run_load(server.url, paths_file(server, operation), stretched, skip)
    if found.errors:
        raise BenchmarkError(
            f"{server.name}, {operation.name}: {found.errors} of {found.requests} requests failed"
        )
    return found


def measure(server: Server, operation: Operation, seconds: float, skip: int) -> Figures:
    """Time one window. The CPU is that of the server's tree, from wrk's start to its end.

    A window without any answer says that the machine was busy elsewhere: it is tried again.
    """
    for _ in range(ATTEMPTS):
        with watch_memory(server) as peak:
            before = server.cpu_seconds()
            found = put_load(server, operation, seconds, skip)
            cpu = server.cpu_seconds() - before
        server.settle()
        if found.requests:
            return Figures(
                requests_per_second=found.requests / found.seconds,
                cpu_microseconds=cpu / found.requests * 1e6,
                p50_milliseconds=found.p50,
                p99_milliseconds=found.p99,
                peak_megabytes=peak.bytes / 1e6,
            )
    raise BenchmarkError(f"{server.name}, {operation.name}: no answer in {ATTEMPTS} windows")
