"""What was exported and is imported again is what was there, down to how it is stored."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from hekla import Actor, Hekla, everyone
from hekla.web.request import Request
from tests.property.harness import examples
from tests.property.kinds import KINDS

ADMINISTRATOR = Actor(1, frozenset({"admin"}))

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, kind.make()) for name, kind in KINDS.items()),
    sa.Column("span", sa.Interval),
    sa.Column('column, with "marks"', sa.Text),
    sa.Column("twice", sa.Integer, sa.Computed("id * 2")),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("changed", sa.DateTime),
    sa.Column("parent_id", sa.ForeignKey("things.id")),
)
NAMES = [column.name for column in things.columns]

# U+0000 is no character of a text that Hekla takes.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
wide: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "huge": st.integers(-(2**63), 2**63 - 1),
    "text": texts,
    "string": texts,
    "float": st.floats(allow_nan=False),
    "real": st.floats(allow_nan=False),
    "decimal": st.decimals(-99999999, 99999999, places=2),
    "cents": st.decimals(-99999999, 99999999, places=2),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "moment": st.datetimes(timezones=st.just(UTC)),
    "time": st.times(),
    "uuid": st.uuids(),
    "bytes": st.binary(max_size=20),
    "json": st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
}


def _value(name: str) -> st.SearchStrategy[Any]:
    pool = [value for value in KINDS[name].pool if not (isinstance(value, str) and "\0" in value)]
    tried = st.sampled_from(pool)
    return st.none() | (tried | wide[name] if name in wide else tried)


rows = st.fixed_dictionaries(
    {name: _value(name) for name in KINDS}
    | {
        "span": st.none() | st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
        'column, with "marks"': st.none() | texts,
        "version": st.integers(1, 9),
        "changed": st.none() | st.datetimes(),
    }
)


class Pair:
    """Two applications over the same tables: rows are taken from one and put into the other."""

    def __init__(self, folder: str) -> None:
        self.runner = asyncio.Runner()
        self.apps = [self._app(Path(folder) / name) for name in ("from.db", "into.db")]

    def _app(self, file: Path) -> Hekla:
        app = Hekla(f"sqlite:///{file}")
        app.resource(things, read=everyone, version="version", updated="changed")
        app.on_startup(app.create_tables)
        self.runner.run(app.startup())
        return app

    def close(self) -> None:
        for app in self.apps:
            self.runner.run(app.shutdown())
        self.runner.close()

    def fill(self, values: list[dict[str, Any]]) -> None:
        """Put these rows into the first one, and none into the second; each refers to another."""
        for app in self.apps:
            with app.sessions.begin() as connection:
                connection.exec_driver_sql("pragma defer_foreign_keys = on")
                connection.execute(things.delete())
        with self.apps[0].sessions.begin() as connection:
            connection.exec_driver_sql("pragma defer_foreign_keys = on")
            for number, row in enumerate(values, 1):
                parent = len(values) + 1 - number
                connection.execute(things.insert(), {**row, "id": number, "parent_id": parent})

    def stored(self, app: Hekla) -> list[tuple[Any, ...]]:
        """All rows as they are stored, each value with its type."""
        columns: list[sa.ColumnElement[Any]] = []
        for name in NAMES:
            column: sa.ColumnClause[Any] = sa.column(sa.sql.quoted_name(name, True))
            columns += [sa.func.typeof(column), column]
        with app.sessions.connect() as connection:
            found = connection.execute(
                sa.select(*columns).select_from(sa.table("things")).order_by(sa.column("id"))
            )
            return [tuple(row) for row in found]

    def ask(self, app: Hekla, method: str, target: str, kind: str, body: bytes = b"") -> Any:
        path, _, query = target.partition("?")
        header = "accept" if method == "GET" else "content-type"
        request = Request(method, path, query, [(header, kind)], actor=ADMINISTRATOR, body=body)

        async def answer() -> tuple[int, bytes]:
            response = await app.handle(request)
            body = response.body
            if not isinstance(body, bytes):
                body = b"".join([piece async for piece in body])
            return response.status, body

        return self.runner.run(answer())


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(folder)
        yield pair
        pair.close()


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson", "application/json"])
def test_what_was_exported_comes_back_equal(pair: Pair, kind: str) -> None:
    """Every type, NULL, any text, stamps and versions, rows that refer to later ones."""

    @examples(40)
    @given(values=st.lists(rows, max_size=4))
    def check(values: list[dict[str, Any]]) -> None:
        pair.fill(values)
        status, file = pair.ask(pair.apps[0], "GET", "/things", kind)
        assert status == 200
        status, report = pair.ask(pair.apps[1], "POST", "/things/import?read_only=keep", kind, file)
        assert status == 200, report
        before, after = (pair.stored(app) for app in pair.apps)
        assert before == after
        assert len(after) == len(values)

    check()


def test_the_comparison_tells_values_apart(pair: Pair) -> None:
    """A value of another type, or one bit away, is another row."""
    row: dict[str, Any] = {"version": 1, "real": 0.1, "text": "1"}
    pair.fill([row])
    seen = [pair.stored(pair.apps[0])]
    for other in ({"real": math.nextafter(0.1, 1)}, {"text": "1 "}, {"text": None}):
        pair.fill([row | other])
        seen.append(pair.stored(pair.apps[0]))
    assert len({repr(each) for each in seen}) == 4
