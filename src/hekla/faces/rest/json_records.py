"""JSON read record by record: one object a line, or the members of one array."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO, Final

import msgspec

from hekla.faces.rest.csv_records import BOM, broken, too_long
from hekla.writing.intake import Record

__all__ = ["ArrayRecords", "LineRecords"]

# As everywhere else a number with a fraction stays as exact as it was written.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_PIECE: Final = 1 << 16
_SPACE: Final = " \t\r\n"


def _nothing(_: str) -> None:
    return None


# Finds where a value ends; what it holds is read by the other one.
_scan = json.JSONDecoder(
    parse_float=_nothing, parse_int=_nothing, parse_constant=_nothing
).raw_decode


def _record(row: int, line: int, text: bytes | str) -> Record:
    try:
        return Record(row, line, _decode(text))
    except msgspec.DecodeError as error:
        return Record(row, line, None, f"is no JSON: {error}")
    except (RecursionError, ValueError):
        return Record(row, line, None, "is nested too deeply, or holds what is no text or number")


class LineRecords:
    """The objects of a file that holds one a line; empty lines are none.

    A line that is no JSON is a record with a fault. Raises Problem ``limit_exceeded`` for one of
    more than ``longest`` bytes.
    """

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self._file = file
        self._longest = longest

    def __iter__(self) -> Iterator[Record]:
        longest, readline = self._longest, self._file.readline
        row = line = 0
        while text := readline(longest + 1):
            line += 1
            if len(text) > longest:
                raise too_long(line, longest)
            if line == 1:
                text = text.removeprefix(BOM)
            if text.isspace() or not text:
                continue
            row += 1
            yield _record(row, line, text)


class ArrayRecords:
    """The members of a file that is one array, of which no more than one is in memory.

    Raises Problem ``invalid_body`` where it is no array, and ``limit_exceeded`` for a member of
    more than ``longest`` characters.
    """

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self._file = file
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        self._is_read = False

    def __iter__(self) -> Iterator[Record]:
        row = 0
        self._expect("[")
        if self._next() == "]":
            self._at += 1
        else:
            while True:
                row += 1
                self._next()
                line = self._here()
                end = self._end()
                yield _record(row, line, self._text[self._at : end])
                self._at = end
                if self._expect(",]") == "]":
                    break
        if self._next():
            raise broken(f"in line {self._here()} something stands after the array")

    def _expect(self, characters: str) -> str:
        found = self._next()
        if not found or found not in characters:
            wanted = " or ".join(characters)
            raise broken(f"in line {self._here()} {wanted} is expected")
        self._at += 1
        return found

    def _next(self) -> str:
        """The next character that is no space, without taking it; empty at the end."""
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in _SPACE:
                    return character
                self._at += 1
            if self._is_read:
                return ""
            self._read(_PIECE)

    def _end(self) -> int:
        """Where the value ends that begins here."""
        while True:
            try:
                _, end = _scan(self._text, self._at)
            except RecursionError:
                raise broken(f"line {self._here()} is nested too deeply") from None
            except ValueError:
                end = -1
            # What ends with the text may go on behind it.
            if self._is_read or 0 <= end < len(self._text):
                break
            held = len(self._text) - self._at
            if held > self._longest:
                break
            self._read(max(_PIECE, held))
        if end < 0 and not self._is_read:
            raise too_long(self._here(), self._longest)
        if end < 0:
            raise broken(f"in line {self._here()} begins what is no JSON")
        return end

    def _read(self, size: int) -> None:
        """Read more, and forget what was read."""
        piece = self._file.read(size)
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError:
            raise broken(f"after line {self._here()} it is not UTF-8") from None
        self._here()
        self._text, self._at, self._counted = self._text[self._at :] + text, 0, 0
        self._is_read = not piece

    def _here(self) -> int:
        """The number of the line."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
