"""Rates on requests: who is counted as what, and the answer to those who come too often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from hekla.cache import Cache
from hekla.errors import RATE_LIMITED, Problem
from hekla.rates.fields import retry_after, told
from hekla.rates.gcra import Charge, Meter
from hekla.rates.rate import Rate
from hekla.web.address import host_of, network_of
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Endpoint

__all__ = ["RateLimits", "is_early", "over"]

# A claim by which an actor that came with an API key says which one.
KEY_CLAIM: Final = "key_id"
# Whatever a key is made of, it takes no more memory than this.
_LONGEST_KEY: Final = 96
# Asked by whoever restarts what does not answer.
_ALWAYS: Final = frozenset({"healthz", "readyz"})

Pairs = list[tuple[str, str]]


def is_early(rate: Rate) -> bool:
    """Whether a rate can be counted before anybody knows who asks, and for which route."""
    return not {"actor", "key", "tenant", "route"} & set(rate.by)


class RateLimits:
    """The rates of an application: ``everywhere``, and those of single routes by their name."""

    def __init__(
        self,
        meter: Meter,
        everywhere: Sequence[Rate] = (),
        by_route: Mapping[str, Sequence[Rate]] | None = None,
    ) -> None:
        self.meter = meter
        self.early = tuple(rate for rate in everywhere if is_early(rate))
        self._late = tuple(rate for rate in everywhere if not is_early(rate))
        self._by_route = {name: tuple(rates) for name, rates in (by_route or {}).items()}

    async def admit(self, request: Request) -> Pairs:
        """Count a request before it is known who makes it; the fields for its answer.

        Raises Problem ``rate_limited``.
        """
        return await self._take(request, "", [(rate, "") for rate in self.early])

    def of_route(self, route: str) -> list[tuple[Rate, str]]:
        """The rates of a route by its name, each with the route that it is declared for.

        What is declared for a first segment holds for every page below it.
        """
        names = dict.fromkeys((route, route.partition("/")[0]))
        return [(rate, name) for name in names for rate in self._by_route.get(name, ())]

    def around(self, route: str, endpoint: Endpoint) -> Endpoint:
        """An endpoint that counts before it does what ``endpoint`` does; itself if none counts."""
        rates = [(rate, "") for rate in self._late] + self.of_route(route)
        if not rates or route in _ALWAYS:
            return endpoint

        async def limited(request: Request, rest: str) -> Response:
            fields = await self._take(request, route, rates)
            try:
                found = endpoint(request, rest)
                response = found if isinstance(found, Response) else await found
            except Problem as problem:
                for name, value in fields:
                    problem.headers.setdefault(name, value)
                raise
            return Response(response.status, response.body, [*response.headers, *fields])

        return limited

    async def within(self, request: Request, route: str, method: str, cost: int) -> None:
        """Count what a request does at a route as if it were ``cost`` requests of its own.

        Raises Problem ``rate_limited``.
        """
        await self._take(request, route, self.of_route(route), method, cost)

    async def _take(
        self,
        request: Request,
        route: str,
        rates: Sequence[tuple[Rate, str]],
        method: str | None = None,
        cost: int = 1,
    ) -> Pairs:
        method = method or request.method
        charges = [
            Charge(rate, _key(request, rate, scope, route), cost)
            for rate, scope in rates
            if rate.counts(method)
        ]
        if not charges:
            return []
        readings = await self.meter.take(charges)
        refused = [reading for reading in readings if not reading.fine]
        if refused:
            seconds = retry_after(readings)
            if any(reading.retry is None for reading in refused):
                detail = "So much at once is over the rate, however long one waits."
            else:
                detail = f"Too many requests; try again in {seconds} second{'s' * (seconds > 1)}."
            raise over(detail, seconds, told(readings))
        return told(readings)


def over(detail: str, seconds: int, fields: Sequence[tuple[str, str]] = ()) -> Problem:
    """The Problem ``rate_limited``: ``seconds`` for ``Retry-After``, and fields of the rates."""
    return Problem(RATE_LIMITED, detail, headers={"retry-after": str(seconds), **dict(fields)})


def _key(request: Request, rate: Rate, scope: str, route: str) -> str:
    """Under what a request is counted; what is made of different parts never meets."""
    parts = [scope]
    for part in rate.by:
        if part == "route":
            parts.append(f"r={route}")
        elif part == "address":
            parts.append(_address(request))
        elif part == "tenant":
            tenant = request.actor.tenant
            parts.append(_actor(request) if tenant is None else f"t={tenant}")
        elif part == "key":
            key = request.actor.claims.get(KEY_CLAIM)
            parts.append(_actor(request) if key is None else f"k={key}")
        else:
            parts.append(_actor(request))
    key = "\n".join(parts)
    if len(key) <= _LONGEST_KEY:
        return key
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()


def _actor(request: Request) -> str:
    actor = request.actor
    return f"u={actor.id}" if actor.signed_in else _address(request)


def _address(request: Request) -> str:
    client = request.client
    if not client:
        return "a="
    known = _ADDRESSES.get(client)
    if known is None:
        known = f"a={network_of(host_of(client))}"
        _ADDRESSES.put(client, known)
    return known


# What clients are counted as; a connection has one port for many requests.
_ADDRESSES: Final[Cache[str, str]] = Cache(4096)
