"""A stream keeps the order that was asked for, whatever is joined to its rows."""

from __future__ import annotations

import json

import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.actor import ANONYMOUS
from hekla.query.ast import Include, Order, Select
from hekla.query.ast import Path as ColumnPath
from hekla.query.shape import parameterize
from tests.databases import NewUrl

metadata = sa.MetaData()
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("parent_id", sa.ForeignKey("people.id")),
)


async def test_a_stream_of_rows_with_an_embedded_row_is_in_order(new_url: NewUrl) -> None:
    """Without a limit too, where SQLite drops the order of a subquery that is joined."""
    app = Hekla(new_url())
    app.resource(people, read=everyone)
    app.create_tables()
    with app.sessions.begin() as connection:
        rows = [{"id": n, "name": name, "parent_id": 1} for n, name in enumerate("bdac", start=1)]
        connection.execute(people.insert(), rows)
    await app.startup()
    query = Select(
        "people",
        fields=("name",),
        includes=(Include("parent", Select("people", fields=("name",))),),
        order_by=(Order(ColumnPath((), "name")),),
    )
    try:
        found = [
            json.loads(text)
            async for batch in app.engine.stream(parameterize(query), ANONYMOUS)
            for (text, *_) in batch
        ]
    finally:
        await app.shutdown()
    assert found == [{"name": name, "parent": {"name": "b"}} for name in "abcd"]
