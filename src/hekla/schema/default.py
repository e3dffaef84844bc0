"""What a model gives a column that was given nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["Default"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Default:
    """A default of Python's: a value, a function, or a function of SQLAlchemy's context.

    ``make`` is called with that context, as SQLAlchemy's own callables are; ``keys`` maps the
    names of columns that it knows to those of the API. ``adapt`` makes the type's own value
    of what it gives.
    """

    __slots__ = ("_adapt", "_keys", "_make", "constant")

    def __init__(
        self,
        make: Callable[[Any], Any],
        adapt: Callable[[Any], Any],
        keys: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.constant: Any = None
        """The value where it is always the same one; None where it has to be computed."""
        self._make = make
        self._adapt = adapt
        self._keys = keys

    @classmethod
    def of(cls, value: Any, adapt: Callable[[Any], Any]) -> Default:
        """Always ``value``; one that could be changed is copied each time."""
        default = cls(lambda _: copy.deepcopy(value), adapt)
        if not isinstance(value, dict | list | set | bytearray):
            default.constant = default()
        return default

    def __call__(self, row: Mapping[str, Any] = _NOTHING) -> Any:
        """The value for ``row``, which holds what is known of it by then."""
        value = self._make(_Context(row, self._keys))
        return None if value is None else self._adapt(value)


class _Context:
    """As much of SQLAlchemy's execution context as a default may ask for."""

    __slots__ = ("_keys", "_row")

    def __init__(self, row: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        self._row = row
        self._keys = keys

    def get_current_parameters(self, isolate_multiinsert_groups: bool = True) -> dict[str, Any]:
        """The values of the row by the names of the table's columns."""
        row = self._row
        return {key: row[name] for key, name in self._keys.items() if name in row}

    @property
    def current_parameters(self) -> dict[str, Any]:
        return self.get_current_parameters()
