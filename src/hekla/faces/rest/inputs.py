"""Documents of rows as OpenAPI says them: what may be written, as far as an actor may write it.

What a schema here admits is well formed: whether the rows that are there let it be written is
another question. Some of what is accepted it does not admit, and is told in words: a row of a
relation to one in place of the column that refers to it, and relations of relations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hekla.faces.rest.answers import nullable
from hekla.faces.rest.components import Described
from hekla.faces.rest.identifiers import pascal_case
from hekla.schema.resource import Column
from hekla.writing.ties import Tie

__all__ = ["Inputs", "input_schema"]

_OF_NUMBERS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
_NAMED = ("integer", "text", "uuid")
"""Types of a key of one column that a document names a row by."""


def input_schema(column: Column) -> dict[str, Any]:
    """The JSON Schema of a value that the column takes."""
    schema = dict(column.type.input_schema())
    more = [dict(check.schema) for check in column.checks if check.schema]
    if "anyOf" in schema and any(not _OF_NUMBERS.isdisjoint(each) for each in more):
        # Bounds of numbers say nothing of the same numbers as texts.
        schema = next(each for each in schema["anyOf"] if each["type"] != "string")
    apart = []
    for each in more:
        if each.get("pattern", "").startswith("^") and each["pattern"].endswith("$"):
            schema.pop("pattern", None)
        if schema.keys().isdisjoint(each):
            schema |= each
        else:
            apart.append(each)
    if apart:
        schema = {"allOf": [schema, *apart]}
    if column.nullable:
        schema = nullable(schema)
    elif column.type.name == "json":
        schema["type"] = ["object", "array", "string", "number", "boolean"]
    if column.description:
        schema["description"] = column.description
    return schema


class Inputs:
    """The schemas of one resource's documents; ``of`` finds another resource's description."""

    def __init__(self, described: Described, of: Mapping[str, Described]) -> None:
        self.described = described
        self.of = of

    def create(self) -> dict[str, Any]:
        """A reference to the schema of a new row."""
        described = self.described
        return self._object("Create", described.settable, (), self._nested(exists=False))

    def replace(self) -> dict[str, Any]:
        """The same of a row that takes the place of the one at an address."""
        return self._object("Replace", self.described.settable, self.described.resource.key, {})

    def upsert(self, natural: Collection[str]) -> dict[str, Any]:
        """The same of a row that is named by ``natural``."""
        return self._object("Upsert", self.described.settable, natural, {})

    def patch(self, *, many: bool) -> dict[str, Any]:
        """A reference to the schema of a merge patch, for one row or for many."""
        nested = {} if many else self._nested(exists=True)
        other = self.described.resource.version is not None or self._nested(exists=True)
        name = "PatchMany" if many and other else "Patch"
        columns = {
            name: column
            for name, column in self.described.settable.items()
            if not column.write_once
        }
        return self._object(name, columns, (), nested, partial=True)

    def _object(
        self,
        name: str,
        columns: Mapping[str, Column],
        without: Collection[str],
        nested: dict[str, Any],
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        taken = {own: column for own, column in columns.items() if own not in without}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {own: input_schema(column) for own, column in taken.items()} | nested,
            "additionalProperties": False,
        }
        required = [own for own, column in taken.items() if column.required]
        if required and not partial:
            schema["required"] = required
        version = self.described.resource.version
        if name in ("Replace", "Patch", "Upsert") and version and version in self.described.columns:
            schema["properties"][version] = {
                **self.described.columns[version].type.input_schema(),
                "description": "The version that was read: if it has changed, nothing is written.",
            }
        return self.described.components.schema(f"{self.described.schema}{name}", schema)

    # Rows at the far ends of relations

    def _nested(self, *, exists: bool) -> dict[str, Any]:
        """What may be said of relations to many, of a new row or of one that ``exists``."""
        found = {}
        for name, tie in self.described.ties.items():
            far = self.of.get(tie.relation.target)
            if not tie.relation.many or tie.closed or far is None or tie.once:
                continue
            schema = self._relation(name, tie, far, exists=exists)
            if schema:
                found[name] = schema
        return found

    def _relation(
        self, name: str, tie: Tie, far: Described, *, exists: bool
    ) -> dict[str, Any] | None:
        if _needs_more(tie):
            return None
        key = _key(far) if far.has_rows and not tie.depends else None
        lists: dict[str, Any] = {}
        forms: list[dict[str, Any]] = []
        # What is let go of by an array that leaves it out has to have somewhere to go.
        exact = not exists or tie.holder == "between" or bool(tie.loose)
        if "create" in far.actions and not tie.depends:
            new = self._new(name, tie, far)
            lists["create"] = {"type": "array", "items": new}
            if exact and not any(far.resource.columns[own].required for own in tie.own_key):
                forms.append(lists["create"])
        changes = tie.holder == "between" or "update" in far.actions
        if key is not None and changes:
            lists["link"] = {"type": "array", "items": key, "uniqueItems": True}
            if exact:
                forms.append(lists["link"])
            if exists and (tie.holder == "between" or tie.loose):
                lists["unlink"] = lists["link"]
        if key is not None and exists and "delete" in far.actions:
            lists["delete"] = {"type": "array", "items": key, "uniqueItems": True}
        if not lists:
            return None
        control: dict[str, Any] = {
            "type": "object",
            "properties": lists,
            "additionalProperties": False,
        }
        if exists:
            # In one document no row may be named twice.
            control["maxProperties"] = 1
        words = "Rows that are to belong to it: new ones, or keys of those that exist."
        return {"anyOf": [*forms, control], "description": words}

    def _new(self, name: str, tie: Tie, far: Described) -> dict[str, Any]:
        """A reference to the schema of a new row at the far end."""
        hidden = {*tie.given} | {
            own for own in tie.own_key if not far.resource.columns[own].required
        }
        taken = {own: column for own, column in far.settable.items() if own not in hidden}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {own: input_schema(column) for own, column in taken.items()},
            "additionalProperties": False,
        }
        required = [own for own, column in taken.items() if column.required]
        if required:
            schema["required"] = required
        wanted = f"{self.described.schema}{pascal_case(name)}"
        return self.described.components.numbered(f"{wanted}Create", schema)


def _key(far: Described) -> dict[str, Any] | None:
    """The schema of a key that names a row of ``far`` in a document."""
    columns = [far.columns[name] for name in far.resource.key]
    if len(columns) != 1 or columns[0].type.name not in _NAMED:
        return None
    schema = columns[0].type.input_schema()
    # One way of writing each key, lest one be named twice.
    first: dict[str, Any] = schema["anyOf"][0] if "anyOf" in schema else schema
    return first


def _needs_more(tie: Tie) -> bool:
    """Whether a row of the table in between takes more than the two rows that it ties."""
    if tie.between is None:
        return False
    return any(column.required for column in _others(tie.between.columns.values(), tie.held))


def _others(columns: Iterable[Column], names: Collection[str]) -> list[Column]:
    return [column for column in columns if column.name not in names]
