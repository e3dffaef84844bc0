"""What a database refuses, in words that name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hekla.errors import (
    ALREADY_EXISTS,
    CHECK_FAILED,
    STILL_REFERENCED,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.policy.access import Access
from hekla.schema.resource import Resource
from hekla.sql.plan import ValueSlot, render
from hekla.store.constraints import ConstraintFailed
from hekla.writing.references import missing

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction
    from hekla.writing.writer import Writer

__all__ = ["explain", "left_open"]


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


async def explain(
    failure: ConstraintFailed,
    tx: Transaction,
    resource: Resource,
    row: Mapping[str, Any] | None,
    at: str,
    writer: Writer,
    access: Access,
) -> Problem:
    """The Problem for a constraint that failed; ``row`` is what was to be written, if anything.

    What it speaks of is open to whoever has ``access``: no closed column is named, and no
    resource that shows none of its rows.
    """
    broken = _api_names(failure, resource)
    known = access.columns(resource)
    names = [name for name in broken if name in known]
    match failure.kind:
        case "unique":
            what = " and ".join(names)
            message = (
                f"There is a row of {resource.name} with this {what} already."
                if names and names == broken
                else f"There is such a row of {resource.name} already."
            )
            return Problem(ALREADY_EXISTS, message, errors=_faults(names, at, message))
        case "not_null":
            message = "must not be null"
            return Problem(
                VALIDATION_FAILED,
                "A value is missing.",
                errors=_faults(names, at, message),
            )
        case "check":
            told = failure.name and names == broken
            message = f"The database refuses it: {failure.name}." if told else ""
            return Problem(CHECK_FAILED, message, errors=_faults(names, at, message))
        case "foreign_key":
            return await _foreign_key(tx, resource, row, at, writer, access)


def left_open(failure: ConstraintFailed) -> Problem:
    """The Problem for a deferred constraint: only at its end a write turns out to break it."""
    if failure.kind == "foreign_key":
        return missing((), "", "")
    return Problem(CHECK_FAILED, f"The database refuses it: {failure.name or failure.kind}.")


def _api_names(failure: ConstraintFailed, resource: Resource) -> list[str]:
    if failure.table and failure.table != getattr(resource.table, "name", None):
        return []
    by_column = {
        getattr(column.source, "name", name): name for name, column in resource.columns.items()
    }
    found = [by_column[column] for column in failure.columns if column in by_column]
    if failure.kind == "check" and not found:
        found = _checked_columns(failure.name, resource, by_column)
    if failure.text and not found:
        found = _spoken_of(failure.text, by_column)
    return found


# The words of an SQL expression that may be names: quoted in any way, or bare; texts are none.
_NAMES = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|`([^`]*)`|\[([^]]*)\]|([^\W\d]\w*)""")


def _checked_columns(name: str, resource: Resource, by_column: Mapping[str, str]) -> list[str]:
    """The columns that the check constraint of that name, or of that text, speaks of."""
    text = name
    for constraint in getattr(resource.table, "constraints", ()):
        if isinstance(constraint, sa.CheckConstraint) and constraint.name == name:
            text = str(constraint.sqltext)
    return _spoken_of(text, by_column)


def _spoken_of(text: str, by_column: Mapping[str, str]) -> list[str]:
    """The columns that stand in an SQL expression."""
    words = ["".join(found.groups("")).replace('""', '"') for found in _NAMES.finditer(text)]
    folded = {column.lower(): shown for column, shown in by_column.items()}
    return list(dict.fromkeys(folded[w.lower()] for w in words if w.lower() in folded))


def _faults(names: list[str], at: str, message: str) -> list[Fault]:
    return [Fault(at + _pointer(name), message) for name in names]


async def _foreign_key(
    tx: Transaction,
    resource: Resource,
    row: Mapping[str, Any] | None,
    at: str,
    writer: Writer,
    access: Access,
) -> Problem:
    """Find out which foreign key it is: the database does not say."""
    by_source = {column.source: column for column in resource.columns.values()}
    dialect = writer.store.dialect
    partly: list[tuple[tuple[str, ...], str]] = []
    for constraint in getattr(resource.table, "foreign_key_constraints", ()):
        if row is None:
            break
        columns = [by_source.get(element.parent) for element in constraint.elements]
        known = [r for r in writer.schema if r.table is constraint.referred_table]
        target = known[0].name if known and access.rows(known[0]) is not False else ""
        names = tuple(c.name for c in columns if c is not None and c.name in row)
        if 0 < len(names) < len(columns):
            partly.append((names, target))
        values = [None if c is None else row.get(c.name) for c in columns]
        if None in values:
            continue
        conditions = []
        args = []
        for slot, (element, column) in enumerate(zip(constraint.elements, columns, strict=True)):
            assert column is not None
            bind = ValueSlot(slot).bind(column.type.store(dialect), sa.types.NullType())
            far = sa.type_coerce(element.column, sa.types.NullType())
            conditions.append(far == bind)
            args.append(row[column.name])
        statement: sa.Select[Any] = sa.select(sa.literal_column("1").label("found")).where(
            *conditions
        )
        plan = render(statement, dialect)
        if await tx.fetch(plan.sql, plan.bind(args, writer.anonymous)) is None:
            return missing(names, target, at)
    if row is not None and not set(row) & set(resource.key):
        return missing(*(partly[0] if len(partly) == 1 else ((), "")), at)
    holders = sorted(
        {
            table.name
            for table in getattr(resource.table, "metadata", sa.MetaData()).tables.values()
            for constraint in table.foreign_key_constraints
            if constraint.elements[0].column.table is resource.table
        }
    )
    served = [
        r.name
        for r in writer.schema
        if getattr(r.table, "name", None) in holders and access.rows(r) is not False
    ]
    by = f" (by {' or '.join(served)})" if served else ""
    return Problem(STILL_REFERENCED, f"Other rows still refer to this row of {resource.name}{by}.")
