"""What the settings alone tell: secrets, proxies, hosts, TLS, other origins, rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hekla.doctor.circumstances import Circumstances, is_local
from hekla.doctor.finding import Finding, Level
from hekla.settings import Settings
from hekla.web.proxies import parse_networks

__all__ = ["check_settings"]

# Fewer cannot hold 128 bits, however they were chosen.
_SHORTEST_SECRET: Final = 32
_FEWEST_CHARACTERS: Final = 10
_KNOWN_SECRETS: Final = ("secret", "changeme", "change-me", "password", "example", "default")
# Larger networks hold others than one's own proxies, as a rule; by IP version.
_LARGEST_NETWORK: Final = {4: 24, 6: 48}
_LARGEST_BODY: Final = 256 << 20
_LONGEST_STATEMENT: Final = 600.0
_LONGEST_TOKEN: Final = 3600
_HOW_TO_MAKE_ONE: Final = (
    "Put the output of python -c 'import secrets; print(secrets.token_urlsafe(32))' into a file "
    "that only the server's user reads, and name it by HEKLA_SECRET_FILE."
)


def check_settings(settings: Settings, served: Circumstances) -> Iterator[Finding]:
    """Findings about ``settings`` of an application that is ``served`` so."""
    yield from _secret(settings, served)
    yield from _transport(settings, served)
    yield from _hosts(settings, served)
    yield from _proxies(settings)
    yield from _origins(settings)
    yield from _limits(settings)
    yield from _sign_in(settings, served)
    if served.environment.get("PYTHONASYNCIODEBUG") or served.environment.get("PYTHONDEVMODE"):
        yield Finding(
            "asyncio_debug",
            "caution",
            "Python runs in its development mode, which is slow and logs what it works on.",
            "Unset PYTHONASYNCIODEBUG and PYTHONDEVMODE.",
        )


def _secret(settings: Settings, served: Circumstances) -> Iterator[Finding]:
    secret = settings.secret
    level: Level = "danger" if served.exposed(settings) else "note"
    if not secret:
        yield Finding(
            "secret_missing",
            level,
            "The setting secret has no value: what is signed, is signed with the name of the "
            "database, which can be guessed.",
            _HOW_TO_MAKE_ONE,
        )
    elif (
        len(secret) < _SHORTEST_SECRET
        or len(set(secret)) < _FEWEST_CHARACTERS
        or any(word in secret.lower() for word in _KNOWN_SECRETS)
    ):
        yield Finding("secret_weak", level, "The setting secret can be guessed.", _HOW_TO_MAKE_ONE)


def _transport(settings: Settings, served: Circumstances) -> Iterator[Finding]:
    if not served.exposed(settings):
        return
    if not settings.public_url:
        yield Finding(
            "no_public_url",
            "caution",
            "The setting public_url has no value, though others than this machine can come: "
            "nobody can tell how clients reach the application.",
            "Set HEKLA_PUBLIC_URL=https://….",
        )
    if not served.over_tls(settings) and (settings.public_url or not settings.trusted_proxies):
        yield Finding(
            "no_tls",
            "danger",
            "Others than this machine can come, and not by TLS: passwords and tokens can be read "
            "on the way.",
            "Serve with --tls-certificate and --tls-key, or behind a proxy that speaks TLS, and "
            "set HEKLA_PUBLIC_URL=https://….",
        )
    elif served.over_tls(settings) and not settings.hsts_seconds:
        yield Finding(
            "hsts_off",
            "caution",
            "Browsers are not told to come by TLS only (hsts_seconds is 0).",
            "Unset HEKLA_HSTS_SECONDS, once everything is reached by TLS.",
        )


def _hosts(settings: Settings, served: Circumstances) -> Iterator[Finding]:
    if not served.exposed(settings):
        return
    if not settings.allowed_hosts or "*" in settings.allowed_hosts:
        yield Finding(
            "hosts_any",
            "caution",
            "The application answers for whatever host a client makes up.",
            "Set HEKLA_ALLOWED_HOSTS to the names it is reached by.",
        )
        if "x-forwarded-host" in settings.forwarded_headers and settings.trusted_proxies:
            yield Finding(
                "forwarded_host",
                "caution",
                "X-Forwarded-Host is believed, and most proxies pass on what a client sent in it.",
                "Set HEKLA_ALLOWED_HOSTS, or let the proxy set Host and leave the header out of "
                "HEKLA_FORWARDED_HEADERS.",
            )


def _proxies(settings: Settings) -> Iterator[Finding]:
    networks, _ = parse_networks(settings.trusted_proxies)
    for network in networks:
        everybody = network.prefixlen == 0
        wide = network.prefixlen < _LARGEST_NETWORK[network.version] and not network.is_private
        if everybody or wide:
            yield Finding(
                "proxies_wide",
                "danger" if everybody else "caution",
                f"Every host in {network} is believed what it says of clients: it can make up "
                "addresses, and so go around rates.",
                "Name only the addresses of your own proxies in HEKLA_TRUSTED_PROXIES.",
            )


def _origins(settings: Settings) -> Iterator[Finding]:
    if "*" in settings.cors_origins:
        yield Finding(
            "cors_any_origin",
            "caution",
            "Pages of every site may read what the API answers (cors_origins has *).",
            "Name the origins of your own pages in HEKLA_CORS_ORIGINS.",
        )
    plain = [
        origin
        for origin in settings.cors_origins
        if origin.startswith("http://")
        and not is_local(origin[7:].rpartition(":")[0] or origin[7:])
    ]
    if plain or "null" in settings.cors_origins:
        yield Finding(
            "cors_plain_origin",
            "caution",
            f"Pages of {', '.join(plain) or 'null'} may read the API, and anybody on the way to a "
            "browser can change such pages.",
            "Let in origins of https only.",
        )


def _limits(settings: Settings) -> Iterator[Finding]:
    wide = [
        name
        for name, is_wide in (
            ("max_body_bytes", settings.max_body_bytes > _LARGEST_BODY),
            ("statement_timeout", settings.statement_timeout > _LONGEST_STATEMENT),
            ("max_header_bytes", settings.max_header_bytes > 1 << 20),
        )
        if is_wide
    ]
    if wide:
        yield Finding(
            "limits_wide",
            "caution",
            f"One request may take very much: {', '.join(wide)}.",
            "Lower these settings to what the application needs.",
        )


def _sign_in(settings: Settings, served: Circumstances) -> Iterator[Finding]:
    if settings.access_seconds > _LONGEST_TOKEN:
        yield Finding(
            "tokens_long",
            "caution",
            f"Access tokens are good for {settings.access_seconds} seconds, wherever else they are "
            "believed without asking.",
            "Unset HEKLA_ACCESS_SECONDS: apps renew their tokens by themselves.",
        )
    if settings.mail_url.startswith(("console:", "file:")) and served.exposed(settings):
        yield Finding(
            "mail_unsent",
            "caution",
            "Mails are written to the console or into a folder, with the links in them that sign "
            "people in.",
            "Set HEKLA_MAIL_URL=smtp://….",
        )
