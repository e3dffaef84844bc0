"""A pipe that makes a stream wait for its reader."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from hekla.server import pipe as subject
from hekla.server.pipe import Pipe, PipeClosed, PipeStalled

PIECE = b"x" * 100_000


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


def read_all(name: str, pause: float = 0.0) -> bytes:
    """Read as Granian does: by the name, on a thread, some at a time."""
    received = []
    with open(name, "rb", buffering=0) as file:
        while piece := file.read(131_072):
            received.append(piece)
            time.sleep(pause)
    return b"".join(received)


async def test_everything_arrives_in_order() -> None:
    """What is written is read by the name of the pipe, more than it can hold included."""
    before = open_files()
    pipe = Pipe(patience=5)
    reader = asyncio.ensure_future(asyncio.to_thread(read_all, pipe.name, 0.001))
    for number in range(30):
        await pipe.write(b"%09d" % number + PIECE)
    await pipe.finish()
    received = await reader
    assert received == b"".join(b"%09d" % number + PIECE for number in range(30))
    assert open_files() == before


async def test_a_short_stream_waits_to_be_opened() -> None:
    """A stream that is over before its reader comes is not lost."""
    pipe = Pipe(patience=5)
    await pipe.write(b"short")
    finish = asyncio.ensure_future(pipe.finish())
    await asyncio.sleep(0.03)
    assert not finish.done()
    assert await asyncio.to_thread(read_all, pipe.name) == b"short"
    await finish


async def test_a_reader_that_goes_ends_the_stream() -> None:
    """Once the reader has closed its end, writing says so."""
    pipe = Pipe(patience=5)
    reading = os.open(pipe.name, os.O_RDONLY)
    await pipe.write(b"first")
    assert os.read(reading, 100) == b"first"
    await pipe.write(b"second")
    os.close(reading)
    with pytest.raises(PipeClosed):
        await pipe.write(b"third")
    pipe.close()


async def test_a_reader_that_stops_is_not_waited_for() -> None:
    """A write waits as long as its patience lasts, and no longer."""
    before = open_files()
    pipe = Pipe(patience=0.05)
    reading = os.open(pipe.name, os.O_RDONLY)
    await pipe.write(PIECE)
    assert os.read(reading, 1000) == PIECE[:1000]
    with pytest.raises(PipeStalled):
        await pipe.write(PIECE * 10)
    pipe.close()
    pipe.close()
    os.close(reading)
    assert open_files() == before


async def test_a_reader_that_never_comes_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that left at once never has the pipe opened: the stream ends all the same."""
    monkeypatch.setattr(subject, "_OPENING", 0.02)
    pipe = Pipe(patience=5)
    await pipe.write(b"short")
    with pytest.raises(PipeClosed):
        await pipe.finish()
    pipe.close()


async def test_a_name_never_leads_to_another_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name that is opened too late leads to nothing that can be read, whatever was opened."""
    monkeypatch.setattr(subject, "_RESERVED", 0.05)
    before = open_files()
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    pipe = Pipe(patience=5)
    await pipe.write(b"short")
    pipe.close()
    with secret.open("rb"):
        late = os.open(pipe.name, os.O_RDONLY)
        with pytest.raises(IsADirectoryError):
            os.read(late, 100)
    os.close(late)
    await asyncio.sleep(0.1)
    assert open_files() == before
