"""A file system on a disk that forgets, as a process: ``python -m tests.faults.forgetful FOLDER``.

Commands are lines of JSON on standard input, each answered with one on standard output; the end
of the input unmounts. :mod:`tests.faults.power` is the other side.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.fuse import Request, Session, attributes
from tests.faults.volatile import Disk, Full, Inode

__all__: list[str] = []

# How long, in seconds, the kernel may remember what only it changes.
_REMEMBERED = 3600
_KEEP_CACHE = 1 << 1
_SIZE = 1 << 3
_MODE = 1 << 0
_NO_REPLY = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
_FSYNC = 20

_Answer = Callable[[int, memoryview], bytes]


class FileSystem:
    """The operations of ``linux/fuse.h`` on a disk: each takes an inode's number and its data."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.answers: dict[int, _Answer] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            9: self._mkdir,
            10: self._remove,
            11: self._remove,
            12: self._rename,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            27: self._opendir,
            28: self._readdir,
            29: self._done,
            30: self._sync_folder,
            35: self._create,
            38: self._done,
            45: self._rename_with_flags,
        }

    def answer(self, request: Request) -> tuple[bytes, int]:
        """The reply to a request: data, and an errno or 0."""
        handler = self.answers.get(request.operation)
        if handler is None:
            return b"", errno.ENOSYS
        try:
            return handler(request.node, request.data), 0
        except FileNotFoundError:
            return b"", errno.ENOENT
        except FileExistsError:
            return b"", errno.EEXIST
        except NotADirectoryError:
            return b"", errno.ENOTDIR
        except Full:
            return b"", errno.ENOSPC
        except OSError as exc:
            return b"", exc.errno or errno.EIO

    def _entry(self, inode: Inode) -> bytes:
        return struct.pack("<4Q2I", inode.number, 0, _REMEMBERED, _REMEMBERED, 0, 0) + _stat(inode)

    def _lookup(self, node: int, data: memoryview) -> bytes:
        return self._entry(self.disk.find(node, _name(data)))

    def _getattr(self, node: int, data: memoryview) -> bytes:
        return struct.pack("<QII", _REMEMBERED, 0, 0) + _stat(self.disk.inodes[node])

    def _setattr(self, node: int, data: memoryview) -> bytes:
        inode = self.disk.inodes[node]
        valid, _, _, size = struct.unpack_from("<IIQQ", data)
        (mode,) = struct.unpack_from("<I", data, 68)
        if valid & _SIZE:
            self.disk.resize(inode, size)
        if valid & _MODE:
            inode.mode = inode.mode & ~0o7777 | mode & 0o7777
        return self._getattr(node, data)

    def _mkdir(self, node: int, data: memoryview) -> bytes:
        (mode,) = struct.unpack_from("<I", data)
        return self._entry(self.disk.create(node, _name(data[8:]), 0o040000 | mode & 0o7777))

    def _remove(self, node: int, data: memoryview) -> bytes:
        self.disk.remove(node, _name(data))
        return b""

    def _rename(self, node: int, data: memoryview, start: int = 8) -> bytes:
        (folder,) = struct.unpack_from("<Q", data)
        old, new, _ = bytes(data[start:]).split(b"\0", 2)
        self.disk.rename(node, os.fsdecode(old), folder, os.fsdecode(new))
        return b""

    def _rename_with_flags(self, node: int, data: memoryview) -> bytes:
        (flags,) = struct.unpack_from("<I", data, 8)
        if flags:
            raise OSError(errno.EINVAL, "flags")
        return self._rename(node, data, 16)

    def _open(self, node: int, data: memoryview) -> bytes:
        self.disk.inodes[node].opened += 1
        return struct.pack("<QII", 0, _KEEP_CACHE, 0)

    def _opendir(self, node: int, data: memoryview) -> bytes:
        return struct.pack("<QII", 0, 0, 0)

    def _create(self, node: int, data: memoryview) -> bytes:
        _, mode, _, _ = struct.unpack_from("<IIII", data)
        inode = self.disk.create(node, _name(data[16:]), 0o100000 | mode & 0o7777)
        return self._entry(inode) + self._open(inode.number, data)

    def _read(self, node: int, data: memoryview) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", data)
        return bytes(self.disk.inodes[node].content[offset : offset + size])

    def _write(self, node: int, data: memoryview) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", data)
        self.disk.write(self.disk.inodes[node], offset, bytes(data[40 : 40 + size]))
        return struct.pack("<II", size, 0)

    def _release(self, node: int, data: memoryview) -> bytes:
        inode = self.disk.inodes[node]
        inode.opened -= 1
        self.disk.forget_if_unused(inode)
        return b""

    def _readdir(self, node: int, data: memoryview) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", data)
        listed = bytearray()
        entries = [(".", node), ("..", node), *self.disk.folder(node).items()]
        for index, (name, number) in enumerate(entries[offset:], offset + 1):
            raw = os.fsencode(name)
            kind = self.disk.inodes[number].mode >> 12
            entry = struct.pack("<QQII", number, index, len(raw), kind) + raw
            entry += bytes(-len(entry) % 8)
            if len(listed) + len(entry) > size:
                break
            listed += entry
        return bytes(listed)

    def _statfs(self, node: int, data: memoryview) -> bytes:
        capacity = self.disk.capacity or 1 << 32
        blocks, free = capacity // 4096, max(0, capacity - self.disk.used) // 4096
        return struct.pack("<5Q4I24x", blocks, free, free, 1 << 20, 1 << 20, 4096, 255, 4096, 0)

    def _sync_folder(self, node: int, data: memoryview) -> bytes:
        self.disk.sync_folder(node)
        return b""

    def _done(self, node: int, data: memoryview) -> bytes:
        return b""


