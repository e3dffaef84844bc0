"""What an actor may not see changes no byte of any answer to them.

Two databases that differ in hidden rows and hidden values only have to answer every request
alike: status, headers (the entity tag, the number of rows, the cursor) and body, errors too.
And a closed column has to be answered as one that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from hekla.actor import ANONYMOUS, Actor
from hekla.faces.rest.keys import format_key
from tests.property.dialect import Writer, address
from tests.property.harness import Running, examples, running
from tests.property.model import LeftOut, Model, ResourceModel, TableSpec
from tests.property.oracle import Oracle
from tests.property.queries import aggregates, selects
from tests.property.rules import Data, Row
from tests.property.strategies import World, fits, row_of, values, worlds

REQUESTS = 8


# Two databases that look the same


def view(model: Model, data: Data, actor: Actor) -> dict[str, Any]:
    """All that the actor may know: what each visible row shows, and tables without rules."""
    oracle = Oracle(model, data, actor)
    seen: dict[str, Any] = {}
    for resource in model.resources.values():
        rows = oracle.visible(resource) if oracle.readable(resource) else []
        seen[resource.spec.name] = sorted(
            repr([oracle.value(resource, row, name) for name in oracle.columns(resource)])
            for row in rows
        )
    for name, spec in model.specs.items():
        if not spec.served:
            seen[name] = sorted(repr(row) for row in data[name])
    return seen


class Disguise:
    """Changes of a database that its actor must not notice."""

    def __init__(self, draw: Callable[[Any], Any], world: World) -> None:
        self.draw = draw
        self.world = world
        self.seen = view(world.model, world.data, world.actor)
        self.data: dict[str, list[Row]] = {n: list(rows) for n, rows in world.data.items()}
        self.changes = 0

    def attempt(self) -> None:
        """Change one thing; take it back if it shows."""
        spec = self.draw(st.sampled_from(list(self.world.model.specs.values())))
        rows = self.data[spec.name]
        before = list(rows)
        form = self.draw(st.sampled_from(("add", "add", "remove", "alter", "alter", "alter")))
        if form == "add":
            rows.insert(self.draw(st.integers(0, len(rows))), self.draw(row_of(spec, self.data)))
        elif not rows:
            return
        elif form == "remove":
            del rows[self.draw(st.integers(0, len(rows) - 1))]
        else:
            self._alter(spec, rows)
        unique = all(fits(spec, rows[:place], row) for place, row in enumerate(rows))
        if unique and view(self.world.model, self.data, self.world.actor) == self.seen:
            self.changes += rows != before
        else:
            rows[:] = before

    def _alter(self, spec: TableSpec, rows: list[Row]) -> None:
        place = self.draw(st.integers(0, len(rows) - 1))
        closed = list(spec.column_rules) or [column.name for column in spec.columns]
        name = self.draw(st.sampled_from(closed))
        column = next(each for each in spec.columns if each.name == name)
        empty = column.nullable and name not in spec.key and self.draw(st.booleans())
        rows[place] = {**rows[place], name: None if empty else self.draw(values(column.kind))}


# Requests, valid and not


class Client:
    """Makes up requests about a database, blind to what is hidden from whom."""

    def __init__(self, draw: Callable[[Any], Any], world: World, datas: Sequence[Data]) -> None:
        self.draw = draw
        self.world = world
        self.datas = datas
        self.writer = Writer(world.model)
        # The description is what anybody may know; others may know of less.
        self.pages = ("/", "/openapi.json") if world.actor == ANONYMOUS else ("/",)

    def request(self) -> tuple[str, str]:
        """A URL, and the form to ask for."""
        forms = ["list", "list", "list", "aggregate", "item", "search", "wrong", "wrong", "index"]
        accept = ""
        match self.draw(st.sampled_from(forms)):
            case "list":
                url = self.writer.select(self.draw(selects(self.world, blind=True, plain=True)))
                if self.draw(st.sampled_from((False,) * 4 + (True,))):
                    accept = self.draw(st.sampled_from(("application/x-ndjson", "text/csv")))
                elif "skip=" not in url and self.draw(st.booleans()):
                    url += ("&" if "?" in url else "?") + "cursor="
            case "aggregate":
                query = self.draw(aggregates(self.world, blind=True, plain=True))
                url = self.writer.aggregate(query)
            case "item":
                url = self.item()
            case "search":
                url = self.search()
            case "wrong":
                url = self.wrong()
            case _:
                url = self.draw(st.sampled_from(self.pages))
        return url, accept

    def resource(self) -> ResourceModel:
        resources = self.world.model.resources
        return resources[self.draw(st.sampled_from(list(resources)))]

    def search(self) -> str:
        """A search for words that are in one of the databases, hidden or not."""
        resource = self.resource()
        data = self.draw(st.sampled_from(self.datas))
        texts = [
            row[name].replace("\0", " ")
            for row in data[resource.spec.name]
            for name in resource.spec.search
            if row[name] is not None
        ]
        words = [word for text in texts for word in text.split()] or ["a"]
        chosen = self.draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))
        return address(resource.name, [("search", " ".join(chosen))])

    def item(self) -> str:
        """A row of either database, hidden or not, or one that is in neither."""
        resource = self.resource()
        spec = resource.spec
        data = self.draw(st.sampled_from(self.datas))
        rows = [*data[spec.name], self.draw(row_of(spec, data))]
        row = self.draw(st.sampled_from(rows))
        key = tuple(spec.kind(name).json(row[name]) for name in spec.key)
        pairs = []
        if resource.relations and self.draw(st.booleans()):
            pairs.append(("include", self.draw(st.sampled_from(list(resource.relations)))))
        return address(resource.name, pairs, f"/{format_key(key)}")

    def wrong(self) -> str:
        """A request with a name that is not quite right, or a lookup, or a value."""
        resource = self.resource()
        names = [*resource.columns, *resource.relations, *resource.spec.column_rules]
        name = self.draw(st.sampled_from(names))
        near = self.draw(st.sampled_from((name[:-1], name + "s", name.upper(), name[1:], name)))
        other = self.draw(st.sampled_from(names))
        quoted = '"' + near.replace('"', '""') + '"'
        pairs = self.draw(
            st.sampled_from(
                (
                    [(near, "1")],
                    [(quoted, "1")],
                    [(f"{name}__gtt", "1")],
                    [(f"{name}__regex", "(")],
                    [(f"{name}.{near}", "1")],
                    [(f"{other}.{quoted}", "1")],
                    [("fields", quoted)],
                    [("order_by", quoted)],
                    [("order_by", f"{other}.{quoted}")],
                    [("include", quoted)],
                    [("include", f"{other}(fields:({quoted}))")],
                    [("or", f"({quoted}=1)")],
                    [("search", near)],
                    [("search", near), ("order_by", quoted)],
                    [(f"{name}__isnull", "maybe")],
                    [("cursor", near)],
                    [("limit", near)],
                )
            )
        )
        rest = self.draw(st.sampled_from(("", "", "", "/aggregate", "/" + quote(near, safe=""))))
        if rest == "/aggregate":
            pairs = self.draw(
                st.sampled_from(
                    ([("group_by", quoted)], [("sum", quoted)], [("max", f"{other}.{quoted}")])
                )
            )
        return address(resource.name, pairs, rest)


Said = tuple[int, list[tuple[str, str]], bytes]


def conversation(app: Running, url: str, accept: str, actor: Actor) -> list[Said]:
    """All that is answered: at first, further by cursor where one is offered, and to the tag."""
    first = answer = app.get(url, actor, accept)
    said = [(answer.status, answer.pairs, answer.body)]
    for _ in range(4):
        cursor = answer.headers.get("x-next-cursor")
        if cursor is None:
            break
        answer = app.get(url.replace("cursor=", f"cursor={cursor}"), actor, accept)
        said.append((answer.status, answer.pairs, answer.body))
    tag = first.headers.get("etag")
    if tag is not None:
        answer = app.get(url, actor, accept, **{"if-none-match": tag})
        said.append((answer.status, answer.pairs, answer.body))
    event(f"status {first.status}")
    return said


@pytest.mark.slow
@examples(75)
@given(st.data(), worlds(indexing=True))
def test_what_is_hidden_changes_no_answer(data: st.DataObject, world: World) -> None:
    """Hidden rows and values may be any, or none: every answer stays the same to the byte."""
    note(repr(world))
    with running(world) as one:
        disguise = Disguise(data.draw, world)
        for _ in range(12):
            disguise.attempt()
        if not disguise.changes:
            return
        note("\n".join(f"{name}: {rows}" for name, rows in disguise.data.items()))
        client = Client(data.draw, world, (world.data, disguise.data))
        with running(world, disguise.data) as other:
            for _ in range(REQUESTS):
                url, accept = client.request()
                note(f"{url} {accept}")
                said = conversation(one, url, accept, world.actor)
                assert said == conversation(other, url, accept, world.actor)
                assert said[0][0] < 500


def closed(world: World) -> dict[str, LeftOut]:
    """What of each table the actor may not know of, as far as an application can leave it out."""
    oracle = Oracle(world.model, world.data, world.actor)
    left_out = {}
    for resource in world.model.resources.values():
        spec = resource.spec
        columns = {name for name in resource.columns if name not in oracle.columns(resource)} - set(
            spec.key
        )
        relations = set(resource.relations) - set(oracle.relations(resource))
        left_out[spec.name] = (columns, relations)
    return left_out


@pytest.mark.slow
@examples(45)
@given(st.data(), worlds(closing=True))
def test_a_closed_column_is_answered_as_one_that_is_not_there(
    data: st.DataObject, world: World
) -> None:
    """Neither an error nor a suggestion nor a description tells that it exists."""
    note(repr(world))
    with running(world) as one:
        oracle = Oracle(world.model, world.data, world.actor)
        left_out = closed(world)
        if not any(columns for columns, _ in left_out.values()):
            return
        known = {r.name: list(oracle.relations(r)) for r in world.model.resources.values()}
        with running(world, left_out=left_out) as other:
            if {r.name: list(r.relations) for r in other.app.schema} != known:
                # Without the column a relation has a better name.
                return
            client = Client(data.draw, world, (world.data,))
            for _ in range(REQUESTS):
                url, accept = client.request()
                note(f"{url} {accept}")
                said = conversation(one, url, accept, world.actor)
                assert said == conversation(other, url, accept, world.actor)
                assert said[0][0] < 500
