"""A small application with a column of every type, and one whose columns have odd names."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hekla import Hekla, everyone

__all__ = ["samples_app"]

metadata = sa.MetaData()

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("whole", sa.Integer),
    sa.Column("big", sa.BigInteger),
    sa.Column("real", sa.Float),
    sa.Column("amount", sa.Numeric(12, 2)),
    sa.Column("flag", sa.Boolean),
    sa.Column("text", sa.String(50)),
    sa.Column("day", sa.Date),
    sa.Column("clock", sa.Time),
    sa.Column("at", sa.DateTime),
    sa.Column("zoned", sa.DateTime(True)),
    sa.Column("span", sa.Interval),
    sa.Column("token", sa.Uuid),
    sa.Column("kind", sa.Enum("small", "medium", "large", name="kind")),
    sa.Column("document", sa.JSON(none_as_null=True)),
    sa.Column("raw", sa.LargeBinary),
)

# Columns that are called like parameters, like a lookup of another, or that need quotes.
clashes = sa.Table(
    "clashes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("limit", sa.Integer),
    sa.Column("order_by", sa.Text),
    sa.Column("or", sa.Integer),
    sa.Column("count", sa.Integer),
    sa.Column("due", sa.Integer),
    sa.Column("due__gte", sa.Integer),
    sa.Column("unit.price", sa.Integer),
    sa.Column('say "hi", (x)=:', sa.Integer),
    sa.Column("-minus", sa.Integer),
)

ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "whole": -5,
        "big": -(2**63),
        "real": -2.5,
        "amount": Decimal("-0.01"),
        "flag": False,
        "text": "",
        "day": date(2025, 12, 31),
        "clock": time(0),
        "at": datetime(2025, 12, 31, 23, 59, 59, 999999),
        "zoned": datetime(2025, 12, 31, 23, 59, 59, 999999, UTC),
        "span": timedelta(days=-1),
        "token": UUID(int=1),
        "kind": "small",
        "document": {"b": [1, 2.5, None], "a": "ä"},
        "raw": b"",
    },
    {
        "id": 2,
        "whole": 0,
        "big": 0,
        "real": 0.0,
        "amount": Decimal(0),
        "flag": True,
        "text": "a_b%c",
        "day": date(2026, 1, 1),
        "clock": time(9, 30),
        "at": datetime(2026, 1, 1),
        "zoned": datetime(2026, 1, 1, tzinfo=UTC),
        "span": timedelta(0),
        "token": UUID(int=0xA0),
        "kind": "medium",
        "document": [],
        "raw": b"\x00\xff",
    },
    {
        "id": 3,
        "whole": 7,
        "big": 2**53 + 1,
        "real": 0.1,
        "amount": Decimal("19.99"),
        "flag": True,
        "text": "Ärger 🎻",
        "day": date(2026, 2, 28),
        "clock": time(9, 30, 0, 500000),
        "at": datetime(2026, 2, 28, 12, 34, 56, 789012),
        "zoned": datetime(2026, 2, 28, 12, 34, 56, 789012, UTC),
        "span": timedelta(minutes=90),
        "token": UUID(int=0xB0),
        "kind": "large",
        "document": "text",
        "raw": b"\xfb\xef\xbe",
    },
    {
        "id": 4,
        "whole": 2147483647,
        "big": 2**63 - 1,
        "real": 1e300,
        "amount": Decimal("12345678.90"),
        "flag": False,
        "text": 'say "hi", (x)',
        "day": date(9999, 12, 31),
        "clock": time(23, 59, 59, 999999),
        "at": datetime(9999, 12, 31, 23, 59, 59, 999999),
        "zoned": datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        "span": timedelta(days=1, hours=2, seconds=3.5),
        "token": UUID(int=2**128 - 1),
        "kind": "small",
        "document": 12,
        "raw": b"text",
    },
    {"id": 5, **{column.name: None for column in samples.columns if column.name != "id"}},
]

CLASHES: list[dict[str, Any]] = [
    {
        "id": number,
        "limit": number * 10,
        "order_by": f"text {number}",
        "or": number,
        "count": number,
        "due": number,
        "due__gte": -number,
        "unit.price": number * 100,
        'say "hi", (x)=:': number * 1000,
        "-minus": -number,
    }
    for number in (1, 2, 3)
]


def samples_app(url: str) -> Hekla:
    """The application, with its rows in an empty database."""
    app = Hekla(url)
    app.resource(samples, read=everyone, search=["text"])
    app.resource(clashes, read=everyone)
    app.create_tables()
    with app.session() as session, session.begin():
        session.execute(sa.insert(samples), ROWS)
        session.execute(sa.insert(clashes), CLASHES)
    return app
