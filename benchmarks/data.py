"""The data: a SQLite file with the same rows on every machine, written when it is not there."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import apsw
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from benchmarks.models import Base

WORDS = (
    "review",
    "draft",
    "plan",
    "budget",
    "report",
    "café",
    "meeting",
    "invoice",
    "client",
    "release",
    "server",
    "backup",
    "naïve",
    '"quoted"',
    "résumé",
    "contract",
    "design",
    "layout",
    "training",
    "survey",
    "archive",
    "garden",
    "kitchen",
    "delivery",
    "Größe",
    "schedule",
    "travel",
    "ticket",
    "payment",
    "warehouse",
    "sensor",
    "battery",
    "harbour",
)
START = datetime(2026, 1, 1)
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Size:
    """How many rows of each kind to seed."""

    tasks: int = 100_000
    users: int = 1_000
    comments: int = 300_000


def connect(path: Path) -> apsw.Connection:
    """Open `path` in WAL mode."""
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode=wal").fetchall()
    return connection


def seed(path: Path, size: Size | None = None) -> None:
    """Write the data to `path`, unless it already holds exactly these rows."""
    size = size or Size()
    if path.exists() and _stamp_of(path) == _stamp(size):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    connection = connect(path)
    connection.execute("pragma synchronous=off").fetchall()
    with connection:
        _create_tables(connection)
        connection.executemany("insert into users values (?,?,?)", _users(size))
        connection.executemany("insert into tasks values (?,?,?,?,?,?,?,?)", _tasks(size))
        connection.executemany("insert into comments values (?,?,?,?,?)", _comments(size))
        _create_indexes(connection)
        connection.execute(f"pragma user_version={_stamp(size)}").fetchall()
    connection.execute("analyze").fetchall()
    connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    connection.close()


def _stamp(size: Size) -> int:
    """Return a number for these rows: it changes with the sizes and with this module's text."""
    sources = (Path(__file__), Path(__file__).with_name("models.py"))
    text = repr(asdict(size)) + "".join(source.read_text() for source in sources)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big") + 1


def _stamp_of(path: Path) -> int:
    """Return the stamp that `seed` left in the file, or 0 when there is none."""
    try:
        connection = apsw.Connection(str(path))
        value = connection.execute("pragma user_version").get
        connection.close()
    except apsw.Error:
        return 0
    return int(value)


def _create_tables(connection: apsw.Connection) -> None:
    dialect = sqlite.dialect()
    for table in Base.metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=dialect)))


def _create_indexes(connection: apsw.Connection) -> None:
    dialect = sqlite.dialect()
    for table in Base.metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))


def _moment(chance: random.Random) -> str:
    """Return a time of 2026 as SQLAlchemy stores it; the microseconds are never zero."""
    moment = START + timedelta(
        seconds=chance.randrange(YEAR_SECONDS), microseconds=chance.randrange(1, 1_000_000)
    )
    return moment.isoformat(sep=" ", timespec="microseconds")


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words)).capitalize()


def _users(size: Size) -> Iterator[tuple[int, str, str]]:
    chance = random.Random(1)
    for number in range(1, size.users + 1):
        name = _sentence(chance, 2).title()
        yield number, name, f"user{number}@example.org"


def _tasks(
    size: Size,
) -> Iterator[tuple[int, str, str, int, int, str | None, str, int | None]]:
    """Yield the tasks: about 60% open, 10% without a due date, 2% without an owner."""
    chance = random.Random(2)
    for number in range(1, size.tasks + 1):
        yield (
            number,
            _sentence(chance, 4),
            _sentence(chance, 16) + ".",
            int(chance.random() < 0.4),
            chance.randint(1, 5),
            None if chance.random() < 0.1 else _moment(chance),
            _moment(chance),
            None if chance.random() < 0.02 else chance.randint(1, size.users),
        )


def _comments(size: Size) -> Iterator[tuple[int, int, int, str, str]]:
    chance = random.Random(3)
    for number in range(1, size.comments + 1):
        yield (
            number,
            chance.randint(1, size.tasks),
            chance.randint(1, size.users),
            _sentence(chance, 10) + ".",
            _moment(chance),
        )
