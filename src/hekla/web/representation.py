"""The form in which a successful answer goes out: its content coding and its entity tag."""

from __future__ import annotations

import asyncio

from hekla.errors import NOT_ACCEPTABLE, Problem
from hekla.web.body import Body, close_stream
from hekla.web.compress import SMALLEST, available_codings, compress, compress_stream, pays
from hekla.web.conditional import coded_tag, entity_tag, matches, not_modified
from hekla.web.headers import list_value
from hekla.web.negotiate import choose_coding
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["plain_headers", "represent"]

_VARY = ("vary", "Accept-Encoding")
# Compressing more than this holds others up for longer than a change of threads costs.
_ON_A_THREAD = 64 * 1024


def plain_headers(response: Response) -> list[tuple[str, str]] | None:
    """The headers of an answer that goes out as it is, with its tag; None if it cannot be told.

    It is for requests that leave nothing to negotiate: without ``Accept-Encoding`` and
    ``If-None-Match``, as programs send them as a rule.
    """
    body, own = response.body, response.headers
    if type(body) is not bytes or not own or own[0][0] != "content-type" or "etag" in dict(own):
        return None
    headers = [*own, ("etag", entity_tag(body))]
    if len(body) >= SMALLEST and pays(own[0][1]):
        headers.append(_VARY)
    return headers


async def represent(request: Request, response: Response) -> Response:
    """Compress what the client wants compressed, tag it, and answer 304 if the client has it.

    Raises Problem ``not_acceptable`` if the client refuses every coding there is.
    """
    body = response.body
    if isinstance(body, bytes) and len(body) < SMALLEST:
        varies = False
    else:
        varies = pays(response.header("content-type") or "")
    coding = "identity"
    accepted = request.headers.get("accept-encoding")
    if accepted is not None and response.header("content-encoding") is None:
        coding = _choose_coding(list_value(request.headers, "accept-encoding") or "", varies)
    headers = [*response.headers, _VARY] if varies else list(response.headers)
    tag = response.header("etag")
    if tag is None and isinstance(body, bytes):
        tag = entity_tag(body)
        headers.append(("etag", tag))
    if coding != "identity":
        headers.append(("content-encoding", coding))
        if tag is not None:
            coded = coded_tag(tag, coding)
            headers[headers.index(("etag", tag))] = ("etag", coded)
            tag = coded
    known = list_value(request.headers, "if-none-match")
    if known is not None and tag is not None and matches(known, tag):
        if not isinstance(body, bytes):
            await close_stream(body)
        return not_modified(headers)
    if coding != "identity":
        body = await _encode(body, coding)
    return Response(200, body, headers)


def _choose_coding(accepted: str, varies: bool) -> str:
    """The coding to send: ``identity`` unless it pays, or the client refuses ``identity``."""
    if not varies and choose_coding(accepted, ()) == "identity":
        return "identity"
    coding = choose_coding(accepted, available_codings())
    if coding is None:
        raise Problem(
            NOT_ACCEPTABLE,
            f"The answer can be had as it is, or in {' or '.join(available_codings())}.",
        )
    return coding


async def _encode(body: Body, coding: str) -> Body:
    if not isinstance(body, bytes):
        return compress_stream(body, coding)
    if len(body) > _ON_A_THREAD:
        return await asyncio.to_thread(compress, body, coding)
    return compress(body, coding)
