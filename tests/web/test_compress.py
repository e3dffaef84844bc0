"""Compressed bodies come out as they went in."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator

import pytest

from hekla.web import compress as subject
from hekla.web.compress import available_codings, compress, compress_stream, pays

BODY = b'{"title":"Hekla"},' * 500


def unpack(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    zstandard = pytest.importorskip("zstandard")
    result: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return result


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_comes_back(coding: str) -> None:
    """A body is smaller on the way, the same at the end, and packed the same each time."""
    if coding not in available_codings():
        pytest.skip("zstandard is not installed")
    packed = compress(BODY, coding)
    assert len(packed) < len(BODY) / 10
    assert unpack(packed, coding) == BODY
    assert compress(BODY, coding) == packed
    assert unpack(compress(b"", coding), coding) == b""


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_stream_comes_back(coding: str) -> None:
    """A stream is packed piece by piece and closed at the end."""
    if coding not in available_codings():
        pytest.skip("zstandard is not installed")
    closed = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for _ in range(100):
                yield BODY
        finally:
            closed.append(True)

    packed = [piece async for piece in compress_stream(pieces(), coding)]
    assert unpack(b"".join(packed), coding) == BODY * 100
    assert all(packed)
    assert closed == [True]


async def test_a_stream_that_is_left_is_closed() -> None:
    """Closing the packed stream closes the one behind it."""
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(str(len(closed)), "ascii") * 1000
        finally:
            closed.append(True)

    stream = compress_stream(pieces(), "gzip")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed == [True]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("application/x-ndjson", True),
        ("text/csv", True),
        ("TEXT/HTML", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("application/octet-stream", False),
        ("application/zip", False),
        ("text/event-stream", False),
        ("", False),
    ],
)
def test_what_gets_smaller(content_type: str, expected: bool) -> None:
    """Text is compressed, what is compressed already is not, and events do not wait."""
    assert pays(content_type) is expected


def test_zstd_is_not_offered_where_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a module for it zstd is not among the codings, and looking imports nothing."""
    monkeypatch.setattr(subject, "find_spec", lambda name: None)
    for cached in (subject.available_codings, subject.zstd_module):
        cached.cache_clear()
    try:
        assert available_codings() == ("gzip",)
    finally:
        monkeypatch.undo()
        for cached in (subject.available_codings, subject.zstd_module):
            cached.cache_clear()
    loaded = "zstandard" in sys.modules
    available_codings()
    assert ("zstandard" in sys.modules) is loaded
