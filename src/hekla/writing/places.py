"""Places of faults in a document with rows inside rows, as JSON pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hekla.errors import MISSING_REFERENCE, VALIDATION_FAILED, Fault, Problem
from hekla.schema.resource import Resource

__all__ = ["invalid", "located", "missing_row"]


@contextmanager
def located(at: str, places: Mapping[str, str] | None = None) -> Iterator[None]:
    """Give a Problem the place ``at`` if it has none, and move its faults as ``places`` says."""
    try:
        yield
    except Problem as problem:
        if problem.status >= 500:
            raise
        if not problem.errors:
            if not at:
                raise
            errors = [Fault(at, problem.detail)]
        else:
            moved = places or {}
            errors = [
                Fault(moved.get(fault.location, fault.location), fault.message)
                for fault in problem.errors
            ]
            if errors == list(problem.errors):
                raise
        raise Problem(
            problem.code,
            problem.detail,
            errors=list(dict.fromkeys(errors)),
            headers=problem.headers,
        ) from problem


def missing_row(target: Resource, at: str, more: str = "") -> Problem:
    """The Problem for a row that is not there, or may not be seen, or is none of those ``more``."""
    message = f"There is no such row in {target.name}{more}."
    return Problem(MISSING_REFERENCE, message, errors=[Fault(at, message)])


def invalid(at: str, message: str) -> Problem:
    """The Problem that what stands at ``at`` is not valid."""
    return Problem(VALIDATION_FAILED, f"{at}: {message}.", errors=[Fault(at, message)])
