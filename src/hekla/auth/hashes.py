"""Password hashes of other systems, verified so that their users can sign in without a new one.

Each is replaced by a hash of Hekla's own when its user signs in. What is known:

- Django: ``pbkdf2_sha256$…``, ``pbkdf2_sha1$…``, ``argon2$argon2id$…``, ``bcrypt$$2b$…``,
  ``bcrypt_sha256$$2b$…``, ``scrypt$…``
- passlib: ``$pbkdf2$``, ``$pbkdf2-sha256$``, ``$pbkdf2-sha512$``, ``$scrypt$``, and its bcrypt
  and argon2
- werkzeug: ``pbkdf2:sha256:600000$salt$hex``, ``scrypt:32768:8:1$salt$hex``
- bcrypt itself: ``$2a$``, ``$2b$``, ``$2y$``; argon2: ``$argon2id$``, ``$argon2i$``, ``$argon2d$``

``sha512_crypt`` and its like are not: Python has no implementation of them any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

from hekla.errors import OperatorError

__all__ = ["UnknownHash", "check_hash", "verify"]

# What a hash may ask of this machine, whoever wrote it: far above what any system asks.
_MOST_ROUNDS = 10_000_000
_MOST_MEMORY = 512 << 20
# bcrypt looks at no more; older libraries cut off the rest without a word.
_BCRYPT_BYTES = 72


class UnknownHash(ValueError):
    """The text is no hash of a kind that is known, or one that asks for too much."""


def _equal(made: bytes, kept: bytes) -> bool:
    return hmac.compare_digest(made, kept)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"./", validate=True)
    except (binascii.Error, ValueError):
        raise UnknownHash("it is not well formed") from None


def _standard_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UnknownHash("it is not well formed") from None


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UnknownHash("it is not well formed") from None


def _rounds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:12]) <= _MOST_ROUNDS:
        raise UnknownHash("its number of rounds cannot be")
    return int(text)


def _pbkdf2(name: str, password: bytes, salt: bytes, rounds: int, kept: bytes) -> bool:
    if not kept:
        raise UnknownHash("it is not well formed")
    return _equal(hashlib.pbkdf2_hmac(name, password, salt, rounds, len(kept)), kept)


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int, kept: bytes) -> bool:
    sound = n > 1 and n & (n - 1) == 0 and 0 < r <= 64 and 0 < p <= 64 and kept
    if not sound or 128 * n * r > _MOST_MEMORY:
        raise UnknownHash("its parameters cannot be")
    most = 132 * n * r * p + (1 << 20)
    try:
        made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=most, dklen=len(kept))
    except (ValueError, OverflowError):
        raise UnknownHash("its parameters cannot be") from None
    return _equal(made, kept)


def _argon2(password: bytes, kept: str) -> bool:
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHash, VerificationError, VerifyMismatchError
    from argon2.low_level import verify_secret

    try:
        found = extract_parameters(kept)
    except InvalidHash:
        raise UnknownHash("it is not well formed") from None
    if found.memory_cost > _MOST_MEMORY >> 10 or found.time_cost > 1000 or found.parallelism > 64:
        raise UnknownHash("its parameters cannot be")
    try:
        return bool(verify_secret(kept.encode(), password, found.type))
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHash):
        raise UnknownHash("it is not well formed") from None


_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9]|2[0-4])\$[./A-Za-z0-9]{53}")


def _bcrypt(password: bytes, kept: str) -> bool:
    if _BCRYPT.fullmatch(kept) is None:
        raise UnknownHash("it is not well formed")
    try:
        import bcrypt
    except ImportError:
        raise OperatorError(
            "the database holds bcrypt hashes: install hekla[bcrypt] to verify them"
        ) from None
    if b"\0" in password:
        return False
    # All three names mean the same function; $2y$ is PHP's name for it.
    return bcrypt.checkpw(password[:_BCRYPT_BYTES], b"$2b$" + kept[4:].encode())


def _django(password: bytes, kept: str) -> bool:
    name, _, rest = kept.partition("$")
    match name:
        case "pbkdf2_sha256" | "pbkdf2_sha1":
            rounds, salt, made = _parts(rest, 3)
            kind = name.removeprefix("pbkdf2_")
            return _pbkdf2(kind, password, salt.encode(), _rounds(rounds), _standard_base64(made))
        case "argon2":
            return _argon2(password, "$" + rest)
        case "bcrypt":
            return _bcrypt(password, rest)
        case "bcrypt_sha256":
            return _bcrypt(binascii.hexlify(hashlib.sha256(password).digest()), rest)
        case _:
            salt, work, block, parallel, made = _scrypt_parts(rest)
            return _scrypt(password, salt.encode(), work, block, parallel, _standard_base64(made))


def _parts(text: str, count: int) -> list[str]:
    parts = text.split("$")
    if len(parts) != count:
        raise UnknownHash("it is not well formed")
    return parts


def _scrypt_parts(rest: str) -> tuple[str, int, int, int, str]:
    """Django: ``work_factor$salt$block_size$parallelism$hash``, the work factor as a power."""
    work, salt, block, parallel, made = _parts(rest, 5)
    return salt, _rounds(work), _rounds(block), _rounds(parallel), made


def _werkzeug(password: bytes, kept: str) -> bool:
    method, salt, made = _parts(kept, 3)
    name, *given = method.split(":")
    if name == "pbkdf2" and 1 <= len(given) <= 2:
        kind = given[0]
        if kind not in ("sha1", "sha224", "sha256", "sha384", "sha512"):
            raise UnknownHash("it is of no kind that is known")
        # Older versions left the default of their time out.
        rounds = _rounds(given[1]) if len(given) == 2 else 600_000
        return _pbkdf2(kind, password, salt.encode(), rounds, _hex(made))
    if name == "scrypt" and len(given) == 3:
        n, r, p = map(_rounds, given)
        return _scrypt(password, salt.encode(), n, r, p, _hex(made))
    raise UnknownHash("it is of no kind that is known")


def _passlib_pbkdf2(password: bytes, kept: str) -> bool:
    _, name, rounds, salt, made = _parts(kept, 5)
    kind = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}[name]
    return _pbkdf2(kind, password, _base64(salt), _rounds(rounds), _base64(made))


_PASSLIB_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]*)\$([^$]+)", re.ASCII
)


def _passlib_scrypt(password: bytes, kept: str) -> bool:
    match = _PASSLIB_SCRYPT.fullmatch(kept)
    if match is None or int(match[1]) > 24:
        raise UnknownHash("it is not well formed")
    salt, made = _standard_base64(match[4]), _standard_base64(match[5])
    return _scrypt(password, salt, 1 << int(match[1]), int(match[2]), int(match[3]), made)


_KINDS: tuple[tuple[tuple[str, ...], Callable[[bytes, str], bool]], ...] = (
    (("$argon2id$", "$argon2i$", "$argon2d$"), _argon2),
    (("$2a$", "$2b$", "$2y$"), _bcrypt),
    (("$pbkdf2$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"), _passlib_pbkdf2),
    (("$scrypt$",), _passlib_scrypt),
    (
        ("pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$", "bcrypt$", "bcrypt_sha256$", "scrypt$"),
        _django,
    ),
    (("pbkdf2:", "scrypt:"), _werkzeug),
)


def _verifier(kept: str) -> Callable[[bytes, str], bool]:
    for beginnings, verifier in _KINDS:
        if kept.startswith(beginnings):
            return verifier
    raise UnknownHash("it is of no kind that is known")


def verify(password: str, kept: str) -> bool:
    """Whether ``kept`` is a hash of ``password``; as long as it takes, so on a thread.

    Raises UnknownHash, and OperatorError where an extra has to be installed.
    """
    return _verifier(kept)(password.encode("utf-8", "surrogatepass"), kept)


def check_hash(kept: str) -> None:
    """Raise UnknownHash unless ``kept`` looks like a hash that can be verified."""
    verifier = _verifier(kept)
    if len(kept) > 1000:
        raise UnknownHash("it is too long")
    # All of them look at their own form before they work on the password.
    if verifier is _bcrypt and _BCRYPT.fullmatch(kept) is None:
        raise UnknownHash("it is not well formed")
