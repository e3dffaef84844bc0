"""What OAuth answers where it refuses: codes that RFCs define, which every client knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ERRORS", "OAuthError"]

ERRORS: Final[Mapping[str, int]] = {
    # RFC 6749, sections 4.1.2.1 and 5.2.
    "invalid_request": 400,
    "invalid_client": 401,
    "invalid_grant": 400,
    "unauthorized_client": 400,
    "unsupported_grant_type": 400,
    "unsupported_response_type": 400,
    "invalid_scope": 400,
    "access_denied": 403,
    "server_error": 500,
    "temporarily_unavailable": 503,
    # RFC 6750, section 3.1.
    "invalid_token": 401,
    "insufficient_scope": 403,
    # RFC 7009, section 2.2.1.
    "unsupported_token_type": 400,
    # RFC 8628, section 3.5.
    "authorization_pending": 400,
    "slow_down": 400,
    "expired_token": 400,
    # OpenID Connect Core 1.0, section 3.1.2.6.
    "login_required": 400,
    "consent_required": 400,
    "interaction_required": 400,
    "request_not_supported": 400,
    "request_uri_not_supported": 400,
    "registration_not_supported": 400,
}


class OAuthError(Exception):
    """A refusal: an ``error`` of :data:`ERRORS`, and a sentence for whoever writes the client.

    The sentence is of ASCII without quotes and backslashes (RFC 6749, section 5.2), and never
    holds what a client sent.
    """

    def __init__(self, error: str, description: str) -> None:
        if error not in ERRORS:
            raise ValueError(f"{error!r} is no error of OAuth")
        super().__init__(description)
        self.error = error
        self.description = description

    @property
    def status(self) -> int:
        return ERRORS[self.error]

    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}
