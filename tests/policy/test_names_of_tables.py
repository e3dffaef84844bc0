"""A rule means the tables that it names, whatever a statement calls its own rows.

Member 1 reads paper 1, which paper 2 comes after and before. Nobody reads paper 2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.policy.rules import Rule
from hekla.web.request import Request


def _papers(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "papers",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("next_id", sa.ForeignKey("papers.id")),
    )


def _members(metadata: sa.MetaData, name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("paper_id", sa.Integer),
    )


async def answers(app: Hekla, papers: sa.Table, members: sa.Table) -> list[Any]:
    """What is answered about papers: the list, with the next one, from there, a figure, a row."""
    app.create_tables()
    with app.sessions.begin() as connection:
        members.create(connection, checkfirst=True)
        rows = [{"id": 1, "next_id": 2}, {"id": 2, "next_id": 1}]
        connection.execute(papers.insert().values(rows))
        connection.execute(members.insert(), {"id": 1, "paper_id": 1})
    await app.startup()
    try:
        bodies = []
        for path, query in (
            ("/papers", "fields=id"),
            ("/papers", "fields=id&include=next(fields:id)"),
            ("/papers", "next.next.id=1"),
            ("/papers/aggregate", "count&max=next.id"),
            ("/papers/2", "fields=id"),
        ):
            answer = await app.handle(Request("GET", path, query))
            assert isinstance(answer.body, bytes)
            bodies.append(json.loads(answer.body) if answer.status == 200 else answer.status)
        return bodies
    finally:
        await app.shutdown()


HALF = [[{"id": 1}], [{"id": 1, "next": None}], [], [{"count": 1, "max_next.id": None}], 404]

NAMES = ["t1", "T1", "t2", "t3", "p2", "word"]


def _is_read(papers: sa.Table, members: sa.FromClause) -> Rule:
    return sa.exists(
        sa.select(sa.literal(1)).select_from(members).where(members.c.paper_id == papers.c.id)
    )


@pytest.mark.parametrize("name", NAMES)
async def test_a_table_of_any_name_may_stand_in_a_rule(tmp_path: Path, name: str) -> None:
    """Also one that is called as a statement would call a row of papers."""
    metadata = sa.MetaData()
    papers, members = _papers(metadata), _members(metadata, name)
    app = Hekla(f"sqlite:///{tmp_path / 'data.db'}")
    app.resource(papers, read=_is_read(papers, members))
    assert await answers(app, papers, members) == HALF


@pytest.mark.parametrize("name", NAMES)
async def test_an_alias_of_any_name_may_stand_in_a_rule(tmp_path: Path, name: str) -> None:
    """What a rule calls a table by itself counts as well."""
    metadata = sa.MetaData()
    papers, members = _papers(metadata), _members(metadata, "members")
    app = Hekla(f"sqlite:///{tmp_path / 'data.db'}")
    app.resource(members, read=everyone)
    app.resource(papers, read=_is_read(papers, members.alias(name)))
    assert await answers(app, papers, members) == HALF


@pytest.mark.parametrize("name", NAMES)
async def test_a_table_of_any_name_may_stand_in_a_mask(tmp_path: Path, name: str) -> None:
    """Where it is asked which rows show a column, too."""
    metadata = sa.MetaData()
    papers, members = _papers(metadata), _members(metadata, name)
    app = Hekla(f"sqlite:///{tmp_path / 'data.db'}")
    app.resource(papers, read=everyone, columns={"next_id": _is_read(papers, members)})
    assert await answers(app, papers, members) == [
        [{"id": 1}, {"id": 2}],
        [{"id": 1, "next": {"id": 2}}, {"id": 2, "next": None}],
        [],
        [{"count": 2, "max_next.id": 2}],
        {"id": 2},
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_an_index_to_search_in_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Its own ``rank`` is not the column of the rows that is called so."""
    metadata = sa.MetaData()
    notes = sa.Table(
        "notes",
        metadata,
        sa.Column("rank", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text),
    )
    app = Hekla(f"sqlite:///{tmp_path / 'data.db'}")
    app.resource(notes, read=everyone, search=["body"], search_index=name)
    app.create_tables()
    with app.sessions.begin() as connection:
        connection.execute(
            notes.insert(), [{"rank": 1, "body": "ash and"}, {"rank": 2, "body": "ash ash"}]
        )
        index = "fts5(body, content='notes', content_rowid='rank')"
        connection.execute(sa.text(f"CREATE VIRTUAL TABLE {name} USING {index}"))
        connection.execute(sa.text(f"INSERT INTO {name} ({name}) VALUES ('rebuild')"))
    await app.startup()
    try:
        answer = await app.handle(Request("GET", "/notes", "search=ash&fields=rank"))
        assert answer.body == b'[{"rank":2},{"rank":1}]'
    finally:
        await app.shutdown()
