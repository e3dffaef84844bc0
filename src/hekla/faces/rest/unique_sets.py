"""Columns that no two rows share, as a request names them to say which row it means."""

from __future__ import annotations

from collections.abc import Collection, Container

from hekla.errors import UNKNOWN_PARAMETER, Fault, Problem
from hekla.faces.rest.grammar import quote_name, split_list
from hekla.schema.resource import Resource

__all__ = ["find_unique_set", "shown_sets", "unique_set"]


def shown_sets(resource: Resource, shown: Container[str]) -> list[tuple[str, ...]]:
    """The unique sets of columns that are all ``shown``, the primary key first."""
    return [unique for unique in resource.uniques if all(name in shown for name in unique)]


def unique_set(resource: Resource, text: str, shown: Container[str]) -> tuple[str, ...]:
    """The columns that ``upsert`` names, a list or ``key``; Problem if they are none of those."""
    location = "query.upsert"
    names = resource.key if text == "key" else split_list(text, location)
    return find_unique_set(resource, names, shown, location)


def find_unique_set(
    resource: Resource, names: Collection[str], shown: Container[str], location: str
) -> tuple[str, ...]:
    """The unique set of these columns, in its own order.

    Raises Problem ``unknown_parameter`` if there is none among the columns ``shown``, which are
    those that whoever asks may know of.
    """
    uniques = shown_sets(resource, shown)
    for unique in uniques:
        if set(unique) == set(names):
            return unique
    known = [",".join(map(quote_name, unique)) for unique in uniques]
    message = f"expected columns that no two rows share: {' or '.join(known) or 'there are none'}"
    raise Problem(UNKNOWN_PARAMETER, message, errors=[Fault(location, message)])
