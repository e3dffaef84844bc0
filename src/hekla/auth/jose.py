"""Signed tokens (RFC 7515, RFC 7519) with joserfc: what is signed, and what is believed.

Only the header members that Hekla writes are known. Whatever in a header could lead to a key
(``jku``, ``jwk``, ``x5u``, ``x5c``) or change the meaning of the token (``crit``, ``b64``) makes it
invalid: a token never says how it shall be verified.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact

__all__ = [
    "Header",
    "InvalidToken",
    "Key",
    "import_key",
    "new_key",
    "read_header",
    "sign",
    "verify",
]

LONGEST_TOKEN = 8192


class InvalidToken(Exception):
    """The token is not to be believed. What is said of it is for the log, not for a client."""


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The header of a token that can be believed at all."""

    alg: str
    kid: str | None = None
    typ: str | None = None


class _Lenient(msgspec.Struct):
    """The header of another issuer's token: what else it holds is not looked at."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: msgspec.UnsetType | Any = msgspec.UNSET


class _Registry(JWSRegistry):
    """One algorithm. ``EdDSA`` is what clients know; RFC 9864 would rather have ``Ed25519``."""

    def get_alg(self, name: str) -> Any:
        if self.allowed is None or name not in self.allowed:
            raise InvalidToken(f"the algorithm {name} is not allowed")
        return self.algorithms[name]


_strict = msgspec.json.Decoder(Header).decode
_lenient = msgspec.json.Decoder(_Lenient).decode
_claims = msgspec.json.Decoder(dict[str, Any]).decode
_registries = {
    name: _Registry(algorithms=[name], strict_check_header=False)
    for name in ("EdDSA", "ES256", "ES384", "RS256", "PS256")
}


def read_header(token: str, *, own: bool = True) -> Header:
    """The header of a token that was not verified yet. Raises InvalidToken.

    ``own``: it has to be one that Hekla wrote.
    """
    if len(token) > LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise InvalidToken("it has not the form of a token")
    encoded = token.partition(".")[0]
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        if own:
            return _strict(raw)
        found = _lenient(raw)
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise InvalidToken(f"its header is not acceptable: {error}") from None
    if found.crit is not msgspec.UNSET:
        raise InvalidToken("its header holds what must be understood")
    return Header(found.alg, found.kid, found.typ)


def verify(token: str, key: Key, algorithm: str) -> dict[str, Any]:
    """The claims of a token that ``key`` signed with ``algorithm``. Raises InvalidToken.

    The claims themselves are not looked at.
    """
    try:
        found = deserialize_compact(token, key, registry=_registries[algorithm])
        return _claims(found.payload)
    except (JoseError, msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
        raise InvalidToken(f"it cannot be verified: {type(error).__name__}") from None


def sign(claims: dict[str, Any], key: Key, kid: str, algorithm: str, typ: str) -> str:
    """A token of these claims."""
    header = {"alg": algorithm, "kid": kid, "typ": typ}
    payload = msgspec.json.encode(claims)
    return serialize_compact(header, payload, key, registry=_registries[algorithm])


def new_key(algorithm: str) -> dict[str, Any]:
    """A new private key as a JWK (RFC 7517)."""
    key: Key
    key = OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else ECKey.generate_key("P-256")
    return dict(key.as_dict(private=True))


def import_key(document: dict[str, Any]) -> Key:
    """A key of a JWK: an Ed25519, elliptic curve or RSA key. Raises InvalidToken."""
    kinds: dict[Any, Any] = {"OKP": OKPKey, "EC": ECKey, "RSA": RSAKey}
    kind = kinds.get(document.get("kty"))
    if kind is None:
        raise InvalidToken("the key is of no kind that is known")
    try:
        key: Key = kind.import_key(json.loads(json.dumps(document)))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidToken(f"the key is not acceptable: {type(error).__name__}") from None
    return key
