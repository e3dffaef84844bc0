"""From a database URL to the store that serves it."""

from __future__ import annotations

from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.protocol import Store
from hekla.store.sqlite import SqliteStore

__all__ = ["open_store"]


def open_store(url: str | Location, settings: Settings, *, read_only: bool = False) -> Store:
    """The store for ``url`` (or what was made of one), not yet started: nothing is opened here.

    ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (in memory); each with
    ``?mode=ro`` or ``?immutable=1``. Raises OperatorError.
    """
    location = Location.parse(url, read_only=read_only) if isinstance(url, str) else url
    return SqliteStore(location, settings)
