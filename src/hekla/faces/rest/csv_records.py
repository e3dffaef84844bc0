"""CSV read record by record (RFC 4180), where NULL and the empty text are told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from hekla.errors import INVALID_BODY, LIMIT_EXCEEDED, Problem
from hekla.writing.intake import Record

__all__ = ["CsvRecords", "broken", "too_long"]

BOM: Final = b"\xef\xbb\xbf"
_EMPTY: Final = (b"\n", b"\r\n")
_QUOTED: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')


class _Fault(ValueError):
    """What is wrong with one record."""


class CsvRecords:
    """The records of a file whose first line names the columns.

    A field without quotes that is empty is NULL, ``""`` is the empty text. Lines end in CRLF
    or LF; empty ones are no records, except where there is one column only: there it is NULL.
    No record may be longer than ``longest`` bytes. Raises Problem ``invalid_body`` for a header
    that is none and, while it is read, for a quote that is never closed.
    """

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self._file = file
        self._longest = longest
        self._line = 0
        first = self._next()
        if not first:
            raise broken("there is no line that names the columns")
        try:
            fields = self._fields(first.removeprefix(BOM))
        except _Fault as fault:
            raise broken(f"line 1 {fault}") from fault
        names = [name for name in fields if name]
        if len(names) < len(fields):
            raise broken("line 1 holds a column without a name")
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise broken(f"line 1 names the column {twice[:100]} twice")
        self.names: list[str] = names

    def __iter__(self) -> Iterator[Record]:
        names, width, row = self.names, len(self.names), 0
        while True:
            begun = self._line + 1
            line = self._next()
            if line is None:
                return
            if width > 1 and line in _EMPTY:
                continue
            row += 1
            try:
                fields = self._fields(line)
            except _Fault as fault:
                yield Record(row, begun, None, str(fault))
                continue
            if len(fields) != width:
                fault_text = f"has {len(fields)} fields, and the header {width}"
                yield Record(row, begun, None, fault_text)
                continue
            yield Record(row, begun, dict(zip(names, fields, strict=True)))

    def _next(self) -> bytes | None:
        """The next line with its end; None after the last."""
        line = self._file.readline(self._longest + 1)
        if not line:
            return None
        if len(line) > self._longest:
            raise too_long(self._line + 1, self._longest)
        self._line += 1
        return line

    def _fields(self, line: bytes) -> list[str | None]:
        """The fields of the record that begins with ``line``; raises _Fault."""
        text = _decode(_without_end(line))
        if '"' not in text:
            if "\r" in text:
                raise _Fault("holds a carriage return outside of quotes")
            return [field or None for field in text.split(",")]
        fields = _split(text)
        if fields is not None:
            return fields
        # A quote is open. The next line with an odd number of quotes closes it: within quotes a
        # quote is written twice, and what is not makes the whole record wrong.
        begun, parts, size = self._line, [line], len(line)
        while True:
            more = self._file.readline(self._longest + 1 - size)
            if not more:
                raise broken(f"the quote that is opened in line {begun} is never closed")
            size += len(more)
            if size > self._longest:
                raise too_long(begun, self._longest)
            self._line += 1
            parts.append(more)
            if more.count(b'"') % 2:
                break
        fields = _split(_decode(_without_end(b"".join(parts))))
        if fields is None:
            raise _Fault("holds a quote that is not closed")
        return fields


def _without_end(line: bytes) -> bytes:
    if line[-1:] == b"\n":
        return line[:-2] if line[-2:-1] == b"\r" else line[:-1]
    return line


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise _Fault("is not UTF-8") from None


def _split(text: str) -> list[str | None] | None:
    """The fields of a record, None if a quote is open at its end; raises _Fault."""
    fields: list[str | None] = []
    at, end = 0, len(text)
    while True:
        if text.startswith('"', at):
            match = _QUOTED.match(text, at)
            if match is None:
                return None
            fields.append(match[1].replace('""', '"'))
            at = match.end()
            if at < end and text[at] != ",":
                raise _Fault("has something between the end of a quote and the next comma")
        else:
            comma = text.find(",", at)
            until = end if comma < 0 else comma
            field = text[at:until]
            if '"' in field:
                raise _Fault("has a quote within a field that does not begin with one")
            if "\r" in field or "\n" in field:
                raise _Fault("has the end of a line outside of quotes")
            fields.append(field or None)
            at = until
        if at == end:
            return fields
        at += 1


def broken(why: str) -> Problem:
    """The Problem with a file that cannot be read as what it is said to be."""
    return Problem(INVALID_BODY, f"The file is not well formed: {why}.")


def too_long(line: int, longest: int) -> Problem:
    """The Problem with a record that is longer than any may be."""
    return Problem(
        LIMIT_EXCEEDED,
        f"What begins in line {line} is longer than {longest} bytes (setting max_body_bytes).",
    )
