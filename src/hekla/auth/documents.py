"""The JSON documents that the endpoints of sign-in take, read with every fault told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hekla.errors import (
    INVALID_BODY,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.schema.names import nearest
from hekla.web.request import Request

__all__ = ["Fields", "invalid", "read_fields", "read_json"]

_WORDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    dict: "an object",
    list: "an array",
}
_LONGEST = 4096


@dataclass(frozen=True)
class Fields:
    """The members of a document: those that have to be there, and those that may be.

    ``others``: it may hold further members, which whoever asks for it looks at. ``schemas`` says
    more of members in JSON Schema, for the description only.
    """

    required: Mapping[str, type] = field(default_factory=dict)
    optional: Mapping[str, type] = field(default_factory=dict)
    others: bool = False
    schemas: Mapping[str, Any] = field(default_factory=dict)


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of the body. Raises Problem for another type of body, and for no object.

    The type has to be said: what a page of another origin can send without being asked for (a
    form, plain text) is never taken for JSON.
    """
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        said = f"it is {kind}" if kind else "it has no Content-Type"
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"The body has to be application/json; {said}.",
            headers={"accept": "application/json"},
        )
    try:
        document = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Problem(INVALID_BODY, f"The body is no JSON document: {error}.") from None
    if not isinstance(document, dict):
        raise Problem(
            INVALID_BODY,
            "The body is not as it should be: expected an object.",
            errors=[Fault("", "expected an object")],
        )
    return document


async def read_fields(request: Request, fields: Fields) -> dict[str, Any]:
    """The document of the body, its members of the types that ``fields`` says.

    Raises Problem ``validation_failed`` with every fault there is.
    """
    empty = not fields.required and "content-type" not in request.headers.first
    document = {} if empty else await read_json(request)
    faults: list[Fault] = []
    for name, kind in {**fields.required, **fields.optional}.items():
        value = document.get(name)
        if value is None:
            if name in fields.required:
                message = "must not be null" if name in document else "is required"
                faults.append(Fault(f"/{name}", message))
            continue
        if type(value) is not kind:
            faults.append(Fault(f"/{name}", f"must be {_WORDS[kind]}"))
        elif isinstance(value, str) and len(value) > _LONGEST:
            faults.append(Fault(f"/{name}", f"must be at most {_LONGEST} characters long"))
    if not fields.others:
        known = (*fields.required, *fields.optional)
        for name in list(document)[:100]:
            if name not in known:
                hint = nearest(name[:64], known)
                faults.append(Fault(f"/{_escaped(name)}", f"there is no such field{hint}"))
    if faults:
        raise invalid(*faults)
    return document


def invalid(*faults: Fault) -> Problem:
    """The Problem of a document with these faults."""
    said = "; ".join(f"{fault.location.removeprefix('/')} {fault.message}" for fault in faults[:3])
    return Problem(VALIDATION_FAILED, f"The document is not valid: {said}.", errors=faults)


def _escaped(name: str) -> str:
    return name[:200].replace("~", "~0").replace("/", "~1")
