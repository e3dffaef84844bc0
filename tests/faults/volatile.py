"""A disk that forgets: what was written stays in memory until it is synced, as the worst disk may.

What a power cut leaves of the rest is drawn at random: nothing, all, a beginning that breaks off
within a write, or single sectors in any order. Names (files made, renamed, removed) are durable
once their folder was synced; of later ones a beginning is left, as a journal would leave it. POSIX
promises no more (``fsync``: "Calling fsync() does not necessarily ensure that the entry in the
directory containing the file has also reached disk", fsync(2)).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Disk", "Full", "Inode", "Loss", "Resize", "Write", "surviving"]

_SECTORS = (512, 4096)


class Full(Exception):
    """The disk has no room for what was to be written."""


class Write(NamedTuple):
    """Bytes written at an offset."""

    offset: int
    data: bytes


class Resize(NamedTuple):
    """The file cut off, or filled up with zeros, to a size."""

    size: int


Operation = Write | Resize


@dataclass
class Inode:
    """A file or a folder; ``entries`` of a folder are the numbers of its files by name."""

    number: int
    mode: int
    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)
    entries: dict[str, int] | None = None
    durable_entries: dict[str, int] = field(default_factory=dict)
    links: int = 1
    opened: int = 0


class _Rename(NamedTuple):
    """One change of names: ``None`` for the new place removes, for the old one creates."""

    number: int
    old: tuple[int, str] | None
    new: tuple[int, str] | None

    @property
    def folders(self) -> set[int]:
        return {place[0] for place in (self.old, self.new) if place is not None}


@dataclass
class Loss:
    """What a power cut met: unsynced writes and names, and how many of the bytes are gone."""

    writes: int = 0
    bytes: int = 0
    names: int = 0


class Disk:
    """Files in memory, each as it is seen and as it would be found after a power cut."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.used = 0
        self._names: list[_Rename] = []
        self._next = 1
        self.inodes: dict[int, Inode] = {}
        self.root = self._new(0o040755)

    # Files

    def write(self, inode: Inode, offset: int, data: bytes) -> None:
        """Write to what is seen. Raises Full, and then nothing is written."""
        self._grow(inode, max(len(inode.content), offset + len(data)))
        _apply(inode.content, Write(offset, data))
        inode.pending.append(Write(offset, data))

    def resize(self, inode: Inode, size: int) -> None:
        """Cut off or fill up. Raises Full."""
        self._grow(inode, size)
        _apply(inode.content, Resize(size))
        inode.pending.append(Resize(size))

    def sync(self, inode: Inode, count: int | None = None) -> None:
        """Make durable what was done to a file, or only the first ``count`` operations."""
        done = inode.pending[:count]
        for operation in done:
            _apply(inode.durable, operation)
        del inode.pending[: len(done)]

    def _grow(self, inode: Inode, size: int) -> None:
        more = size - len(inode.content)
        if more > 0 and self.capacity is not None and self.used + more > self.capacity:
            raise Full
        self.used += more

    # Names

    def folder(self, number: int) -> dict[str, int]:
        """The entries of a folder. Raises NotADirectoryError."""
        entries = self.inodes[number].entries
        if entries is None:
            raise NotADirectoryError
        return entries

    def find(self, folder: int, name: str) -> Inode:
        """The file of that name. Raises FileNotFoundError."""
        number = self.folder(folder).get(name)
        if number is None:
            raise FileNotFoundError
        return self.inodes[number]

    def create(self, folder: int, name: str, mode: int) -> Inode:
        """A new file, or a folder where ``mode`` says so. Raises FileExistsError."""
        entries = self.folder(folder)
        if name in entries:
            raise FileExistsError
        inode = self._new(mode)
        entries[name] = inode.number
        self._names.append(_Rename(inode.number, None, (folder, name)))
        return inode

    def remove(self, folder: int, name: str) -> None:
        """Take a name away; what is open under it stays readable until it is closed."""
        inode = self.find(folder, name)
        if inode.entries:
            raise OSError(39, "Directory not empty")
        del self.folder(folder)[name]
        inode.links -= 1
        self._names.append(_Rename(inode.number, (folder, name), None))
        self.forget_if_unused(inode)

    def rename(self, folder: int, name: str, to_folder: int, to_name: str) -> None:
        """Move a name; what had the new name loses it, at the same moment."""
        inode = self.find(folder, name)
        replaced = self.folder(to_folder).get(to_name)
        if replaced == inode.number:
            return
        del self.folder(folder)[name]
        self.folder(to_folder)[to_name] = inode.number
        self._names.append(_Rename(inode.number, (folder, name), (to_folder, to_name)))
        if replaced is not None:
            self.inodes[replaced].links -= 1
            self.forget_if_unused(self.inodes[replaced])

    def sync_folder(self, number: int) -> None:
        """Make the names in a folder durable."""
        for change in [each for each in self._names if number in each.folders]:
            self._settle(change)
            self._names.remove(change)

    def forget_if_unused(self, inode: Inode) -> None:
        """Give back the room of a file that has neither a name nor anybody who reads it."""
        if inode.links <= 0 and not inode.opened:
            self.used -= len(inode.content)
            inode.content = bytearray()

    def _new(self, mode: int) -> Inode:
        inode = Inode(self._next, mode, entries={} if mode & 0o040000 else None)
        self.inodes[inode.number] = inode
        self._next += 1
        return inode

    def _settle(self, change: _Rename) -> None:
        if change.old is not None:
            folder, name = change.old
            self.inodes[folder].durable_entries.pop(name, None)
        if change.new is not None:
            folder, name = change.new
            self.inodes[folder].durable_entries[name] = change.number

    # Power

    def cut(self, draw: random.Random) -> Loss:
        """Cut the power: what is seen afterwards is what was synced, and some of the rest."""
        loss = Loss(names=len(self._names))
        for change in self._names[: draw.randint(0, len(self._names))]:
            self._settle(change)
        self._names = []
        for inode in self.inodes.values():
            if inode.pending:
                loss.writes += len(inode.pending)
                left = surviving(inode.durable, inode.pending, draw)
                loss.bytes += _differing(left, inode.content)
                inode.durable = left
            inode.pending = []
        self._start_again()
        return loss

    def _start_again(self) -> None:
        """See what is durable: folders from the root on, and nothing that has no name."""
        kept = {self.root.number: self.root}
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            folder.entries = dict(folder.durable_entries)
            for number in folder.entries.values():
                inode = kept[number] = self.inodes[number]
                if inode.entries is not None:
                    waiting.append(inode)
        for inode in kept.values():
            inode.content = bytearray(inode.durable)
            inode.links, inode.opened = 1, 0
        self.inodes = kept
        self.used = sum(len(inode.content) for inode in kept.values())


