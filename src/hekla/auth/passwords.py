"""Passwords: hashed with Argon2id on threads, so many at once and no more.

A hash takes memory and time by design. So few run at a time (``password_hashes``), on threads of
low priority where the system has that, and so many wait (``password_waiting``); more are turned
away with ``store_busy``. Neither a crowd that signs in nor an attacker slows the other requests
down by much, or takes more memory than was meant for it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hekla.auth.hashes import UnknownHash, verify
from hekla.errors import STORE_BUSY, Problem
from hekla.settings import Settings

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["Passwords", "Verdict"]

T = TypeVar("T")

_NICE = 10


class Verdict(NamedTuple):
    """Whether a password is the right one, and what to keep in place of its hash, if anything."""

    right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes passwords and verifies them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._hasher: PasswordHasher | None = None
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a password, as it is kept. Raises Problem ``store_busy``."""
        return await self._run(lambda: self.hash_now(password))

    async def verify(self, password: str, kept: str | None) -> Verdict:
        """Whether ``kept`` is the hash of ``password``.

        Without a hash (there is no such account, or it has no password) it takes as long as
        with one, and the answer is no. Raises Problem ``store_busy``.
        """
        return await self._run(lambda: self._verify(password, kept))

    def hash_now(self, password: str) -> str:
        """The hash of a password, made on the thread of whoever asks."""
        return self._argon2().hash(password.encode("utf-8", "surrogatepass"))

    def close(self) -> None:
        """Let the threads end."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: str, kept: str | None) -> Verdict:
        hasher = self._argon2()
        if kept is None:
            if self._nobodys is None:
                self._nobodys = hasher.hash(os.urandom(16))
            verify(password, self._nobodys)
            return Verdict(False)
        try:
            right = verify(password, kept)
        except UnknownHash:
            return Verdict(False)
        if right and _is_outdated(hasher, kept):
            return Verdict(True, self.hash_now(password))
        return Verdict(right)

    def _argon2(self) -> PasswordHasher:
        if self._hasher is None:
            from argon2 import PasswordHasher, Type

            self._hasher = PasswordHasher(
                time_cost=self._settings.password_passes,
                memory_cost=self._settings.password_memory >> 10,
                parallelism=1,
                type=Type.ID,
            )
        return self._hasher

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._settings.password_waiting + self._settings.password_hashes:
            raise Problem(
                STORE_BUSY,
                "Too many sign-ins are waiting (setting password_waiting). Try again.",
                headers={"retry-after": "1"},
            )
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                self._settings.password_hashes, "hekla-password", initializer=_give_way
            )
        self._waiting += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._done_from(asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def _done_from(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        # Counted by the thread, not by whoever waits: a caller that left has not freed it.
        def done(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._finished)

        return done

    def _finished(self) -> None:
        self._waiting -= 1


def _is_outdated(hasher: PasswordHasher, kept: str) -> bool:
    """Whether a hash is of another system, or of other parameters than now."""
    if not kept.startswith("$argon2id$"):
        return True
    return bool(hasher.check_needs_rehash(kept))


def _give_way() -> None:
    """Let whatever else is to be done on this machine go first."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        except OSError:
            return
