"""Writes that run at once, of every kind, are answered as if they had run one after the other.

The change log gives the order in which they were committed. In that order each is carried out
on a model, which has to answer the same and to end with the same rows; what changed nothing is
on no record, and has to be answered as the model answers at some moment while it ran.
"""

from __future__ import annotations

import asyncio
import copy
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hekla import Hekla
from hekla.settings import Settings
from hekla.web.request import Request
from tests.faults.shelf import Answer, Call, Row, Shelf, build, request
from tests.property.harness import FOLDER, examples


@dataclass(frozen=True)
class Turn:
    """A request, from whom, and after how many turns of the event loop it comes.

    ``careful``: it says If-Match with the tag of the row that was seen last.
    """

    call: Call
    server: int
    delay: int
    careful: bool


_FIRST = tuple({"name": name, "value": value} for name, value in (("a", 2), ("b", 5), ("c", 8)))
_NAMES = st.sampled_from("abcdef")
_VALUES = st.integers(0, 9)
_IDS = st.integers(1, 5)
_ROWS = st.fixed_dictionaries({"name": _NAMES, "value": _VALUES})
_SOME_ROWS = st.lists(_ROWS, min_size=1, max_size=3).map(tuple)
_CHANGES = st.one_of(
    _ROWS,
    st.fixed_dictionaries({"value": _VALUES}),
    st.fixed_dictionaries({"name": _NAMES}),
)
_NONE, _ZERO = st.just(()), st.just(0)
_PARTS = st.fixed_dictionaries({"item_id": _IDS, "name": _NAMES})


_PART_NAMES = st.lists(_NAMES, max_size=2).map(tuple)


def _calls(
    kind: str, rows: Any, number: Any = _ZERO, parts: Any = _NONE
) -> st.SearchStrategy[Call]:
    several = rows.map(lambda row: row if isinstance(row, tuple) else (row,))
    return st.builds(Call, st.just(kind), several, number, parts)


_SINGLE = st.one_of(
    _calls("create", _ROWS),
    _calls("create_with_parts", _ROWS, parts=_PART_NAMES),
    _calls("create_many", _SOME_ROWS),
    _calls("upsert", _ROWS),
    _calls("upsert_many", _SOME_ROWS),
    _calls("update", _CHANGES, _IDS),
    _calls("update", _CHANGES, st.integers(1, 3)),
    _calls("update_with_parts", _CHANGES, _IDS, _PART_NAMES),
    _calls("update_where", _CHANGES, _VALUES),
    _calls("replace", _ROWS, _IDS),
    _calls("delete", _NONE, _IDS),
    _calls("delete_where", _NONE, st.integers(7, 9)),
    _calls("add_part", _PARTS),
    _calls("read", _NONE, _IDS),
    _calls("read_all", _NONE),
)
_PART_OF_FIRST = st.fixed_dictionaries({"item_id": st.just("$0.id"), "name": _NAMES})
_BATCHES = st.one_of(
    st.lists(_SINGLE, min_size=1, max_size=4),
    st.tuples(_calls("create", _ROWS), _SINGLE, _calls("add_part", _PART_OF_FIRST)),
)
CALLS = st.one_of(_SINGLE, _SINGLE, st.builds(Call, st.just("batch"), calls=_BATCHES.map(tuple)))
TURNS = st.builds(Turn, CALLS, st.integers(0, 1), st.integers(0, 3), st.booleans())
WAVES = st.lists(st.lists(TURNS, min_size=2, max_size=8), min_size=1, max_size=4)


