"""A writer without Hekla: rows 1, 2, 3 … each committed, and then said: ``writer FILE MODE``."""

from __future__ import annotations

import itertools
import os
import sys

import apsw

__all__: list[str] = []


def write(path: str, synchronous: str) -> None:
    """Commit one row after another until something fails."""
    connection = apsw.Connection(path)
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", synchronous)
    connection.execute("create table if not exists t (n integer primary key, pad)")
    start = connection.execute("select coalesce(max(n), 0) from t").get
    for number in itertools.count(start + 1):
        connection.execute("insert into t values (?, zeroblob(100))", (number,))
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    try:
        write(*sys.argv[1:])
    except (apsw.Error, OSError):
        sys.exit(1)
