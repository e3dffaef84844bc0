"""How an application is served, as far as its settings do not say it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from hekla.settings import Settings

__all__ = ["Circumstances", "is_local"]


def is_local(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where a server listens, with which certificate and how many workers, in which environment."""

    host: str = "127.0.0.1"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def exposed(self, settings: Settings) -> bool:
        """Whether others than this machine reach the application."""
        public = urlsplit(settings.public_url).hostname or "localhost"
        return not is_local(self.host) or not is_local(public) or bool(settings.trusted_proxies)

    def over_tls(self, settings: Settings) -> bool:
        """Whether clients come by TLS, as far as anybody has said."""
        return self.tls_certificate is not None or settings.public_url.startswith("https:")
