"""Rows that are written together with the row whose document speaks of them.

A row refers to others before it is written, and others refer to it after that: so the far end
of a foreign key of its own is made first, all else follows. Each row is written as it would be
by itself, under the same rules; what ties two rows counts as a change of the row that holds it.
The row of a table in between is created and deleted under the rules of that table's resource.
If it is none, whoever may change the near row and see the far one may tie them.

Whatever goes wrong has the JSON pointer of its place in the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hekla.query.mutation import Create, Existing, Nested, Row, Update
from hekla.query.shape import Pattern, Question
from hekla.schema.resource import Resource
from hekla.writing.ends import Between, End, Referring, typed_values
from hekla.writing.places import invalid, located, missing_row
from hekla.writing.rows import pointer
from hekla.writing.ties import Tie

if TYPE_CHECKING:
    from hekla.writing.work import StoredKey, Work, Written

__all__ = ["create_with", "update_with"]


async def create_with(
    work: Work, resource: Resource, new: Create, answer: Question | None
) -> Written:
    """A new row, and what its document says of others."""
    ties = work.writer.ties(work.access, resource)
    row, places = await _refer(work, resource, ties, new.row, new.nested, new.at, None)
    with located(new.at, places):
        if resource.validators:
            work.writer.check(resource, row, new.at)
        written = await work.create(resource, Create(new.resource, row, (), new.at), None)
    await _attach(work, resource, ties, new.nested, written.key, fresh=True)
    written.body = await work.body(resource, written.key, answer)
    return written


async def update_with(
    work: Work,
    resource: Resource,
    change: Update,
    pattern: Pattern | None,
    place: Sequence[Any],
    answer: Question | None,
) -> Written:
    """A change of a row, and what its document says of others."""
    ties = work.writer.ties(work.access, resource)
    key = await work._find(resource, pattern, place, "update", tuple(change.row))
    row, places = await _refer(work, resource, ties, change.row, change.nested, change.at, key)
    alone = Update(
        change.resource,
        change.where,
        row,
        merge=change.merge,
        version=change.version,
        at=change.at,
    )
    with located(change.at, places):
        written = await work._update(resource, alone, None, key, None)
    await _attach(work, resource, ties, change.nested, written.key, fresh=False)
    written.body = await work.body(resource, written.key, answer)
    return written


# What the row refers to


async def _refer(
    work: Work,
    resource: Resource,
    ties: Mapping[str, Tie],
    given: Row,
    nesting: Iterable[Nested],
    at: str,
    key: StoredKey | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The row with its references, and where faults of these columns are in the document.

    ``key`` is that of the row if it is there already.
    """
    row = dict(given)
    places: dict[str, str] = {}
    for nested in nesting:
        tie = ties[nested.relation]
        if tie.holder != "near":
            continue
        end = End(work, resource, tie, nested, key)
        for each in nested.update:
            await end.change(await end.belonging(each), each, {})
        if not (nested.rows or nested.exact):
            continue
        end.check_open(created=key is None)
        values = await _referred(end, nested)
        for name, value in values.items():
            if name in row and row[name] != value:
                raise invalid(pointer(at, name), f"must be as in {nested.relation}, or left out")
            row[name] = value
            places[pointer(at, name)] = nested.at
    return row, places


async def _referred(end: End, nested: Nested) -> dict[str, Any]:
    """The values of a foreign key that refers to the one row of ``nested``, or to none."""
    tie = end.tie
    if not nested.rows:
        return dict.fromkeys(end.loose())
    (each,) = nested.rows
    if isinstance(each, Existing):
        if not each.changes and all(far in each.key for _, far in tie.far):
            if end.work.access.rows(tie.target) is not False and await end.sought(each) is None:
                raise missing_row(tie.target, each.at)
            return end.convert({near: each.key[far] for near, far in tie.far}, tie.far)
        key = await end.sought(each)
        if key is None:
            raise missing_row(tie.target, each.at)
        key = await end.change(key, each, {})
    else:
        key = await end.created(each, {})
    values = await typed_values(end.work, tie.target, key, [far for _, far in tie.far])
    return end.convert({near: values[far] for near, far in tie.far}, tie.far)


# What refers to the row, or is tied to it by a table in between


async def _attach(
    work: Work,
    resource: Resource,
    ties: Mapping[str, Tie],
    nesting: Iterable[Nested],
    key: StoredKey,
    *,
    fresh: bool,
) -> None:
    for nested in nesting:
        tie = ties[nested.relation]
        if tie.holder == "near":
            continue
        kind = Referring if tie.holder == "far" else Between
        await kind(work, resource, tie, nested, key).attach(fresh=fresh)
