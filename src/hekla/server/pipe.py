"""A pipe between a stream and Granian: it makes the stream wait for a client that reads slowly.

RSGI takes every piece of a stream at once and keeps it in memory until the client has read it,
a whole export if need be. A file it reads only as fast as the client does; and the end of a
pipe has a name that can be opened like a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios

__all__ = ["Pipe", "PipeClosed", "PipeStalled", "pipes_work"]

_NAMES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
# Granian reads 128 KiB at a time.
_CAPACITY = 256 * 1024
# Seconds between two looks whether Granian has come to open the pipe, and until it never will.
_LOOK = 0.001
_OPENING = 5.0
# Seconds for which a name that nobody has opened leads to something that cannot be read.
_RESERVED = 60.0


def pipes_work() -> bool:
    """Whether the ends of a pipe can be opened by a name on this system."""
    return os.path.isdir(_NAMES)


class PipeClosed(Exception):
    """Nobody reads from the pipe any more: the client has left."""


class PipeStalled(Exception):
    """The client is there, but has not read anything for too long."""


class Pipe:
    """One stream on its way to Granian, which opens ``name`` and reads it to its end.

    ``patience`` is how many seconds a write may wait for the client to read.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        # Kept open until Granian has opened the name too, or there would be nothing to open.
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._writing, fcntl.F_SETPIPE_SZ, _CAPACITY)
        self._written = 0
        self.name = f"{_NAMES}/{self._reading}"

    async def write(self, piece: bytes) -> None:
        """Hand over a piece; waits while the pipe is full.

        Raises PipeClosed if the client has left, PipeStalled if it has stopped reading.
        """
        rest = memoryview(piece)
        while rest:
            try:
                written = os.write(self._writing, rest)
            except BlockingIOError:
                await self._writable()
            except BrokenPipeError:
                raise PipeClosed from None
            else:
                self._written += written
                rest = rest[written:]
        if self._reading >= 0 and self._is_open():
            self._close_reading()

    async def finish(self) -> None:
        """Close the pipe as soon as Granian has it: a short answer may be over before.

        Raises PipeClosed if it never comes, since the client left at once.
        """
        for _ in range(int(_OPENING / _LOOK)):
            if self._reading < 0 or self._is_open():
                self.close()
                return
            await asyncio.sleep(_LOOK)
        raise PipeClosed

    def close(self) -> None:
        """Close both ends; what Granian has not read yet it can still read."""
        if self._reading >= 0:
            if self._is_open():
                self._close_reading()
            else:
                self._reserve_reading()
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def _close_reading(self) -> None:
        # From here on Granian's end is the only one, and writing fails once it is closed.
        os.close(self._reading)
        self._reading = -1

    def _reserve_reading(self) -> None:
        """Make sure that the name never leads to another file, whose number it would be then.

        Granian has not opened it yet, and may do so at any time: it finds a folder, which can
        be opened but not read, and cuts the connection.
        """
        folder = os.open("/", os.O_RDONLY)
        os.dup2(folder, self._reading)
        os.close(folder)
        asyncio.get_running_loop().call_later(_RESERVED, os.close, self._reading)
        self._reading = -1

    def _is_open(self) -> bool:
        """Whether Granian has opened its end: then something of what was written is missing."""
        answer = fcntl.ioctl(self._reading, termios.FIONREAD, b"\0\0\0\0")
        return bool(struct.unpack("i", answer)[0] < self._written)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.add_writer(self._writing, _resolve, future)
        try:
            async with asyncio.timeout(self._patience):
                await future
        except TimeoutError:
            raise PipeStalled from None
        finally:
            loop.remove_writer(self._writing)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
