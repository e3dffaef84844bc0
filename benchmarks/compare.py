"""Answers compared: before anything is timed, all apps must say exactly the same."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.catalog import App
from benchmarks.operations import Operation
from benchmarks.server import BenchmarkError, Server

Tokens = Mapping[int, str]


def path_of(app: App, operation: str, number: int, tokens: Tokens) -> str:
    """Return the path by which `app` performs `operation` for `number`."""
    return app.urls[operation].format(n=number, token=tokens.get(number, ""))


def difference(left: Any, right: Any, where: str = "$") -> str | None:
    """Return where two parsed JSON values first differ, or None.

    The order of an array counts, that of an object's members does not; `1`, `1.0` and `true`
    are three values.
    """
    if type(left) is not type(right):
        return f"{where}: {left!r} and {right!r}"
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return f"{where}: members {sorted(left)} and {sorted(right)}"
        pairs = ((f"{where}.{key}", left[key], right[key]) for key in left)
    elif isinstance(left, list):
        if len(left) != len(right):
            return f"{where}: {len(left)} and {len(right)} elements"
        pairs = (
            (f"{where}[{index}]", *both) for index, both in enumerate(zip(left, right, strict=True))
        )
    else:
        return None if left == right else f"{where}: {left!r} and {right!r}"
    for place, one, other in pairs:
        if found := difference(one, other, place):
            return found
    return None


def answer(server: Server, path: str) -> Any:
    """Return the parsed answer to one GET; raise `BenchmarkError` unless it is JSON and 200."""
    status, headers, body = server.fetch(path)
    kind = headers.get("content-type", "")
    if status != 200 or "json" not in kind:
        raise BenchmarkError(f"{server.name}: GET {path} answered {status} {kind}: {body[:300]!r}")
    return json.loads(body)


def compare(
    servers: Sequence[Server], operation: Operation, numbers: Sequence[int], tokens: Tokens
) -> None:
    """Raise `BenchmarkError` unless all servers answer alike for every number."""
    reference = servers[0]
    for number in numbers:
        paths = [path_of(server.app, operation.name, number, tokens) for server in servers]
        expected = answer(reference, paths[0])
        if expected in ([], {}):
            raise BenchmarkError(f"{reference.name}: GET {paths[0]} answered nothing")
        for server, path in zip(servers[1:], paths[1:], strict=True):
            found = difference(expected, answer(server, path))
            if found is not None:
                raise BenchmarkError(
                    f"{reference.name} ({paths[0]}) and {server.name} ({path}) differ at {found}"
                )


def walk_cursors(server: Server, ends: Sequence[int]) -> dict[int, str]:
    """Return Hekla's cursor for each place of `ends`, found by walking page after page."""
    tokens: dict[int, str] = {}
    token = ""
    for end in ends:
        tokens[end] = token
        path = server.app.urls["cursor"].format(n=end, token=token)
        status, headers, body = server.fetch(path)
        token = headers.get("x-next-cursor", "")
        if status != 200 or not token:
            raise BenchmarkError(
                f"{server.name}: GET {path} answered {status} without X-Next-Cursor: {body[:200]!r}"
            )
    return tokens
