"""Exports of a whole table: every row must come, and none may wait in the server's memory."""

import http.client
import time

from benchmarks import data
from benchmarks.catalog import App
from benchmarks.growth import Memory, watch
from benchmarks.server import BenchmarkError, Server
from benchmarks.work import WORK

FORMATS = {"text/csv": 1, "application/x-ndjson": 0}
"""Media types, and how many lines stand before the rows."""
GROWTH_LIMIT = 32.0
"""MB that the server may hold on top of what it held before."""
CHUNK = 1 << 18
STALL_SECONDS = 5.0


def check_exports(app: App, rows: int) -> list[str]:
    """Export `rows` tasks in each format, read fast and read not at all; return problems."""
    path = WORK / f"tasks-{rows}.sqlite"
    data.seed(path, data.Size(tasks=rows, users=1_000, comments=1_000))
    server = Server(app, path, f"{app.name}-export")
    problems: list[str] = []
    try:
        server.wait_ready(app.urls["point"].format(n=1))
        for media_type, heading in FORMATS.items():
            problems += _check_whole(server, media_type, rows + heading)
            problems += _check_stalled(server, media_type)
    finally:
        server.stop()
    return problems


def _open(server: Server, media_type: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", "/tasks", headers={"Accept": media_type})
    response = connection.getresponse()
    kind = response.getheader("content-type", "")
    if response.status != 200 or not (kind or "").startswith(media_type):
        raise BenchmarkError(
            f"{server.name}: an export as {media_type} answered {response.status} {kind}"
        )
    return response


def _check_whole(server: Server, media_type: str, lines: int) -> list[str]:
    """Read an export to its end."""
    before = server.anonymous_and_resident_bytes()[0] / 1e6
    memory = Memory()
    found, size, began = 0, 0, time.monotonic()
    with watch(server, memory, interval=0.05):
        response = _open(server, media_type)
        while chunk := response.read(CHUNK):
            found += chunk.count(b"\n")
            size += len(chunk)
    seconds = time.monotonic() - began
    grown = memory.peak - before
    print(
        f"Export as {media_type}: {found:,} lines, {size / 1e6:.0f} MB in {seconds:.1f} s;"
        f" memory {grown:+.1f} MB over {before:.1f} MB, {memory.summary()}"
    )
    problems = []
    if found != lines:
        problems.append(f"the export as {media_type} has {found:,} lines, not {lines:,}")
    if grown > GROWTH_LIMIT:
        problems.append(f"an export as {media_type} takes {grown:.0f} MB of memory")
    return problems


def _check_stalled(server: Server, media_type: str) -> list[str]:
    """Begin an export, then read nothing for some seconds, and leave."""
    before = server.anonymous_and_resident_bytes()[0] / 1e6
    memory = Memory()
    with watch(server, memory, interval=0.05):
        response = _open(server, media_type)
        response.read(CHUNK)
        time.sleep(STALL_SECONDS)
        response.close()
        server.settle(5)
    grown = memory.peak - before
    print(f"Export as {media_type}, not read: memory {grown:+.1f} MB over {before:.1f} MB")
    if grown > GROWTH_LIMIT:
        return [f"an export as {media_type} that nobody reads takes {grown:.0f} MB of memory"]
    return []
