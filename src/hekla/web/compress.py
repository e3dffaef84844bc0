"""gzip and zstd for bodies where the client asks for it and it pays."""

from __future__ import annotations

import sys
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from hekla.web.body import close_stream

__all__ = ["SMALLEST", "available_codings", "compress", "compress_stream", "pays"]

# Below this a body fits into one packet anyway.
SMALLEST = 1_400
# Bodies are made for one answer and thrown away: speed counts more than the last percent.
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 1

_TYPES = frozenset(
    {
        "application/json",
        "application/problem+json",
        "application/x-ndjson",
        "application/javascript",
        "application/xml",
        "image/svg+xml",
    }
)


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@cache
def available_codings() -> tuple[str, ...]:
    """The codings this process can make, the best first; nothing is imported to find out."""
    return ("zstd", "gzip") if _zstd_module() else ("gzip",)


@cache
def pays(content_type: str) -> bool:
    """Whether bodies of a content type get smaller: text does, pictures do not.

    A stream of events is left alone: it must not wait in a compressor.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return False
    return kind in _TYPES or kind.startswith("text/") or kind.endswith(("+json", "+xml"))


def compress(body: bytes, coding: str) -> bytes:
    """A whole body in a coding; the same body always gives the same bytes."""
    compressor = _compressor(coding)
    return compressor.compress(body) + compressor.flush()


async def compress_stream(pieces: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """A body that streams in a coding; it is closed with the stream."""
    compressor = _compressor(coding)
    try:
        async for piece in pieces:
            packed = compressor.compress(piece)
            if packed:
                yield packed
        yield compressor.flush()
    finally:
        await close_stream(pieces)


def _compressor(coding: str) -> _Compressor:
    if coding == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return _zstd_compressor()()


@cache
def _zstd_compressor() -> Callable[[], _Compressor]:
    name = _zstd_module()
    module: Any = import_module(name)
    if name == "zstandard":
        return lambda: module.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    return lambda: module.ZstdCompressor(level=_ZSTD_LEVEL)


@cache
def _zstd_module() -> str:
    """The module that makes zstd: the standard library's since 3.14, else the extra's."""
    if sys.version_info >= (3, 14) and find_spec("compression.zstd"):
        return "compression.zstd"
    return "zstandard" if find_spec("zstandard") else ""
