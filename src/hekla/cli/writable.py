"""The database of a target, for commands that write to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.cli.target import Target
    from hekla.settings import Settings
    from hekla.store.location import Location

__all__ = ["writable"]


def writable(target: Target) -> tuple[Location, Settings]:
    """Where the database is, to be written to, and the settings. Raises OperatorError.

    One that is named by itself is read only elsewhere; these commands say what they write.
    """
    location, settings = target.locate()
    if location.path is None:
        raise OperatorError(f"{target.label}: a database in memory belongs to one process")
    if "immutable=1" in location.uri:
        raise OperatorError(f"{target.label}: the URL says that nobody writes to the database")
    return replace(location, read_only=False), settings
