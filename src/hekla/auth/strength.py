"""Whether a password is good enough: its length, what it resembles, and whether others know it.

No rules of letters and digits (NIST SP 800-63B-4, section 3.1.1.2): they make passwords worse.
"""

from __future__ import annotations

import bisect
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher

from hekla.errors import OperatorError
from hekla.settings import Settings

__all__ = ["LONGEST_PASSWORD", "Strength"]

LONGEST_PASSWORD = 1024
"""Characters that a password has at most: longer ones only cost time."""

_SIMILAR = 0.75
# Passwords of many lists, for where there is no list: enough to refuse the worst.
_COMMON = frozenset(
    """
    1234567890 12345678910 0123456789 0987654321 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop
    qwerty123456 qwerty1234 1234512345 1111111111 0000000000 password12 password123
    password1234 passw0rd123 password01 iloveyou12 iloveyou123 letmein123 welcome123
    welcome1234 admin12345 administrator changeme123 abcdefghij abcd123456 abc1234567
    a123456789 q1w2e3r4t5 zaq12wsxcde asdfghjkl123 sunshine123 princess123 football123
    baseball123 superman123 dragon12345 monkey12345 correcthorsebatterystaple
    """.split()  # noqa: SIM905
)
_LINE = re.compile(rb"([0-9A-Fa-f]{40})[^\r\n]*")


class Strength:
    """Judges passwords.

    ``breached``: a file of SHA-1 hashes in hexadecimal, a line each, in order, as Have I Been
    Pwned offers it (``HASH:count``), or a folder of files by the first five digits
    (``21BD1.txt``, each line the other 35), as its range API answers: nothing is sent anywhere.
    """

    def __init__(self, settings: Settings) -> None:
        self._shortest = settings.password_min_length
        self._breached = settings.password_breached
        if self._breached and not os.path.exists(self._breached):
            raise OperatorError(f"password_breached: there is no {self._breached}")

    def fault(self, password: str, about: Iterable[str | None] = ()) -> str | None:
        """What is wrong with a password, in words for its user; None if it is good enough.

        ``about`` are texts that it must not resemble: the user's name and address.
        """
        if len(password) > LONGEST_PASSWORD:
            return f"must be at most {LONGEST_PASSWORD} characters long"
        if len(password) < self._shortest:
            return f"must be at least {self._shortest} characters long"
        plain = unicodedata.normalize("NFKC", password).lower()
        if len(set(plain)) < 4 or plain in _COMMON:
            return "is one of the first that anybody would try"
        for text in about:
            if text and _resembles(plain, text):
                return "is too similar to the name or the address"
        if self._breached and self._is_breached(password):
            return "is in a list of passwords that have become known"
        return None

    def _is_breached(self, password: str) -> bool:
        made = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
        sought = made.hexdigest().upper()
        if os.path.isdir(self._breached):
            return _in_folder(self._breached, sought)
        return _in_file(self._breached, sought.encode())


def _resembles(password: str, text: str) -> bool:
    text = unicodedata.normalize("NFKC", text).lower()
    for part in {text, *re.split(r"[\W_]+", text)}:
        if len(part) < 4:
            continue
        if part in password and len(part) * 2 > len(password):
            return True
        if len(part) <= 3 * len(password) and (
            SequenceMatcher(None, password, part[:200]).ratio() >= _SIMILAR
        ):
            return True
    return False


def _in_folder(folder: str, sought: str) -> bool:
    for name in (f"{sought[:5]}.txt", sought[:5]):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, encoding="ascii", errors="replace") as lines:
                return any(line[:35].upper() == sought[5:] for line in lines)
    return False


class _Hashes:
    """The hashes of a sorted file, by a place in bytes: the first that begins there or after."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by whoever asks
        self._size = os.fstat(self._file.fileno()).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int) -> bytes:
        self._file.seek(place)
        if place:
            self._file.seek(place - 1)
            self._file.readline()
        match = _LINE.match(self._file.readline())
        # Behind the last line: after every hash.
        return match[1].upper() if match else b"~"

    def close(self) -> None:
        self._file.close()


def _in_file(path: str, sought: bytes) -> bool:
    hashes = _Hashes(path)
    try:
        place = bisect.bisect_left(hashes, sought)
        return place < len(hashes) and hashes[place] == sought
    finally:
        hashes.close()
