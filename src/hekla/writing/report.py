"""What became of an import: how many rows, and what is wrong with which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hekla.errors import Fault, Problem

__all__ = ["MOST_ERRORS", "Outcomes", "RowError"]

MOST_ERRORS = 1000
"""Errors that a report tells of; more rows than that may have failed."""

# Names and values of a client's can be as long as its lines.
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class RowError:
    """One fault of one row: ``row`` counts the rows from 1, ``line`` the lines of the file.

    ``location`` is the JSON pointer of the field, empty for the row as a whole.
    """

    row: int | None
    line: int | None
    location: str
    message: str
    code: str

    def document(self) -> dict[str, Any]:
        """The member of a report."""
        return {
            "row": self.row,
            "line": self.line,
            "location": self.location,
            "message": self.message,
            "code": self.code,
        }


@dataclass(slots=True)
class Outcomes:
    """The numbers of rows by what became of them, and the first :data:`MOST_ERRORS` errors."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def fail(self, row: int | None, line: int | None, problem: Problem, skip: int = 0) -> None:
        """A row has failed; ``skip``: so many characters of locations speak of the row."""
        self.failed += 1
        faults = problem.errors or (Fault("", problem.detail),)
        for fault in faults[: MOST_ERRORS - len(self.errors)]:
            where, message = _short(fault.location[skip:]), _short(fault.message)
            self.errors.append(RowError(row, line, where, message, problem.code.code))

    def add(self, other: Outcomes) -> None:
        """Count in what became of other rows."""
        self.read += other.read
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.failed += other.failed
        self.errors += other.errors[: MOST_ERRORS - len(self.errors)]

    def order(self) -> None:
        """Put the errors into the order of the rows."""
        self.errors.sort(key=lambda error: error.row or 0)

    def document(self) -> dict[str, Any]:
        """The members of a report."""
        return {
            "read": self.read,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "errors": [error.document() for error in self.errors],
        }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
