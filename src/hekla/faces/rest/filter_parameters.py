"""Filters as OpenAPI parameters.

``column=value`` is a parameter for each column. All other comparisons are properties of one
object that is written out as parameters of their own (``style: form, explode: true``), told by
patterns: ``title__icontains``, ``owner.name``. Filters through several relations have no end,
so they are told in words; no schema here admits what is not accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hekla.faces.rest.aggregates import AGGREGATE_PARAMETERS
from hekla.faces.rest.components import MOST_PLAIN, Described, alternatives, written_name
from hekla.faces.rest.grammar import quote_name
from hekla.faces.rest.parse import LIST_PARAMETERS
from hekla.faces.rest.unique_sets import shown_sets
from hekla.faces.rest.values import (
    BOOLEAN,
    condition_value,
    escape_pattern,
    lookups_of,
    value_schema,
)
from hekla.schema.resource import Column

__all__ = ["chosen", "filter_name", "filters", "groups", "natural_key"]

# Parameters of a list or of figures: a column of such a name is written with its lookup.
_RESERVED = frozenset(LIST_PARAMETERS) | frozenset(AGGREGATE_PARAMETERS)
_WRITING = _RESERVED | {"all", "upsert"}

_GROUPS = {
    "or": "Conditions of which one has to hold.",
    "and": "Conditions that all have to hold.",
    "not": "Conditions that may not all hold.",
}


def filter_name(name: str, columns: Mapping[str, Column]) -> str:
    """The parameter that compares a column for equality: ``title``, ``limit__exact``."""
    return f"{name}__exact" if name in _RESERVED else written_name(name, columns)


def filters(described: Described) -> list[dict[str, Any]]:
    """The filters by columns."""
    plain = _plain(described) if described.plain else []
    return [*plain, _lookups(described)]


def _plain(described: Described) -> list[dict[str, Any]]:
    components = described.components
    return [
        components.parameter(
            f"{described.schema}.{described.parameters[name]}",
            filter_name(name, described.columns),
            components.schema(*value_schema(column.type, "exact")),
        )
        for name, column in described.columns.items()
        if "exact" in column.type.lookups
    ]


def _lookups(described: Described) -> dict[str, Any]:
    schema = {
        "type": "object",
        "patternProperties": _patterns(described, described.plain, _RESERVED),
        "additionalProperties": False,
        "maxProperties": described.settings.max_filter_terms,
    }
    return described.components.parameter(
        f"{described.schema}.lookups",
        described.object_name("lookups"),
        described.components.schema(f"{described.schema}Lookups", schema),
        description="Other comparisons, and through relations; each a parameter of its own.",
        style="form",
        explode=True,
    )


def chosen(described: Described, *, required: bool = True) -> dict[str, Any]:
    """The filters that say which rows are written, of which there has to be one."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"all": {"type": "string", "enum": ["true"]}},
        "patternProperties": _patterns(described, False, _WRITING),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": described.settings.max_filter_terms,
    }
    return described.components.parameter(
        f"{described.schema}.{'filters' if required else 'optional_filters'}",
        described.object_name("filters"),
        described.components.schema(f"{described.schema}Filters", schema),
        description=(
            "Which rows are meant, as in a list; each a parameter of its own. "
            + ("To write every row takes `all=true`." if required else "Without any, all are.")
        ),
        required=required,
        style="form",
        explode=True,
    )


