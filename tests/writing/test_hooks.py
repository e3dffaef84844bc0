"""Hooks on writes: what they see, alter and refuse, and that nobody waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import ForeignKey, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Actor, Hekla, OperatorError, Problem, everyone
from hekla.errors import FORBIDDEN
from hekla.policy.rules import Action
from hekla.writing.hooks import Event
from tests.databases import NewUrl
from tests.scenarios.client import Answer, ask


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80), unique=True)
    slug: Mapped[str | None]
    done: Mapped[bool] = mapped_column(default=False)
    made: Mapped[datetime] = mapped_column(server_default=func.now())


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey(Task.id, ondelete="CASCADE"))
    text: Mapped[str]


Write = Callable[..., Awaitable[Answer]]


@pytest.fixture
def app(new_url: NewUrl) -> Hekla:
    """An application that is not started yet: each test adds its hooks."""
    app = Hekla(new_url())
    app.resource(Task, read=everyone, write=everyone, updated=None)
    app.resource(Note, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    return app


@pytest.fixture
async def write(app: Hekla) -> AsyncIterator[Write]:
    """Sends a document; the application starts with the first one."""

    async def send(method: str, target: str, document: Any = ..., **more: Any) -> Answer:
        await app.startup()
        return await ask(app, target, method=method, document=document, **more)

    yield send
    await app.shutdown()


async def test_a_hook_before_a_write_alters_what_is_written(app: Hekla, write: Write) -> None:
    """Values that a hook sets are stored, and answered; a plain function may be one."""

    @app.before("create", Task)
    def make_slug(event: Event) -> None:
        event.values["slug"] = event.values["title"].lower().replace(" ", "-")

    @app.before("update", Task)
    async def keep_slug(event: Event) -> None:
        assert event.before is not None
        event.values["slug"] = f"{event.before['slug']}-2"

    made = await write("POST", "/tasks", {"title": "Write it"})
    assert (made.status, made.json()["slug"]) == (201, "write-it")
    row = f"/tasks/{made.json()['id']}"
    changed = await write("PATCH", row, {"done": True})
    assert (changed.status, changed.json()["slug"]) == (200, "write-it-2")
    assert (await write("GET", row)).json() == changed.json()


async def test_a_hook_sees_the_row_the_values_and_the_actor(app: Hekla, write: Write) -> None:
    """Each hook sees typed values of the row before and after, as far as there is one."""
    seen: list[tuple[str, Any, Any, Any, Any]] = []

    def look(moment: str) -> Callable[[Event], None]:
        def hook(event: Event) -> None:
            before = None if event.before is None else event.before["title"]
            after = None if event.after is None else event.after["title"]
            seen.append((moment, event.actor.id, dict(event.values), before, after))

        return hook

    actions: tuple[Action, ...] = ("create", "update", "delete")
    for action in actions:
        app.before(action, Task)(look(f"before {action}"))
        app.after(action, Task)(look(f"after {action}"))
    actor = Actor(7)
    await write("POST", "/tasks", {"title": "a"}, actor=actor)
    await write("PATCH", "/tasks/1", {"title": "b"}, actor=actor)
    assert (await write("DELETE", "/tasks/1", actor=actor)).status == 204
    assert seen == [
        ("before create", 7, {"title": "a", "done": False}, None, None),
        ("after create", 7, {"title": "a", "done": False}, None, "a"),
        ("before update", 7, {"title": "b"}, "a", None),
        ("after update", 7, {"title": "b"}, "a", "b"),
        ("before delete", 7, {}, "b", None),
        ("after delete", 7, {}, "b", None),
    ]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_hook_refuses_and_nothing_is_written(app: Hekla, write: Write, moment: str) -> None:
    """A refusal names its place, and leaves neither row nor change behind."""

    async def refuse(event: Event) -> None:
        raise event.refuse("Not today.", "title")

    (app.before if moment == "before" else app.after)("create", Task)(refuse)
    answer = await write("POST", "/tasks", {"title": "a"})
    problem = answer.json()
    assert (answer.status, problem["code"]) == (422, "refused")
    assert problem["errors"] == [{"location": "/title", "message": "Not today."}]
    assert (await write("GET", "/tasks")).json() == []
    with app.session() as session:
        assert session.connection().exec_driver_sql("select * from hekla_changes").all() == []


async def test_a_hook_refuses_with_any_problem(app: Hekla, write: Write) -> None:
    """A Problem of a hook is the answer as it is."""

    @app.after("delete", Task)
    def keep(event: Event) -> None:
        raise Problem(FORBIDDEN, "Tasks are kept.")

    await write("POST", "/tasks", {"title": "a"})
    assert (await write("DELETE", "/tasks/1")).status == 403
    assert (await write("GET", "/tasks/1")).status == 200


async def test_a_hook_that_fails_is_a_logged_error_and_writes_nothing(
    app: Hekla, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no Problem is a 500 without its cause, and the row is not there."""

    @app.after("create", Task)
    def fail(event: Event) -> None:
        raise KeyError("a private matter")

    answer = await write("POST", "/tasks", {"title": "a"})
    assert answer.status == 500
    assert b"private" not in answer.body
    assert "a private matter" in caplog.text
    assert (await write("GET", "/tasks")).json() == []


@pytest.mark.parametrize("kind", ["coroutine", "function"])
async def test_a_hook_that_waits_holds_up_nobody(app: Hekla, write: Write, kind: str) -> None:
    """While a hook waits for a second, other writes are made and answered."""
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait(event: Event) -> None:
        entered.set()
        await asyncio.sleep(1)

    def block(event: Event) -> None:
        loop.call_soon_threadsafe(entered.set)
        time.sleep(1)

    app.after("create", Task)(wait if kind == "coroutine" else block)
    slow = asyncio.ensure_future(write("POST", "/tasks", {"title": "slow"}))
    await asyncio.wait_for(entered.wait(), 30)
    others = 0
    while not slow.done():
        # The task is not there before its hook is done.
        others += (await write("POST", "/notes", {"task_id": 1, "text": "x"})).status == 409
        await asyncio.sleep(0.01)
    assert others > 3
    assert (await slow).status == 201


