"""Links of the OpenAPI document: from an answer to the operations that take its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hekla.faces.rest.components import Described
from hekla.faces.rest.filter_parameters import filter_name
from hekla.faces.rest.identifiers import Identifiers, snake_words
from hekla.schema.resource import Relation

__all__ = ["related", "same_row"]

_OF_ROWS = ("read", "update", "replace", "delete")


def same_row(described: Described, body: str = "") -> dict[str, Any]:
    """From a row, which is at the pointer ``body`` of an answer, to what can be done with it."""
    parts = {
        part: f"$response.body#{body}/{_pointer(name)}" for name, part in described.key.items()
    }
    return {
        name: {"operationId": described.operations[name], "parameters": parts}
        for name in _OF_ROWS
        if name in described.operations
    }


def related(described: Described, of: Mapping[str, Described]) -> dict[str, Any]:
    """From a row to what is related to it, where a parameter takes the value."""
    given = Identifiers()
    links = {}
    for relation in described.relations:
        target = of[relation.target]
        pairs = _pairs(described, target, relation)
        link = _to_list(target, pairs) if relation.many else _to_row(target, pairs)
        if link is not None:
            links[given.give(snake_words(relation.name))] = link
    return links


def _pairs(near: Described, far: Described, relation: Relation) -> dict[str, str]:
    """The columns that a relation compares, far by near; none if it takes more."""
    if len(relation.links) != 1:
        return {}
    near_names = {id(column.source): name for name, column in near.columns.items()}
    far_names = {id(column.source): name for name, column in far.columns.items()}
    pairs = [(id(one), id(other)) for one, other in relation.links[0].pairs]
    if not all(one in near_names and other in far_names for one, other in pairs):
        return {}
    return {far_names[other]: near_names[one] for one, other in pairs}


def _to_row(target: Described, pairs: dict[str, str]) -> dict[str, Any] | None:
    if not target.has_rows or set(pairs) != set(target.resource.key):
        return None
    parts = {target.key[far]: f"$response.body#/{_pointer(near)}" for far, near in pairs.items()}
    return {"operationId": target.operations["read"], "parameters": parts}


def _to_list(target: Described, pairs: dict[str, str]) -> dict[str, Any] | None:
    if not target.plain or not pairs:
        return None
    values = {
        filter_name(far, target.columns): f"$response.body#/{_pointer(near)}"
        for far, near in pairs.items()
    }
    return {"operationId": target.operations["list"], "parameters": values}


def _pointer(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
