"""Every answer equals that of a slow and obvious evaluation over all rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from hekla.errors import Problem
from hekla.query.ast import Aggregate, Select
from hekla.query.shape import parameterize
from tests.property.dialect import Writer
from tests.property.harness import Running, examples, running
from tests.property.oracle import Oracle, Refused, Undecided
from tests.property.queries import aggregates, selects, walks
from tests.property.rules import Row
from tests.property.strategies import World, fits, row_of, worlds

QUERIES = 6

# Now and then a query names what its actor may not know of.
blindness = st.sampled_from((False,) * 5 + (True,))


class Outcome:
    """What the oracle says of a query: ``answer``, or the ``codes`` of a refusal."""

    def __init__(self, oracle: Oracle, query: Select | Aggregate) -> None:
        self.codes: set[str] = set()
        self.answer: Any = None
        self.total: int | None = None
        self.decided = True
        try:
            if isinstance(query, Aggregate):
                self.answer = oracle.aggregate(query)
            else:
                self.answer = oracle.select(query)
                self.total = oracle.count(query) if query.count else None
        except Refused as refused:
            self.codes = refused.codes
        except Undecided:
            self.decided = False


def ask(app: Running, query: Select | Aggregate, world: World) -> tuple[Any, Any, str]:
    """Body and number of all rows, or the code of the Problem."""
    try:
        answer = app.run(app.app.engine.read(parameterize(query), world.actor))
    except Problem as problem:
        return None, None, problem.code.code
    assert answer is not None
    body = json.loads(answer.body)
    assert answer.size == len(body)
    return body, answer.total, ""


@pytest.mark.slow
@examples(85)
@given(st.data(), worlds())
def test_a_selection_finds_what_the_oracle_finds(data: st.DataObject, world: World) -> None:
    """Rows, columns, embedded rows, order, page and count are those of the plain evaluation."""
    note(repr(world))
    with running(world) as app:
        oracle = Oracle(world.model, world.data, world.actor)
        for _ in range(QUERIES):
            query = data.draw(selects(world, blind=data.draw(blindness)))
            outcome = Outcome(oracle, query)
            if not outcome.decided:
                continue
            body, total, code = ask(app, query, world)
            if outcome.codes:
                assert code in outcome.codes
            else:
                assert (code, body, total) == ("", outcome.answer, outcome.total)


@pytest.mark.slow
@examples(45)
@given(st.data(), worlds())
def test_an_aggregation_finds_what_the_oracle_finds(data: st.DataObject, world: World) -> None:
    """Groups, figures, having, order and page are those of the plain evaluation."""
    note(repr(world))
    with running(world) as app:
        oracle = Oracle(world.model, world.data, world.actor)
        for _ in range(QUERIES):
            query = data.draw(aggregates(world, blind=data.draw(blindness)))
            outcome = Outcome(oracle, query)
            body, _, code = ask(app, query, world)
            if outcome.codes:
                assert code in outcome.codes
            else:
                assert (code, body) == ("", outcome.answer)


# A filter speaks of what it names before it is known whether that is a column or a relation.
ALIKE = {"unknown_column", "unknown_relation"}


@pytest.mark.slow
@examples(50)
@given(st.data(), worlds())
def test_a_url_asks_what_its_query_asks(data: st.DataObject, world: World) -> None:
    """Written in the REST dialect, a query has the same answer."""
    note(repr(world))
    with running(world) as app:
        oracle = Oracle(world.model, world.data, world.actor)
        writer = Writer(world.model)
        for _ in range(QUERIES):
            blind = data.draw(blindness)
            query: Select | Aggregate
            if data.draw(st.sampled_from((False, False, True))):
                query = data.draw(aggregates(world, blind=blind, plain=True))
                url = writer.aggregate(query)
            else:
                query = data.draw(selects(world, blind=blind, plain=True))
                url = writer.select(query)
            note(url)
            outcome = Outcome(oracle, query)
            if not outcome.decided:
                continue
            answer = app.get(url, world.actor)
            if outcome.codes:
                codes = outcome.codes | (ALIKE if outcome.codes & ALIKE else set())
                assert answer.json()["code"] in codes
                continue
            assert (answer.status, answer.json()) == (200, outcome.answer)
            if outcome.total is not None:
                assert answer.headers["x-total-count"] == str(outcome.total)


def _cell(value: Any) -> str:
    """A value as a field of CSV."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.slow
