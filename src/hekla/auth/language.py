"""In which language somebody is spoken to: English, or Chinese where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hekla.web.request import Request

__all__ = ["Language", "language_of"]

Language = Literal["en", "zh"]


def language_of(request: Request) -> Language:
    """The language that ``Accept-Language`` prefers (RFC 9110, section 12.5.4)."""
    best: Language = "en"
    highest = 0.0
    for part in (request.headers.first.get("accept-language") or "")[:200].split(","):
        tag, _, weight = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        if name not in ("en", "zh"):
            continue
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if quality > highest:
            highest, best = quality, "zh" if name == "zh" else "en"
    return best
