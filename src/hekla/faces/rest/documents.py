"""Request bodies: JSON documents, exact to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from hekla.errors import INVALID_BODY, UNSUPPORTED_MEDIA_TYPE, Fault, Problem
from hekla.web.request import Request

__all__ = [
    "JSON_TYPES",
    "MERGE_PATCH",
    "check_type",
    "decode",
    "read_document",
    "read_object",
    "read_objects",
]

# A number with a fraction stays as exact as it was written; its column decides what it becomes.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

MERGE_PATCH = "application/merge-patch+json"
JSON_TYPES = ("application/json",)


def media_type(request: Request) -> str:
    """The media type of the body, without parameters; empty if none is given."""
    return (request.headers.get("content-type") or "").partition(";")[0].strip().lower()


async def read_document(request: Request, types: tuple[str, ...] = JSON_TYPES) -> Any:
    """The JSON document of the body. Raises Problem for another type, and for no JSON."""
    check_type(request, types)
    return decode(await request.body())


def check_type(request: Request, types: tuple[str, ...]) -> None:
    """Raise Problem ``unsupported_media_type`` unless the body is of one of ``types``.

    The type has to be said: what a page of another origin can send without being asked for
    (a form, plain text) is never taken for JSON.
    """
    given = request.headers.first.get("content-type")
    if given not in types:
        kind = media_type(request)
        if kind not in types:
            said = f"it is {kind}" if kind else "it has no Content-Type"
            raise Problem(
                UNSUPPORTED_MEDIA_TYPE,
                f"The body has to be {' or '.join(types)}; {said}.",
                headers={"accept": ", ".join(types)},
            )
    if "content-encoding" in request.headers.first:
        _check_coding(request.headers.first["content-encoding"])


def decode(body: bytes) -> Any:
    """The JSON document that ``body`` is the text of; Problem ``invalid_body`` if it is none."""
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        raise _no_json(str(error)) from error
    except (RecursionError, ValueError, UnicodeDecodeError) as error:
        raise _no_json("it is nested too deeply, or holds what is no text or number") from error


def _check_coding(coding: str) -> None:
    """Raise Problem for a body that is packed: only files of rows may be."""
    if coding.strip().lower() not in ("identity", ""):
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            "A document comes without Content-Encoding; what is imported may be packed.",
            headers={"accept-encoding": "identity"},
        )


def _no_json(why: str) -> Problem:
    return Problem(INVALID_BODY, f"The body is no JSON document: {why}.")


def read_object(document: Any, at: str = "") -> dict[str, Any]:
    """``document`` if it is an object; else Problem ``invalid_body``."""
    if type(document) is dict:
        return document
    raise _wrong("an object", document, at)


def read_objects(document: Any, at: str = "") -> list[dict[str, Any]]:
    """``document`` if it is an array of objects; else Problem ``invalid_body``."""
    if type(document) is not list:
        raise _wrong("an object or an array of objects", document, at)
    for place, item in enumerate(document):
        if type(item) is not dict:
            raise _wrong("an object", item, f"{at}/{place}")
    return document


_KINDS = {
    list: "an array",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
    dict: "an object",
}


def _wrong(wanted: str, document: Any, at: str) -> Problem:
    message = f"expected {wanted}, not {_KINDS.get(type(document), 'a number')}"
    return Problem(
        INVALID_BODY,
        f"The body is not as it should be: {message}.",
        errors=[Fault(at, message)],
    )
