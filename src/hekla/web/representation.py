"""The form in which a successful answer goes out: its content coding and its entity tag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from hekla.errors import NOT_ACCEPTABLE, Problem
from hekla.web.body import close_stream
from hekla.web.compress import SMALLEST, available_codings, compress, compress_stream, pays
from hekla.web.conditional import coded_tag, entity_tag, matches, not_modified
from hekla.web.headers import list_value
from hekla.web.negotiate import choose_coding
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["VARY", "represent"]

VARY = ("vary", "Accept-Encoding")
# Compressing more than this holds others up for longer than a change of threads costs.
_ON_A_THREAD = 64 * 1024


def represent(request: Request, response: Response) -> Response | Coroutine[Any, Any, Response]:
    """Compress what the client wants compressed, tag it, and answer 304 if the client has it.

    Only a large body that is to be compressed, or a stream that nobody wants, has to be waited
    for. Raises Problem ``not_acceptable`` if the client refuses every coding there is.
    """
    body, headers = response.body, response.headers.copy()
    sent = request.headers.first
    kind = tag = coded = None
    for name, value in headers:
        if name == "content-type":
            kind = value
        elif name == "etag":
            tag = value
        elif name == "content-encoding":
            coded = value
    small = isinstance(body, bytes) and len(body) < SMALLEST
    varies = not small and kind is not None and pays(kind)
    coding = "identity"
    if "accept-encoding" in sent and coded is None:
        coding = _choose_coding(list_value(request.headers, "accept-encoding") or "", varies)
    if varies:
        headers.append(VARY)
    if tag is None and isinstance(body, bytes):
        tag = entity_tag(body)
        headers.append(("etag", tag))
    if coding != "identity":
        headers.append(("content-encoding", coding))
        if tag is not None:
            place = headers.index(("etag", tag))
            tag = coded_tag(tag, coding)
            headers[place] = ("etag", tag)
    if "if-none-match" in sent and tag is not None:
        known = list_value(request.headers, "if-none-match") or ""
        if matches(known, tag):
            known_already = not_modified(headers)
            return known_already if isinstance(body, bytes) else _closed(body, known_already)
    if coding != "identity":
        if not isinstance(body, bytes):
            body = compress_stream(body, coding)
        elif len(body) > _ON_A_THREAD:
            return _compressed(body, coding, headers)
        else:
            body = compress(body, coding)
    return Response(200, body, headers)


async def _closed(body: AsyncIterator[bytes], answer: Response) -> Response:
    await close_stream(body)
    return answer


async def _compressed(body: bytes, coding: str, headers: list[tuple[str, str]]) -> Response:
    return Response(200, await asyncio.to_thread(compress, body, coding), headers)


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
