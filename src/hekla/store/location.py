"""Where an SQLite database is: what a URL says, as a value that can be opened."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import apsw
import sqlalchemy as sa

from hekla.errors import OperatorError

if sys.platform != "win32":
    import fcntl

__all__ = ["Location"]

_LATER = ("mysql", "mariadb")
_numbers = itertools.count(1)


class _Anchor:
    """Keeps a database in memory alive while anybody may still open it."""

    def __init__(self) -> None:
        self.connection: apsw.Connection | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """An SQLite database, by name. Two equal locations in one process are one database.

    ``path`` is None for a database in memory, which lives as long as its Location does and
    is shared by all that open that same Location. ``name`` is the path as it was given.
    """

    uri: str
    path: str | None
    read_only: bool = False
    name: str = field(default="", compare=False)
    _anchor: _Anchor = field(default_factory=_Anchor, compare=False, repr=False)

    @classmethod
    def parse(cls, url: str, *, read_only: bool = False) -> Location:
        """Read ``sqlite:///relative``, ``sqlite:////absolute`` or ``sqlite://`` (in memory).

        Each call with ``sqlite://`` names another database: to share one, share the Location.
        ``?mode=ro`` (or ``read_only``) never writes, ``?immutable=1`` promises that nobody does.
        Raises OperatorError.
        """
        scheme = url.partition(":")[0].partition("+")[0].lower()
        if scheme in _LATER:
            raise OperatorError(f"{scheme}: this version knows SQLite and PostgreSQL only")
        try:
            parts = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise OperatorError(
                f"{_without_password(url)!r} is not a database URL; one looks like sqlite:///file.db"
            ) from None
        if parts.get_backend_name() != "sqlite" or parts.host:
            shown = parts.render_as_string(hide_password=True)
            raise OperatorError(
                f"{shown!r} is no SQLite URL; one looks like sqlite:///file.db, or "
                "sqlite:////folder/file.db for an absolute path"
            )
        options = {
            name: value if isinstance(value, str) else value[-1]
            for name, value in parts.query.items()
        }
        mode = options.pop("mode", "rw")
        immutable = options.pop("immutable", "0")
        if options or mode not in ("ro", "rw") or immutable not in ("0", "1"):
            raise OperatorError(
                f"{_without_password(url)!r}: the options of an SQLite URL are mode=ro and "
                "immutable=1"
            )
        if not parts.database or parts.database == ":memory:":
            # The VFS "memdb" shares a database whose name begins with a slash.
            return cls(f"file:/hekla-{os.getpid()}-{next(_numbers)}?vfs=memdb", None)
        return cls.of_path(
            parts.database, read_only=read_only or mode == "ro", immutable=immutable == "1"
        )

    @classmethod
    def of_path(cls, path: str, *, read_only: bool = False, immutable: bool = False) -> Location:
        """The file of that name, whatever letters it holds."""
        # Absolute, so that it stays the same file when the current folder changes.
        absolute = os.path.abspath(path)
        uri = "file:" + quote(os.fsencode(absolute)) + "?immutable=1" * immutable
        return cls(uri, absolute, read_only or immutable, path)

    def __str__(self) -> str:
        return self.name or self.path or "memory"

    @property
    def seed(self) -> str:
        """What secrets may be derived from."""
        return str(self)

    def identity(self) -> tuple[int, int] | None:
        """Which file has the name now; None where there is none, or it is in memory."""
        if self.path is None:
            return None
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process waiting that asks for the same.

        For what several workers must not do at once when they start, such as creating tables.
        It is the folder that is locked: the file's own locks are SQLite's.
        """
        folder = "" if self.path is None else os.path.dirname(self.path)
        if sys.platform == "win32" or self.read_only or not os.path.isdir(folder):
            yield
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def open(self, *, create: bool = False, statements: int = 32) -> apsw.Connection:
        """A new bare connection. Raises OperatorError for what the file system says no to.

        A file that is not there is created only if ``create`` says so. ``statements`` stay
        prepared: 512 is the most that apsw keeps, each of 16 kB of text at most.

        The file is never opened but by apsw: closing a handle of anything else would drop
        the locks that SQLite holds on it in this process.
        """
        if self.path is None:
            if self._anchor.connection is None:
                self._anchor.connection = self._connect(0)
        elif os.path.isdir(self.path):
            raise OperatorError(f"{self}: is a folder, not a database")
        elif not os.path.exists(self.path):
            if self.read_only or not create:
                raise OperatorError(f"{self}: no such file")
            folder = os.path.dirname(self.path)
            if not os.access(folder, os.W_OK):
                why = "permission denied" if os.path.isdir(folder) else "no such folder"
                raise OperatorError(f"{self}: cannot be created: {why}")
        elif not os.access(self.path, os.R_OK):
            raise OperatorError(f"{self}: permission denied")
        try:
            return self._connect(statements)
        except apsw.Error as exc:
            raise OperatorError(f"{self}: {exc}") from exc

    def _connect(self, statements: int) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_URI
        flags |= (
            apsw.SQLITE_OPEN_READONLY
            if self.read_only
            else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        return apsw.Connection(self.uri, flags=flags, statementcachesize=statements)


def _without_password(url: str) -> str:
    """A text that is meant to be a URL, as it may be shown; what stands before an @ may not."""
    scheme, mark, rest = url.rpartition("://")
    return scheme + mark + (f"…@{rest.rpartition('@')[2]}" if "@" in rest else rest)