class Table:
    """Applications on one database, all asked from one event loop."""

    def __init__(self, runner: asyncio.Runner, file: Path, apps: Sequence[Hekla]) -> None:
        self.runner = runner
        self.apps = apps
        self.database = apsw.Connection(str(file))
        self._requests = 0

    def wave(self, turns: Sequence[Turn], tags: dict[int, tuple[str, Row]]) -> list[Done]:
        """Send requests at once; ``tags`` are the rows as they were seen last, by id."""
        return self.runner.run(self._wave(turns, tags))

    async def _wave(self, turns: Sequence[Turn], tags: dict[int, tuple[str, Row]]) -> list[Done]:
        seen = dict(tags)
        return await asyncio.gather(*(self._turn(turn, seen, tags) for turn in turns))

    async def _turn(
        self, turn: Turn, seen: dict[int, tuple[str, Row]], tags: dict[int, tuple[str, Row]]
    ) -> Done:
        self._requests += 1
        name, call = f"r{self._requests}", turn.call
        method, target, body = request(call)
        headers = [("x-request-id", name), ("content-type", "application/json")]
        if turn.careful and call.kind in ("update", "replace", "delete"):
            tag, row = seen.get(call.number, ('"none"', {}))
            call = replace(call, expected=row)
            headers.append(("if-match", tag))
        for _ in range(turn.delay):
            await asyncio.sleep(0)
        path, _, query = target.partition("?")
        app = self.apps[turn.server % len(self.apps)]
        response = await app.handle(Request(method, path, query, headers, body=body))
        assert isinstance(response.body, bytes)
        content: Any = json.loads(response.body) if response.body else None
        if response.status >= 400:
            return Done(name, call, Answer(response.status, content["code"]))
        found = dict(response.headers)
        if "etag" in found and isinstance(content, dict):
            tags[content["id"]] = (found["etag"], content)
        if call.kind == "batch":
            content = [{n: each[n] for n in each if n in ("status", "body")} for each in content]
        return Done(name, call, Answer(response.status, content))

    def lay(self, tags: dict[int, tuple[str, Row]]) -> tuple[int, Shelf]:
        """Begin anew with three items; returns the last change by then, and what there is."""
        headers = [("content-type", "application/json")]
        gone = Request("DELETE", "/items", "all=true", headers)
        assert self.runner.run(self.apps[0].handle(gone)).status == 204
        calls = [Call("create_many", _FIRST), *(Call("read", number=n) for n in (1, 2, 3))]
        for call in calls:
            self.wave([Turn(call, 0, 0, False)], tags)
        last = self.database.execute("select max(seq) from hekla_changes").get
        return int(last), Shelf().after(calls[0])[1]

    def changes(self, after: int) -> list[Change]:
        """What was changed since, in the order of the log."""
        sql = (
            'select request, "table", "key", "before", "after" from hekla_changes '
            "where seq > ? order by seq"
        )
        return [
            Change(name, table, json.loads(key)[0], _row(before), _row(after))
            for name, table, key, before, after in self.database.execute(sql, (after,))
        ]

    def rows(self) -> Shelf:
        """What is in the database."""
        shelf = Shelf()
        for number, name, value in self.database.execute("select id, name, value from items"):
            shelf.items[number] = {"id": number, "name": name, "value": value}
        for number, item, name in self.database.execute("select id, item_id, name from parts"):
            shelf.parts[number] = {"id": number, "item_id": item, "name": name}
        return shelf


@dataclass(frozen=True)
class Done:
    """A request that was answered."""

    name: str
    call: Call
    answer: Answer


@dataclass(frozen=True)
class Change:
    """A line of the change log; ``before`` and ``after`` are None where there is no row."""

    request: str
    table: str
    number: int
    before: Row | None
    after: Row | None

    def apply(self, shelf: Shelf) -> None:
        rows = shelf.items if self.table == "items" else shelf.parts
        assert rows.pop(self.number, None) == self.before
        if self.after is not None:
            rows[self.number] = self.after


def _row(text: str | None) -> Row | None:
    return None if text is None else json.loads(text)


@contextmanager
def _laid(apps: int, settings: Settings) -> Iterator[Table]:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, asyncio.Runner() as runner:
        file = Path(folder, "data.db")
        built = [build(f"sqlite:///{file}", settings) for _ in range(apps)]
        for app in built:
            runner.run(app.startup())
        table = Table(runner, file, built)
        try:
            yield table
        finally:
            table.database.close()
            for app in built:
                runner.run(app.shutdown())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((1, Settings()), id="one process"),
        pytest.param((1, Settings(inline_budget=0.001)), id="on threads"),
        pytest.param((2, Settings(inline_budget=0.001)), id="two on one file"),
    ],
)
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """One application or two, with a database that the examples share one after the other."""
    apps, settings = request.param
    with _laid(apps, settings) as laid:
        yield laid


@examples(100)
@given(WAVES)
def test_writes_equal_a_serial_order(table: Table, waves: list[list[Turn]]) -> None:
    """Answers, rows and change log agree with one order, whatever ran at once."""
    tags: dict[int, tuple[str, Row]] = {}
    start, shelf = table.lay(tags)
    told = [table.wave(wave, tags) for wave in waves]
    changes = table.changes(start)
    order = list(dict.fromkeys(change.request for change in changes))
    # The changes of one request stand together: nobody can have seen half of them.
    assert [c.request for c in changes] == [
        name for name in order for change in changes if change.request == name
    ]
    replayed = copy.deepcopy(shelf)
    for wave in told:
        by_name = {done.name: done for done in wave}
        moments = [shelf]
        while order and order[0] in by_name:
            done = by_name.pop(name := order.pop(0))
            answer, shelf = shelf.after(done.call)
            assert done.answer == answer, done
            for change in changes:
                if change.request == name:
                    change.apply(replayed)
            assert replayed == shelf, done
            moments.append(shelf)
        for done in by_name.values():
            assert any(moment.after(done.call) == (done.answer, moment) for moment in moments), (
                done,
                moments,
            )
    assert order == []
    assert table.rows() == shelf
