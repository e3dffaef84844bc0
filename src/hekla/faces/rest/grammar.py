"""The texts inside parameters: paths, lists, groups of conditions, includes. Syntax only.

A name is bare or in double quotes (``""`` stands for a quote inside them); bare names end at
any of ``= : , . ( )``. Everything here raises Problem ``invalid_syntax`` with the place.
"""

from __future__ import annotations

from dataclasses import dataclass

from hekla.errors import INVALID_SYNTAX, Fault, Problem

__all__ = ["Argument", "Name", "Reader", "Step", "quote_name", "split_list"]

_SPECIAL = frozenset('=:,.()"')
# Deeper nesting than any query needs, and less than the stack bears.
MAX_NESTING = 20


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a path.

    ``quoted``: taken literally, so that a lookup is not looked for in it; ``suffix`` is then
    what follows the quotes (``__gte``).
    """

    text: str
    quoted: bool = False
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a name, and of a relation ``any``, ``all`` or ``none`` behind a colon."""

    name: Name
    quantifier: str | None = None


@dataclass(frozen=True, slots=True)
class Argument:
    """``name:value`` in the parentheses of an include; the value is still text."""

    steps: tuple[Step, ...]
    value: str


def quote_name(name: str) -> str:
    """``name`` as it has to be written in a parameter."""
    if name and not (_SPECIAL & set(name)) and not name.startswith("-"):
        return name
    return '"' + name.replace('"', '""') + '"'


class Reader:
    """Reads one parameter from left to right."""

    def __init__(self, text: str, location: str) -> None:
        self.text = text
        self.location = location
        self.position = 0
        self._nesting = 0

    def fail(self, expected: str) -> Problem:
        message = f"expected {expected} at character {self.position + 1} of “{self.text}”"
        return Problem(
            INVALID_SYNTAX,
            f"The parameter {self.location.partition('.')[2]} is not well formed: {message}.",
            errors=[Fault(self.location, message)],
        )

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def peek(self) -> str:
        return self.text[self.position] if self.position < len(self.text) else ""

    def take(self, character: str) -> bool:
        """Step over ``character`` if it is next."""
        if self.peek() == character:
            self.position += 1
            return True
        return False

    def expect(self, character: str) -> None:
        if not self.take(character):
            raise self.fail(f"“{character}”")

    def end(self) -> None:
        if not self.at_end:
            raise self.fail("the end")

    def open(self) -> None:
        """Step into parentheses."""
        self.expect("(")
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self.fail(f"at most {MAX_NESTING} nested parentheses")

    def close(self) -> None:
        self.expect(")")
        self._nesting -= 1

    def _quoted(self) -> str:
        self.expect('"')
        parts = []
        while True:
            end = self.text.find('"', self.position)
            if end < 0:
                raise self.fail("a closing quote")
            parts.append(self.text[self.position : end])
            self.position = end + 1
            if not self.take('"'):
                return '"'.join(parts)

    def _bare(self, stops: frozenset[str]) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in stops:
            self.position += 1
        return self.text[start : self.position]

    def name(self) -> Name:
        if self.peek() == '"':
            text = self._quoted()
            return Name(text, quoted=True, suffix=self._bare(_SPECIAL))
        text = self._bare(_SPECIAL)
        if not text:
            raise self.fail("a name")
        return Name(text)

    def steps(self, quantifiers: bool = True) -> tuple[Step, ...]:
        """A dotted path; a relation in it may carry ``:any``, ``:all`` or ``:none``."""
        steps = []
        while True:
            name = self.name()
            steps.append(Step(name, self._quantifier() if quantifiers else None))
            if not self.take("."):
                return tuple(steps)

    def _quantifier(self) -> str | None:
        # Only before "." or "(" is it one; elsewhere a colon parts a name from its value.
        for word in ("any", "all", "none"):
            end = self.position + 1 + len(word)
            if self.text.startswith(":" + word, self.position) and self.text[end : end + 1] in (
                ".",
                "(",
            ):
                self.position = end
                return word
        return None

    def value(self) -> str:
        """A value inside parentheses.

        It stands in quotes, in parentheses of its own (a list, whose inside is given as it
        stands), or bare up to the next comma or parenthesis.
        """
        if self.peek() == '"':
            return self._quoted()
        if self.peek() == "(":
            return self._parenthesized()
        return self._bare(frozenset(",()"))

    def _parenthesized(self) -> str:
        start = self.position + 1
        depth = 0
        while not self.at_end:
            character = self.peek()
            if character == '"':
                self._quoted()
                continue
            self.position += 1
            if character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if not depth:
                    return self.text[start : self.position - 1]
        raise self.fail("a closing parenthesis")


def split_list(text: str, location: str = "query") -> list[str]:
    """Split a list at its commas; an item may stand in quotes. Empty text is an empty list."""
    if '"' not in text:
        return text.split(",") if text else []
    reader = Reader(text, location)
    items = []
    while True:
        if reader.peek() == '"':
            items.append(reader._quoted())
            if not reader.at_end and reader.peek() != ",":
                raise reader.fail("a comma")
        else:
            items.append(reader._bare(frozenset(",")))
        if reader.at_end:
            return items
        reader.expect(",")
