"""The header ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import re
from hashlib import blake2b

from hekla.engine import Once
from hekla.errors import BAD_REQUEST, Fault, Problem
from hekla.web.request import Request

__all__ = ["once"]

# A string of structured fields (RFC 9651 section 3.3.3); the quotes are often left out.
_KEY = re.compile(r'"([ -!#-\[\]-~]{1,255})"|([!#-\[\]-~]{1,255})')


async def once(request: Request) -> Once | None:
    """The key of the request, with a digest of what it asks; None if it has none.

    Raises Problem ``bad_request`` for a key that is none.
    """
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    found = _KEY.fullmatch(header.strip())
    if found is None:
        message = "expected a quoted string of 1 to 255 printable characters of ASCII"
        fault = Fault("header.idempotency-key", message)
        raise Problem(BAD_REQUEST, f"Idempotency-Key: {message}.", errors=[fault])
    asked = f"{request.method} {request.path}?{request.query}\n".encode()
    digest = blake2b(asked + await request.body(), digest_size=16).digest()
    return Once(found[1] or found[2], digest)