class Drive:
    """The loop: requests of the kernel, syncs that take their time, commands."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.disk = Disk()
        self.session: Session | None = None
        self.syncs = 0
        self.sync_seconds = (0.0, 0.0)
        self.sync_fails = False
        self._draw = random.Random(0)
        # Syncs under way: when they are done, the request, the inode, how many operations.
        self._under_way: list[tuple[float, int, Inode, int]] = []
        self._files = FileSystem(self.disk)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN | select.POLLHUP)

    def run(self) -> None:
        """Serve until the input ends."""
        commands = b""
        try:
            while True:
                ready = self._poll.poll(self._finish_syncs())
                for handle, _ in ready:
                    if self.session is not None and handle == self.session.fileno():
                        self._serve(self.session)
                    elif handle == sys.stdin.fileno():
                        piece = os.read(handle, 65536)
                        if not piece:
                            return
                        *lines, commands = (commands + piece).split(b"\n")
                        for line in lines:
                            self._obey(json.loads(line))
        finally:
            self._unplug()

    def _serve(self, session: Session) -> None:
        try:
            request = session.receive()
        except OSError:
            self._unplug()
            return
        if request is None or request.operation in _NO_REPLY:
            return
        if request.operation == _FSYNC:
            self._begin_sync(request)
            return
        session.reply(request.unique, *self._files.answer(request))

    def _begin_sync(self, request: Request) -> None:
        inode = self.disk.inodes[request.node]
        done = time.monotonic() + self._draw.uniform(*self.sync_seconds)
        heapq.heappush(
            self._under_way,
            (done, request.unique, inode, 0 if self.sync_fails else len(inode.pending)),
        )

    def _finish_syncs(self) -> float | None:
        """End the syncs whose time has come; returns the milliseconds until the next one."""
        while self._under_way and self.session is not None:
            done, unique, inode, count = self._under_way[0]
            wait = done - time.monotonic()
            if wait > 0:
                return max(wait * 1000, 0.1)
            heapq.heappop(self._under_way)
            self.disk.sync(inode, count)
            self.syncs += 1
            self.session.reply(unique, error=errno.EIO if self.sync_fails else 0)
        return None

    def _unplug(self) -> None:
        if self.session is not None:
            self._poll.unregister(self.session)
            self.session.close()
            self.session = None
        self._under_way.clear()

    def _obey(self, command: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"syncs": self.syncs}
        match command["do"]:
            case "mount":
                self.session = Session(self.place)
                self._poll.register(self.session, select.POLLIN)
            case "cut":
                self._unplug()
                answer |= asdict(self.disk.cut(random.Random(command["seed"])))
            case "set":
                self.disk.capacity = command["capacity"]
                self.sync_seconds = tuple(command["sync_seconds"])
                self.sync_fails = command["sync_fails"]
            case "ask":
                answer["used"] = self.disk.used
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _stat(inode: Inode) -> bytes:
    return attributes(inode.number, len(inode.content), inode.mode)


def _name(data: memoryview) -> str:
    return os.fsdecode(bytes(data).partition(b"\0")[0])


if __name__ == "__main__":
    Drive(Path(sys.argv[1])).run()
