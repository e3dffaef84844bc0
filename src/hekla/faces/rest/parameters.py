"""The parameters of the REST dialect, other than filters, as OpenAPI says them.

No schema here admits what is not accepted; what the dialect has beyond it (deeper relations,
options of an include) is told in the guide of the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hekla.faces.rest.components import (
    MOST_PLAIN,
    Components,
    Described,
    alternatives,
    readable_relations,
)
from hekla.faces.rest.grammar import quote_name
from hekla.faces.rest.values import TEXT, escape_pattern
from hekla.policy.order import shows_key

__all__ = ["count", "cursor", "fields", "figures", "include", "order_by", "paging"]

_AS_LIST: dict[str, Any] = {"style": "form", "explode": False}


def paging(described: Described) -> list[dict[str, Any]]:
    """``limit`` and ``skip``."""
    settings = described.settings
    limit = {
        "type": "integer",
        "minimum": 0,
        "maximum": settings.max_page_size,
        "default": settings.default_page_size,
    }
    skip = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0}
    add = described.components.parameter
    return [
        add("limit", "limit", limit, description="Rows in the page."),
        add("skip", "skip", skip, description="Rows to leave out before the page."),
    ]


def cursor(described: Described) -> list[dict[str, Any]]:
    """``cursor``, of which only the beginning can be made up."""
    if not shows_key(described.access, described.resource):
        return []
    parameter = described.components.parameter(
        "cursor",
        "cursor",
        {"type": "string", "maxLength": 0},
        description=(
            "Empty: pages by cursor, from the beginning; they neither repeat nor miss rows, and "
            "the last costs what the first does. To go on, follow the Link header with "
            'rel="next", or give what X-Next-Cursor said. A cursor cannot be made up, so the '
            "schema admits none."
        ),
    )
    return [parameter]


def count(components: Components) -> dict[str, Any]:
    """``count``, which X-Total-Count answers."""
    words = "`exact`: X-Total-Count says how many rows all pages have."
    return components.parameter(
        "count", "count", {"type": "string", "enum": ["exact"]}, description=words
    )


def search(described: Described) -> list[dict[str, Any]]:
    """``search``, where a resource has columns for it."""
    if not any(name in described.columns for name in described.resource.search):
        return []
    components = described.components
    words = "Words that all have to occur; the best rows come first."
    text = components.schema("Text", TEXT)
    return [components.parameter("search", "search", text, description=words)]


def fields(described: Described) -> dict[str, Any]:
    """``fields``."""
    components = described.components
    names = [_listed(name) for name in described.columns]
    column = components.schema(f"{described.schema}Column", {"type": "string", "enum": names})
    return components.parameter(
        f"{described.schema}.fields",
        "fields",
        {"type": "array", "minItems": 1, "items": column},
        description=(
            "The columns to answer. With `distinct=true` rows that are equal in all of them come "
            "once; then order_by takes only these, and there is neither include nor cursor."
        ),
        **_AS_LIST,
    )


def _listed(name: str) -> str:
    """A column in ``fields``."""
    if name and "," not in name and not name.startswith('"'):
        return name
    return '"' + name.replace('"', '""') + '"'


def include(described: Described) -> list[dict[str, Any]]:
    """``include``, where there are relations: one, or two in a row."""
    paths = []
    for relation in described.relations:
        further = readable_relations(described.target(relation), described.access)
        deeper = alternatives(quote_name(each.name) for each in further)
        path = escape_pattern(quote_name(relation.name))
        nested = deeper and described.settings.max_embed_depth > 1
        paths.append(f"{path}(?:\\.(?:{deeper}))?" if nested else path)
    if not paths or not described.settings.max_embed_depth:
        return []
    return [
        described.components.parameter(
            f"{described.schema}.include",
            "include",
            _patterned(f"^(?:{'|'.join(paths)})$"),
            description="Relations to embed.",
            **_AS_LIST,
        )
    ]


def order_by(described: Described) -> list[dict[str, Any]]:
    """``order_by``: own columns, and those of relations that lead to one row."""
    paths = [quote_name(name) for name, column in described.columns.items() if column.type.sortable]
    for relation in described.relations:
        columns = described.access.columns(described.target(relation))
        if not relation.many and len(columns) <= MOST_PLAIN:
            paths += [
                f"{quote_name(relation.name)}.{quote_name(name)}"
                for name, column in columns.items()
                if column.type.sortable
            ]
    if not paths:
        return []
    pattern = f"^-?(?:{alternatives(paths)})(?::nulls_(?:first|last))?$"
    return [
        described.components.parameter(
            f"{described.schema}.order_by",
            "order_by",
            _patterned(pattern),
            description="Columns to order by; a minus sign turns the order round.",
            **_AS_LIST,
        )
    ]


def _patterned(pattern: str) -> dict[str, Any]:
    return {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "pattern": pattern},
    }


def figures(described: Described) -> dict[str, Any]:
    """The groups and measures of an aggregate, of which there has to be one."""
    lists: dict[str, list[str]] = {"group_by": []}
    for name, column in described.columns.items():
        if column.type.sortable:
            lists["group_by"].append(name)
        for function in ("count_distinct", "sum", "avg", "min", "max"):
            if function in column.type.aggregates:
                lists.setdefault(function, []).append(name)
    components = described.components
    properties: dict[str, Any] = {
        "count": {"type": "string", "pattern": f"^(?:{_columns(described.columns)})?$"}
    }
    for function, names in lists.items():
        if names:
            listed = {"type": "string", "pattern": f"^{_columns(names)}$"}
            properties[function] = components.numbered(f"{described.schema}Columns", listed)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
    }
    # A group called "count" would give the measure another name.
    if "count" not in described.columns:
        schema |= _depending(properties)
    return components.parameter(
        f"{described.schema}.figures",
        described.object_name("figures"),
        components.schema(f"{described.schema}Figures", schema),
        description="What to work out, at least one of it; each a parameter of its own.",
        required=True,
        style="form",
        explode=True,
    )


def _columns(names: Iterable[str]) -> str:
    one = f"(?:{alternatives(quote_name(name) for name in names)})"
    return f"{one}(?:,{one}){{0,7}}"


def _depending(properties: dict[str, Any]) -> dict[str, Any]:
    """What speaks of measures that are asked for; the schema knows the number of rows only."""
    properties["having"] = {
        "type": "string",
        "pattern": r"^\(count(?:__(?:ne|gt|gte|lt|lte))?=[0-9]{1,9}\)$",
    }
    properties["order_by"] = {"type": "string", "pattern": "^-?count$"}
    asked = {"required": ["count"], "properties": {"count": {"const": ""}}}
    return {"dependentSchemas": {"having": asked, "order_by": asked}}
