"""What hooks and merge patches make of a row is held to what is asked of every row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, fields
from hekla.writing.hooks import Event
from hekla.writing.merge import merge_patch
from tests.scenarios.client import Answer, ask

metadata = sa.MetaData()
plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(10)),
    sa.Column("seats", sa.Integer, info=fields.bounds(ge=1)),
    sa.Column("options", sa.JSON),
    sa.Column("tags", sa.JSON),
)
sketches = sa.Table(
    "sketches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("options", sa.JSON),
)
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text),
)


def no_thirteen(plan: Mapping[str, Any]) -> None:
    if plan["seats"] == 13:
        raise fields.Invalid({"seats": "must not be 13"})
    if isinstance(plan["options"], dict) and len(plan["options"]) > 2:
        raise fields.Invalid({"options": "must be two at most"})


def with_colour(tags: Any) -> Any:
    if not isinstance(tags, dict) or "colour" not in tags:
        raise ValueError("must have a colour")
    return {**tags, "seen": True}


Send = Callable[..., Awaitable[Answer]]


@pytest.fixture
def app(tmp_path: Path) -> Hekla:
    """An application that is not started yet: each test adds its hooks."""
    app = Hekla(f"sqlite:///{tmp_path / 'plans.db'}")
    app.resource(
        plans, read=everyone, write=everyone, validate=no_thirteen, validators={"tags": with_colour}
    )
    app.resource(sketches, read=everyone, write=everyone)
    app.resource(notes, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    return app


@pytest.fixture
async def send(app: Hekla) -> AsyncIterator[Send]:
    async def ask_app(method: str, target: str, document: Any = ...) -> Answer:
        await app.startup()
        return await ask(app, target, method=method, document=document)

    yield ask_app
    await app.shutdown()


@pytest.mark.parametrize(
    ("altered", "message"),
    [
        ({"seats": "many"}, "must be an integer"),
        ({"seats": 0}, "must be at least 1"),
        ({"seats": 13}, "must not be 13"),
        ({"title": "much too long"}, "must be at most 10 characters long"),
    ],
)
async def test_what_a_hook_alters_has_to_fit(
    app: Hekla, send: Send, altered: dict[str, Any], message: str
) -> None:
    """A value of a hook is refused as one of a document, of a new row and of a change."""
    (name,) = altered

    @app.before("create", plans)
    @app.before("update", plans)
    async def alter(event: Event) -> None:
        if event.values.get("title") == "alter":
            event.values.update(altered)

    await send("POST", "/plans", {"title": "as it is", "seats": 2})
    for method, target in (("POST", "/plans"), ("PATCH", "/plans/1")):
        answer = await send(method, target, {"title": "alter"})
        assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
        assert answer.json()["errors"] == [{"location": f"/{name}", "message": message}]
    assert [row["title"] for row in (await send("GET", "/plans")).json()] == ["as it is"]


async def test_validators_see_what_comes_of_a_patch(send: Send) -> None:
    """A patch of a column of JSON is judged by the value that it leads to."""
    made = {"options": {"a": 1, "b": 2}, "tags": {"colour": "red"}}
    assert (await send("POST", "/plans", made)).status == 201
    refused = await send("PATCH", "/plans/1", {"options": {"c": 3}})
    assert refused.json()["errors"] == [{"location": "/options", "message": "must be two at most"}]
    refused = await send("PATCH", "/plans?all=true", {"tags": {"colour": None}})
    assert refused.json()["errors"] == [{"location": "/tags", "message": "must have a colour"}]
    row = (
        await send("PATCH", "/plans/1", {"options": {"a": None, "c": 3}, "tags": {"x": 1}})
    ).json()
    assert row["options"] == {"b": 2, "c": 3}
    assert row["tags"] == {"colour": "red", "seen": True, "x": 1}


async def test_a_hook_sees_and_alters_what_comes_of_a_patch(app: Hekla, send: Send) -> None:
    """``event.values`` holds the value as it will be, and what the hook sets stands as it is."""
    seen: list[Any] = []

    @app.before("update", plans)
    def look(event: Event) -> None:
        seen.append(event.values["options"])
        if "only" in event.values["options"]:
            event.values["options"] = {"only": True}

    await send("POST", "/plans", {"options": {"a": {"b": 1, "c": 2}}})
    row = (await send("PATCH", "/plans/1", {"options": {"a": {"b": None}}})).json()
    assert seen == [{"a": {"c": 2}}]
    assert row["options"] == {"a": {"c": 2}}
    row = (await send("PATCH", "/plans/1", {"options": {"only": 1}})).json()
    assert row["options"] == {"only": True}


# RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
async def test_a_patch_is_merged_as_the_rfc_has_it(
    app: Hekla, send: Send, target: Any, patch: Any, result: Any
) -> None:
    """Here, and over HTTP in a column of JSON: be it looked at or not."""
    assert merge_patch(target, patch) == result
    if target is None or patch is None:
        return
    # With ``validate`` the row is looked at, as here; without it the database merges.
    await send("POST", "/sketches", {"options": target})
    await send("POST", "/plans", {"options": target})
    for name in ("sketches", "plans"):
        answer = await send("PATCH", f"/{name}/1", {"options": patch})
        assert answer.json()["options"] == result


async def test_hooks_that_write_in_a_circle_end(
    app: Hekla, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    """A hook asked about what it writes itself is told so, and everybody else goes on."""
    asked = 0

    @app.before("create", notes)
    async def write_another(event: Event) -> None:
        nonlocal asked
        asked += 1
        answer = await send("POST", "/notes", {"text": "another"})
        if answer.status != 201:
            raise event.refuse("there is no end to it")

    refused = await send("POST", "/notes", {"text": "one"})
    assert (refused.status, refused.json()["code"]) == (422, "refused")
    assert asked == 32
    assert "32 hooks write" in caplog.text
    assert (await send("GET", "/notes")).json() == []
    assert (await send("POST", "/plans", {"title": "x"})).status == 201


async def test_hooks_on_commit_may_go_on_for_ever(app: Hekla, send: Send) -> None:
    """What one writes is a write of its own, of which another is told: that is no circle."""

    @app.on_commit("create", notes)
    async def count_down(event: Event) -> None:
        assert event.after is not None
        left = int(event.after["text"])
        if left:
            assert (await send("POST", "/notes", {"text": str(left - 1)})).status == 201

    await send("POST", "/notes", {"text": "50"})
    await app.engine.writer.drain()
    assert len((await send("GET", "/notes?fields=id")).json()) == 51
