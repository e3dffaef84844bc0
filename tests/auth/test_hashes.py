"""Hashes of other systems; each was made by that system's own code, for the same password.

Where a library is here (werkzeug, bcrypt, argon2) it makes them anew; others are worked out by the
standard library as Django and passlib document them, and some were made by these once and for all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

import argon2
import bcrypt
import pytest
from werkzeug.security import generate_password_hash

from hekla.auth.hashes import UnknownHash, check_hash, verify

PASSWORD = "corréct horse"
RAW = PASSWORD.encode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def ab64(raw: bytes) -> str:
    """The base64 of passlib: a dot in place of the plus, and no padding."""
    return b64(raw).rstrip("=").replace("+", ".")


def django_pbkdf2(name: str, rounds: int) -> str:
    made = hashlib.pbkdf2_hmac(name, RAW, b"seasalt", rounds)
    return f"pbkdf2_{name}${rounds}$seasalt${b64(made)}"


def scrypt(salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(RAW, salt=salt, n=n, r=8, p=1, dklen=64, maxmem=64 << 20)


SALT = bytes(range(12))
HASHER = argon2.PasswordHasher(1, 8192, 1)
BCRYPT = bcrypt.hashpw(RAW, bcrypt.gensalt(4)).decode()
DIGEST = bcrypt.hashpw(binascii.hexlify(hashlib.sha256(RAW).digest()), bcrypt.gensalt(4)).decode()

HASHES = {
    "django pbkdf2_sha256": django_pbkdf2("sha256", 1000),
    "django pbkdf2_sha1": django_pbkdf2("sha1", 1000),
    "django argon2": "argon2" + HASHER.hash(RAW),
    "django bcrypt": f"bcrypt${BCRYPT}",
    "django bcrypt_sha256": f"bcrypt_sha256${DIGEST}",
    "django scrypt": f"scrypt$1024$seasalt$8$1${b64(scrypt(b'seasalt', 1024))}",
    "passlib pbkdf2": f"$pbkdf2$1000${ab64(SALT)}$"
    + ab64(hashlib.pbkdf2_hmac("sha1", RAW, SALT, 1000)),
    "passlib pbkdf2-sha256": f"$pbkdf2-sha256$1000${ab64(SALT)}$"
    + ab64(hashlib.pbkdf2_hmac("sha256", RAW, SALT, 1000)),
    "passlib pbkdf2-sha512": f"$pbkdf2-sha512$1000${ab64(SALT)}$"
    + ab64(hashlib.pbkdf2_hmac("sha512", RAW, SALT, 1000)),
    "passlib scrypt": f"$scrypt$ln=10,r=8,p=1${b64(SALT)}${b64(scrypt(SALT, 1024)).rstrip('=')}",
    "werkzeug pbkdf2": generate_password_hash(PASSWORD, "pbkdf2:sha256:1000"),
    "werkzeug pbkdf2 sha512": generate_password_hash(PASSWORD, "pbkdf2:sha512:1000"),
    "werkzeug scrypt": generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    "bcrypt 2b": BCRYPT,
    "bcrypt 2a": "$2a" + BCRYPT[3:],
    "bcrypt 2y": "$2y" + BCRYPT[3:],
    "argon2id": HASHER.hash(RAW),
    "argon2i": argon2.PasswordHasher(1, 8192, 1, type=argon2.Type.I).hash(RAW),
}
# Made once by passlib 1.7.4 and Django themselves.
MADE = {
    "passlib pbkdf2_sha1": "$pbkdf2$1000$VgrBOIfQOmdMyRnDeI9xjg$bTDu9w12BHlwoBWFgKGQcYVvC40",
    "passlib pbkdf2_sha256": "$pbkdf2-sha256$1000$ijGmFALA2HvP2Vur1dq7lw$"
    "JTEOnwYsTpa5DzKuADU4aPCfhfAfVQN6HYfsd1N..XM",
    "passlib pbkdf2_sha512": "$pbkdf2-sha512$1000$IMSYM.Y8p5TS2jsn5Pyfcw$"
    "Q5E0H3A1JKYeCEqCWS.3s0RkEBKSaptTHQa2kWz89mJWHvDfV6XYEPSXUNq4ZmYPe8ba9SkXhp35fwoqZyEpHg",
    "passlib scrypt by itself": "$scrypt$ln=10,r=8,p=1$Ooew9t77/783JiSE0Np7rw$"
    "LjM6plJ2yVmk3c2he6u/PQY5wBpqczdIbk1KbjEb2w8",
    "Django PBKDF2PasswordHasher": "pbkdf2_sha256$1000$seasaltseasaltseasalt1$"
    "l/DU6Uze1p+gGnjk4zg7sRSXbrqLaujR4Gp+hEyaD6Q=",
    "Django PBKDF2SHA1PasswordHasher": "pbkdf2_sha1$1000$seasaltseasaltseasalt1$"
    "6XXW5Jiwim4AIwLeezVRfzXpGMI=",
    "Django ScryptPasswordHasher": "scrypt$1024$seasaltseasaltseasalt1$8$5$"
    "g9rb2rsdiBBopbDOmChyPy9VK1WH1HJfnBps26k/HKOIGrZKdxF5eMPyjUIDNVjm59Mx6PxTcmLODVPEEO+Y2w==",
    "Django BCryptSHA256PasswordHasher": "bcrypt_sha256$"
    "$2b$04$JTCcpXytDhCHmPYnNjVRPeEyXo/yux3Tm0r7iqC.Y.zawirvogBka",
    "Django BCryptPasswordHasher": "bcrypt$"
    "$2b$04$lDYHVDmTUZB4jKnAEnJNUulaiVR4PIZa76PMDj2zq41D6NfmP3Fka",
    "Django Argon2PasswordHasher": "argon2$argon2id$v=19$m=1024,t=1,p=2$"
    "c2Vhc2FsdHNlYXNhbHRzZWFzYWx0MQ$lDPQ3M8G6sMpTfnDeMMo53Ws/wGp7nCiaHKlWVCrk84",
}
HASHES |= MADE


@pytest.mark.parametrize("name", HASHES)
def test_a_hash_is_that_of_its_password_and_of_no_other(name: str) -> None:
    kept = HASHES[name]
    check_hash(kept)
    assert verify(PASSWORD, kept)
    assert not verify(PASSWORD + "x", kept)
    assert not verify("", kept)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "plain text",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$6$rounds=5000$salt$hash",
        "$1$salt$hash",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$x$salt$aGFzaA==",
        "pbkdf2_sha256$0$salt$aGFzaA==",
        "pbkdf2_sha256$99999999999$salt$aGFzaA==",
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2_sha256$1000$salt$!!!",
        "pbkdf2:md5:1000$salt$00",
        "pbkdf2:sha256:1000$salt$zz",
        "scrypt:1000:8:1$salt$00",  # no power of two
        "scrypt:1073741824:8:1$salt$00",  # more memory than there is
        "$scrypt$ln=30,r=8,p=1$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$",
        "$2b$31$" + "a" * 53,
        "$2b$04$short",
        "$2x$04$" + "a" * 53,
    ],
)
def test_what_is_no_hash_verifies_nothing(kept: str) -> None:
    """Neither an error of the server comes of it, nor a hash that takes all memory or time."""
    with pytest.raises(UnknownHash):
        verify(PASSWORD, kept)


def test_a_long_password_is_cut_off_as_bcrypt_does() -> None:
    long = "a" * 100
    kept = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert verify(long, kept)
    assert not verify("a" * 71, kept)
    assert not verify("a" * 40 + "\0", kept)
    assert os.path.sep
