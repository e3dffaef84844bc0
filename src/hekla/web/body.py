"""Bodies of responses: bytes in one piece, or a stream of pieces that somebody has to close."""

from __future__ import annotations

from collections.abc import AsyncIterator

__all__ = ["Body", "close_stream"]

Body = bytes | AsyncIterator[bytes]


async def close_stream(body: AsyncIterator[bytes]) -> None:
    """Close a stream, whether or not it was read to its end; a second time does nothing."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
