"""Copies of an SQLite database: made while others write, checked, and put back."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.connection import open_connection
from hekla.store.location import Location

__all__ = ["Copy", "Progress", "Restored", "back_up", "inspect_copy", "restore"]

Progress = Callable[[int, int], None]
"""Called with the pages that are done and the pages there are."""

_PAGES_A_STEP = 256
# Seconds between two tries to begin while others write.
_PAUSE = 0.05
_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was read back and found whole: its size in bytes, and the rows of each table."""

    path: str
    size: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where what was there before is now; None if nothing was.

    If that ``was_damaged`` it was moved, and whoever has it open has to open the new one.
    """

    copy: Copy
    kept: str | None
    was_damaged: bool


def back_up(
    location: Location,
    path: str,
    settings: Settings,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Copy:
    """Copy the database as it is now into the file ``path``; whoever writes goes on meanwhile.

    The copy is one file that needs no other beside it. It is checked (SQLite's own check, and
    the rows of each table counted again), is on disk and only then gets its name, so a file of
    that name is always a whole copy. Raises OperatorError: there is such a file and not
    ``force``, the database is in memory, or something is damaged.
    """
    _must_be_a_file(location)
    target = os.path.abspath(path)
    if os.path.isdir(target):
        raise OperatorError(f"{path} is a folder; name the file that is to be written")
    if not os.path.isdir(os.path.dirname(target)):
        raise OperatorError(f"{path} cannot be written: no such folder")
    if os.path.exists(target):
        if location.path is not None and os.path.samefile(target, location.path):
            raise OperatorError(f"{path} is the database itself")
        if not force:
            raise OperatorError(f"{path} is there already; name another file, or add --force")
    part = f"{target}.part"
    source = open_connection(location, settings, query_only=True)
    try:
        with _told(str(location)):
            # One moment, whatever is written from now on: otherwise each write that another
            # process makes would have the copy begin again.
            source.execute("begin").fetchall()
            expected = _count(source)
        _remove(part)
        with _told(path):
            _copy_into(part, source, progress)
        copy = inspect_copy(part)
        if copy.rows != expected:
            raise OperatorError(f"{path}: the copy does not hold the rows of the database")
        _sync(part)
        os.replace(part, target)
        _sync(os.path.dirname(target))
    except OSError as exc:
        raise OperatorError(f"{path}: {exc.strerror}") from exc
    finally:
        source.close(True)
        _remove(part)
    return Copy(path, copy.size, copy.rows)


def inspect_copy(path: str) -> Copy:
    """Read a copy from beginning to end. Raises OperatorError where it is not whole."""
    location = Location.of_path(path, read_only=True)
    connection = open_connection(location, Settings(), query_only=True)
    try:
        with _told(path):
            _check(connection, path)
            return Copy(path, os.path.getsize(path), _count(connection))
    finally:
        connection.close(True)


def restore(
    location: Location,
    path: str,
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> Restored:
    """Put the copy at ``path`` in the place of the database, and keep what was there beside it.

    The copy is checked first. It is written as one transaction: processes that serve the
    database see either all of the old or all of the new. Only a damaged database is not written
    over but moved aside as it is; whoever has it open refuses to write, and has to begin anew.
    Raises OperatorError.
    """
    _must_be_a_file(location)
    assert location.path is not None
    exists = os.path.exists(location.path)
    if exists and os.path.exists(path) and os.path.samefile(path, location.path):
        raise OperatorError(f"{path} is the database itself")
    copy = inspect_copy(path)
    writable = Location.of_path(location.path)
    kept, was_damaged = _keep(writable, settings) if exists else (None, False)
    try:
        _put_back(writable, path, copy, settings, progress)
    except BaseException:
        _unkeep(location.path, kept, was_damaged)
        raise
    return Restored(copy, kept, was_damaged)


def _put_back(
    location: Location, path: str, copy: Copy, settings: Settings, progress: Progress | None
) -> None:
    target = open_connection(location, settings, query_only=False)
    source = open_connection(Location.of_path(path, read_only=True), settings, query_only=True)
    try:
        with _told(str(location)):
            size = source.pragma("page_size")
            if target.pragma("page_size") != size:
                _resize(target, size)
            _run(target, source, settings.busy_timeout, progress)
            _check(target, str(location))
            if _count(target) != copy.rows:
                raise OperatorError(f"{location}: what was restored is not what the copy holds")
            target.pragma("journal_mode", "WAL")
            target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    finally:
        source.close(True)
        target.close(True)


def _unkeep(path: str, kept: str | None, was_damaged: bool) -> None:
    """Nothing was restored: leave what was there as it was, where it was."""
    if kept is None or not was_damaged:
        _remove(kept or path)
        return
    _remove(path)
    for suffix in _FILES:
        if os.path.exists(kept + suffix):
            os.replace(kept + suffix, path + suffix)


def _keep(location: Location, settings: Settings) -> tuple[str, bool]:
    """Keep what is there now beside itself: its name then, and whether it was damaged."""
    assert location.path is not None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept, number = f"{location.path}.{stamp}", 1
    while os.path.exists(kept):
        number += 1
        kept = f"{location.path}.{stamp}-{number}"
    try:
        back_up(location, kept, settings)
    except OperatorError as exc:
        if not _is_damage(exc):
            raise
        for suffix in _FILES:
            if os.path.exists(location.path + suffix):
                os.replace(location.path + suffix, kept + suffix)
        return kept, True
    return kept, False


def _is_damage(error: OperatorError) -> bool:
    damage = (_DamagedError, apsw.CorruptError, apsw.NotADBError)
    return isinstance(error, damage) or isinstance(error.__cause__, damage)


class _DamagedError(OperatorError):
    """The database can be read, but is not whole."""


def _copy_into(path: str, source: apsw.Connection, progress: Progress | None) -> None:
    target = apsw.Connection(path)
    try:
        # It is not a database yet that anybody relies on; it is synced when it is whole.
        target.pragma("synchronous", "OFF")
        target.pragma("journal_mode", "OFF")
        _run(target, source, 0, progress)
        # The copy is one of a database with a log; by itself it shall have none.
        target.pragma("journal_mode", "DELETE")
    finally:
        target.close(True)


def _run(
    target: apsw.Connection, source: apsw.Connection, patience: float, progress: Progress | None
) -> None:
    """Copy all pages; wait ``patience`` seconds for others who are writing to the target."""
    end = time.monotonic() + patience
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            try:
                backup.step(_PAGES_A_STEP)
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)
                continue
            if progress is not None:
                progress(backup.page_count - backup.remaining, backup.page_count)


def _resize(target: apsw.Connection, size: int) -> None:
    """Give the pages another size, which takes a database that nobody else has open."""
    try:
        target.pragma("journal_mode", "DELETE")
    except (apsw.BusyError, apsw.LockedError) as exc:
        raise OperatorError(
            "the copy has pages of another size than the database: stop what serves it"
        ) from exc
    target.pragma("page_size", size)
    target.execute("vacuum").fetchall()


def _check(connection: apsw.Connection, name: str) -> None:
    found = [row[0] for row in connection.execute("pragma integrity_check(3)")]
    if found != ["ok"]:
        raise _DamagedError(f"{name} is damaged: {'; '.join(map(str, found))}")


def _count(connection: apsw.Connection) -> dict[str, int]:
    """How many rows each table has; those of extensions are made of others, which are counted."""
    rows: dict[str, int] = {}
    for (name,) in connection.execute(_TABLES).fetchall():
        quoted = '"' + str(name).replace('"', '""') + '"'
        rows[str(name)] = connection.execute(f"select count(*) from {quoted}").get  # noqa: S608
    return rows


_TABLES = """select name from pragma_table_list where schema = 'main'
    and type in ('table', 'shadow') and name not like 'sqlite@_%' escape '@'"""


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """What SQLite complains of, in one line."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as exc:
        raise OperatorError(f"{name}: another program holds the database; try again") from exc
    except apsw.FullError as exc:
        raise OperatorError(f"{name}: the disk is full") from exc
    except apsw.Error as exc:
        raise OperatorError(f"{name}: {exc}") from exc


def _must_be_a_file(location: Location) -> None:
    if location.path is None:
        raise OperatorError("a database in memory has no copies; it ends with its process")


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(part: str) -> None:
    for suffix in (*_FILES, "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(part + suffix)
