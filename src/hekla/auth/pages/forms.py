"""Forms, as browsers send them, and where they lead afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hekla.errors import INVALID_BODY, UNSUPPORTED_MEDIA_TYPE, Problem
from hekla.web.query_string import split_query
from hekla.web.response import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hekla.web.request import Request

__all__ = ["is_own_path", "read_form", "redirect"]

_FORM = "application/x-www-form-urlencoded"
_LONGEST = 4096
# A path of this origin: nothing that a browser could take for another host, nor end a header.
_OWN = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of two of one name the last. Raises Problem for another body."""
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE, f"The body has to be {_FORM}.", headers={"accept": _FORM}
        )
    try:
        text = (await request.body()).decode("ascii")
    except UnicodeDecodeError:
        raise Problem(INVALID_BODY, "The form is not encoded as forms are.") from None
    return {name: value[:_LONGEST] for name, value in split_query(text)}


def is_own_path(text: str) -> bool:
    """Whether a text is the path of a page of this origin, and nothing else (CWE-601)."""
    return _OWN.fullmatch(text) is not None


def redirect(path: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Have a browser go to another page, by GET (RFC 9110, section 15.4.4)."""
    return Response(303, b"", [("location", path), ("cache-control", "no-store"), *headers])
