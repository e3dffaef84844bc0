"""All checks, one after the other, the gravest findings first."""

from __future__ import annotations

from collections.abc import Iterator

from hekla.doctor.access_checks import check_access
from hekla.doctor.circumstances import Circumstances
from hekla.doctor.file_checks import check_files
from hekla.doctor.finding import LEVELS, Finding
from hekla.doctor.settings_checks import check_settings
from hekla.policy.access import Policy
from hekla.settings import Settings

__all__ = ["examine"]


def examine(
    settings: Settings,
    policy: Policy,
    database: str | None,
    served: Circumstances,
    *,
    rated: bool,
    unconfirmed: bool = False,
) -> list[Finding]:
    """What is unsafe, the gravest first.

    ``rated`` says whether the application has any rate, ``unconfirmed`` whether anybody can
    register with an address that is not theirs.
    """
    found = [
        *check_settings(settings, served),
        *check_access(policy, served.exposed(settings)),
        *check_files(database, served),
        *_rates(settings, served, rated),
    ]
    if unconfirmed and served.exposed(settings):
        found.append(
            Finding(
                "registration_unconfirmed",
                "caution",
                "Anybody can register with any address, as nobody is asked to confirm it.",
                "Set HEKLA_MAIL_URL=smtp://…: then addresses are confirmed by mail.",
            )
        )
    return sorted(found, key=lambda finding: (LEVELS.index(finding.level), finding.code))


def _rates(settings: Settings, served: Circumstances, rated: bool) -> Iterator[Finding]:
    if not rated:
        if served.exposed(settings):
            yield Finding(
                "no_rates",
                "note",
                "Nobody is stopped from asking as often as they like.",
                'Set HEKLA_RATE_LIMITS="600/minute by address", or what fits the application.',
            )
    elif served.workers > 1 and not settings.redis_url:
        yield Finding(
            "rates_apart",
            "note",
            f"Each of the {served.workers} workers counts rates by itself, so up to "
            f"{served.workers} times as much gets through.",
            "Set HEKLA_REDIS_URL, or divide the rates.",
        )
