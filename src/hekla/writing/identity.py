"""Which row is meant: that it is one row, and that it is there."""

from __future__ import annotations

from typing import Any

from hekla.errors import AMBIGUOUS_KEY, PRECONDITION_FAILED, UNSUPPORTED, Problem
from hekla.schema.resource import Resource

__all__ = ["StoredKey", "alone", "check_key", "check_still_there", "no_single_row"]

StoredKey = tuple[Any, ...]
"""The values of a row's key as the database stores them."""


def check_key(resource: Resource) -> None:
    """Raise Problem if a row cannot be told from the others: all of them would be meant."""
    if not resource.key:
        raise Problem(UNSUPPORTED, f"Rows of {resource.name} have no key to tell them apart by.")


def alone(resource: Resource, key: StoredKey) -> StoredKey:
    """``key``, unless others may have it too: SQLite lets NULL into one any number of times."""
    if None in key:
        raise no_single_row(resource)
    return key


def no_single_row(resource: Resource) -> Problem:
    """The Problem that a row has NULL in its key, so that nothing tells it from others."""
    return Problem(
        AMBIGUOUS_KEY,
        f"A row of {resource.name} has NULL in its key: it can be read, but not told from others "
        "to be written.",
    )


def check_still_there(version: Any) -> None:
    """Raise Problem if the document says at what version it read a row that is not there."""
    if version is not None:
        raise Problem(PRECONDITION_FAILED, "It is there no more: somebody else has deleted it.")
