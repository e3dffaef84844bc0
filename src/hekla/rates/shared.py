"""Counting in Redis, for several machines that share their rates."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from hekla.errors import OperatorError
from hekla.rates.gcra import Charge, Reading, read
from hekla.rates.memory import MemoryMeter

__all__ = ["RedisMeter"]

logger = logging.getLogger("hekla")

# Seconds for which nobody asks a Redis that did not answer, and in which that is logged once.
_PAUSE: Final = 1.0
_QUIET: Final = 60.0
_CONNECTIONS: Final = 32
_PREFIX: Final = "hekla:rate:"

# All or none of the charges, by Redis' own clock, in microseconds. It answers whether they were
# taken, and for each how far ahead its bucket was before.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, news, fine = {}, {}, 1
for i, key in ipairs(KEYS) do
  local interval, burst, cost = tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1], ARGV[3 * i]
  local window = interval * burst
  local ahead = tonumber(redis.call('GET', key) or now) - now
  if ahead < 0 then ahead = 0 end
  if ahead > window then ahead = window end
  local after = ahead + interval * cost
  if after > window + interval * 0.000001 then fine = 0 end
  answer[i + 1] = string.format('%.0f', ahead)
  news[i] = after
end
if fine == 1 then
  for i, key in ipairs(KEYS) do
    local later = string.format('%.0f', now + news[i])
    redis.call('SET', key, later, 'PX', string.format('%.0f', math.ceil(news[i] / 1000) + 1))
  end
end
answer[1] = fine
return answer
"""


class RedisMeter:
    """Counts in the Redis of ``url``, such as ``redis://10.0.0.5/0``.

    While Redis does not answer within ``patience`` seconds, each process counts by itself: nobody
    is locked out, and no rate is switched off. It is logged when that begins and when
    it ends, once a minute at most.

    Raises OperatorError where the extra ``redis`` is not installed, or the URL cannot be right.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            from redis import asyncio as redis
            from redis.exceptions import RedisError
        except ImportError:
            raise OperatorError(
                "rates in Redis need its client: pip install 'hekla[redis]'"
            ) from None
        self._errors = (RedisError, OSError, asyncio.TimeoutError)
        self._patience = patience
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=patience,
                socket_timeout=patience,
                socket_connect_timeout=patience,
                health_check_interval=30,
            )
            self._redis = redis.Redis.from_pool(pool)
        except ValueError as exc:
            # Not the URL itself, which may hold a password.
            raise OperatorError(f"redis_url is no URL of Redis: {exc}") from None
        self._script: Any = self._redis.register_script(_TAKE)
        self._fallback = MemoryMeter()
        self._clock = clock
        self._silent_until: float | None = None
        self._said_at: float | None = None
        self._says = False

    async def take(self, charges: Sequence[Charge]) -> list[Reading]:
        if self._silent_until is not None and self._clock() < self._silent_until:
            return self._fallback.count(charges)
        arguments: list[float | int] = []
        for charge in charges:
            arguments += (charge.rate.interval * 1e6, charge.rate.burst, charge.cost)
        keys = [f"{_PREFIX}{charge.rate.title}:{charge.key}" for charge in charges]
        if self._silent_until is not None:
            # One request tries whether it is back; the others need not wait for it.
            self._silent_until = self._clock() + _PAUSE
        try:
            async with asyncio.timeout(self._patience):
                fine, *ahead = await self._script(keys=keys, args=arguments)
        except self._errors as exc:
            self._fell_silent(exc)
            return self._fallback.count(charges)
        if self._silent_until is not None:
            self._answers_again()
        return [
            read(charge, int(microseconds) / 1e6, bool(fine))
            for charge, microseconds in zip(charges, ahead, strict=True)
        ]

    def _fell_silent(self, exc: BaseException) -> None:
        now = self._clock()
        if self._silent_until is None and (self._said_at is None or now - self._said_at > _QUIET):
            self._said_at, self._says = now, True
            logger.warning(
                "Redis does not answer (%s): each process counts rates by itself until it does.",
                type(exc).__name__,
            )
        self._silent_until = now + _PAUSE

    def _answers_again(self) -> None:
        self._silent_until = None
        if self._says:
            self._says = False
            logger.warning("Redis answers again: rates are counted there.")

    async def close(self) -> None:
        await self._redis.aclose()
