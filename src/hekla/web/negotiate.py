"""Which form of an answer a client takes: Accept and Accept-Encoding (RFC 9110 section 12.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from hekla.errors import NOT_ACCEPTABLE, Problem
from hekla.web.headers import list_value
from hekla.web.request import Request

__all__ = ["choose_coding", "choose_media_type", "negotiate"]

# Longer ones are read each time: a bounded number of entries must also be bounded in size.
_CACHED_LENGTH = 256
_CACHED_ENTRIES = 512

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_WORD_ALONE = re.compile(_WORD)
_MEDIA_RANGE = re.compile(rf"({_WORD})/({_WORD})")
_PARAMETER = re.compile(rf'({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")')
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")

Parameters = frozenset[tuple[str, str]]


def negotiate(request: Request, offered: tuple[str, ...]) -> str:
    """The media type to answer in, of those offered, the server's favourite first.

    Raises Problem ``not_acceptable`` (406) if the client takes none of them.
    """
    accept = list_value(request.headers, "accept")
    if accept is None or accept == "*/*":
        return offered[0]
    chosen = choose_media_type(accept, offered)
    if chosen is None:
        raise Problem(
            NOT_ACCEPTABLE, f"The answer can be had as {', '.join(offered)}; ask for one of these."
        )
    return chosen


def choose_media_type(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type that an Accept header likes best, or None if it takes none.

    The most specific range decides about an offer; of equally liked offers the first wins.
    A header that cannot be read at all counts as absent.
    """
    if len(accept) > _CACHED_LENGTH:
        return _choose_media_type(accept, offered)
    return _choose_cached(accept, offered)


def _choose_media_type(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = list(_media_ranges(accept))
    if not ranges:
        return offered[0]
    chosen, best = None, 0.0
    for offer in offered:
        kind, parameters = _read_offer(offer)
        specificity, weight = -1, 0.0
        for own_kind, own_parameters, own_weight in ranges:
            fit = _fit(own_kind, own_parameters, kind, parameters)
            if fit > specificity:
                specificity, weight = fit, own_weight
        if weight > best:
            chosen, best = offer, weight
    return chosen


_choose_cached = lru_cache(_CACHED_ENTRIES)(_choose_media_type)


def _fit(
    asked: tuple[str, str], asked_parameters: Parameters, kind: tuple[str, str], own: Parameters
) -> int:
    """How specifically a range names an offer; -1 if it does not."""
    if asked == ("*", "*"):
        return 0
    if asked[0] != kind[0]:
        return -1
    if asked[1] == "*":
        return 1
    # Everything here is UTF-8, so a client that asks for it by name gets it.
    if asked[1] != kind[1] or not asked_parameters <= own | {("charset", "utf-8")}:
        return -1
    return 2 + len(asked_parameters)


def _media_ranges(accept: str) -> Iterator[tuple[tuple[str, str], Parameters, float]]:
    for member in _split(accept, ","):
        head, *rest = _split(member, ";")
        match = _MEDIA_RANGE.fullmatch(head)
        if match is None or (match[1] == "*" and match[2] != "*"):
            continue
        parameters, weight = _parameters(rest)
        if weight is not None:
            yield (match[1].lower(), match[2].lower()), parameters, weight


def _read_offer(offer: str) -> tuple[tuple[str, str], Parameters]:
    head, *rest = _split(offer, ";")
    kind, _, subtype = head.partition("/")
    return (kind.lower(), subtype.lower()), _parameters(rest)[0]


def _parameters(parts: list[str]) -> tuple[Parameters, float | None]:
    """The parameters before ``q``, and ``q``: 1 if it is missing, None if something is wrong."""
    found: set[tuple[str, str]] = set()
    for part in parts:
        if not part:
            continue
        match = _PARAMETER.fullmatch(part)
        if match is None:
            return frozenset(), None
        name = match[1].lower()
        value = match[2] if match[2] is not None else re.sub(r"\\(.)", r"\1", match[3])
        if name == "q":
            return frozenset(found), float(value) if _WEIGHT.fullmatch(value) else None
        found.add((name, value.lower()))
    return frozenset(found), 1.0


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that does not stand in quotes, and strip what is between."""
    if '"' not in text:
        return [part.strip(" \t") for part in text.split(separator)]
    parts, start, quoted, at = [], 0, False, 0
    while at < len(text):
        character = text[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return [part.strip(" \t") for part in parts]


@lru_cache(_CACHED_ENTRIES)
def _choose_coding_cached(accepted: str, available: tuple[str, ...]) -> str | None:
    return _choose_coding(accepted, available)


def choose_coding(accepted: str, available: tuple[str, ...]) -> str | None:
    """The content coding that an Accept-Encoding header likes best.

    ``available`` are the server's codings, its favourite first; ``identity`` is always there.
    None if the client takes neither one of them nor ``identity``.
    """
    if len(accepted) > _CACHED_LENGTH:
        return _choose_coding(accepted, available)
    return _choose_coding_cached(accepted, available)


def _choose_coding(accepted: str, available: tuple[str, ...]) -> str | None:
    weights: dict[str, float] = {}
    for member in _split(accepted, ","):
        head, *rest = _split(member, ";")
        weight = _parameters(rest)[1]
        if weight is not None and _WORD_ALONE.fullmatch(head):
            name = head.lower()
            weights.setdefault("gzip" if name == "x-gzip" else name, weight)
    others = weights.get("*")
    chosen, best = None, 0.0
    for coding in available:
        weight = weights.get(coding, others or 0.0)
        if weight > best:
            chosen, best = coding, weight
    # Not being named leaves identity acceptable, but behind whatever is named (section 12.5.3).
    identity = weights.get("identity", others)
    if identity is None:
        return chosen or "identity"
    return "identity" if identity > best else chosen
