"""JSON merge patches (RFC 7396), where somebody has to see what comes of one.

Where nobody has to, the database merges: SQLite's ``json_patch`` gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hekla.errors import VALIDATION_FAILED, Fault, Problem
from hekla.schema.resource import Column, Resource
from hekla.writing.rows import pointer, tested

__all__ = ["is_judged", "merge_patch", "patch_columns"]


def is_judged(column: Column) -> bool:
    """Whether the values of a column are asked for more than its type."""
    return bool(column.checks or column.validators)


def patch_columns(
    resource: Resource,
    before: Mapping[str, Any],
    patches: Mapping[str, Any],
    names: Iterable[str],
    at: str,
) -> dict[str, Any]:
    """The values of the columns ``names`` of JSON, as ``patches`` change those in ``before``.

    Raises Problem ``validation_failed`` where a column does not take what comes of it.
    """
    values: dict[str, Any] = {}
    faults = []
    for name in sorted(names):
        try:
            merged = merge_patch(before[name], patches[name])
            values[name] = tested(resource.column(name), merged)
        except ValueError as error:
            faults.append(Fault(pointer(at, name), str(error)))
    if faults:
        detail = f"{faults[0].location}: {faults[0].message}."
        raise Problem(VALIDATION_FAILED, detail, errors=faults)
    return values


def merge_patch(target: Any, patch: Any) -> Any:
    """What ``patch`` makes of ``target``, as section 2 has it; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
