"""Access tokens: JWTs of the profile of RFC 9068, good for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hekla.auth.jose import InvalidToken
from hekla.auth.moments import Clock
from hekla.auth.random_secret import new_id
from hekla.auth.signing import SigningKeys
from hekla.settings import Settings

if TYPE_CHECKING:
    from hekla.auth.sessions import Session

__all__ = ["ACCESS", "FIRST_PARTY", "AccessTokens"]

ACCESS = "at+jwt"
FIRST_PARTY = "hekla"
"""The client of tokens that were not asked for by OAuth: the application's own."""

# Seconds by which clocks may differ.
_LEEWAY = 5


class AccessTokens:
    """Makes access tokens, and believes those that it made."""

    def __init__(
        self, keys: SigningKeys, settings: Settings, clock: Clock, issuer: str, audience: str
    ) -> None:
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self.issuer = issuer
        self.audience = audience

    def issue(self, session: Session, subject: str, roles: frozenset[str]) -> str:
        """A token for a session that is there. ``subject`` is the text of the user's key."""
        at = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "client_id": session.client_id or FIRST_PARTY,
            "iat": at,
            "nbf": at,
            "exp": at + int(self._settings.access_seconds),
            "jti": new_id(),
            "sid": session.id,
        }
        if roles:
            claims["roles"] = sorted(roles)
        if session.scope is not None:
            claims["scope"] = session.scope
        if session.behind is not None:
            # RFC 8693, section 4.1: who acts as the subject.
            claims["act"] = {"sub": session.behind}
        return self._keys.sign(claims, ACCESS)

    async def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that is good now. Raises InvalidToken.

        Whether its session still is there is another question.
        """
        claims = await self._keys.verify(token, ACCESS)
        check_claims(claims, self.issuer, self.audience, self._clock.now().timestamp())
        if not isinstance(claims.get("sid"), str):
            raise InvalidToken("it is of no session")
        return claims


def check_claims(claims: dict[str, Any], issuer: str, audience: str, at: float) -> None:
    """Raise InvalidToken unless a token is of this issuer, for this audience, and good at ``at``.

    RFC 7519, section 4.1; ``exp`` has to be there.
    """
    if claims.get("iss") != issuer:
        raise InvalidToken("it is of another issuer")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise InvalidToken("it is for another audience")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise InvalidToken("it is about nobody")
    if _number(claims, "exp", required=True) <= at:
        raise InvalidToken("it has expired")
    for name in ("nbf", "iat"):
        if _number(claims, name) > at + _LEEWAY:
            raise InvalidToken("it is not good yet")


def _number(claims: dict[str, Any], name: str, *, required: bool = False) -> float:
    value = claims.get(name)
    if value is None and not required:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"its {name} is no number")
    return float(value)
