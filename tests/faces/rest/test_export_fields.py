"""What a CSV field looks like where readers disagree."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.web.request import Request

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("rank", sa.Integer),
)


async def test_a_null_that_stands_alone_is_still_a_row(tmp_path: Path) -> None:
    """An empty line is skipped by readers, so the only field of a row is never nothing at all."""
    app = Hekla(f"sqlite:///{tmp_path / 'data.db'}")
    app.resource(notes, read=everyone)
    app.create_tables()
    with app.sessions.begin() as connection:
        rows: list[dict[str, object]] = [
            {"body": "a", "rank": 1},
            {"body": None, "rank": None},
            {"body": "", "rank": 2},
        ]
        connection.execute(notes.insert(), rows)
    await app.startup()

    async def exported(fields: str) -> str:
        request = Request("GET", "/notes", f"fields={fields}", [("accept", "text/csv")])
        answer = await app.handle(request)
        assert not isinstance(answer.body, bytes)
        return b"".join([piece async for piece in answer.body]).decode()

    try:
        alone = await exported("body")
        assert alone == 'body\r\na\r\n""\r\n""\r\n'
        assert [row["body"] for row in csv.DictReader(io.StringIO(alone))] == ["a", "", ""]
        # Beside another field NULL and the empty text stay different.
        assert await exported("body,rank") == 'body,rank\r\na,1\r\n,\r\n"",2\r\n'
    finally:
        await app.shutdown()
