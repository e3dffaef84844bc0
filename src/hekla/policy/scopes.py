"""What a key or a token is for: less than its user may do, never more.

``read`` and ``write`` stand for all resources, ``tasks:read`` and ``tasks:write`` for one. Who may
write may read. Whatever else a scope says is not for here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["EVERYTHING", "Reach", "reach_of"]


class Reach(NamedTuple):
    """The names of the resources that may be read and written; None: all."""

    read: frozenset[str] | None = None
    write: frozenset[str] | None = None

    def reads(self, name: str) -> bool:
        """Whether rows of a resource may be read at all."""
        return self.read is None or name in self.read

    def writes(self, name: str) -> bool:
        """Whether rows of a resource may be written at all."""
        return self.write is None or name in self.write


EVERYTHING = Reach()


def reach_of(scopes: Iterable[str], resources: frozenset[str]) -> Reach:
    """What ``scopes`` let one do with ``resources``."""
    given = frozenset(scopes)
    if "write" in given:
        return EVERYTHING
    write = frozenset(name for name in resources if f"{name}:write" in given)
    if "read" in given:
        return Reach(None, write)
    read = frozenset(name for name in resources if f"{name}:read" in given)
    return Reach(read | write, write)
