"""What the parts of the OpenAPI document share: one resource's view of it, and its components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hekla.faces.rest.grammar import quote_name
from hekla.faces.rest.values import escape_pattern
from hekla.policy.access import Access
from hekla.policy.rules import Action
from hekla.query.ast import LOOKUPS
from hekla.schema.names import path_segment
from hekla.schema.resource import Column, Relation, Resource
from hekla.settings import Settings
from hekla.writing.ties import Tie

__all__ = ["MOST_PLAIN", "Components", "Described", "alternatives", "written_name"]

MOST_PLAIN = 60
"""A resource with more columns has no parameter for each: a request with every one of them has
to stay within the limits."""


class Components:
    """The shared schemas and parameters, each put in when it is first spoken of."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}

    def schema(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A reference to ``schema``; the schema itself where it has no name."""
        if not name:
            return dict(schema)
        self.schemas.setdefault(name, dict(schema))
        return {"$ref": f"#/components/schemas/{name}"}

    def numbered(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A reference to ``schema``, which may be one of several of that name."""
        wanted, number = name, 1
        while self.schemas.get(wanted, schema) != schema:
            number += 1
            wanted = f"{name}{number}"
        return self.schema(wanted, schema)

    def parameter(
        self, key: str, name: str, schema: Any, *, place: str = "query", **more: Any
    ) -> dict[str, Any]:
        """A reference to a parameter, of the query string as a rule."""
        parameter = {"name": name, "in": place, **more, "schema": schema}
        self.parameters.setdefault(key, parameter)
        return {"$ref": f"#/components/parameters/{key}"}


@dataclass(frozen=True)
class Described:
    """One resource as far as an actor may see it, and what it is called in the document."""

    resource: Resource
    access: Access
    settings: Settings
    components: Components
    schema: str
    operations: Mapping[str, str]
    """The identifier of each operation: of ``list``, ``read``, ``create`` and so on."""
    columns: Mapping[str, Column]
    parameters: Mapping[str, str]
    """The end of the component name of each column's filter."""
    key: Mapping[str, str] = field(default_factory=dict)
    """The name of each column of the key in the template of the path."""
    actions: frozenset[Action] = frozenset()
    """What may be done with some rows at least."""
    settable: Mapping[str, Column] = field(default_factory=lambda: MappingProxyType({}))
    ties: Mapping[str, Tie] = field(default_factory=lambda: MappingProxyType({}))
    recorded: bool = False
    """Whether its changes are on record."""

    @property
    def plain(self) -> bool:
        """Whether each column is a parameter."""
        return len(self.columns) <= MOST_PLAIN

    @property
    def path(self) -> str:
        return f"/{path_segment(self.resource.name)}"

    @property
    def row_path(self) -> str:
        return f"{self.path}/{','.join(f'{{{name}}}' for name in self.key.values())}"

    @property
    def readable(self) -> bool:
        """Whether some rows may be read."""
        return self.access.rows(self.resource) is not False

    @property
    def has_rows(self) -> bool:
        """Whether a row has an address."""
        return bool(self.resource.key) and all(name in self.columns for name in self.resource.key)

    @property
    def relations(self) -> list[Relation]:
        """The relations that lead to what may be read."""
        return readable_relations(self.resource, self.access)

    def object_name(self, wanted: str) -> str:
        """A name for an object whose properties are the parameters: no column may have it."""
        while wanted in self.columns:
            wanted += "_"
        return wanted

    def target(self, relation: Relation) -> Resource:
        return self.access.schema[relation.target]


def readable_relations(resource: Resource, access: Access) -> list[Relation]:
    """The relations of ``resource`` that lead to what may be read."""
    return [
        relation
        for relation in access.relations(resource).values()
        if access.rows(access.schema[relation.target]) is not False
    ]


def written_name(name: str, columns: Mapping[str, Column]) -> str:
    """How a column is written where lookups may follow it: ``title``, ``"a.b"``."""
    written = quote_name(name)
    head, mark, lookup = name.rpartition("__")
    if mark and lookup in LOOKUPS and head in columns and not written.startswith('"'):
        # Without the quotes it would be a lookup of another column.
        return f'"{name}"'
    return written


def alternatives(texts: Iterable[str]) -> str:
    """The inside of a pattern that finds any of ``texts``."""
    return "|".join([escape_pattern(text) for text in texts])
