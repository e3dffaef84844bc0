"""Another provider that users may sign in with, as the application declares it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from hekla.errors import OperatorError

__all__ = ["PRESETS", "Upstream", "declare"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A provider: ``issuer`` of OpenID Connect, or ``github``, which has a way of its own.

    ``trusts_email``: what it says of an address being verified is believed, so that somebody
    whose address was confirmed here too is the same.
    """

    name: str
    title: str
    client_id: str
    client_secret: str = ""
    issuer: str = ""
    kind: Literal["oidc", "github"] = "oidc"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    trusts_email: bool = True

    def __repr__(self) -> str:
        return f"Upstream({self.name!r}, issuer={self.issuer!r})"


PRESETS: Final[dict[str, dict[str, Any]]] = {
    "google": {"title": "Google", "issuer": "https://accounts.google.com"},
    # Says of no address that it is verified: only who links the account themselves is known.
    "microsoft": {
        "title": "Microsoft",
        "issuer": "https://login.microsoftonline.com/{tenant}/v2.0",
        "trusts_email": False,
    },
    "gitlab": {"title": "GitLab", "issuer": "https://gitlab.com"},
    "linkedin": {"title": "LinkedIn", "issuer": "https://www.linkedin.com/oauth"},
    "github": {"title": "GitHub", "kind": "github", "scopes": ("read:user", "user:email")},
}
"""What is known of common providers."""


def declare(name: str, *, tenant: str | None = None, **given: Any) -> Upstream:
    """The provider of that name, what is given in place of what is known of it.

    Raises OperatorError for what is missing, or cannot be safe.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(f"{name!r} cannot be the name of a provider: a word in small letters")
    fields = {**PRESETS.get(name, {"title": name.capitalize()})}
    fields |= {key: value for key, value in given.items() if value is not None}
    if "{tenant}" in fields.get("issuer", ""):
        if tenant is None or tenant in ("common", "organizations", "consumers"):
            raise OperatorError(
                f'{name}: say whose directory it is, app.sign_in_with("{name}", tenant="…"): '
                "else everybody who can make a directory could sign in as anybody"
            )
        fields["issuer"] = fields["issuer"].replace("{tenant}", tenant)
    if not fields.get("client_id"):
        raise OperatorError(f"{name}: there is no client_id; the provider gives you one")
    fields["scopes"] = tuple(fields.get("scopes", ("openid", "email", "profile")))
    upstream = Upstream(name=name, **fields)
    if upstream.kind == "oidc":
        if not upstream.issuer:
            raise OperatorError(f"{name}: there is no issuer, such as https://login.example.com")
        parts = urlsplit(upstream.issuer)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise OperatorError(f"{name}: the issuer {upstream.issuer} has to be https")
        if parts.query or parts.fragment:
            raise OperatorError(f"{name}: the issuer {upstream.issuer} is no address of one")
        if "openid" not in upstream.scopes:
            raise OperatorError(f"{name}: the scopes have to hold openid")
    return upstream
