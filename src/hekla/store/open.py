"""From a database URL to the store that serves it."""

from __future__ import annotations

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.protocol import Store
from hekla.store.sqlite import SqliteStore

__all__ = ["open_store"]

_LATER = ("postgresql", "postgres", "mysql", "mariadb")


def open_store(url: str | Location, settings: Settings, *, read_only: bool = False) -> Store:
    """The store for ``url``, not yet started: nothing is opened here.

    ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (in memory); each with
    ``?mode=ro`` or ``?immutable=1``. Raises OperatorError.
    """
    if isinstance(url, str):
        scheme = url.partition(":")[0].partition("+")[0].lower()
        if scheme in _LATER:
            raise OperatorError(f"{scheme}: this version reads SQLite databases only")
        url = Location.parse(url, read_only=read_only)
    return SqliteStore(url, settings)
