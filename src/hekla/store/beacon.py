"""A number that every process on one SQLite database sees change, at the cost of a look at memory.

Whatever a process remembers of the database is worthless once another has changed it. To ask
the database before each use costs several microseconds; the beacon is eight bytes of memory
that all processes share, in a file beside the database's.

Whoever has committed a change that others must know of lights the beacon before it says that
the change is made. A process that is killed between the two has told nobody that it was; what
others remember for longer than some seconds they have to look up again all the same.
"""

from __future__ import annotations

import mmap
import os
import secrets

from hekla.store.location import Location
from hekla.store.server_location import ServerLocation

__all__ = ["Beacon"]

_SIZE = 8


class Beacon:
    """The beacon of one database, once it is opened. ``shared``: other processes see it too.

    A database in memory has no other processes; where no file can be made beside the database,
    only this process sees its own beacon.
    """

    def __init__(self, location: Location | ServerLocation) -> None:
        self._location = location
        # Who else uses a server, on whatever machine, nobody here can tell.
        self.shared = isinstance(location, Location) and location.path is None
        self.view = memoryview(bytearray(_SIZE)).cast("Q")
        """``view[0]`` is the number. A method would take ten times as long."""

    def open(self) -> None:
        """Take a place among the processes that share it; ``view`` is another one then."""
        path = self._location.path
        if path is None or self._location.read_only:
            return
        memory = _shared(path + "-beacon")
        if memory is not None:
            self.shared = True
            self.view = memoryview(memory).cast("Q")

    def light(self) -> None:
        """Let everybody know that something changed."""
        self.view[0] = secrets.randbits(64)


def _shared(path: str) -> mmap.mmap | None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        if os.fstat(handle).st_size < _SIZE:
            os.ftruncate(handle, _SIZE)
        return mmap.mmap(handle, _SIZE)
    except (OSError, ValueError):
        return None
    finally:
        os.close(handle)
