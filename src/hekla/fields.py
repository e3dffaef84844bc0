"""Column types and bounds that ask more of a value than the database does.

They are ordinary SQLAlchemy: a column of type ``Email`` is a VARCHAR, and ``bounds`` goes into
a column's ``info``. Hekla checks what is written through it, and tells it in the API's
description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from hekla.schema.check import CHECKS, Check, Checked, longest

__all__ = ["Email", "Invalid", "Slug", "Url", "bounds"]

# A valid e-mail address of HTML (https://html.spec.whatwg.org/#valid-e-mail-address); its
# first part has 64 characters at most (RFC 5321, section 4.5.3.1.1).
_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL: Final = rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*"
# RFC 3986: no user and password, which would deceive whoever reads it.
_HOST: Final = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:.]+\])"
_REST: Final = r"(?:[/?#](?:[a-zA-Z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9a-fA-F]{2})*)?"
_SLUG: Final = "[a-zA-Z0-9_-]+"


def _matches(pattern: str, message: str, **schema: Any) -> Check:
    """A check that the whole text matches."""
    match = re.compile(pattern).fullmatch
    return Check(
        lambda value: match(value) is not None, message, {"pattern": f"^{pattern}$", **schema}
    )


class Email(sa.String, Checked):
    """An e-mail address, of ``length`` characters at most."""

    checks = (
        _matches(_EMAIL, "must be an e-mail address, such as name@example.org", format="email"),
    )

    def __init__(self, length: int | None = 254, collation: str | None = None) -> None:
        super().__init__(length, collation)


class Url(sa.String, Checked):
    """An http or https address (RFC 3986), of ``length`` characters at most."""

    checks = (
        _matches(
            rf"https?://{_HOST}(?::[0-9]{{1,5}})?{_REST}",
            "must be an http or https address, such as https://example.org/page",
            format="uri",
        ),
    )

    def __init__(self, length: int | None = 2048, collation: str | None = None) -> None:
        super().__init__(length, collation)


class Slug(sa.String, Checked):
    """A name for addresses: ASCII letters, digits, hyphens and underscores."""

    checks = (_matches(_SLUG, "must consist of ASCII letters, digits, hyphens and underscores"),)

    def __init__(self, length: int | None = 50, collation: str | None = None) -> None:
        super().__init__(length, collation)


def bounds(
    *,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    multiple_of: int | float | Decimal | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> dict[str, Any]:
    """What a column asks of its values: ``mapped_column(info=fields.bounds(ge=1, le=5))``.

    ``ge`` (at least), ``gt`` (more than), ``le`` (at most) and ``lt`` (less than) are numbers,
    or dates and times as the column has them; lengths count characters, or bytes; ``pattern``
    is a regular expression of Python's that has to match somewhere in the text, as in JSON
    Schema. The result can be put together with other ``info``: ``{**bounds(ge=1), "x": 2}``.
    """
    checks: list[Check] = []
    if ge is not None:
        checks.append(_bound("minimum", ge, lambda value: value >= ge, "at least"))
    if gt is not None:
        checks.append(_bound("exclusiveMinimum", gt, lambda value: value > gt, "more than"))
    if le is not None:
        checks.append(_bound("maximum", le, lambda value: value <= le, "at most"))
    if lt is not None:
        checks.append(_bound("exclusiveMaximum", lt, lambda value: value < lt, "less than"))
    if multiple_of is not None:
        checks.append(_multiple(multiple_of))
    if min_length is not None:
        least = min_length
        checks.append(
            Check(
                lambda value: len(value) >= least,
                f"must be at least {least} characters long",
                {"minLength": least},
            )
        )
    if max_length is not None:
        checks.append(longest(max_length))
    if pattern is not None:
        search = re.compile(pattern).search
        checks.append(
            Check(
                lambda value: search(value) is not None,
                f"must match the pattern {pattern}",
                {"pattern": pattern},
            )
        )
    return {CHECKS: tuple(checks)}


def _bound(keyword: str, bound: Any, test: Any, words: str) -> Check:
    # JSON Schema knows bounds of numbers only.
    number = isinstance(bound, int | float | Decimal)
    shown = bound if number or not hasattr(bound, "isoformat") else bound.isoformat()
    schema = {keyword: float(bound) if isinstance(bound, Decimal) else bound} if number else {}
    return Check(test, f"must be {words} {shown}", schema)


def _multiple(step: int | float | Decimal) -> Check:
    exact = Decimal(str(step))
    return Check(
        lambda value: Decimal(str(value)) % exact == 0,
        f"must be a multiple of {step}",
        {"multipleOf": float(step) if isinstance(step, Decimal) else step},
    )


class Invalid(ValueError):
    """What a validator of rows raises to say which columns are at fault, and how.

    ``Invalid({"due_date": "must not be before start_date"})``; a plain ValueError is about the
    row as a whole.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {message}" for name, message in faults.items()))
        self.faults = dict(faults)
