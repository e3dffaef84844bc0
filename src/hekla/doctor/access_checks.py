"""What those may do who did not sign in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hekla.actor import ANONYMOUS
from hekla.doctor.finding import Finding
from hekla.policy.access import ACTIONS, Policy
from hekla.schema.resource import Resource

__all__ = ["check_access"]

# Names of columns that hold, as a rule, what is nobody else's business.
_SECRET: Final = re.compile(
    r"(^|_)(pass(word|wd|phrase)?|pwd|secret|token|api_?key|private_?key|otp|pin|cvv|cvc|iban|ssn"
    r"|credit_?card|card_?number|salt|recovery_?codes?)(_|$)|password|passwort|hashed",
    re.IGNORECASE,
)
_SHOWN: Final = 8


def check_access(policy: Policy, exposed: bool) -> Iterator[Finding]:
    """Findings about the rules; ``exposed`` says whether others than this machine can come."""
    access = policy.access(ANONYMOUS)
    writes: list[str] = []
    reads: list[str] = []
    columns: list[str] = []
    for resource in policy.schema:
        actions = [action for action in ACTIONS if access.writes(resource, action) is True]
        if actions:
            writes.append(f"{resource.name} ({', '.join(actions)})")
        if access.rows(resource) is True:
            reads.append(resource.name)
        if access.rows(resource) is not False:
            columns += _secrets(resource, list(access.columns(resource)))
    if writes:
        yield Finding(
            "open_writes",
            "danger" if exposed else "caution",
            f"Everybody may write any row of {_listed(writes)}.",
            "Give write= a rule, such as signed_in or Task.owner_id == me.id.",
        )
    if columns:
        yield Finding(
            "open_columns",
            "danger",
            f"Everybody may read what looks secret: {_listed(columns)}.",
            "Leave the columns out with hidden=, or close them by columns={…: rule}.",
        )
    if reads:
        yield Finding(
            "open_reads",
            "note",
            f"Everybody may read every row of {_listed(reads)}.",
            "Give read= a rule, unless these rows are meant for everybody.",
        )


def _secrets(resource: Resource, names: Sequence[str]) -> list[str]:
    return [f"{resource.name}.{name}" for name in names if _SECRET.search(name)]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
