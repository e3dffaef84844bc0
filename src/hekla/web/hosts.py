"""Which hosts an application answers for: what else is asked for in ``Host`` is refused.

A host that a client made up must not get into links, mails or caches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hekla.errors import BAD_REQUEST, UNKNOWN_HOST, OperatorError, Problem
from hekla.web.request import Request

__all__ = ["Hosts"]

_NAME: Final = (
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_HOST: Final = re.compile(rf"({_NAME}\.?|\[[0-9a-f:.]{{2,45}}\])(?::(\d{{1,5}}))?")
_PATTERN: Final = re.compile(rf"(?:\*\.)?{_NAME}|\[[0-9a-f:.]{{2,45}}\]|\*")


class Hosts:
    """The hosts that are served: ``shop.example.com``, ``*.example.com`` (not itself), ``[::1]``.

    Ports are not looked at, and neither are the addresses that a balancer asks for the health
    of the process. Raises OperatorError for what is no host.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        names = [name.lower() for name in allowed]
        for name in names:
            if not _PATTERN.fullmatch(name):
                raise OperatorError(
                    f"allowed_hosts: {name!r} is no host; one looks like shop.example.com, "
                    "*.example.com or [::1], without a scheme and a port"
                )
        self._any = "*" in names
        self._names = frozenset(name for name in names if not name.startswith("*"))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))

    def check(self, request: Request) -> None:
        """Raise Problem ``bad_request`` for no host or several, ``unknown_host`` for others."""
        if len(request.headers.get_all("host")) > 1:
            raise Problem(BAD_REQUEST, "The request names its host more than once.")
        found = _HOST.fullmatch((request.authority or "").lower())
        if found is None:
            raise Problem(BAD_REQUEST, "The request does not name a host, or not as one is named.")
        host = found[1].removesuffix(".")
        if not (self._any or host in self._names or host.endswith(self._suffixes)):
            raise Problem(UNKNOWN_HOST, "This host is not served here (setting allowed_hosts).")
