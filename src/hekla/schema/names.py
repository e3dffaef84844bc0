"""Names the API gives: to resources, to relations, to what a row is called in a sentence.

Everything here is a pure function of the names it is given, so that the same database has the
same API on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from urllib.parse import quote

__all__ = [
    "RESERVED_PATHS",
    "child_name",
    "give_names",
    "nearest",
    "path_segment",
    "plural",
    "relation_name",
    "singular",
    "snake_case",
    "stem",
    "title",
]

RESERVED_PATHS = (
    ".well-known",
    "auth",
    "batch",
    "changes",
    "console",
    "docs",
    "favicon.ico",
    "files",
    "graphql",
    "healthz",
    "hekla",
    "jobs",
    "live",
    "metrics",
    "oauth",
    "openapi.json",
    "readyz",
    "robots.txt",
    "static",
)
"""First path segments that Hekla keeps for itself: a table of that name is served as ``docs_``."""

_ID_WORDS = ("id", "uuid", "guid", "ulid", "pk", "fk")
_SEPARATORS = "_ -."
_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "indices": "index",
    "caches": "cache",
    "movies": "movie",
    "cookies": "cookie",
    "shoes": "shoe",
    "shelves": "shelf",
    "halves": "half",
    "wolves": "wolf",
    "lives": "life",
    "leaves": "leaf",
}
_UNCHANGED = ("series", "species", "news")
# (plural ending, singular ending); the first that fits is taken.
_ENDINGS = (
    ("sses", "ss"),
    ("ouses", "ouse"),
    ("auses", "ause"),
    ("uses", "us"),
    ("zzes", "z"),
    ("xes", "x"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("oes", "o"),
    ("ies", "y"),
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("s", ""),
)


def path_segment(name: str) -> str:
    """``name`` as one segment of a URL (RFC 3986, section 2): ``Order%20Details``."""
    return quote(name, safe="")


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint for an error message: ``, did you mean "title"?``, or nothing."""
    matches = get_close_matches(name, list(names), n=1)
    return f', did you mean "{matches[0]}"?' if matches else ""


def give_names(wanted: Sequence[tuple[str, str | None]]) -> tuple[list[str], list[str]]:
    """The URL name of each resource, and a warning for each that is not what was wanted.

    ``wanted`` holds ``(name, database schema or None)`` in order of precedence. A name that
    is free and not reserved stays as it is. Else the schema's name goes in front, then
    underscores behind (a reserved, empty, ``.`` or ``..`` name), then a number.
    """
    given: list[str | None] = [None] * len(wanted)
    taken: set[str] = set()
    warnings: list[str] = []
    for position, (name, _) in enumerate(wanted):
        if name not in taken and not _is_unusable(name):
            given[position] = name
            taken.add(name)
    for position, (name, schema) in enumerate(wanted):
        if given[position] is None:
            other = _other_name(name, schema, taken)
            given[position] = other
            taken.add(other)
            reason = "Hekla uses that path itself" if _is_unusable(name) else "that name is taken"
            warnings.append(f'"{name}" is served as "{other}": {reason}')
    return [name for name in given if name is not None], warnings


def _is_unusable(name: str) -> bool:
    # Clients take "." and ".." out of a path, percent-encoded or not.
    return name in RESERVED_PATHS or name in ("", ".", "..")


def _other_name(name: str, schema: str | None, taken: set[str]) -> str:
    if schema and f"{schema}_{name}" not in taken:
        return f"{schema}_{name}"
    if _is_unusable(name):
        name += "_"
        while name in taken:
            name += "_"
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def singular(name: str) -> str:
    """One of ``name``, in its own case: ``Categories`` -> ``Category``, ``task`` -> ``task``."""
    match = re.search(r"[^\W\d_]+$", name)
    if match is None:
        return name
    # Of a word in camel case only the last part is inflected.
    word = re.split(r"(?<=[^\W\d_A-Z])(?=[A-Z])", match.group())[-1]
    head, lower = name[: len(name) - len(word)], word.lower()
    if lower in _UNCHANGED:
        return name
    if lower in _IRREGULAR:
        return head + _in_case_of(word, _IRREGULAR[lower])
    if re.fullmatch(r"[a-z]ies", lower):
        return name[:-1]
    for ending, replacement in _ENDINGS:
        if lower.endswith(ending) and len(lower) > max(len(ending), 3):
            stem_length = len(name) - len(ending)
            return name[:stem_length] + _in_case_of(name[stem_length:], replacement, mixed=False)
    return name


def _in_case_of(model: str, word: str, *, mixed: bool = True) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    if mixed and model[:1].isupper():
        return word.capitalize()
    return word


def plural(name: str) -> str:
    """Several of ``name``, for a resource that has no table name of its own."""
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    if re.search(r"(s|x|z|ch|sh)$", name):
        return name + "es"
    return name + "s"


def snake_case(name: str) -> str:
    """``HTTPServerError`` -> ``http_server_error``."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def title(name: str) -> str:
    """What one row of a table is called in a sentence: ``task_lists`` -> ``Task list``."""
    words = singular(name.replace("_", " ").strip()) or name
    return words[:1].upper() + words[1:]


def relation_name(name: str) -> str:
    """``name`` without the characters that mean something in ``include=`` and in paths."""
    return re.sub(r"[.,():]", "_", name) or "_"


def child_name(name: str) -> str | None:
    """``children`` for ``parent``, in its case: the way back of a self-reference."""
    return _in_case_of(name, "children") if name.lower() == "parent" else None


def stem(column: str, target: str, target_column: str) -> str | None:
    """What a foreign key column is about: ``owner_id`` -> ``owner``, ``AlbumId`` -> ``Album``.

    The word for a key is taken off, behind or before: ``id``, ``uuid``, ``guid``, ``ulid``,
    ``pk``, ``fk``, or the name of the column that it refers to. The result is empty where
    nothing else is there (``id``), and None where there was no such word (``ReportsTo``).
    """
    bare = column.strip(_SEPARATORS)
    words = (*_ID_WORDS, target_column)
    if bare.lower() in _ID_WORDS:
        return ""
    for word in words:
        if word and bare.lower().endswith(word.lower()) and len(bare) > len(word):
            head, tail = bare[: -len(word)], bare[-len(word) :]
            if head[-1] in _SEPARATORS or (_is_small(head[-1]) and tail[0].isupper()):
                return _without_prefix(head.rstrip(_SEPARATORS))
            if head.lower() in (target.lower(), singular(target).lower()):
                return head
    without = _without_prefix(bare)
    if without != bare:
        return without
    # country_code -> countries.country_code: what stands before the rest is the target.
    head = bare[: len(singular(target))]
    rest = bare[len(head) :]
    if rest and head.lower() == singular(target).lower() and _begins_word(rest):
        return head
    return None


def _is_small(character: str) -> bool:
    return character.islower() or character.isdigit()


def _begins_word(text: str) -> bool:
    return text[0] in _SEPARATORS or text[0].isupper()


def _without_prefix(name: str) -> str:
    match = re.match(r"(?:id|fk)[_ .\-]+(?=.)|(?:[iI]d|[fF]k|ID|FK)(?=[A-Z][a-z])", name, re.ASCII)
    if match is None:
        match = re.match(r"(?:ID|FK)[_ .\-]+(?=.)", name)
    return name[match.end() :] if match else name
