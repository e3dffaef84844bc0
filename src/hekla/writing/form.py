"""Documents read at one go: decoded and checked by msgspec wherever nothing is wrong with them.

A form gives the row that :class:`hekla.writing.rows.RowReader` would give for the same text, or
nothing. It never says what is wrong: whoever gets nothing reads the document field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

__all__ = ["FAULTY", "Field", "Form"]

FAULTY: Final = (msgspec.DecodeError, RecursionError, ValueError)
"""What decoding a document may raise: it is no JSON, or not what was expected."""

# U+0000, which JSON has in this form only, fits no text of a database.
_NOTHING: Final = b"\\u0000"

Accept = Callable[[Any], Any]


class Field(NamedTuple):
    """What is done with one column of a document.

    ``exactly`` is what msgspec may look for in place of ``accept``; ``test`` all that is asked of
    a value beyond its type.
    """

    name: str
    accept: Accept
    test: Accept | None
    nullable: bool
    required: bool
    exactly: Any = None


class Form:
    """Reads documents that hold some of ``fields``; with ``whole`` all that are required."""

    def __init__(self, fields: Sequence[Field], *, whole: bool) -> None:
        members: list[Any] = []
        further: list[tuple[str, Accept | None, Accept | None, bool]] = []
        for place, field in enumerate(fields):
            needed = whole and field.required
            kind: Any = Any
            if field.exactly is not None:
                kind = field.exactly | None if field.nullable else field.exactly
                kind = kind if needed else kind | UnsetType
            default: Any = msgspec.NODEFAULT if needed else UNSET
            members.append((f"_{place}", kind, msgspec.field(name=field.name, default=default)))
            accept = field.accept if field.exactly is None else None
            if accept is not None or field.test is not None:
                further.append((field.name, accept, field.test, field.nullable))
        document = msgspec.defstruct(
            "Document", members, forbid_unknown_fields=True, kw_only=True, gc=False
        )
        self._names = tuple(field.name for field in fields)
        self._further = tuple(further)
        self._decode = msgspec.json.Decoder(document, float_hook=Decimal).decode
        self._decode_all = msgspec.json.Decoder(list[document], float_hook=Decimal).decode  # type: ignore[valid-type]

    def read(self, body: bytes) -> dict[str, Any] | None:
        """The row of a document, by the names of columns in their order; None if it is faulty."""
        try:
            return None if _NOTHING in body else self._row(astuple(self._decode(body)))
        except FAULTY:
            return None

    def read_all(self, body: bytes) -> list[dict[str, Any]] | None:
        """The rows of an array of documents; None if anything of it is faulty."""
        try:
            if _NOTHING in body:
                return None
            return [self._row(astuple(document)) for document in self._decode_all(body)]
        except FAULTY:
            return None

    def _row(self, values: tuple[Any, ...]) -> dict[str, Any]:
        given = zip(self._names, values, strict=True)
        if UNSET in values:
            row = {name: value for name, value in given if value is not UNSET}
        else:
            row = dict(given)
        for name, accept, test, nullable in self._further:
            value = row.get(name)
            if value is None:
                if not nullable and name in row:
                    raise ValueError(name)
                continue
            if accept is not None:
                value = accept(value)
            row[name] = value if test is None else test(value)
        return row