def surviving(
    durable: bytes | bytearray, pending: Sequence[Operation], draw: random.Random
) -> bytearray:
    """What is left of a file after a power cut, if ``pending`` was not synced."""
    left = bytearray(durable)
    how = draw.choice(["nothing", "all", "beginning", "sectors", "sectors"])
    if how == "nothing":
        return left
    sector = draw.choice(_SECTORS)
    kept = draw.choice([0.05, 0.5, 0.95]) if how == "sectors" else 1.0
    # The file may have its new length although the data never came.
    zeros = draw.random() < 0.5
    last = draw.randint(0, len(pending)) if how == "beginning" else len(pending)
    for number, operation in enumerate(pending[: last + 1]):
        if isinstance(operation, Resize):
            # A size is in the journal: without it nothing later is there either.
            if number == last or draw.random() > kept:
                break
            _apply(left, operation)
            continue
        pieces = _sectors(operation, sector)
        if number == last:
            pieces = pieces[: draw.randint(0, len(pieces))]
        for piece in pieces:
            if draw.random() <= kept:
                _apply(left, piece)
            elif zeros and len(left) < piece.offset + len(piece.data):
                _apply(left, Resize(piece.offset + len(piece.data)))
    return left


def _sectors(write: Write, size: int) -> list[Write]:
    """The parts of a write that lie in one sector each."""
    pieces = []
    start = write.offset
    end = start + len(write.data)
    while start < end:
        stop = min(end, start - start % size + size)
        pieces.append(Write(start, write.data[start - write.offset : stop - write.offset]))
        start = stop
    return pieces


def _apply(content: bytearray, operation: Operation) -> None:
    size = len(content)
    if isinstance(operation, Resize):
        if operation.size < size:
            del content[operation.size :]
        else:
            content.extend(bytes(operation.size - size))
        return
    if operation.offset > size:
        content.extend(bytes(operation.offset - size))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data


def _differing(left: bytearray, right: bytearray) -> int:
    """How many bytes are not the same, length included."""
    same = min(len(left), len(right))
    count = max(len(left), len(right)) - same
    step = 512
    for start in range(0, same, step):
        end = min(start + step, same)
        if left[start:end] != right[start:end]:
            count += end - start
    return count
