"""Whoever applies the changes that they are told ends with the rows that they may see."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import apsw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hekla import Actor, Hekla
from hekla.changes.replay import replay
from tests.changes.application import ADMIN, ANN, BOB, NOBODY, changes_of, running
from tests.changes.values import empty_copy, rows_of
from tests.scenarios.client import ask

PLANNER = Actor(4, frozenset({"planner"}))
READERS = (ANN, BOB, NOBODY, PLANNER, ADMIN)
RESOURCES = {"tasks": "id", "words": "word", "things": "id"}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
ids = st.integers(1, 4)
actors = st.sampled_from([ANN, BOB, NOBODY, PLANNER])
fields = st.fixed_dictionaries(
    {},
    optional={
        "title": texts,
        "shared": st.booleans(),
        "owner_id": st.sampled_from([None, 1, 2, 4]),
        "note": st.none() | texts,
        "token": texts,
    },
)
things = st.fixed_dictionaries(
    {"id": ids},
    optional={
        "big": st.none() | st.integers(-(2**62), 2**62).map(str),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "price": st.none() | st.decimals(-9999, 9999, places=2).map(str),
        "extra": st.none() | st.dictionaries(texts, st.integers() | texts | st.none(), max_size=2),
    },
)
RAW = st.sampled_from(
    [
        "update tasks set shared = not shared",
        "update tasks set owner_id = 3 - owner_id where owner_id < 3",
        "update tasks set id = id + 4 where id < 3",
        "update tasks set deleted_at = NULL",
        "delete from tasks where id > 3",
        "update tasks set plan = note, note = plan",
        "insert or ignore into words values ('raw', 1)",
        "update words set word = word || 'x', times = times + 1 where length(word) < 5",
        "update things set blob = cast(id as blob), real = big",
        "delete from things",
    ]
)
Step = tuple[str, str, Actor, Any]
steps = st.one_of(
    st.tuples(st.just("POST"), st.just("/tasks"), actors, fields.map(lambda f: {"title": ""} | f)),
    st.tuples(st.just("PATCH"), ids.map(lambda n: f"/tasks/{n}"), actors, fields),
    st.tuples(st.just("DELETE"), ids.map(lambda n: f"/tasks/{n}"), actors, st.just(...)),
    st.tuples(st.just("POST"), st.just("/things"), actors, things),
    st.tuples(st.just("DELETE"), ids.map(lambda n: f"/things/{n}"), actors, st.just(...)),
    st.tuples(st.just("RAW"), RAW, actors, st.just(...)),
)


async def do(app: Hekla, step: Step) -> None:
    """One write; that the rules or a constraint refuse it does not matter here."""
    method, target, actor, document = step
    if method == "RAW":
        with app.session() as session:
            session.connection().exec_driver_sql(target)
            session.commit()
        return
    answer = await ask(app, target, method=method, actor=actor, document=document)
    assert answer.status < 500, answer.body


async def seen_by(app: Hekla, actor: Actor, resource: str) -> dict[Any, Any]:
    answer = await ask(app, f"/{resource}?limit=1000", actor=actor)
    assert answer.status == 200, answer.body
    rows = answer.json()
    for row in rows:
        # Secret: it may be read here, and is in no change.
        row.pop("token", None)
    return {row[RESOURCES[resource]]: row for row in rows}


async def end_of(app: Hekla, resource: str) -> str:
    answer = await ask(app, f"/{resource}/changes?after=latest", actor=ADMIN)
    return answer.headers["x-next-cursor"]


async def follow(place: Path, first: list[Step], then: list[Step]) -> None:
    async with running(place) as app:
        for step in first:
            await do(app, step)
        begun = {
            (actor, resource): (await end_of(app, resource), await seen_by(app, actor, resource))
            for actor in READERS
            for resource in RESOURCES
        }
        for step in then:
            await do(app, step)
        for (actor, resource), (cursor, copy) in begun.items():
            changes = await changes_of(app, actor, f"/{resource}/changes?after={cursor}&limit=3")
            for change in changes:
                (key,) = change["key"]
                # What it was is what the copy says that it was.
                assert copy.pop(key, None) == change["before"], (actor, change)
                if change["after"] is not None:
                    copy[key] = change["after"]
            assert copy == await seen_by(app, actor, resource), (actor, resource)


@settings(
    max_examples=100 if os.environ.get("HEKLA_SOAK") else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(st.lists(steps, max_size=5), st.lists(steps, min_size=1, max_size=10))
def test_changes_lead_from_what_was_seen_to_what_is_seen(
    first: list[Step], then: list[Step]
) -> None:
    """For every actor: what it saw, with the changes it is told, is what it sees in the end."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "a.db")
        asyncio.run(follow(place, first, then))
        into = empty_copy(place, Path(folder, "b.db"))
        log = apsw.Connection(str(place))
        replay(log, into)
        into.close()
        log.close()
        made, there = (rows_of(Path(folder, name)) for name in ("b.db", "a.db"))
        # A secret column is in no log.
        for rows in (made, there):
            rows["tasks"] = [row[:12] + row[14:] for row in rows["tasks"]]
        assert made == there
