"""Rates as they are written."""

from __future__ import annotations

import pytest

from hekla.errors import OperatorError
from hekla.rates.rate import Rate, rates_of


@pytest.mark.parametrize(
    ("text", "count", "period", "burst", "by"),
    [
        ("100/minute", 100, 60, 100, ("actor",)),
        (" 5 / second ", 5, 1, 5, ("actor",)),
        ("1000/hour by address", 1000, 3600, 1000, ("address",)),
        ("2/day by key", 2, 86400, 2, ("key",)),
        ("20/10s burst 40 by actor", 20, 10, 40, ("actor",)),
        ("20/15m BURST 1 By Address And Route", 20, 900, 1, ("address", "route")),
        ("7/2h in all", 7, 7200, 7, ()),
        ("7/1d by tenant", 7, 86400, 7, ("tenant",)),
    ],
)
def test_a_rate_is_read(
    text: str, count: int, period: float, burst: int, by: tuple[str, ...]
) -> None:
    """A count, a time, how many at once (all, without a word), and who is counted apart."""
    rate = Rate.parse(text)
    assert (rate.count, rate.period, rate.burst, rate.by) == (count, period, burst, by)


@pytest.mark.parametrize(
    "text",
    [
        *("", "100", "100/", "/minute", "1.5/minute", "100/month", "100/10", "-1/minute"),
        *("0/minute", "100/0s", "9/400d", "100/minute by", "100/minute by colour"),
        *("100/minute in part", "100/minute by actor and", "100/minute by actor,route"),
        "1/minute\n2/minute",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate that cannot be read, or cannot be, ends the start with a line that shows it."""
    with pytest.raises(OperatorError):
        Rate.parse(text)


def test_a_name_goes_into_a_header_and_may_hold_nothing_that_ends_it() -> None:
    """Names are letters, digits and a few signs."""
    assert Rate.parse("1/second", name="sign-in").title == "sign-in"
    for name in ('a"b', "a\r\nSet-Cookie: b", "a b", "é", "x" * 65):
        with pytest.raises(OperatorError):
            Rate.parse("1/second", name=name)


def test_without_a_name_it_is_called_what_it_says() -> None:
    """Clients can tell the rates of an answer apart."""
    assert Rate.parse("100/minute by address and route").title == "100-per-60s-address-route"
    assert Rate.parse("5/second in all").title == "5-per-1s-all"


def test_one_or_several() -> None:
    """Wherever a rate is taken, several are, as text or as they are."""
    rate = Rate.parse("1/second")
    assert rates_of("1/second") == (rate,)
    assert rates_of(rate) == (rate,)
    assert rates_of(["1/second", rate]) == (rate, rate)


def test_methods_that_count() -> None:
    """Without a word all methods do."""
    assert Rate.parse("1/second").counts("GET")
    writes = Rate.parse("1/second", methods=frozenset({"POST"}))
    assert writes.counts("POST")
    assert not writes.counts("GET")
