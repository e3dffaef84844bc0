"""The apps: how each is served, and by which URL it performs each operation.

In a URL, `{n}` is the number of the request (a task id, an offset, or the id to continue
after) and `{token}` Hekla's cursor for that place.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HEKLA_URLS = {
    "point": "/tasks/{n}",
    "offset": ("/tasks?completed=false&priority__gte=3&order_by=-created_at,id&limit=50&skip={n}"),
    "cursor": "/tasks?completed=false&order_by=id&limit=50&cursor={token}",
    "detail": "/tasks/{n}?include=owner,comments(order_by:id).author",
    "page": ("/tasks?order_by=id&limit=20&skip={n}&include=owner,comments(limit:3,order_by:-id)"),
    "aggregate": "/tasks/aggregate?group_by=completed,priority&count&avg=priority",
}
LIMIT_URLS = {
    "point": "/p/{n}",
    "offset": "/o/{n}",
    "cursor": "/c/{n}",
    "detail": "/d/{n}",
    "page": "/g/{n}",
    "aggregate": "/a/{n}",
}
PEER_URLS = {
    "point": "/tasks/{n}",
    "offset": "/tasks?priority_gte=3&limit=50&offset={n}",
    "cursor": "/tasks/after?limit=50&after_id={n}",
    "detail": "/tasks/{n}/detail",
    "page": "/tasks/page?limit=20&offset={n}",
    "aggregate": "/tasks/aggregate",
}

# Each server with one worker process; `{port}` is filled in by the harness. For WSGI, Granian
# with one thread did better than with more, and than Gunicorn with sync or threaded workers.
RSGI = "granian --interface rsgi --workers 1 --loop uvloop --port {port}"
UVICORN = (
    "uvicorn --workers 1 --loop uvloop --http httptools --no-access-log"
    " --log-level warning --port {port}"
)
WSGI = "granian --interface wsgi --workers 1 --blocking-threads 1 --port {port}"


@dataclass(frozen=True)
class App:
    """An application under test."""

    name: str
    title: str
    target: str
    server: str
    urls: Mapping[str, str]

    def command(self, port: int) -> list[str]:
        """Return the command that serves the app on `port`."""
        program, *options = self.server.format(port=port).split()
        return [str(Path(sys.executable).with_name(program)), *options, self.target]


APPS = (
    App("hekla", "Hekla", "benchmarks.apps.hekla_app:app", RSGI, HEKLA_URLS),
    App("limit", "Hand-written limit", "benchmarks.apps.limit:app", RSGI, LIMIT_URLS),
    App(
        "fastapi-sync",
        "FastAPI, SQLAlchemy (sync)",
        "benchmarks.apps.fastapi_sync:app",
        UVICORN,
        PEER_URLS,
    ),
    App(
        "fastapi-async",
        "FastAPI, SQLAlchemy (async)",
        "benchmarks.apps.fastapi_async:app",
        UVICORN,
        PEER_URLS,
    ),
    App(
        "drf",
        "Django REST framework",
        "benchmarks.apps.drf.wsgi:app",
        WSGI,
        PEER_URLS,
    ),
    App(
        "ninja",
        "Django Ninja",
        "benchmarks.apps.ninja.wsgi:app",
        WSGI,
        PEER_URLS,
    ),
    App(
        "litestar",
        "Litestar, SQLAlchemy",
        "benchmarks.apps.litestar_app:app",
        UVICORN,
        PEER_URLS,
    ),
    App(
        "flask",
        "Flask, SQLAlchemy",
        "benchmarks.apps.flask_app:app",
        WSGI,
        PEER_URLS,
    ),
)
