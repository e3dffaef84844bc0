"""Who asks: a plain value that rules are decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ANONYMOUS", "Actor"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever makes a request: a user, a service, or nobody in particular.

    ``id`` is the user's key, or None when nobody signed in. ``claims`` holds what the token
    or session says beyond that; rules reach it by ``me.claims["name"]``. ``scopes`` narrow down
    what the user may do to what the key or token is for; None: to nothing less.
    """

    id: int | str | None = None
    roles: frozenset[str] = frozenset()
    tenant: int | str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)
    scopes: frozenset[str] | None = None

    @property
    def signed_in(self) -> bool:
        return self.id is not None


ANONYMOUS = Actor()
