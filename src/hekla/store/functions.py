"""The SQL functions that statements rely on, put on every connection that the project opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apsw

from hekla.schema import types

__all__ = ["register_functions"]

# Functions are named by what they compute: they may stand in an index, a view or a trigger.
_FLAGS = apsw.SQLITE_INNOCUOUS


def register_functions(connection: apsw.Connection) -> None:
    """Make the functions of :mod:`hekla.schema.types` callable from SQL on ``connection``."""
    functions: Mapping[str, tuple[Callable[..., Any], int]] = getattr(types, "SQLITE_FUNCTIONS", {})
    for name, (function, arguments) in functions.items():
        connection.create_scalar_function(
            name, function, arguments, deterministic=True, flags=_FLAGS
        )
