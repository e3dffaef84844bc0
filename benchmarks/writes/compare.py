"""What is written compared: before anything is timed, all apps must do and say the same."""

import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from benchmarks.compare import difference
from benchmarks.server import BenchmarkError, Server
from benchmarks.writes.operations import BULK, SIZE, Request, bulk, encode, requests


def send(
    server: Server, request: Request, timeout: float = 120
) -> tuple[int, dict[str, str], bytes]:
    """Send one request; return status, headers (names in lower case) and body."""
    method, path, document = request
    body = None if document is None else encode(document)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        headers = {} if body is None else {"content-type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def answer(server: Server, request: Request) -> Any:
    """The parsed answer; raise `BenchmarkError` unless it is JSON and says that all went well."""
    status, headers, body = send(server, request)
    wanted = 201 if request[0] == "POST" else 200
    kind = headers.get("content-type", "")
    if status != wanted or "json" not in kind:
        raise BenchmarkError(
            f"{server.name}: {request[0]} {request[1]} answered {status} {kind}: {body[:300]!r}"
        )
    return json.loads(body)


def compare(servers: Sequence[Server], samples: int) -> None:
    """Raise `BenchmarkError` unless all servers write the same rows and answer alike."""
    asked = [*requests("create", samples), *requests("update", samples)]
    asked += requests("mixed", samples)
    asked += [("GET", f"/tasks/{SIZE.tasks + number}", None) for number in range(1, samples)]
    for request in asked:
        _compare(servers, [request] * len(servers))
    rows = bulk(0, 100)
    _compare(servers, [("POST", server.app.urls[BULK.name], rows) for server in servers])


def _compare(servers: Sequence[Server], asked: Sequence[Request]) -> None:
    expected = answer(servers[0], asked[0])
    for server, request in zip(servers[1:], asked[1:], strict=True):
        found = difference(expected, answer(server, request))
        if found is not None:
            raise BenchmarkError(
                f"{request[0]} {request[1]}: {servers[0].name} and {server.name} differ at {found}"
            )


def compare_files(files: Sequence[Path]) -> None:
    """Raise `BenchmarkError` unless all files hold the same tasks, byte for byte."""
    expected: list[Any] | None = None
    for file in files:
        connection = apsw.Connection(str(file))
        rows = connection.execute(
            "select *, typeof(completed), typeof(due_at) from tasks order by id"
        ).fetchall()
        connection.close()
        if expected is None:
            expected = rows
        elif rows != expected:
            pairs = zip(expected, rows, strict=False)
            first = next((pair for pair in pairs if pair[0] != pair[1]), (len(expected), len(rows)))
            raise BenchmarkError(f"{files[0].name} and {file.name} differ: {first}")
