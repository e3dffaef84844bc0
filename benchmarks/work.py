"""Where the benchmark's files lie: all of them in `.work/`, which git ignores."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).parent / ".work"


def database_path() -> Path:
    """Return the file the apps read: `BENCH_DATABASE`, or the default one."""
    named = os.environ.get("BENCH_DATABASE")
    return Path(named) if named else WORK / "bench.sqlite"
