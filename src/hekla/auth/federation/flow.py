"""What is sent to another provider, and what has to come back: pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from hekla.auth.jose import InvalidToken
from hekla.auth.oauth.pkce import challenge_of

__all__ = [
    "Expected",
    "Identity",
    "authorization_url",
    "check_identity",
    "check_return",
    "identity_of",
]

# Seconds by which clocks may differ.
_LEEWAY = 60


class Expected(NamedTuple):
    """What follows from the secret that a browser holds between the two steps."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str, upstream: str) -> Expected:
        """Each is a digest of its own; nobody gets from one to another, or to the secret."""
        return cls(*(_derived(secret, upstream, what) for what in ("state", "nonce", "verifier")))


def _derived(secret: str, upstream: str, what: str) -> str:
    mac = hmac.new(secret.encode(), f"{what}\0{upstream}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Identity(NamedTuple):
    """Who somebody is to another provider. ``email`` is None unless it is verified there."""

    subject: str
    email: str | None
    name: str | None


def authorization_url(
    endpoint: str,
    client_id: str,
    redirect_uri: str,
    scopes: tuple[str, ...],
    expected: Expected,
    **more: str,
) -> str:
    """Where to send the browser (RFC 6749, section 4.1.1; RFC 7636; OpenID Connect Core, 3.1.2)."""
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": expected.state,
        "code_challenge": challenge_of(expected.verifier),
        "code_challenge_method": "S256",
        **more,
    }
    if "openid" in scopes:
        parameters["nonce"] = expected.nonce
    joint = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{joint}{urlencode(parameters)}"


def check_return(
    parameters: Mapping[str, str], expected: Expected, issuer: str, *, says_issuer: bool
) -> str:
    """The code that came back. Raises InvalidToken, for the log.

    The answer has to be to our own question (``state``), and of the provider that was asked
    (``iss``, RFC 9207), where that one says so.
    """
    if not hmac.compare_digest(
        parameters.get("state", "").encode("utf-8", "surrogatepass"), expected.state.encode()
    ):
        raise InvalidToken("the state is another")
    said = parameters.get("iss")
    if said != issuer and (said is not None or says_issuer):
        raise InvalidToken("the answer is of another issuer")
    if "error" in parameters:
        raise InvalidToken(f"it was refused: {parameters['error'][:60]!r}")
    code = parameters.get("code")
    if not code:
        raise InvalidToken("there is no code")
    return code


def check_identity(
    claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, at: float
) -> str:
    """The subject of an ID token whose signature is good (OpenID Connect Core, 3.1.3.7).

    Raises InvalidToken.
    """
    if claims.get("iss") != issuer:
        raise InvalidToken("it is of another issuer")
    audiences = claims.get("aud")
    several = audiences if isinstance(audiences, list) else [audiences]
    if client_id not in several:
        raise InvalidToken("it is for another client")
    if claims.get("azp", client_id) != client_id or (len(several) > 1 and "azp" not in claims):
        raise InvalidToken("it was asked for by another client")
    expires, issued = claims.get("exp"), claims.get("iat")
    for moment in (expires, issued):
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            raise InvalidToken("it says not when it is good")
    assert isinstance(expires, int | float)
    assert isinstance(issued, int | float)
    if expires <= at - _LEEWAY or issued > at + _LEEWAY:
        raise InvalidToken("it is not good now")
    if claims.get("nonce") != nonce:
        raise InvalidToken("it answers another question")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise InvalidToken("it is about nobody")
    return subject


def identity_of(subject: str, claims: Mapping[str, Any]) -> Identity:
    """Who somebody is by their claims; an address only if it is verified."""
    email, name = claims.get("email"), claims.get("name")
    verified = claims.get("email_verified") in (True, "true")
    fine = isinstance(email, str) and verified and len(email) <= 254
    return Identity(
        subject,
        email if fine and isinstance(email, str) else None,
        name[:200] if isinstance(name, str) and name else None,
    )
