"""Identifiers of the OpenAPI document: legal for every tool, unique, the same on every machine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["Identifiers", "pascal_case", "snake_words"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[A-Z]")


def _ascii(text: str) -> str:
    """``text`` in ASCII: ``é`` is ``e``, a letter without such a form is its code point."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(
        character
        if character.isascii()
        else ""
        if unicodedata.combining(character)
        else f" u{ord(character):x} "
        for character in plain
    )


def _words(text: str) -> list[str]:
    return [word for part in re.split(r"[^A-Za-z0-9]+", _ascii(text)) for word in _split(part)]


def _split(part: str) -> list[str]:
    # A code point stays in one piece.
    return [part] if re.fullmatch(r"u[0-9a-f]{3,6}", part) else _WORD.findall(part)


def pascal_case(text: str) -> str:
    """The name of a class for ``text``: ``order details`` -> ``OrderDetails``."""
    name = "".join(word[:1].upper() + word[1:] for word in _words(text)) or "Unnamed"
    return f"N{name}" if name[0].isdigit() else name


def snake_words(text: str) -> str:
    """The name of a function or a variable for ``text``: ``OrderDetails`` -> ``order_details``."""
    return "_".join(_words(text)).lower() or "unnamed"


class Identifiers:
    """Gives each thing an identifier of its own.

    Two that differ in case only are told apart too: generators make files of them.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, wanted: str, endings: Iterable[str] = ("",)) -> str:
        """``wanted``, with a number behind it if it was given before.

        With each of the ``endings`` it is given too, so that all of them belong together.
        """
        name, number = wanted, 1
        while not self._taken.isdisjoint(names := {(name + end).lower() for end in endings}):
            number += 1
            name = f"{wanted}_{number}"
        self._taken |= names
        return name
