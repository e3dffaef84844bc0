"""If-Match and If-None-Match on a write, and Prefer (RFC 9110 section 13, RFC 7240)."""

from __future__ import annotations

from hekla.errors import PRECONDITION_FAILED, Problem
from hekla.web.conditional import entity_tag, matches_strongly
from hekla.web.headers import HeaderView
from hekla.writing.work import Precondition

__all__ = ["precondition", "wants_nothing_back"]


def precondition(headers: HeaderView) -> Precondition | None:
    """What the request expects of the row as it is, if anything."""
    wanted = headers.first.get("if-match")
    unwanted = headers.first.get("if-none-match")
    if wanted is None and unwanted is None:
        return None

    def check(body: bytes | None) -> None:
        tag = None if body is None else entity_tag(body)
        if wanted is not None and (tag is None or not matches_strongly(wanted, tag)):
            raise _failed("It has changed since it was read: read it again.")
        if unwanted is not None and tag is not None and matches_strongly(unwanted, tag):
            raise _failed("There is such a row already.")

    return check


def _failed(detail: str) -> Problem:
    return Problem(PRECONDITION_FAILED, detail)


def wants_nothing_back(headers: HeaderView) -> bool:
    """Whether the client asks for an answer without a body: ``Prefer: return=minimal``."""
    prefer = headers.first.get("prefer")
    if prefer is None:
        return False
    wishes = (part.partition(";")[0].strip().lower() for part in prefer.split(","))
    return any(wish.replace(" ", "") == "return=minimal" for wish in wishes)
