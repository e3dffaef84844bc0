"""A write that is run as one statement comes to what its steps, one by one, come to.

Random requests are sent to two applications that are the same but for one thing: the store of
one runs the steps of every write. Answers, rows and changes on record are the same.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import event, given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, everyone, me
from hekla.actor import Actor
from tests.property.harness import FOLDER, examples
from tests.scenarios.client import ask


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(4), unique=True)
    mark: Mapped[int] = mapped_column(default=0)


class Task(Base):
    """Has all that may be asked about a row beside its own columns."""

    __tablename__ = "tasks"
    __table_args__ = (sa.CheckConstraint("points < 8"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(4))
    points: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    made_at: Mapped[str | None]
    stamp: Mapped[Any] = mapped_column(sa.DateTime, nullable=True)
    by: Mapped[int | None]
    data: Mapped[Any] = mapped_column(sa.JSON, nullable=True)
    owner: Mapped[User | None] = relationship()


class Secret(Base):
    """May be referred to only by those who may see it."""

    __tablename__ = "secrets"
    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[int] = mapped_column(default=0)


class Note(Base):
    """Is written at a version, and only marked as deleted."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(sa.String(4))
    version: Mapped[int]
    gone: Mapped[bool] = mapped_column(default=False)


class Pair(Base):
    """A row that is judged as a whole, under a key of two columns that may be changed."""

    __tablename__ = "pairs"
    a: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    b: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    secret_id: Mapped[int | None] = mapped_column(sa.ForeignKey("secrets.id"))
    low: Mapped[int] = mapped_column(default=0)
    high: Mapped[int] = mapped_column(default=9)


def ordered(row: Any) -> None:
    if None not in (row["low"], row["high"]) and row["low"] > row["high"]:
        raise ValueError("low must not be above high")


def application(url: str) -> Hekla:
    app = Hekla(url)
    app.resource(User, read=everyone, write=everyone)
    app.resource(Secret, read=(Secret.mark < 2) | (Secret.id == me.id), write=everyone)
    app.resource(
        Task,
        read=everyone,
        create=Task.points < 6,
        update=(Task.points != 3) | (Task.by == me.id),
        delete=Task.owner.has(User.mark == 0) | Task.owner_id.is_(None),
        updated="stamp",
        created_by="by",
    )
    app.resource(Note, read=everyone, write=everyone, version="version", soft_delete="gone")
    app.resource(Pair, read=everyone, write=everyone, validate=[ordered])
    app.on_startup(app.create_tables)
    return app


KEYS: st.SearchStrategy[int] = st.integers(1, 4)
FEW = st.integers(0, 8)
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "é", "a", "b", "long text", None])
DOCUMENTS: dict[str, dict[str, Any]] = {
    "users": {"id": KEYS, "name": NAMES, "mark": FEW},
    "tasks": {
        "id": KEYS,
        "title": NAMES,
        "points": FEW,
        "owner_id": st.none() | KEYS,
        "made_at": st.sampled_from(["", None, "\0"]),
        "stamp": st.just("2026-01-01T00:00:00Z"),
        "data": st.sampled_from([None, 1, [1.5], {"x": 1}, {"x": None, "y": {}}]),
        "owner": st.just({"name": "n"}),
        "other": FEW,
    },
    "secrets": {"id": KEYS, "mark": st.integers(0, 3)},
    "notes": {"id": KEYS, "text": NAMES, "version": st.integers(1, 3)},
    "pairs": {
        "a": KEYS,
        "b": st.sampled_from(["x", "y", "aggregate"]),
        "low": FEW,
        "high": FEW,
        "secret_id": KEYS,
    },
}
QUERIES = st.sampled_from([*[""] * 6, "?fields=id", "?include=owner", "?fields=zzz"])
HEADERS = st.sampled_from([*[{}] * 6, {"prefer": "return=minimal"}, {"if-match": "*"}])
USUAL = {
    "users": ("name",),
    "secrets": (),
    "tasks": ("title",),
    "notes": ("text",),
    "pairs": ("a", "b"),
}


