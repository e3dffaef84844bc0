"""The authorization request: read, judged, and answered by an address to send the browser to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from hekla.auth.oauth.client import Client
from hekla.auth.oauth.errors import OAuthError
from hekla.auth.oauth.pkce import is_challenge
from hekla.auth.oauth.redirects import find_redirect
from hekla.auth.oauth.scopes import OPENID, parse_scope

__all__ = [
    "AuthorizationRequest",
    "Refusal",
    "UnsafeRequest",
    "answer_uri",
    "named_client",
    "parse_authorization",
    "single",
]

_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 2000
# Whatever stands in these changes what a request means.
_KNOWN: Final = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "id_token_hint",
    "login_hint",
    "ui_locales",
    "request",
    "request_uri",
    "registration",
)


class UnsafeRequest(Exception):
    """A request whose redirect address is not the client's: nobody is sent anywhere.

    What it says is for a page (RFC 6749, section 4.1.2.1).
    """


class Refusal(Exception):
    """A refusal that the client is told by a redirect."""

    def __init__(self, error: OAuthError, redirect_uri: str, state: str | None) -> None:
        super().__init__(error.description)
        self.error = error
        self.redirect_uri = redirect_uri
        self.state = state


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request that is as it should be, of a client that may make it."""

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    state: str | None = None
    nonce: str | None = None
    prompts: frozenset[str] = frozenset()
    max_age: int | None = None
    id_token_hint: str | None = None
    login_hint: str | None = None

    def refuse(self, error: str, description: str) -> Refusal:
        """The refusal of this request."""
        return Refusal(OAuthError(error, description), self.redirect_uri, self.state)


def single(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name; an empty one is as good as none (RFC 6749, section 3.1).

    Raises OAuthError ``invalid_request`` if one is there more than once.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthError("invalid_request", "A parameter is there more than once.")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def named_client(pairs: Sequence[tuple[str, str]]) -> str:
    """The one client that a request names. Raises UnsafeRequest."""
    named = [value for name, value in pairs if name == "client_id" and value]
    if len(named) != 1 or len(named[0]) > _LONGEST:
        raise UnsafeRequest("The request does not name the application that it comes from.")
    return named[0]


def parse_authorization(
    pairs: Sequence[tuple[str, str]], client: Client | None
) -> AuthorizationRequest:
    """Judge a request by its parameters (RFC 6749, section 4.1.1; OpenID Connect Core, 3.1.2.1).

    Raises UnsafeRequest before it is known that the redirect address is the client's, Refusal
    from then on.
    """
    if client is None:
        raise UnsafeRequest("The application that you come from is not registered here.")
    given = [value for name, value in pairs if name == "redirect_uri" and value]
    if len(given) != 1:
        raise UnsafeRequest("The application does not say where you should be sent back to.")
    redirect_uri = find_redirect(client.redirect_uris, given[0])
    if redirect_uri is None:
        raise UnsafeRequest(
            "The application wants you to be sent back to an address that is not registered."
        )
    states = [value for name, value in pairs if name == "state" and value]
    state = states[0] if len(states) == 1 and len(states[0]) <= _LONGEST else None
    try:
        return _judge(single(pairs), client, redirect_uri, state)
    except OAuthError as error:
        raise Refusal(error, redirect_uri, state) from None


def _judge(
    parameters: Mapping[str, str], client: Client, redirect_uri: str, state: str | None
) -> AuthorizationRequest:
    for name in _KNOWN:
        longest = 8192 if name == "id_token_hint" else _LONGEST
        if len(parameters.get(name, "")) > longest:
            raise OAuthError("invalid_request", "A parameter is too long.")
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            raise OAuthError(f"{name}_not_supported", f"The parameter {name} is not supported.")
    response_type = parameters.get("response_type")
    if response_type is None:
        raise OAuthError("invalid_request", "response_type is missing.")
    if response_type != "code":
        # What puts a token into an address is not part of OAuth 2.1 (RFC 9700, section 2.1.2).
        raise OAuthError("unsupported_response_type", "Only the response type code is supported.")
    client.require("authorization_code")
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "Only the response mode query is supported.")
    challenge = parameters.get("code_challenge")
    if challenge is None:
        raise OAuthError("invalid_request", "code_challenge is missing: PKCE is required.")
    if parameters.get("code_challenge_method") != "S256":
        # Its default is plain (RFC 7636, section 4.3), which proves nothing here.
        raise OAuthError("invalid_request", "code_challenge_method has to be S256.")
    if not is_challenge(challenge):
        raise OAuthError("invalid_request", "code_challenge is not well formed.")
    scopes = parse_scope(parameters.get("scope", ""), client.scopes)
    if not scopes:
        raise OAuthError("invalid_scope", "The request has to name a scope.")
    prompts = frozenset(parameters.get("prompt", "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthError("invalid_request", "prompt is not well formed.")
    if "nonce" in parameters and OPENID not in scopes:
        raise OAuthError("invalid_request", "A nonce is for the scope openid.")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scopes=scopes,
        challenge=challenge,
        state=state,
        nonce=parameters.get("nonce"),
        prompts=prompts,
        max_age=_seconds(parameters.get("max_age")),
        id_token_hint=parameters.get("id_token_hint"),
        login_hint=parameters.get("login_hint"),
    )


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise OAuthError("invalid_request", "max_age is no number of seconds.")
    return int(text)


def answer_uri(redirect_uri: str, issuer: str, state: str | None, **members: str) -> str:
    """Where to send the browser with an answer, which says whose it is (RFC 9207)."""
    if state is not None:
        members["state"] = state
    members["iss"] = issuer
    joint = "&" if urlsplit(redirect_uri).query else "" if redirect_uri.endswith("?") else "?"
    return f"{redirect_uri}{joint}{urlencode(members)}"
