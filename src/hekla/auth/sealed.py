"""Secrets that have to be read again, kept so that the database alone does not give them away.

They are encrypted with a key derived from the setting ``secret``. Without that setting they are
kept as they are, which ``hekla doctor`` tells; once it is there, they are still read.
"""

from __future__ import annotations

import base64
import secrets

from hekla.errors import OperatorError

__all__ = ["Seal"]

_PLAIN, _SEALED = "plain:", "aes:"


class Seal:
    """Seals and opens texts. ``purpose`` keeps what was sealed for one from passing for another."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._keys: dict[str, bytes] = {}

    @property
    def protects(self) -> bool:
        """Whether what is sealed cannot be read without the secret."""
        return bool(self._secret)

    def close(self, text: str, purpose: str) -> str:
        """``text`` sealed."""
        if not self._secret:
            return _PLAIN + text
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self._key(purpose)).encrypt(nonce, text.encode(), purpose.encode())
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """The text that was sealed. Raises OperatorError if that was with another secret."""
        if sealed.startswith(_PLAIN):
            return sealed.removeprefix(_PLAIN)
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        message = (
            "what is sealed in the database cannot be opened: the setting secret is not the one "
            "that it was sealed with"
        )
        if not self._secret:
            raise OperatorError(message)
        raw = base64.b64decode(sealed.removeprefix(_SEALED))
        try:
            opened = AESGCM(self._key(purpose)).decrypt(raw[:12], raw[12:], purpose.encode())
        except InvalidTag:
            raise OperatorError(message) from None
        return opened.decode()

    def _key(self, purpose: str) -> bytes:
        key = self._keys.get(purpose)
        if key is None:
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            derive = HKDF(SHA256(), 32, b"hekla sealed", purpose.encode()).derive
            key = self._keys[purpose] = derive(self._secret.encode())
        return key
