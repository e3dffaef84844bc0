"""Bodies of responses: bytes in one piece, or a stream of pieces that somebody has to close."""

from __future__ import annotations

from collections.abc import AsyncIterator

__all__ = ["Begun", "Body", "begin_stream", "close_stream"]

Body = bytes | AsyncIterator[bytes]


async def close_stream(body: AsyncIterator[bytes]) -> None:
    """Close a stream, whether or not it was read to its end; a second time does nothing."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


async def begin_stream(body: AsyncIterator[bytes]) -> Body:
    """Wait for the first piece of a stream, so that what fails at once can still be an error.

    The stream that comes back begins with that piece; an empty stream comes back as ``b""``.
    """
    try:
        first = await body.__anext__()
    except StopAsyncIteration:
        return b""
    except BaseException:
        await close_stream(body)
        raise
    return Begun(first, body)


class Begun:
    """A stream whose first piece is there already."""

    __slots__ = ("_first", "_rest")

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def __aiter__(self) -> Begun:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._rest.__anext__()

    async def aclose(self) -> None:
        await close_stream(self._rest)
