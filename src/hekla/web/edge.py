"""What stands before an application that is reached from outside: proxies, hosts, rates, TLS.

It is there only where something of it is declared; else requests go straight to the
application.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hekla.errors import Problem
from hekla.settings import Settings
from hekla.web.application import WebApplication
from hekla.web.hosts import Hosts
from hekla.web.proxies import Proxies
from hekla.web.rate_limits import RateLimits
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["Edge", "over_tls", "strict_transport"]

Handler = Callable[[Request], Response | Coroutine[Any, Any, Response]]


def strict_transport(settings: Settings) -> tuple[str, str] | None:
    """``Strict-Transport-Security`` (RFC 6797) as the settings have it; None if it is off."""
    seconds = settings.hsts_seconds
    if not seconds:
        return None
    more = "; includeSubDomains" if settings.hsts_subdomains else ""
    return ("strict-transport-security", f"max-age={seconds}{more}")


def over_tls(answer: Handler, settings: Settings) -> Handler:
    """A handler behind a server that speaks TLS itself: browsers are told to stay with it."""
    strict = strict_transport(settings)
    if strict is None:
        return answer

    def secure(response: Response) -> Response:
        if response.header(strict[0]) is not None:
            return response
        return Response(response.status, response.body, [*response.headers, strict])

    async def secured_later(pending: Coroutine[Any, Any, Response]) -> Response:
        return secure(await pending)

    def secured(request: Request) -> Response | Coroutine[Any, Any, Response]:
        response = answer(request)
        return secure(response) if isinstance(response, Response) else secured_later(response)

    return secured


class Edge:
    """Answers requests by ``web``, as far as they may come in."""

    def __init__(
        self, web: WebApplication, settings: Settings, rates: RateLimits | None = None
    ) -> None:
        self._web = web
        self._settings = settings
        self._proxies = (
            Proxies(settings.trusted_proxies, settings.forwarded_headers)
            if settings.trusted_proxies
            else None
        )
        self._hosts = Hosts(settings.allowed_hosts) if settings.allowed_hosts else None
        self._rates = rates if rates is not None and rates.early else None
        # Where TLS ends is declared: to ask the server would cost every request.
        ends_here = settings.public_url.startswith("https:") or settings.trusted_proxies
        self._strict = strict_transport(settings) if ends_here else None
        self._always_https = settings.public_url.startswith("https:")
        self._open = frozenset(f"{web.router.prefix}/{name}" for name in ("healthz", "readyz"))

    @property
    def needed(self) -> bool:
        """Whether there is anything to do here."""
        return any(
            each is not None for each in (self._proxies, self._hosts, self._rates, self._strict)
        )

    async def answer(self, request: Request) -> Response:
        """Answer a request, or refuse it before anything of the application is run."""
        request.settings = self._settings
        fields: list[tuple[str, str]] = []
        if self._proxies is not None:
            forwarded = self._proxies.forwarded(request)
            if forwarded is not None:
                request.forward(forwarded)
        try:
            if request.path not in self._open:
                if self._hosts is not None:
                    self._hosts.check(request)
                if self._rates is not None:
                    fields = await self._rates.admit(request)
        except Problem as problem:
            response = self._web.refuse(request, problem)
        else:
            response = await self._web.handle(request)
        if self._strict is not None and (self._always_https or request.scheme == "https"):
            fields = [*fields, self._strict]
        if not fields:
            return response
        return Response(response.status, response.body, [*response.headers, *fields])
