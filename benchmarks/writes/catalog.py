"""The apps that write: how each is served, and where it takes a bulk insert."""

from benchmarks.catalog import RSGI, App

HEKLA_URLS = {"point": "/tasks/{n}", "bulk": "/tasks"}
URLS = {"point": "/tasks/{n}", "bulk": "/tasks/bulk"}

APPS = (
    App("hekla", "Hekla", "benchmarks.apps.hekla_writes:app", RSGI, HEKLA_URLS),
    App("limit", "Hand-written limit", "benchmarks.apps.limit_writes:app", RSGI, URLS),
)
