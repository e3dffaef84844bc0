r"""The regular expressions of the ``regex`` lookup: one small language on every database.

A pattern finds its match anywhere in a text, by the case and by code points::

    x*  x+  x?  x{2}  x{2,}  x{2,5}   repetition (a ``?`` after it changes nothing)
    ab  a|b  (ab)  (?:ab)             sequence, alternatives, group
    .  [abc]  [a-z]  [^a-z]           any character, also a newline; a set of them
    \d \w \s \D \W \S                 ASCII digits, word characters, white space; the others
    ^  $  \b                          start of the text, its end (the last thing), edge of a word
    \n \t \r \f \v \\ \. \xE9 \u20AC  a character

There is nothing here that needs backtracking. SQLite's extension (apsw brings it) takes time in
proportion to the text and to the square of the pattern, and cannot be interrupted within a text,
so the size of a pattern is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from hekla.schema.types.type import Dialect

__all__ = ["check_pattern", "pattern_for", "stand_in_for_nul"]

LONGEST: Final = 500
"""Characters in a pattern."""

LARGEST: Final = 80
"""Characters that a pattern stands for once its repetitions are written out."""

_END: Final = 0x10FFFF
_SURROGATES: Final = (0xD800, 0xDFFF)

Intervals = tuple[tuple[int, int], ...]

_SETS: Final[dict[str, Intervals]] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": ((0x09, 0x0D), (0x20, 0x20)),
}
_CHARACTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_SPECIAL: Final = frozenset("\\.*+?()[]{}|^$")
_COUNTED: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}", re.ASCII)
_QUANTIFIERS: Final = frozenset("*+?{")


def check_pattern(pattern: str) -> str:
    """``pattern`` itself; ValueError says what is wrong with it."""
    pattern_for("sqlite", pattern)
    return pattern


def pattern_for(dialect: Dialect, pattern: str) -> str:
    """``pattern`` in the words of the database. ValueError if it is none."""
    if len(pattern) > LONGEST:
        raise ValueError(f"must be a pattern of {LONGEST} characters at most")
    translation = _Translation(dialect, pattern)
    text, _ = translation.alternatives(depth=0)
    if translation.position < len(pattern):
        raise translation.fault("has a ) without its (")
    # The group keeps SQLite from taking ^ for the start of all alternatives.
    return f"(?s){text}" if dialect == "mysql" else f"({text})"


def stand_in_for_nul(pattern: str) -> str:
    """A character that ``pattern`` takes as it takes NUL: one that it does not name.

    SQLite's extension ends a text at its first NUL. Of a pattern that names every character
    there is it is one of those.
    """
    translation = _Translation("sqlite", pattern)
    translation.alternatives(depth=0)
    code = 1
    for low, high in sorted([*translation.named, *_SETS["s"], *_SETS["w"], _SURROGATES]):
        if low <= code <= high:
            code = high + 1
    return chr(min(code, _END))


@dataclass
class _Translation:
    """A recursive descent over ``pattern``; each step gives its text and its size.

    ``named`` are the characters that it has come across, one by one or in ranges.
    """

    dialect: Dialect
    pattern: str
    position: int = 0
    ends: int = 0
    named: list[tuple[int, int]] = field(default_factory=list)

    def fault(self, what: str) -> ValueError:
        return ValueError(f"is no pattern: it {what}, at character {self.position + 1}")

    def peek(self, count: int = 1) -> str:
        return self.pattern[self.position : self.position + count]

    def take(self) -> str:
        character = self.peek()
        self.position += 1
        return character

    def alternatives(self, depth: int) -> tuple[str, int]:
        if depth > 30:
            raise self.fault("nests too deep")
        text, size = self.sequence(depth)
        while self.peek() == "|":
            self.take()
            further, more = self.sequence(depth)
            text, size = f"{text}|{further}", size + more + 1
        return text, size

    def sequence(self, depth: int) -> tuple[str, int]:
        text, size = "", 0
        while (character := self.peek()) and character not in "|)":
            if character in _QUANTIFIERS:
                raise self.fault(f"has nothing for {character} to repeat")
            ends = self.ends
            piece, length = self.atom(depth)
            # What may be empty can follow the end of a text, but SQLite's extension says no.
            if self.ends > ends and self.peek() not in ("", "|", ")"):
                raise self.fault("goes on after $")
            repeated, times = self.repeated(piece)
            if times and not length:
                raise self.fault("repeats a place")
            text, size = text + repeated, size + length * (times or 1)
            if size > LARGEST:
                raise self.fault(f"repeats more than {LARGEST} characters")
        return text, size

    def atom(self, depth: int) -> tuple[str, int]:
        """A piece that may be repeated; a place has no size, and may not."""
        match character := self.take():
            case "^":
                return "^", 0
            case "$":
                self.ends += 1
                return ("\\z" if self.dialect == "mysql" else "$"), 0
            case ".":
                return ".", 1
            case "(":
                return self.group(depth)
            case "[":
                return self.set(), 1
            case "\\":
                return self.escape()
        return self.literal(character), 1

    def group(self, depth: int) -> tuple[str, int]:
        if self.peek(2) == "?:":
            self.position += 2
        text, size = self.alternatives(depth + 1)
        if self.take() != ")":
            raise self.fault("has a ( without its )")
        return f"({text})", size + 1

    def escape(self) -> tuple[str, int]:
        character = self.peek()
        if character == "b":
            self.take()
            return ("\\y" if self.dialect == "postgresql" else "\\b"), 0
        if character and character.lower() in _SETS:
            self.take()
            return self.emit(_SETS[character.lower()], character.isupper()), 1
        return self.literal(self.escaped()), 1

    def escaped(self) -> str:
        """The one character that stands after a backslash."""
        character = self.take()
        if character in _CHARACTERS:
            return _CHARACTERS[character]
        if character and character in "xu":
            digits = self.peek(2 if character == "x" else 4)
            if not re.fullmatch("[0-9a-fA-F]{2}|[0-9a-fA-F]{4}", digits):
                raise self.fault(f"has no hexadecimal digits after \\{character}")
            code = int(digits, 16)
            if not code or 0xD800 <= code < 0xE000:
                raise self.fault("names a character that no text has")
            self.position += len(digits)
            return chr(code)
        if not character or character.isalnum():
            raise self.fault(f"has an unknown escape \\{character}")
        return character

    def set(self) -> str:
        negated = self.peek() == "^"
        if negated:
            self.take()
        members: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if not self.peek():
                raise self.fault("has a [ without its ]")
            if self.peek(2) in ("[:", "[.", "[="):
                raise self.fault("has a class by name, which is not known here")
            members += self.member()
        self.take()
        return self.emit(tuple(members), negated)

    def member(self) -> Intervals:
        if self.peek() == "\\" and (name := self.peek(2)[1:]) and name.lower() in _SETS:
            self.position += 2
            inside = _SETS[name.lower()]
            return _others(inside) if name.isupper() else inside
        low = high = self.one()
        if self.peek() == "-" and self.peek(2) not in ("-]", "-"):
            self.take()
            high = self.one()
            if high < low:
                raise self.fault(f"has a range from {low} down to {high}")
        self.named.append((ord(low), ord(high)))
        return ((ord(low), ord(high)),)

    def one(self) -> str:
        character = self.take()
        return self.escaped() if character == "\\" else character

    def repeated(self, piece: str) -> tuple[str, int]:
        """``piece`` with what stands after it, and how often that writes it out (or 0)."""
        match self.peek():
            case "*" | "+" | "?":
                text, times = piece + self.take(), 1
            case "{":
                text, times = self.counted(piece)
            case _:
                return piece, 0
        if self.peek() == "?":
            self.take()
        if self.peek() and self.peek() in _QUANTIFIERS:
            raise self.fault("repeats a repetition")
        return text, times

    def counted(self, piece: str) -> tuple[str, int]:
        match = _COUNTED.match(self.pattern, self.position)
        if match is None:
            raise self.fault("has a { that counts nothing")
        low = int(match[1])
        endless = match[2] is not None and match[3] is None
        high = int(match[3]) if match[3] else low
        if high < low:
            raise self.fault(f"counts from {low} down to {high}")
        if not high and not endless:
            raise self.fault("repeats something no times")
        if high > LARGEST:
            raise self.fault(f"repeats something more than {LARGEST} times")
        self.position = match.end()
        if not endless:
            return piece + match[0], high
        # SQLite's extension does not know {2,}.
        return (f"{piece}{{{low}}}{piece}*" if low else f"{piece}*"), low + 1

    def literal(self, character: str) -> str:
        self.named.append((ord(character), ord(character)))
        return f"\\{character}" if character in _SPECIAL else character

    def emit(self, members: Intervals, negated: bool) -> str:
        """A set written the way that all three databases read alike."""
        dash = any(low == high == ord("-") for low, high in members)
        ranges = [pair for pair in members if pair != (ord("-"), ord("-"))]
        text = "".join(
            _member(low) if low == high else f"{_member(low)}-{_member(high)}"
            for low, high in ranges
        )
        return f"[{'^' if negated else ''}{'-' if dash else ''}{text}]"


def _member(code: int) -> str:
    character = chr(code)
    return f"\\{character}" if character in "\\[]^" else character


def _others(members: Intervals) -> Intervals:
    """All characters but ``members``, which are in order."""
    others, start = [], 1
    for low, high in members:
        others.append((start, low - 1))
        start = high + 1
    return (*others, (start, _END))