@examples(22)
@given(st.data(), worlds())
def test_an_export_holds_the_rows_of_the_list(data: st.DataObject, world: World) -> None:
    """NDJSON has an object a line; CSV the same values, what is nested as JSON."""
    note(repr(world))
    with running(world) as app:
        oracle = Oracle(world.model, world.data, world.actor)
        for _ in range(QUERIES):
            query = data.draw(selects(world, plain=True, export=True))
            url = Writer(world.model).select(query)
            note(url)
            outcome = Outcome(oracle, query)
            if outcome.codes or not outcome.decided:
                continue
            lines = app.get(url, world.actor, "application/x-ndjson")
            assert lines.status == 200
            assert [json.loads(line) for line in lines.text.split("\n")[:-1]] == outcome.answer
            table = app.get(url, world.actor, "text/csv")
            header, *records = csv.reader(io.StringIO(table.text, newline=""), strict=True)
            names = query.fields or tuple(oracle.columns(world.model.resources[query.resource]))
            columns = [*names, *(include.relation for include in query.includes)]
            kinds = world.model.resources[query.resource].columns
            documents = {name for name in names if kinds[name].name == "json"}
            # An empty line would be no row.
            assert header == (columns or [""])
            assert len(records) == len(outcome.answer)
            for record, document in zip(records, outcome.answer, strict=True):
                for name, cell in zip(columns, record, strict=bool(columns)):
                    value = document[name]
                    # A column of JSON holds JSON, whatever that is.
                    nested = isinstance(value, dict | list)
                    nested |= name in documents and value is not None
                    assert (json.loads(cell) if nested else cell) == (
                        value if nested else _cell(value)
                    )


@pytest.mark.slow
@examples(50)
@given(st.data(), worlds())
def test_a_walk_by_cursor_meets_each_row_once(data: st.DataObject, world: World) -> None:
    """In order, whatever ties and is NULL, and whatever comes and goes between two pages."""
    note(repr(world))
    with running(world) as app:
        query = data.draw(walks(world))
        if query is None:
            return
        resource = world.model.resources[query.resource]
        oracle = Oracle(world.model, world.data, world.actor)
        url = Writer(world.model).select(query)
        rows: Sequence[Row] = oracle.rows(query)
        cursor = ""
        while True:
            answer = app.get(url.replace("cursor=", f"cursor={cursor}"), world.actor)
            assert answer.status == 200
            page = [oracle.document(resource, row, query) for row in rows[: query.limit]]
            assert answer.json() == page
            if len(page) < query.limit:
                assert "x-next-cursor" not in answer.headers
                break
            cursor = answer.headers["x-next-cursor"]
            last = rows[query.limit - 1]
            places = [oracle.at(resource, last, order.path)[1] for order in query.order_by]
            if data.draw(st.booleans()):
                _change(data, app, world, last if data.draw(st.booleans()) else None)
                oracle = Oracle(world.model, world.data, world.actor)
                # Where the last row's own place has changed, nothing was promised.
                assume(
                    places == [oracle.at(resource, last, order.path)[1] for order in query.order_by]
                )
            others = [row for row in oracle.rows(query) if row is not last]
            everything = oracle.ordered(resource, [*others, last], query)
            rows = everything[next(n for n, row in enumerate(everything) if row is last) + 1 :]


def _change(data: st.DataObject, app: Running, world: World, gone: Row | None) -> None:
    """Add some rows, and take one away."""
    spec = data.draw(st.sampled_from(list(world.model.specs.values())))
    table = world.model.tables[spec.name]
    rows: list[Any] = world.data[spec.name]  # type: ignore[assignment]
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(row_of(spec, world.data))
        if fits(spec, rows, row):
            rows.append(row)
            app.write(table.insert().values(row))
    if gone is not None and any(row is gone for row in rows):
        rows[:] = [row for row in rows if row is not gone]
        key = [table.c[name] == gone[name] for name in spec.key]
        app.write(table.delete().where(*key))
