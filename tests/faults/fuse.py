"""The kernel's side of a file system in user space: mounting, requests, replies.

The protocol is that of ``linux/fuse.h``, version 7.31; numbers and layouts are from there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import socket
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEVICE", "Request", "Session", "attributes", "missing", "unmount"]

DEVICE = "/dev/fuse"

_VERSION = (7, 31)
_MAX_WRITE = 128 * 1024
# FUSE_ASYNC_READ, FUSE_BIG_WRITES
_FLAGS = 1 << 0 | 1 << 5
_INIT = 26
_HEADER = struct.Struct("<IIQQIIIHH")
_REPLY = struct.Struct("<IiQ")
_MNT_DETACH = 2


def missing() -> str | None:
    """What this machine lacks for a file system in user space; None if nothing."""
    if not hasattr(os, "geteuid") or not os.path.exists(DEVICE):
        return f"there is no {DEVICE} here"
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return f"{DEVICE} may not be opened"
    if os.geteuid() != 0 and shutil.which("fusermount3") is None:
        return "only root may mount here: fusermount3 is not installed"
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """What the kernel asks: an operation, the inode it is for, and the operation's own data."""

    operation: int
    unique: int
    node: int
    data: memoryview


class Session:
    """One mount: requests come in, replies go out, until it is closed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.handle = _mount(place)
        self._buffer = bytearray(_MAX_WRITE + 4096)

    def fileno(self) -> int:
        return self.handle

    def receive(self) -> Request | None:
        """The next request; None if it was withdrawn. Raises OSError when unmounted."""
        try:
            length = os.readv(self.handle, [self._buffer])
        except OSError as exc:
            if exc.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                return None
            raise
        _, operation, unique, node, *_ = _HEADER.unpack_from(self._buffer)
        request = Request(
            operation, unique, node, memoryview(self._buffer)[_HEADER.size : length].toreadonly()
        )
        if operation == _INIT:
            self._agree(request)
            return None
        return request

    def reply(self, unique: int, data: bytes = b"", error: int = 0) -> None:
        """Answer a request, with data or with an errno."""
        header = _REPLY.pack(_REPLY.size + len(data), -error, unique)
        try:
            os.writev(self.handle, [header, data])
        except FileNotFoundError:
            # Whoever asked was killed meanwhile.
            return

    def close(self) -> None:
        """Let go, as if the device were pulled out: who still waits gets an error."""
        os.close(self.handle)
        unmount(self.place)

    def _agree(self, request: Request) -> None:
        _, _, readahead, _ = struct.unpack_from("<IIII", request.data)
        self.reply(
            request.unique,
            struct.pack(
                "<IIIIHHIIHHI28x", *_VERSION, readahead, _FLAGS, 12, 9, _MAX_WRITE, 1, 0, 0, 0
            ),
        )


def attributes(number: int, size: int, mode: int) -> bytes:
    """A ``fuse_attr``: what stat(2) says of a file."""
    links = 2 if stat.S_ISDIR(mode) else 1
    return struct.pack(
        "<6Q10I",
        *(number, size, (size + 511) // 512, 0, 0, 0),
        *(0, 0, 0, mode, links, os.geteuid(), os.getegid(), 0, 4096, 0),
    )


def unmount(place: Path) -> None:
    """Take the file system away from its folder, whoever is still in it."""
    if os.geteuid() == 0:
        _libc().umount2(os.fsencode(place), _MNT_DETACH)
    else:
        subprocess.run(["fusermount3", "-u", "-z", "-q", "--", place], check=False)


def _mount(place: Path) -> int:
    """Mount at a folder; returns the handle to talk to the kernel through. Raises OSError."""
    if os.geteuid() != 0:
        return _mount_as_user(place)
    handle = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={handle},rootmode=40755,user_id=0,group_id=0,default_permissions"
    failed = _libc().mount(b"forgetful", os.fsencode(place), b"fuse.forgetful", 0, options.encode())
    if failed:
        number = ctypes.get_errno()
        os.close(handle)
        raise OSError(number, os.strerror(number), str(place))
    return handle


def _mount_as_user(place: Path) -> int:
    """Let fusermount3 mount, which hands over the handle (fusermount3.c, ``_FUSE_COMMFD``)."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subprocess.run(
            ["fusermount3", "-o", "fsname=forgetful,subtype=forgetful", "--", place],
            env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            check=True,
        )
        _, handles, _, _ = socket.recv_fds(ours, 1, 1)
    return handles[0]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
