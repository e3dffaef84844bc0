"""Step-up: what is dangerous asks whoever signed in a while ago to show again who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hekla.errors import PROOF_NEEDED, Problem

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.web.request import Request

__all__ = ["check_proof"]


def check_proof(request: Request, auth: Auth) -> None:
    """Raise Problem ``proof_needed`` unless who asks has shown of late that it is them."""
    proved = request.actor.claims.get("auth_time", 0)
    if auth.clock.time() - proved > auth.settings.proof_seconds:
        raise Problem(
            PROOF_NEEDED,
            "You signed in a while ago: show once more that it is you (POST /auth/prove).",
        )
