"""Forms, as browsers and clients of OAuth send them, and the answers that both take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from hekla.auth.oauth.authorization import single
from hekla.auth.oauth.errors import OAuthError
from hekla.errors import BODY_TOO_LARGE, INVALID_BODY, UNSUPPORTED_MEDIA_TYPE, Problem
from hekla.web.query_string import split_query
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.web.request import Request

__all__ = ["error_response", "json_answer", "read_form", "read_pairs", "redirect"]

_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST: Final = 65_536
_MOST: Final = 200
# RFC 6749, section 5.1.
_PRIVATE: Final = [("cache-control", "no-store"), ("pragma", "no-cache")]


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """The pairs of a form, in their order. Raises Problem for another type of body."""
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE, f"The body has to be {_FORM}.", headers={"accept": _FORM}
        )
    body = await request.body()
    if len(body) > _LONGEST:
        raise Problem(BODY_TOO_LARGE, f"A form is of {_LONGEST} bytes at most.")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise Problem(INVALID_BODY, "The form is not encoded as forms are.") from None
    pairs = split_query(text)
    if len(pairs) > _MOST:
        raise Problem(INVALID_BODY, f"A form has {_MOST} fields at most.")
    return pairs


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form of a client. Raises OAuthError if one is there more than once."""
    return single(await read_pairs(request))


def json_answer(document: Any, status: int = 200) -> Response:
    """An answer to a client, which no cache keeps."""
    headers = [("content-type", "application/json"), *_PRIVATE]
    return Response(status, msgspec.json.encode(document), headers)


def error_response(error: OAuthError, scheme: str | None = None) -> Response:
    """A refusal for a client (RFC 6749, section 5.2; RFC 6750, section 3)."""
    response = json_answer(error.body(), error.status)
    if scheme == "Bearer":
        said = f'Bearer error="{error.error}", error_description="{error.description}"'
        response.headers.append(("www-authenticate", said))
    elif error.status == 401:
        response.headers.append(("www-authenticate", 'Basic realm="oauth"'))
    return response


def redirect(uri: str) -> Response:
    """Send a browser on, by GET whatever it came with (RFC 9700, section 4.12)."""
    headers = [("location", uri), ("referrer-policy", "no-referrer"), *_PRIVATE]
    return Response(303, b"", headers)
