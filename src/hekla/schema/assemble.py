"""Drafts put together into a frozen Schema: names given, relations made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from hekla.schema.draft import Draft
from hekla.schema.names import give_names
from hekla.schema.relations import relate
from hekla.schema.resource import Resource, Schema

__all__ = ["assemble"]


def assemble(drafts: Sequence[Draft], warnings: Iterable[str] = ()) -> Schema:
    """The Schema of ``drafts``, in their order.

    Raises OperatorError where a draft renames relations that it does not have.
    """
    told = list(warnings)
    names, renamed = give_names([(draft.name, draft.schema) for draft in drafts])
    told.extend(renamed)
    for draft, name in zip(drafts, names, strict=True):
        draft.name = name
    relations = relate(drafts, told)
    resources = {
        draft.name: Resource(
            name=draft.name,
            table=draft.table,
            columns=MappingProxyType(dict(draft.columns)),
            relations=related,
            key=draft.key,
            writable=draft.writable,
            search=draft.search,
            search_index=draft.search_index,
            title=draft.title,
            description=draft.description,
            hidden=MappingProxyType(dict(draft.hidden)),
            uniques=_uniques(draft),
            validators=draft.validators,
            version=draft.version,
            soft_delete=draft.soft_delete,
            delete_all=draft.delete_all,
        )
        for draft, related in zip(drafts, relations, strict=True)
    }
    return Schema(MappingProxyType(resources), tuple(_one_line(warning) for warning in told))


def _uniques(draft: Draft) -> tuple[tuple[str, ...], ...]:
    """The sets of shown columns that tell rows apart, the key first, the others in order."""
    places = {name: place for place, name in enumerate(draft.columns)}
    found = [
        tuple(sorted(unique, key=places.__getitem__))
        for unique in draft.uniques
        if unique <= places.keys() and unique != set(draft.key)
    ]
    found.sort(key=lambda unique: [places[name] for name in unique])
    return (draft.key, *found) if draft.key else tuple(found)


def _one_line(text: str) -> str:
    """``text`` with what would break a line, or upset a terminal, written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
