"""The machine and the versions that a run was made with."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw

from benchmarks.load import wrk_version

PACKAGES = (
    "hekla",
    "granian",
    "uvicorn",
    "uvloop",
    "httptools",
    "sqlalchemy",
    "apsw",
    "aiosqlite",
    "fastapi",
    "pydantic",
    "django",
    "djangorestframework",
    "django-ninja",
    "litestar",
    "msgspec",
    "flask",
    "orjson",
)


def cpu_model() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe() -> dict[str, str]:
    """Return what a reader needs to know about the machine, by name."""
    facts = {
        "processor": f"{cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "wrk": wrk_version(),
        "SQLite in apsw": apsw.sqlite_lib_version(),
        "SQLite in Python": _standard_sqlite(),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _standard_sqlite() -> str:
    import sqlite3  # only asked for its version: it opens no file here

    return sqlite3.sqlite_version
