"""The seam to other providers: bounded requests, whose faults become ours here."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from hekla.errors import OperatorError

__all__ = ["Fetch", "UpstreamFailed", "is_safe"]

_PATIENCE: Final = 10.0
_LARGEST: Final = 1 << 20
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class UpstreamFailed(Exception):
    """The other provider cannot be reached, or answers what cannot be believed; for the log."""


def is_safe(url: str, issuer: str) -> bool:
    """Whether secrets may go to an address: by TLS, or to a provider on this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    local = urlsplit(issuer)
    return parts.scheme == "http" and local.scheme == "http" and parts.hostname in _LOOPBACK


class Fetch:
    """Asks by HTTP. Raises OperatorError where the extra ``federation`` is not installed."""

    def __init__(self) -> None:
        try:
            import httpx
        except ImportError:
            raise OperatorError(
                "to sign in with others needs httpx: pip install 'hekla[federation]'"
            ) from None
        self._httpx = httpx
        self._client: Any = None

    async def json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer. Raises UpstreamFailed."""
        httpx = self._httpx
        if self._client is None:
            # Redirects are not followed: what is sent is for one address.
            context = ssl.create_default_context()
            self._client = httpx.AsyncClient(timeout=_PATIENCE, verify=context)
        try:
            asked = self._client.stream(
                method, url, headers={"accept": "application/json", **(headers or {})}, data=form
            )
            async with asked as response:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST:
                        raise UpstreamFailed(f"{urlsplit(url).hostname} answers too much")
                status = int(response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            host = urlsplit(url).hostname
            raise UpstreamFailed(f"{host} cannot be asked: {type(exc).__name__}") from None
        try:
            return status, msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise UpstreamFailed(
                f"{urlsplit(url).hostname} answers {status}, and no JSON"
            ) from None

    async def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
