"""HTTP/1.1 by hand: what is sent is exactly what the test says."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import BufferedReader
from typing import Any

__all__ = ["Answer", "Connection", "exchange", "request_bytes"]


@dataclass(frozen=True)
class Answer:
    """A response; ``headers`` in lower case, several of one name joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    def json(self) -> Any:
        return json.loads(self.body)


def request_bytes(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str = "test.example",
) -> bytes:
    """A request; ``content-length`` is added where there is a body and none is given."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    names = set()
    for name, value in headers:
        names.add(name.lower())
        lines.append(f"{name}: {value}")
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection:
    """One connection to a server on this machine."""

    def __init__(self, port: int, *, timeout: float = 10, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self._shared: list[BufferedReader] = []
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, method: str = "GET") -> Answer:
        """The one answer that is under way on this connection, by the method it answers."""
        return _read(HTTPResponse(self.socket, method=method))

    def reader(self) -> Callable[..., Answer]:
        """What reads one answer after another; nothing of the next one gets lost."""
        shared = self.socket.makefile("rb")
        self._shared.append(shared)

        def read(method: str = "GET") -> Answer:
            response = HTTPResponse(self.socket, method=method)
            response.fp = _Unclosed(shared)  # type: ignore[assignment]
            return _read(response)

        return read

    def is_closed(self) -> bool:
        """Whether the server has closed the connection; waits for it up to the time limit."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        for file in self._shared:
            file.close()
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Unclosed:
    """A file that stays open when the response that reads from it is done."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Leave it open for the next response."""


def _read(response: HTTPResponse) -> Answer:
    response.begin()
    complete = True
    try:
        body = response.read()
    except (HTTPException, ConnectionError) as exc:
        body, complete = getattr(exc, "partial", b""), False
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Answer(response.status, headers, body, complete)


def exchange(
    port: int,
    method: str,
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Answer:
    """One request on a connection of its own, and its answer."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    with Connection(port) as connection:
        connection.send(request_bytes(method, target, pairs, body))
        return connection.receive(method)
