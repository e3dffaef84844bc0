"""Bodies that stream over RSGI: no faster than the client reads, and cut off if they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from hekla.errors import Problem
from hekla.server.connection import cut_connection
from hekla.server.departure import watching
from hekla.server.pipe import Pipe, PipeClosed, PipeStalled, pipes_work
from hekla.web.body import close_stream
from hekla.web.request import ClientLeft, Request
from hekla.web.response import Response

__all__ = ["send_stream"]

logger = logging.getLogger("hekla")

_LEFT = (ClientLeft, PipeClosed)


async def send_stream(
    request: Request, response: Response, body: AsyncIterator[bytes], protocol: Any, server: str
) -> None:
    """Send a stream to its end; the stream is closed whatever happens."""
    try:
        if _is_live(response) or not pipes_work():
            await _send_live(response, body, protocol)
            return
        pipe = Pipe(request.settings.stream_timeout)
        try:
            protocol.response_file(response.status, response.headers, pipe.name)
            async for piece in body:
                await pipe.write(piece)
                # Neither a stream nor a fast client may keep the loop from all others.
                await asyncio.sleep(0)
            await pipe.finish()
        except _LEFT:
            raise
        except BaseException:
            # Before the pipe is closed: its end would be the end of the answer.
            _cut(request, server)
            raise
        finally:
            pipe.close()
    except _LEFT:
        pass
    except PipeStalled:
        logger.warning("Request %s was cut off: its client stopped reading", request.id)
    except Problem as problem:
        # What can be expected, such as a statement that takes too long; but it came too late.
        logger.warning("Request %s was cut off: %s", request.id, problem.detail)
    except Exception:
        logger.exception("Request %s failed in mid-stream: %s", request.id, request.path)
    finally:
        await close_stream(body)


def _is_live(response: Response) -> bool:
    """Whether it is a stream of events: small pieces, now and then, on many connections."""
    return (response.header("content-type") or "").startswith("text/event-stream")


async def _send_live(response: Response, body: AsyncIterator[bytes], protocol: Any) -> None:
    """Send pieces as they come; whoever reads events can tell an end from a failure by itself."""
    # Whoever calls this is Granian, so it is imported; under other servers it need not be.
    from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

    transport = protocol.response_stream(response.status, response.headers)
    async with watching(protocol.client_disconnect):
        async for piece in body:
            try:
                await transport.send_bytes(piece)
            except ProtocolClosed:
                raise ClientLeft from None


def _cut(request: Request, server: str) -> None:
    if not cut_connection(server, request.peer or ""):
        logger.warning("Request %s: its connection could not be cut", request.id)
