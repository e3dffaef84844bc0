"""A finding: one thing that is unsafe, under a permanent code, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["FINDINGS", "LEVELS", "Finding", "Level"]

Level = Literal["danger", "caution", "note"]
"""``danger``: somebody can get in, or see what is not theirs. ``caution``: something that should
stand in the way does not. ``note``: worth knowing."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)

FINDINGS: Final = (
    "asyncio_debug",
    "cors_any_origin",
    "cors_plain_origin",
    "database_in_memory",
    "database_readable",
    "database_writable",
    "forwarded_host",
    "hosts_any",
    "hsts_off",
    "limits_wide",
    "mail_unsent",
    "no_public_url",
    "no_rates",
    "no_tls",
    "open_columns",
    "open_reads",
    "open_writes",
    "proxies_wide",
    "rates_apart",
    "registration_unconfirmed",
    "runs_as_root",
    "secret_file_readable",
    "secret_missing",
    "secret_weak",
    "tokens_long",
)
"""All codes there are; a code never changes its meaning."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` is unsafe, and the ``remedy``."""

    code: str
    level: Level
    what: str
    remedy: str

    def __post_init__(self) -> None:
        if self.code not in FINDINGS:
            raise ValueError(f"{self.code!r} is not among the codes of findings")
