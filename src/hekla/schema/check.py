"""Tests of one value: what a column asks for beyond its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CHECKS", "Check", "Checked", "longest"]

CHECKS = "hekla_checks"
"""The key of a column's ``info`` under which its checks stand."""


@dataclass(frozen=True, slots=True)
class Check:
    """A test of one Python value that is not NULL.

    ``message`` says what is expected (``must be at least 1``), ``schema`` the same in the
    words of JSON Schema (draft 2020-12), of the value's JSON form.
    """

    test: Callable[[Any], bool]
    message: str
    schema: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, value: Any) -> None:
        """Raise ValueError if ``value`` does not pass."""
        if not self.test(value):
            raise ValueError(self.message)


class Checked:
    """A SQLAlchemy type that asks more of a value than it stores."""

    checks: tuple[Check, ...] = ()


def longest(length: int) -> Check:
    """A check that a text has ``length`` characters at most."""
    return Check(
        lambda value: len(value) <= length,
        f"must be at most {length} characters long",
        {"maxLength": length},
    )