def natural_key(described: Described) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What a row is called beside its key, if there is anything: the columns and the parameter."""
    known = shown_sets(described.resource, described.columns)
    names = next((each for each in known if each != described.resource.key), known[0])
    columns = described.resource.columns
    schema = {
        "type": "object",
        "properties": {
            name: described.components.schema(*value_schema(columns[name].type, "exact"))
            for name in names
        },
        "required": list(names),
        "additionalProperties": False,
    }
    parameter = described.components.parameter(
        f"{described.schema}.natural_key",
        described.object_name("key"),
        described.components.schema(f"{described.schema}NaturalKey", schema),
        description="What the row is called; each a parameter of its own.",
        required=True,
        style="form",
        explode=True,
    )
    return names, parameter


def _patterns(described: Described, plain: bool, reserved: frozenset[str]) -> dict[str, Any]:
    """Comparisons by the patterns of their names; without those that are ``plain`` parameters."""
    patterns = _Patterns(described)
    for bare in (False, True):
        # A bare name that is a parameter already, here or as one of its own, is left out.
        columns = {
            name: column
            for name, column in described.columns.items()
            if bare is (name not in reserved and not plain)
        }
        patterns.add(columns, described.columns, "", bare=bare, exact=not plain)
    for relation in described.relations:
        name = escape_pattern(quote_name(relation.name))
        patterns.claim("Boolean", BOOLEAN, f"{name}__isnull")
        columns = dict(described.access.columns(described.target(relation)))
        if len(columns) <= MOST_PLAIN:
            quantifier = "(?::(?:any|all|none))?" if relation.many else ""
            patterns.add(columns, columns, f"{name}{quantifier}\\.", bare=True, exact=True)
    return patterns.schemas()


class _Patterns:
    """Patterns of names of parameters, gathered by the schema of the value."""

    def __init__(self, described: Described) -> None:
        self._components = described.components
        self._forms: dict[str, list[str]] = {}
        self._values: dict[str, dict[str, Any]] = {}

    def claim(self, label: str, value: dict[str, Any], form: str) -> None:
        """Names of the form ``form`` take ``value``."""
        key = label or repr(value)
        self._values.setdefault(key, self._components.schema(label, value))
        self._forms.setdefault(key, []).append(form)

    def add(
        self,
        columns: Mapping[str, Column],
        siblings: Mapping[str, Column],
        prefix: str,
        *,
        bare: bool,
        exact: bool,
    ) -> None:
        """All lookups of ``columns``; ``bare``: a name without one means equality."""
        found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        values: dict[str, tuple[str, dict[str, Any]]] = {}
        for name, column in columns.items():
            lookups: dict[str, list[str]] = {}
            for lookup in lookups_of(column.type):
                if exact or lookup != "exact":
                    label, value = value_schema(column.type, lookup)
                    key = label or repr(value)
                    values[key] = (label, value)
                    lookups.setdefault(key, []).append(lookup)
            for key, names in lookups.items():
                form = (key, tuple(names))
                found.setdefault(form, []).append(written_name(name, siblings))
        for (key, lookup_names), names in found.items():
            behind = f"__(?:{'|'.join(lookup_names)})"
            if bare and "exact" in lookup_names:
                behind = f"(?:{behind})?"
            self.claim(*values[key], f"{prefix}(?:{alternatives(names)}){behind}")

    def schemas(self) -> dict[str, Any]:
        """What ``patternProperties`` holds."""
        return {f"^(?:{'|'.join(forms)})$": self._values[key] for key, forms in self._forms.items()}


def groups(described: Described) -> list[dict[str, Any]]:
    """``or``, ``and`` and ``not``."""
    schema = described.components.schema(
        f"{described.schema}Conditions",
        {"type": "string", "pattern": _conditions(described.columns)},
    )
    return [
        described.components.parameter(
            f"{described.schema}.{name}", name, schema, description=sentence
        )
        for name, sentence in _GROUPS.items()
    ]


def _conditions(columns: Mapping[str, Column]) -> str:
    """The pattern of ``(a=1,b__ne=x)``, with one value each."""
    names: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, column in columns.items():
        value = condition_value(column.type)
        if value is not None:
            lookups = tuple(
                lookup
                for lookup in lookups_of(column.type)
                if lookup not in ("exact", "in", "not_in", "range", "regex", "isnull")
            )
            names.setdefault((value, lookups), []).append(written_name(name, columns))
    forms = []
    for (value, lookups), written in names.items():
        behind = f"(?:__(?:{'|'.join(lookups)}))?" if lookups else ""
        forms.append(f"(?:{alternatives(written)}){behind}={value}")
    one = f"(?:{'|'.join(forms)})"
    return f"^\\((?:{one}(?:,{one}){{0,7}},?)?\\)$"
