"""Request headers as one small read-only view, whichever server they came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

__all__ = ["HeaderView", "Headers", "list_value"]


class HeaderView(Protocol):
    """All that Hekla needs of request headers.

    Names are matched without regard to case. A value is text as it was sent. ``first`` maps each
    name, in lower case, to its first value: a look into a dictionary where a call of ``get``
    would be paid for by every request.
    """

    first: dict[str, str]
    pairs: list[tuple[str, str]]

    def get(self, key: str, /) -> str | None:
        """The first value of the header, or None if it was not sent."""

    def get_all(self, key: str, /) -> list[str]:
        """All values of the header, in the order they were sent."""

    def items(self) -> list[tuple[str, str]]:
        """All headers as pairs of a lower-case name and a value."""


class Headers(msgspec.Struct, eq=False, gc=False):
    """Request headers from pairs of text, as servers and tests have them.

    A struct, since one is made for every request; make it by :meth:`of` or :meth:`of_lower`.
    """

    pairs: list[tuple[str, str]]
    first: dict[str, str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """The view of pairs as they were sent."""
        return cls.of_lower([(name.lower(), value) for name, value in pairs])

    @classmethod
    def of_lower(cls, pairs: list[tuple[str, str]]) -> Headers:
        """The view of pairs whose names are in lower case already; the list is kept."""
        # Backwards, so that the first of several headers of one name stays.
        return cls(pairs, dict(reversed(pairs)))

    def get(self, key: str, /) -> str | None:
        return self.first.get(key.lower())

    def get_all(self, key: str, /) -> list[str]:
        key = key.lower()
        return [value for name, value in self.pairs if name == key]

    def items(self) -> list[tuple[str, str]]:
        return self.pairs


def list_value(headers: HeaderView, name: str) -> str | None:
    """The value of a header that holds a list, its lines joined (RFC 9110 section 5.3)."""
    first = headers.get(name)
    if first is None:
        return None
    values = headers.get_all(name)
    return first if len(values) == 1 else ", ".join(values)
