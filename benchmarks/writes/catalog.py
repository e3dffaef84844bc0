"""The apps that write: how each is served, and where it takes a bulk insert."""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.catalog import APPS as READING
from benchmarks.catalog import RSGI, App

HEKLA_URLS: Mapping[str, str] = {"point": "/tasks/{n}", "bulk": "/tasks"}
URLS: Mapping[str, str] = {"point": "/tasks/{n}", "bulk": "/tasks/bulk"}
PEERS = ("fastapi-sync", "fastapi-async", "drf", "litestar", "flask")

APPS = (
    App("hekla", "Hekla", "benchmarks.apps.hekla_writes:app", RSGI, HEKLA_URLS),
    App("limit", "Hand-written limit", "benchmarks.apps.limit_writes:app", RSGI, URLS),
    *(replace(app, urls=URLS) for app in READING if app.name in PEERS),
)
