"""If-Match and If-None-Match on a write, and Prefer (RFC 9110 section 13, RFC 7240)."""

from __future__ import annotations

import re

from hekla.errors import PRECONDITION_FAILED, UNSUPPORTED, Fault, Problem
from hekla.web.conditional import entity_tag, matches, matches_strongly
from hekla.web.headers import HeaderView, list_value
from hekla.writing.work import Precondition

__all__ = ["precondition", "unconditional", "wants_nothing_back"]

_NAMES = ("if-match", "if-none-match")
# RFC 7240 section 2: the first of several of one name counts; a value may stand in quotes.
_RETURN = re.compile(r'(?:^|,)\s*return\s*=\s*(?:"([^"]*)"|([^\s;,]*))', re.IGNORECASE)


def precondition(headers: HeaderView) -> Precondition | None:
    """What the request expects of the row as it is, if anything."""
    first = headers.first
    if "if-match" not in first and "if-none-match" not in first:
        return None
    wanted, unwanted = (list_value(headers, name) for name in _NAMES)

    def check(body: bytes | None) -> None:
        tag = None if body is None else entity_tag(body)
        if wanted is not None and (tag is None or not matches_strongly(wanted, tag)):
            raise _failed("It has changed since it was read: read it again.")
        # Weakly, unlike the other: a tag that is much the same is there (section 13.1.2).
        if (
            unwanted is not None
            and tag is not None
            and (matches(unwanted, tag) or matches_strongly(unwanted, tag))
        ):
            raise _failed("There is such a row already.")

    return check


def unconditional(headers: HeaderView) -> None:
    """Raise Problem ``unsupported`` if the request expects something of the row it means.

    For requests that mean no one row: what is expected would be passed over in silence.
    """
    for name in _NAMES:
        if name in headers.first:
            message = "is for requests that mean one row"
            title = "If-Match" if name == "if-match" else "If-None-Match"
            raise Problem(
                UNSUPPORTED, f"{title} {message}.", errors=[Fault(f"header.{name}", message)]
            )


def _failed(detail: str) -> Problem:
    return Problem(PRECONDITION_FAILED, detail)


def wants_nothing_back(headers: HeaderView) -> bool:
    """Whether the client asks for an answer without a body: ``Prefer: return=minimal``."""
    if "prefer" not in headers.first:
        return False
    found = _RETURN.search(list_value(headers, "prefer") or "")
    return found is not None and (found[1] or found[2]).lower() == "minimal"