async def test_many_rows_wait_in_their_hooks_side_by_side(app: Hekla, write: Write) -> None:
    """Eight rows whose hooks wait are made in the time of one, each with the key it was shown."""
    shown: dict[str, list[int]] = {}

    @app.after("create", Task)
    async def wait(event: Event) -> None:
        assert event.after is not None
        shown.setdefault(event.after["title"], []).append(event.after["id"])
        await asyncio.sleep(0.3)

    await write("GET", "/tasks")
    began = time.monotonic()
    answers = await asyncio.gather(
        *(write("POST", "/tasks", {"title": f"task {n}"}) for n in range(8))
    )
    assert time.monotonic() - began < 8 * 0.3
    assert [answer.status for answer in answers] == [201] * 8
    made = {answer.json()["title"]: answer.json()["id"] for answer in answers}
    assert shown == {title: [key] for title, key in made.items()}
    assert sorted(made.values()) == list(range(1, 9))


async def test_what_a_hook_was_shown_is_what_is_written(app: Hekla, write: Write) -> None:
    """Where somebody else changes the row while a hook waits, it is asked about the new row."""
    seen: list[str | None] = []
    interfere = True

    @app.before("update", Task)
    async def add(event: Event) -> None:
        nonlocal interfere
        assert event.before is not None
        seen.append(event.before["slug"])
        if interfere:
            interfere = False
            assert (await write("PATCH", "/tasks/1", {"slug": "from another"})).status == 200
        event.values["title"] = f"{event.before['slug']}!"

    await write("POST", "/tasks", {"title": "a", "slug": "first"})
    answer = await write("PATCH", "/tasks/1", {"done": True})
    # The inner write is asked about, too.
    assert seen == ["first", "first", "from another"]
    assert answer.json() | {"made": None} == {
        "id": 1,
        "title": "from another!",
        "slug": "from another",
        "done": True,
        "made": None,
    }


async def test_a_row_is_told_on_commit_once_it_is_durable(app: Hekla, write: Write) -> None:
    """A hook on commit hears of each row that was written, once, and of no other."""
    heard: list[tuple[str, Any]] = []

    @app.before("create", Task)
    def refuse_some(event: Event) -> None:
        if event.values["title"] == "bad":
            raise event.refuse("no")

    @app.on_commit("create", Task)
    async def hear(event: Event) -> None:
        assert event.after is not None
        there = await write("GET", f"/tasks/{event.after['id']}")
        heard.append((event.after["title"], there.status))
        if event.after["title"] == "b":
            raise RuntimeError("too late to matter")

    for title in ("a", "bad", "b", "c"):
        await write("POST", "/tasks", {"title": title})
    await app.engine.writer.drain()
    assert heard == [("a", 200), ("b", 200), ("c", 200)]


async def test_stamps_and_defaults_of_the_database_do_not_ask_twice(
    app: Hekla, write: Write
) -> None:
    """A row is written with the very moment that the hook was shown, a second later too."""
    shown: list[datetime] = []

    @app.after("create", Task)
    async def wait(event: Event) -> None:
        assert event.after is not None
        shown.append(event.after["made"])
        await asyncio.sleep(1.1)

    made = (await write("POST", "/tasks", {"title": "a"})).json()["made"]
    assert [moment.replace(tzinfo=UTC) for moment in shown] == [datetime.fromisoformat(made)]


async def test_many_rows_of_one_request_are_all_asked_about(app: Hekla, write: Write) -> None:
    """Of an array, one refused row refuses all, whichever it is."""

    @app.before("create", Task)
    def number(event: Event) -> None:
        if event.values["title"] == "3":
            raise event.refuse("no threes", "title")
        event.values["slug"] = f"s{event.values['title']}"

    rows = [{"title": str(n)} for n in range(5)]
    answer = await write("POST", "/tasks", rows)
    assert answer.json()["errors"] == [{"location": "/3/title", "message": "no threes"}]
    assert (await write("GET", "/tasks")).json() == []
    answer = await write("POST", "/tasks", [row for row in rows if row["title"] != "3"])
    assert [row["slug"] for row in answer.json()] == ["s0", "s1", "s2", "s4"]


async def test_a_unique_value_that_is_taken_is_still_refused(app: Hekla, write: Write) -> None:
    """A conflict is told as without hooks, and does not go round for ever."""
    asked = 0

    @app.after("create", Task)
    def count(event: Event) -> None:
        nonlocal asked
        asked += 1

    await write("POST", "/tasks", {"title": "a"})
    answer = await write("POST", "/tasks", {"title": "a"})
    assert (answer.status, answer.json()["code"]) == (409, "already_exists")
    assert asked == 1


def test_a_hook_for_what_is_no_resource_is_refused(app: Hekla) -> None:
    """The operator is told at once, in one line."""

    class Elsewhere(DeclarativeBase):
        pass

    class Other(Elsewhere):
        __tablename__ = "others"
        id: Mapped[int] = mapped_column(primary_key=True)

    app.before("create", Other)(print)
    with pytest.raises(OperatorError, match="a hook is for Other, which is no resource"):
        app.prepare()
    with pytest.raises(OperatorError, match="'touch' is no action"):
        Hekla("sqlite://").before("touch", Task)  # type: ignore[arg-type]
