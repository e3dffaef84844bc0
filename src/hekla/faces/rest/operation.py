"""A write as it was asked for: first without its document, then with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from hekla.engine import Precondition, Written
from hekla.faces.rest.documents import JSON_TYPES
from hekla.query.mutation import Mutation
from hekla.query.shape import Question
from hekla.web.response import Response

__all__ = ["Operation", "Reading", "Tell", "Write"]

Tell = Callable[[Sequence[Written], str], Response]
"""The response about what was written, one for each mutation, with the app's base path."""


class Write(msgspec.Struct, frozen=True, gc=False):
    """What is to be done, and how it is told: all mutations together or none.

    ``answer`` is asked of each row that was written, ``precondition`` of the row of the one
    mutation there is.
    """

    mutations: Sequence[Mutation]
    tell: Tell
    answer: Question | None = None
    precondition: Precondition | None = None


class Reading(Protocol):
    """From a decoded document to a write; faults in it have places that begin with ``at``."""

    def __call__(self, document: Any, at: str = "") -> Write: ...


class Operation(msgspec.Struct, frozen=True, gc=False):
    """What address, parameters and headers ask for, and may ask for.

    ``read`` makes the write of the decoded document, which has to be of one of ``types``;
    with none of them it has no document, and ``read`` is given None.

    ``read_json`` may make the same write of the document's text, in less time. It says nothing
    of faults: it gives None then, and ``read`` has to be asked.
    """

    read: Reading
    types: tuple[str, ...] = JSON_TYPES
    read_json: Callable[[bytes], Write | None] | None = None
