"""A registered client, and how it shows that it is the one that it says."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from hekla.auth.oauth.errors import OAuthError
from hekla.auth.random_secret import digest

__all__ = [
    "DEVICE_GRANT",
    "GRANTS",
    "Client",
    "Credentials",
    "check_client",
    "read_credentials",
    "shown",
]

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS: Final = ("authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT)

_LONGEST: Final = 512


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client: ``secret`` is a digest, None of a public client, which keeps none.

    ``old_secret`` is good until ``old_secret_until``. ``trusted``: users are not asked for their
    consent. ``inspects``: it may introspect tokens of other clients, as a resource server does.
    ``acts_as`` is the user, as text, that it is itself with the client credentials grant.
    """

    id: str
    name: str
    secret: str | None = None
    old_secret: str | None = None
    old_secret_until: str | None = None
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ("authorization_code", "refresh_token")
    scopes: tuple[str, ...] = ("openid",)
    trusted: bool = False
    inspects: bool = False
    acts_as: str | None = None
    created_at: str = ""

    @property
    def public(self) -> bool:
        return self.secret is None

    def require(self, grant: str) -> None:
        """Raise OAuthError ``unauthorized_client`` if the client may not use a grant."""
        if grant not in self.grants:
            raise OAuthError("unauthorized_client", "The client may not use this grant.")


class Credentials(NamedTuple):
    """Who a request to a back channel says it is from; ``basic``: by the Authorization header."""

    client_id: str
    secret: str | None
    basic: bool


def read_credentials(authorization: str | None, form: Mapping[str, str]) -> Credentials:
    """The client's credentials in a request. Raises OAuthError.

    ``client_secret_basic``, ``client_secret_post`` or none (RFC 6749, section 2.3); one of them.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() == "basic":
        if "client_secret" in form:
            raise OAuthError("invalid_request", "The client authenticates in two ways at once.")
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise _invalid() from None
        name, colon, secret = decoded.partition(":")
        if not colon:
            raise _invalid()
        # Both parts are encoded as forms are (section 2.3.1).
        client_id, secret = unquote_plus(name), unquote_plus(secret)
        if form.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "The request names two clients.")
        return _checked(Credentials(client_id, secret, True))
    client_id = form.get("client_id", "")
    if not client_id:
        raise OAuthError("invalid_client", "The request names no client.")
    return _checked(Credentials(client_id, form.get("client_secret"), False))


def _checked(credentials: Credentials) -> Credentials:
    if not 0 < len(credentials.client_id) <= _LONGEST or len(credentials.secret or "") > _LONGEST:
        raise _invalid()
    return credentials


def check_client(client: Client | None, credentials: Credentials, now: str) -> Client:
    """The client, if it has shown that it is. Raises OAuthError ``invalid_client``.

    It says the same, and takes as long, whether there is no such client or the secret is wrong.
    """
    given = digest(credentials.secret or "")
    secret = client.secret if client is not None and client.secret is not None else _NOBODYS
    fine = compare_digest(given, secret)
    if client is not None and client.old_secret is not None:
        still = (client.old_secret_until or "") > now
        fine = (compare_digest(given, client.old_secret) and still) or fine
    if client is None:
        raise _invalid()
    if client.public:
        # It has no secret that it could show; one that it sends is a mistake or a guess.
        if credentials.secret:
            raise _invalid()
        return client
    if not fine:
        raise _invalid()
    return client


# The digest of a secret that nobody has.
_NOBODYS: Final = "0" * 64


def _invalid() -> OAuthError:
    return OAuthError("invalid_client", "The client is not known, or its secret is another.")


def shown(client: Client) -> dict[str, Any]:
    """What may be told of a client: all but its secrets."""
    document = msgspec.structs.asdict(client)
    for name in ("secret", "old_secret", "old_secret_until"):
        del document[name]
    return {**document, "public": client.public}
