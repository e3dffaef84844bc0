"""Writing the row of an address: ``PATCH``, ``PUT`` and ``DELETE /tasks/7``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hekla.engine import Written
from hekla.faces.rest.documents import JSON_TYPES, MERGE_PATCH, read_object
from hekla.faces.rest.operation import Operation, Write
from hekla.faces.rest.preconditions import precondition
from hekla.faces.rest.writable import Writable
from hekla.policy.access import Access
from hekla.query.mutation import Delete
from hekla.web.headers import HeaderView
from hekla.web.response import Response

__all__ = ["PATCH_TYPES", "delete", "replace", "update"]

PATCH_TYPES = (*JSON_TYPES, MERGE_PATCH)


def update(
    target: Writable, rest: str, query: str, access: Access, headers: HeaderView
) -> Operation:
    """``PATCH /tasks/7``: a merge patch (RFC 7396)."""
    target.allow(access, "update")
    answer = target.answer(query, access)
    _, where = target.where(rest)
    tell, expected = target.tells(headers, access), precondition(headers)

    def read(document: Any, at: str = "") -> Write:
        mutation = target.reader(access).update(read_object(document, at), where, at)
        return Write((mutation,), tell, answer, expected)

    def read_json(body: bytes) -> Write | None:
        mutation = target.reader(access).update_json(body, where)
        return None if mutation is None else Write((mutation,), tell, answer, expected)

    return Operation(read, PATCH_TYPES, read_json)


def replace(
    target: Writable, rest: str, query: str, access: Access, headers: HeaderView
) -> Operation:
    """``PUT /tasks/7``: the whole row, made if it is not there."""
    answer = target.answer(query, access)
    if all(access.writes(target.resource, a) is False for a in ("create", "update")):
        target.allow(access, "update")
    key, _ = target.where(rest)
    tell, expected = target.tells(headers, access), precondition(headers)

    def read(document: Any, at: str = "") -> Write:
        named = dict(zip(target.resource.key, key, strict=True))
        mutation = target.reader(access).replace(read_object(document, at), named, at)
        return Write((mutation,), tell, answer, expected)

    return Operation(read)


def delete(
    target: Writable, rest: str, query: str, access: Access, headers: HeaderView
) -> Operation:
    """``DELETE /tasks/7``."""
    target.allow(access, "delete")
    _, where = target.where(rest)
    expected = precondition(headers)
    # Nothing is told of it; but a precondition is asked of what a read would have told.
    answer = target.answer(query, access)
    mutation = Delete(target.resource.name, where)
    write = Write((mutation,), _gone, answer if expected is not None else None, expected)
    return Operation(lambda document, at="": write, ())


def _gone(written: Sequence[Written], base: str) -> Response:
    return Response(204)
