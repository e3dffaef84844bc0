"""gzip and zstd for bodies where the client asks for it and it pays."""

from __future__ import annotations

import sys
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from hekla.web.body import close_stream

__all__ = ["SMALLEST", "available_codings", "compress", "compress_stream", "pays", "zstd_module"]

# Below this a body fits into one packet anyway.
SMALLEST = 1_400
# Bodies are made for one answer and thrown away: speed counts more than the last percent.
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 3

_of_thread = threading.local()

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
    return ("zstd", "gzip") if zstd_module() else ("gzip",)


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
    if coding == "zstd":
        return _zstd_packer()(body)
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
    module = import_module(zstd_module())
    compressor: Any = module.ZstdCompressor(level=_ZSTD_LEVEL)
    stream: _Compressor = compressor.compressobj() if module.__name__ == "zstandard" else compressor
    return stream


def _zstd_packer() -> Callable[[bytes], bytes]:
    """What packs a whole body: one for each thread, since making it costs more than using it."""
    packer: Any = getattr(_of_thread, "packer", None)
    if packer is None:
        module = import_module(zstd_module())
        compressor: Any = module.ZstdCompressor(level=_ZSTD_LEVEL)
        packer = compressor.compress
        if module.__name__ != "zstandard":
            packer = partial(packer, mode=compressor.FLUSH_FRAME)
        _of_thread.packer = packer
    packs: Callable[[bytes], bytes] = packer
    return packs


@cache
def zstd_module() -> str:
    """The module that makes zstd: the standard library's since 3.14, else the extra's."""
    if sys.version_info >= (3, 14) and find_spec("compression.zstd"):
        return "compression.zstd"
    return "zstandard" if find_spec("zstandard") else ""
