"""Bodies of requests that come packed with gzip or zstd (RFC 9110 section 8.4), unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

from hekla.errors import INVALID_BODY, UNSUPPORTED_MEDIA_TYPE, Problem
from hekla.web.body import close_stream
from hekla.web.compress import available_codings, zstd_module

__all__ = ["unpack"]

_PIECE = 1 << 18
# A block of zstd is 128 KiB at most and takes at least 4 bytes: so much comes out of each slice.
_SLICE = 256
# What RFC 8878 asks of every reader; more memory than this is spent on no frame.
_ZSTD_WINDOW = 8 << 20


async def unpack(pieces: AsyncIterator[bytes], coding: str | None) -> AsyncIterator[bytes]:
    """The pieces unpacked, none of them large, however much comes out of them in all.

    Raises Problem ``unsupported_media_type`` for a coding that is not known, ``invalid_body``
    for what is not packed so, or breaks off.
    """
    name = (coding or "identity").strip().lower()
    try:
        if name == "identity":
            async for piece in pieces:
                yield piece
            return
        unpacker: _Gzip | _Zstd
        if name in ("gzip", "x-gzip"):
            unpacker = _Gzip()
        elif name == "zstd" and name in available_codings():
            unpacker = _Zstd()
        else:
            known = ", ".join(available_codings())
            raise Problem(
                UNSUPPORTED_MEDIA_TYPE,
                f"The Content-Encoding has to be one of {known}, or none at all.",
                headers={"accept-encoding": known},
            )
        async for piece in pieces:
            for part in unpacker.unpack(piece):
                yield part
        if not unpacker.is_whole:
            raise _broken(name)
    finally:
        await close_stream(pieces)


def _broken(name: str) -> Problem:
    return Problem(INVALID_BODY, f"The body is not packed with {name}, or it broke off.")


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._begun = False

    @property
    def is_whole(self) -> bool:
        return not self._begun

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            self._begun = True
            try:
                part = self._inner.decompress(piece, _PIECE)
            except zlib.error:
                raise _broken("gzip") from None
            if part:
                yield part
            piece = self._inner.unconsumed_tail
            if self._inner.eof:
                # Several may stand one after the other (RFC 1952 section 2.2).
                piece = self._inner.unused_data
                self._inner, self._begun = zlib.decompressobj(31), False


class _Zstd:
    def __init__(self) -> None:
        self._module = import_module(zstd_module())
        self._inner = self._new()
        self._begun = False

    @property
    def is_whole(self) -> bool:
        return not self._begun

    def _new(self) -> Any:
        if self._module.__name__ == "zstandard":
            return self._module.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        option = self._module.DecompressionParameter.window_log_max
        return self._module.ZstdDecompressor(options={option: 23})

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        for start in range(0, len(piece), _SLICE):
            rest = piece[start : start + _SLICE]
            while rest:
                self._begun = True
                try:
                    part = self._inner.decompress(rest)
                except Exception as exc:
                    # Each of the modules has an exception of its own.
                    raise _broken("zstd") from exc
                if part:
                    yield part
                rest = b""
                if self._inner.eof:
                    rest = self._inner.unused_data
                    self._inner, self._begun = self._new(), False