@st.composite
def requests(draw: Any) -> tuple[str, str, Any, dict[str, str], Actor]:
    """Method, address, document, headers and who asks."""
    name = draw(st.sampled_from(["users", "secrets", "tasks", "tasks", "tasks", "notes", "pairs"]))
    method = draw(st.sampled_from(["POST", "POST", "PATCH", "PATCH", "PUT", "DELETE"]))
    target = f"/{name}"
    if method != "POST":
        key = f"{draw(KEYS)},{draw(st.sampled_from('xy'))}" if name == "pairs" else draw(KEYS)
        target += f"/{key}"
    columns = DOCUMENTS[name]
    chosen = draw(st.lists(st.sampled_from(sorted(columns)), max_size=3, unique=True))
    needed = USUAL[name] if method != "PATCH" and draw(st.integers(0, 9)) else ()
    document: Any = {each: draw(columns[each]) for each in dict.fromkeys((*needed, *chosen))}
    if method == "DELETE":
        document = ...
    who = Actor(id=draw(KEYS)) if draw(st.booleans()) else Actor()
    return method, target + draw(QUERIES), document, draw(HEADERS), who


SEEDS: list[tuple[str, Any]] = [
    *(("/users", {"id": number, "name": f"u{number}", "mark": number - 1}) for number in (1, 2)),
    ("/secrets", {"id": 1, "mark": 1}),
    *(("/tasks", {"id": n, "title": "t", "points": n, "owner_id": n % 2 + 1}) for n in (1, 3)),
    ("/notes", {"id": 1, "text": "n"}),
    ("/pairs", {"a": 1, "b": "x"}),
]
TIME = re.compile(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6}Z?")


def timeless(body: bytes) -> bytes:
    """``body`` without the moment of now."""
    return TIME.sub(b"now", body)


async def run(folder: str, asked: list[Any], taken: list[int] | None) -> list[Any]:
    """All that can be seen of the requests ``asked``; ``taken`` counts statements by themselves."""
    app = application(f"sqlite:///{Path(folder) / ('steps' if taken is None else 'short')}.db")
    await app.startup()
    try:
        write = app.store.write

        def watched(work: Any, *, shortcut: Any = None, **more: Any) -> Any:
            if taken is None or shortcut is None:
                return write(work, **more)
            result = shortcut.result

            def counted(row: Any) -> Any:
                taken.append(1)
                return result(row)

            return write(work, shortcut=_Counted(shortcut, counted), **more)

        app.store.write = watched  # type: ignore[method-assign]
        seen: list[Any] = []
        for target, document in SEEDS:
            answer = await ask(app, target, method="POST", document=document)
            assert answer.status == 201, answer.body
        # Together, as far as they are answered together: one that fails harms no other.
        for start in range(0, len(asked), 4):
            answers = await asyncio.gather(
                *(
                    ask(app, target, headers, method=method, document=document, actor=actor)
                    for method, target, document, headers, actor in asked[start : start + 4]
                )
            )
            for answer in answers:
                # The tag of a body that holds the moment is of that moment.
                told = {**answer.headers, "etag": "", "x-request-id": ""}
                body = timeless(answer.body)
                if answer.status >= 400:
                    problem = json.loads(body)
                    problem.pop("request_id", None)
                    body = json.dumps(problem).encode()
                seen.append((answer.status, told, body))
        administrator = Actor(id=1, roles=frozenset({"admin"}))
        for target in ("/users", "/tasks", "/notes", "/pairs", "/changes?limit=1000"):
            answer = await ask(app, target, actor=administrator)
            assert answer.status == 200, answer.body
            seen.append(timeless(answer.body))
        return seen
    finally:
        await app.shutdown()


class _Counted:
    """A shortcut that tells when it was taken."""

    def __init__(self, shortcut: Any, result: Any) -> None:
        self.actor, self.request = shortcut.actor, shortcut.request
        self.statement, self.result = shortcut.statement, result


@given(asked=st.lists(requests(), min_size=12, max_size=24))
@examples(20)
def test_one_statement_does_what_the_steps_do(asked: list[Any]) -> None:
    """Whatever is written, and whatever is refused, nobody can tell how it was run."""
    with tempfile.TemporaryDirectory(prefix="hekla-", dir=FOLDER) as folder:
        taken: list[int] = []
        short = asyncio.run(run(folder, asked, taken))
        steps = asyncio.run(run(folder, asked, None))
    assert short == steps
    assert taken
    event(f"{min(len(taken), 12)} statements by themselves")
