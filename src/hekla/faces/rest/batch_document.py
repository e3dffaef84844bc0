"""The document of a batch: operations, checked for their form alone."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hekla.errors import INVALID_BODY, LIMIT_EXCEEDED, VALIDATION_FAILED, Fault, Problem
from hekla.schema.names import nearest
from hekla.settings import Settings
from hekla.writing.rows import pointer

__all__ = ["Asked", "read_batch"]

_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "GET")
_WITH_BODY: Final = ("POST", "PUT", "PATCH")
_UNCONDITIONAL: Final = ("POST", "GET")
_MEMBERS: Final = ("method", "path", "body", "if_match", "if_none_match")
# Enough to mend a batch by; a body has room for far more.
_MOST_FAULTS: Final = 100


class Asked(msgspec.Struct, frozen=True):
    """One operation as it stands in the document, at the JSON pointer ``at``."""

    at: str
    method: str
    path: str
    body: Any = None
    if_match: str | None = None
    if_none_match: str | None = None


def read_batch(document: Any, settings: Settings) -> list[Asked]:
    """The operations: an array, or an object that holds it as ``operations``.

    Raises Problem: ``invalid_body``, ``limit_exceeded`` or ``validation_failed``.
    """
    at = ""
    if type(document) is dict and document.keys() == {"operations"}:
        document, at = document["operations"], "/operations"
    if type(document) is not list:
        message = 'expected an array of operations, or {"operations": […]}'
        raise Problem(
            INVALID_BODY, f"The body is no batch: {message}.", errors=[Fault(at, message)]
        )
    most = settings.max_batch_operations
    if len(document) > most:
        raise Problem(
            LIMIT_EXCEEDED,
            f"A batch may hold {most} operations (setting max_batch_operations); "
            f"there are {len(document)}.",
            errors=[Fault(at, f"may hold {most} operations")],
        )
    faults: list[Fault] = []
    asked = [_operation(item, f"{at}/{place}", faults) for place, item in enumerate(document)]
    if faults:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Problem(
            VALIDATION_FAILED,
            f"{first.location}: {first.message}{more}.",
            errors=faults[:_MOST_FAULTS],
        )
    return [each for each in asked if each is not None]


def _operation(item: Any, at: str, faults: list[Fault]) -> Asked | None:
    if type(item) is not dict:
        faults.append(Fault(at, "must be an object"))
        return None
    before = len(faults)
    for name in item:
        if name not in _MEMBERS and len(faults) < _MOST_FAULTS:
            hint = nearest(name, _MEMBERS) if len(name) < 20 else ""
            faults.append(Fault(pointer(at, name), f"there is no such member{hint}"))
    method, path = item.get("method"), item.get("path")
    if type(method) is not str or method not in _METHODS:
        faults.append(Fault(f"{at}/method", f"must be one of {', '.join(_METHODS)}"))
    if type(path) is not str or path[:1] != "/":
        faults.append(Fault(f"{at}/path", "must be a path, such as /tasks/7?fields=id"))
    faults += [
        Fault(f"{at}/{name}", "must be an ETag, as a text")
        for name in ("if_match", "if_none_match")
        if item.get(name) is not None and type(item[name]) is not str
    ]
    if method in _UNCONDITIONAL:
        faults += [
            Fault(f"{at}/{name}", "is for PUT, PATCH and DELETE")
            for name in ("if_match", "if_none_match")
            if item.get(name) is not None
        ]
    if method in _WITH_BODY and "body" not in item:
        faults.append(Fault(f"{at}/body", "is required"))
    elif method in _METHODS and method not in _WITH_BODY and item.get("body") is not None:
        faults.append(Fault(f"{at}/body", f"{method} has no body"))
    if len(faults) > before:
        return None
    return Asked(
        at,
        str(method),
        str(path),
        item.get("body"),
        item.get("if_match"),
        item.get("if_none_match"),
    )
