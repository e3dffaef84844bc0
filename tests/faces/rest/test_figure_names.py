"""Groups and figures over columns of any name can be ordered by and compared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.web.request import Request

metadata = sa.MetaData()
odd = sa.Table(
    "odd",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a,b", sa.Integer),
    sa.Column('q"t', sa.Integer),
    sa.Column("-a", sa.Integer),
    sa.Column("x.y", sa.Integer),
)
NAMES = [column.name for column in odd.columns][1:]


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """Every odd column holds 1 in one row and 2 in two."""
    path: Path = tmp_path_factory.mktemp("odd") / "data.db"
    app = Hekla(f"sqlite:///{path}")
    app.resource(odd, read=everyone)
    app.create_tables()
    with app.sessions.begin() as connection:
        for value in (1, 2, 2):
            connection.execute(odd.insert().values(dict.fromkeys(NAMES, value)))
    await app.startup()
    yield app
    await app.shutdown()


async def get(app: Hekla, **parameters: str) -> Any:
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    answer = await app.handle(Request("GET", "/odd/aggregate", query))
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("name", NAMES)
async def test_groups_are_ordered_by_any_name(app: Hekla, name: str) -> None:
    """In quotes, with the minus sign before them, a name is taken as it stands."""
    descending = await get(app, group_by=quoted(name), count="", order_by="-" + quoted(name))
    assert descending == [{name: 2, "count": 2}, {name: 1, "count": 1}]
    ascending = await get(app, group_by=quoted(name), order_by=quoted(name))
    assert ascending == [{name: 1}, {name: 2}]


@pytest.mark.parametrize("name", NAMES)
async def test_groups_are_ordered_and_chosen_by_figures_over_any_name(
    app: Hekla, name: str
) -> None:
    """A figure is called after its column, which may need quotes."""
    figure = quoted(f"sum_{name}")
    groups = await get(app, group_by="id", sum=quoted(name), order_by=f"-{figure},-id", limit="2")
    assert groups == [{"id": 3, f"sum_{name}": 2}, {"id": 2, f"sum_{name}": 2}]
    groups = await get(app, group_by="id", sum=quoted(name), having=f"({figure}__lt=2)")
    assert groups == [{"id": 1, f"sum_{name}": 1}]
