"""Conditions on figures compare values of the figure's type."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.web.request import Request
from tests.databases import NewUrl

metadata = sa.MetaData()
sales = sa.Table(
    "sales",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("shop", sa.Text),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("day", sa.Date),
    # A server orders its own enums as they were declared, others are ordered as texts.
    sa.Column("level", sa.Enum("high", "low", name="level")),
)


@pytest.fixture
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    app = Hekla(new_url())
    app.resource(sales, read=everyone)
    app.create_tables()
    with app.sessions.begin() as connection:
        connection.execute(
            sales.insert(),
            [
                {"shop": "a", "price": Decimal("1.25"), "day": date(2026, 1, 31), "level": "low"},
                {"shop": "a", "price": Decimal("1.25"), "day": date(2026, 2, 1), "level": "high"},
                {"shop": "b", "price": Decimal("2.00"), "day": date(2026, 1, 1), "level": "low"},
            ],
        )
    await app.startup()
    yield app
    await app.shutdown()


async def get(app: Hekla, query: str) -> Any:
    answer = await app.handle(Request("GET", "/sales/aggregate", f"group_by=shop&{query}"))
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("query", "shops"),
    [
        ("sum=price&having=(sum_price=2.5)", ["a"]),
        ("sum=price&having=(sum_price__lt=2.50)", ["b"]),
        ("max=day&having=(max_day__gte=2026-02-01)", ["a"]),
        ("min=day&having=(min_day__ne=2026-01-31)", ["b"]),
        ("avg=price&having=(avg_price__gt=1.25)", ["b"]),
        ("max=level&having=(max_level=low)", ["a", "b"]),
        ("count_distinct=day&having=(count_distinct_day=2)", ["a"]),
    ],
)
async def test_a_figure_is_compared_as_what_it_is(app: Hekla, query: str, shops: list[str]) -> None:
    """Decimals with decimals, days with days."""
    assert [group["shop"] for group in await get(app, query)] == shops


async def test_a_figure_without_an_order_is_compared_for_equality_only(app: Hekla) -> None:
    """A member of an enumeration is neither greater nor less than another."""
    problem = await get(app, "max=level&having=(max_level__gt=low)")
    assert (problem["status"], problem["code"]) == (400, "unknown_lookup")
