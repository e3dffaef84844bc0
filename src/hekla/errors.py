"""Every error a user can meet: one permanent code each, rendered as an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CODES", "Code", "Fault", "OperatorError", "Problem"]


@dataclass(frozen=True, slots=True)
class Code:
    """A permanent kind of error: its ``code``, HTTP ``status`` and the ``title`` all share."""

    code: str
    status: int
    title: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that is wrong: ``location`` such as ``query.order_by`` or a JSON pointer."""

    location: str
    message: str


CODES: dict[str, Code] = {}


def _code(code: str, status: int, title: str) -> Code:
    return CODES.setdefault(code, Code(code, status, title))


# What was asked cannot be understood.
BAD_REQUEST = _code("bad_request", 400, "The request could not be understood")
UNKNOWN_PARAMETER = _code("unknown_parameter", 400, "There is no such parameter")
UNKNOWN_COLUMN = _code("unknown_column", 400, "There is no such column")
UNKNOWN_RELATION = _code("unknown_relation", 400, "There is no such relation")
UNKNOWN_LOOKUP = _code("unknown_lookup", 400, "The column has no such lookup")
INVALID_VALUE = _code("invalid_value", 400, "A value does not fit its type")
INVALID_SYNTAX = _code("invalid_syntax", 400, "A parameter is not well formed")
INVALID_BODY = _code("invalid_body", 400, "The request body is not well formed")
INVALID_CURSOR = _code("invalid_cursor", 400, "The cursor is not valid for this query")
UNSUPPORTED = _code("unsupported", 400, "This database or resource cannot do that")
LIMIT_EXCEEDED = _code("limit_exceeded", 400, "The request is over a limit")
# Who asks may not.
UNAUTHENTICATED = _code("unauthenticated", 401, "Sign in to do this")
INVALID_CREDENTIALS = _code("invalid_credentials", 401, "That is not how you sign in")
INVALID_TOKEN = _code("invalid_token", 401, "The token is not valid, or not any more")
FORBIDDEN = _code("forbidden", 403, "You may not do this")
PROOF_NEEDED = _code("proof_needed", 403, "Show once more that it is you")
CROSS_SITE = _code("cross_site", 403, "Another site's page may not do this")
# What is asked for is not there, or not in that form.
NOT_FOUND = _code("not_found", 404, "Not found")
METHOD_NOT_ALLOWED = _code("method_not_allowed", 405, "The method is not allowed here")
NOT_ACCEPTABLE = _code("not_acceptable", 406, "No form of the answer is acceptable")
REQUEST_TIMEOUT = _code("request_timeout", 408, "The request took too long to arrive")
AMBIGUOUS_KEY = _code("ambiguous_key", 409, "The address fits more than one row")
ALREADY_EXISTS = _code("already_exists", 409, "There is such a row already")
STILL_REFERENCED = _code("still_referenced", 409, "Other rows still refer to the row")
# Not 422: of the document alone nobody can tell.
MISSING_REFERENCE = _code("missing_reference", 409, "The row refers to one that is not there")
TOO_MANY_ROWS = _code("too_many_rows", 409, "More rows are meant than one request may write")
CODE_GONE = _code("code_gone", 410, "The link or the code is not good any more")
CHANGES_GONE = _code("changes_gone", 410, "The changes are not kept any more")
PRECONDITION_FAILED = _code("precondition_failed", 412, "The row is not as it was expected to be")
BODY_TOO_LARGE = _code("body_too_large", 413, "The request body is too large")
URI_TOO_LONG = _code("uri_too_long", 414, "The address is too long")
UNSUPPORTED_MEDIA_TYPE = _code("unsupported_media_type", 415, "The body is of no known type")
UNKNOWN_HOST = _code("unknown_host", 421, "The host is not served here")
VALIDATION_FAILED = _code("validation_failed", 422, "The document is not valid")
REFUSED = _code("refused", 422, "The application refuses it")
IDEMPOTENCY_KEY_REUSED = _code(
    "idempotency_key_reused", 422, "The Idempotency-Key stands for another request"
)
CHECK_FAILED = _code("check_failed", 422, "The database refuses the row")
RATE_LIMITED = _code("rate_limited", 429, "Too many requests")
TOO_MANY_ATTEMPTS = _code("too_many_attempts", 429, "There were too many tries")
HEADERS_TOO_LARGE = _code("headers_too_large", 431, "The request headers are too large")
# The fault is on this side.
INTERNAL = _code("internal", 500, "Something went wrong on the server")
NOT_IMPLEMENTED = _code("not_implemented", 501, "The server does not know this method")
STORE_UNAVAILABLE = _code("store_unavailable", 503, "The database cannot be reached")
STORE_BUSY = _code("store_busy", 503, "The database is busy")
STATEMENT_TIMEOUT = _code("statement_timeout", 504, "The query took too long")
STORE_FULL = _code("store_full", 507, "The database has no room left")


class Problem(Exception):
    """An answer that is an error (RFC 9457). What it says may be read by anybody.

    ``detail`` is for the person who made the request, ``errors`` say where the fault is,
    ``headers`` are sent with the answer (``Allow``, ``Retry-After``, …).
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code.title)
        self.code = code
        self.detail = detail or code.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return self.code.status

    def body(self) -> dict[str, Any]:
        """The members of the ``application/problem+json`` document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "code": self.code.code,
            "title": self.code.title,
            "status": self.code.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [
                {"location": fault.location, "message": fault.message} for fault in self.errors
            ]
        return document


class OperatorError(Exception):
    """A mistake of whoever runs Hekla: one line that says what is wrong and what to do."""
