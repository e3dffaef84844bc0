"""The order of what a search finds tells nothing of what may not be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, me
from hekla.actor import ANONYMOUS, Actor
from hekla.policy.rules import Rule
from hekla.web.request import Request

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("memo", sa.Text),
    sa.Column("open", sa.Boolean, nullable=False),
)
VISIBLE = [
    {"id": 1, "body": "ash ash lava", "memo": "", "open": True},
    {"id": 2, "body": "ash lava lava", "memo": "", "open": True},
]
AUDITOR = Actor(1, frozenset({"auditor"}))


async def found(
    path: Path,
    rows: list[dict[str, Any]],
    actor: Actor = ANONYMOUS,
    *,
    read: Rule = everyone,
    memo: Rule = everyone,
    query: str = "search=ash%20lava",
) -> list[int]:
    """The ids that a search over an index finds, in order."""
    app = Hekla(f"sqlite:///{path}")
    app.resource(
        notes, read=read, columns={"memo": memo}, search=["body", "memo"], search_index="notes_fts"
    )
    app.create_tables()
    with app.sessions.begin() as connection:
        connection.execute(notes.insert(), rows)
        index = "fts5(body, memo, content='notes', content_rowid='id')"
        connection.execute(sa.text(f"CREATE VIRTUAL TABLE notes_fts USING {index}"))
        connection.execute(sa.text("INSERT INTO notes_fts (notes_fts) VALUES ('rebuild')"))
    await app.startup()
    try:
        answer = await app.handle(Request("GET", "/notes", f"{query}&fields=id", actor=actor))
        assert isinstance(answer.body, bytes)
        return [row["id"] for row in json.loads(answer.body)]
    finally:
        await app.shutdown()


@pytest.mark.parametrize("word", ["ash", "lava"])
async def test_hidden_rows_do_not_make_a_word_common(tmp_path: Path, word: str) -> None:
    """An index takes a word for the less worth the more rows hold it, hidden ones too."""
    hidden = [{"id": n, "body": word, "memo": "", "open": False} for n in range(3, 20)]
    read = notes.c.open | me.has_role("auditor")
    assert await found(tmp_path / "a.db", VISIBLE + hidden, read=read) == [1, 2]
    best_two = (await found(tmp_path / "b.db", VISIBLE + hidden, AUDITOR, read=read))[:2]
    assert best_two == ([2, 1] if word == "ash" else [1, 2])


async def test_a_closed_column_does_not_make_a_row_long(tmp_path: Path) -> None:
    """An index takes a find for the less worth the more words the row holds beside it."""
    rows = [
        {"id": 1, "body": "ash lava", "memo": "word " * 50, "open": True},
        {"id": 2, "body": "ash lava", "memo": "", "open": True},
    ]
    closed = me.has_role("auditor")
    assert await found(tmp_path / "a.db", rows, memo=closed) == [1, 2]
    assert await found(tmp_path / "b.db", rows, AUDITOR, memo=closed) == [2, 1]


async def test_a_masked_column_is_searched_where_it_shows(tmp_path: Path) -> None:
    """The index knows no masks, so it is not asked then."""
    rows = [
        {"id": 1, "body": "", "memo": "ash", "open": True},
        {"id": 2, "body": "", "memo": "ash", "open": False},
        {"id": 3, "body": "ash", "memo": "", "open": False},
    ]
    ids = await found(tmp_path / "a.db", rows, memo=notes.c.open, query="search=ash")
    assert ids == [3, 1]


async def test_a_search_folds_the_case_of_every_letter(tmp_path: Path) -> None:
    """Of a word in ASCII too, in a text that is not: the Kelvin sign is a k, ſ is an s."""
    rows = [
        {"id": 1, "body": "\u212aELVIN", "memo": "", "open": True},
        {"id": 2, "body": "Straße", "memo": "", "open": True},
        {"id": 3, "body": "kelvin strasse", "memo": "", "open": True},
    ]
    plain = notes.c.open
    for number, (word, ids) in enumerate(
        [("kelvin", [1, 3]), ("STRASSE", [2, 3]), ("stra\u017f", [2, 3])]
    ):
        path = tmp_path / f"{number}.db"
        assert await found(path, rows, memo=plain, query=f"search={word}") == ids
