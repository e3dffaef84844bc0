"""One timed window of writes: the load, what it cost the server, and whether all of it is there."""

import json
import time
from pathlib import Path

import apsw

from benchmarks.figures import Figures
from benchmarks.operations import Operation
from benchmarks.server import BenchmarkError, Server, watch_memory
from benchmarks.work import WORK
from benchmarks.writes.compare import send
from benchmarks.writes.load import Load, run_load
from benchmarks.writes.operations import BULK, BULK_ROWS, UPDATE, bulk, line, requests


def requests_file(operation: Operation) -> Path:
    """The file with the requests that wrk sends."""
    return WORK / f"writes-{operation.name}.requests"


def write_requests(operation: Operation) -> None:
    """Write the requests of an operation."""
    lines = map(line, requests(operation.name))
    requests_file(operation).write_text("\n".join(lines) + "\n")


def count(database: Path, table: str = "tasks") -> int:
    """How many rows a table has now."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute(f"select count(*) from {table}").get)
    finally:
        connection.close()


def put_load(
    server: Server, database: Path, operation: Operation, seconds: float, skip: int
) -> Load:
    """Put load on one operation, and count the rows.

    Raises `BenchmarkError` on any answer but 2xx, and if a create that was answered is not
    in the file.
    """
    before = count(database)
    found = run_load(server.url, requests_file(operation), seconds, skip)
    if found.errors:
        raise BenchmarkError(
            f"{server.name}, {operation.name}: {found.errors} of {found.requests} requests failed"
        )
    server.settle()
    there = count(database) - before
    if operation != UPDATE and not found.surely_created <= there <= found.created:
        raise BenchmarkError(
            f"{server.name}, {operation.name}: {found.surely_created} to {found.created} creates"
            f" were answered, and {there} rows are there"
        )
    return found


def measure(
    server: Server, database: Path, operation: Operation, seconds: float, number: int
) -> Figures:
    """Time one window of requests that are answered one by one."""
    if operation == BULK:
        return measure_bulk(server, database, seconds, number)
    with watch_memory(server) as peak:
        before = server.cpu_seconds()
        found = put_load(server, database, operation, seconds, number * 3_001)
        cpu = server.cpu_seconds() - before
    if not found.requests:
        raise BenchmarkError(f"{server.name}, {operation.name}: no answer")
    return Figures(
        requests_per_second=found.requests / found.seconds,
        cpu_microseconds=cpu / found.requests * 1e6,
        p50_milliseconds=found.p50,
        p99_milliseconds=found.p99,
        peak_megabytes=peak.bytes / 1e6,
    )


def measure_bulk(server: Server, database: Path, seconds: float, number: int) -> Figures:
    """Send one bulk insert after the other, on one connection."""
    path = server.app.urls[BULK.name]
    times: list[float] = []
    with watch_memory(server) as peak:
        before = server.cpu_seconds()
        while not times or sum(times) < seconds:
            rows = bulk(1_000 * number + len(times) + 1)
            had = count(database)
            began = time.perf_counter()
            status, _, body = send(server, ("POST", path, rows))
            times.append(time.perf_counter() - began)
            there = count(database) - had
            if status != 201 or len(json.loads(body)) != BULK_ROWS or there != BULK_ROWS:
                raise BenchmarkError(
                    f"{server.name}, bulk: {status}, {there} rows are there: {body[:200]!r}"
                )
        server.settle()
        cpu = server.cpu_seconds() - before
    times.sort()
    return Figures(
        requests_per_second=len(times) / sum(times),
        cpu_microseconds=cpu / len(times) * 1e6,
        p50_milliseconds=times[len(times) // 2] * 1e3,
        p99_milliseconds=times[-1] * 1e3,
        peak_megabytes=peak.bytes / 1e6,
    )
