"""A row that is only marked as deleted is there for nobody, whichever way one looks for it.

An author has books, and shares topics with others; authors and topics are deleted softly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Actor, Hekla, everyone
from tests.scenarios.client import Answer, ask

metadata = sa.MetaData()
authors = sa.Table(
    "authors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("gone", sa.DateTime),
    sa.Column("version", sa.Integer, nullable=False),
)
books = sa.Table(
    "books",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("author_id", sa.ForeignKey("authors.id", ondelete="CASCADE")),
)
topics = sa.Table(
    "topics",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("gone", sa.Boolean, nullable=False, default=False),
)
author_topics = sa.Table(
    "author_topics",
    metadata,
    sa.Column("author_id", sa.ForeignKey("authors.id"), primary_key=True),
    sa.Column("topic_id", sa.ForeignKey("topics.id"), primary_key=True),
)

Send = Callable[..., Awaitable[Answer]]
ADMINISTRATOR = Actor(1, frozenset({"admin"}))


@pytest.fixture
async def send(tmp_path: Path) -> AsyncIterator[Send]:
    """Author 1 with two books and two topics is gone, and so is topic 2; author 2 is left."""
    app = Hekla(f"sqlite:///{tmp_path / 'books.db'}")
    soft: dict[str, Any] = {"soft_delete": "gone", "hidden": ["gone"]}
    app.resource(authors, read=everyone, write=everyone, version="version", **soft)
    app.resource(books, read=everyone, write=everyone)
    app.resource(topics, read=everyone, write=everyone, **soft)
    app.resource(author_topics, read=everyone, write=everyone)
    metadata.create_all(app.sessions)
    await app.startup()

    async def ask_app(method: str, target: str, document: Any = ..., **more: Any) -> Answer:
        return await ask(app, target, method=method, document=document, **more)

    for name in ("ann", "ben"):
        row = {"name": name, "books": [{"title": f"{name} {n}"} for n in (1, 2)]}
        assert (await ask_app("POST", "/authors", row)).status == 201
    both = [{"name": "a", "authors": [1, 2]}, {"name": "b", "authors": [1, 2]}]
    assert (await ask_app("POST", "/topics", both)).status == 201
    for target in ("/authors/1", "/topics/2"):
        assert (await ask_app("DELETE", target)).status == 204
    yield ask_app
    await app.shutdown()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/authors?fields=name", [{"name": "ben"}]),
        ("/authors?id__in=1,2&fields=id", [{"id": 2}]),
        ("/books?author.name=ann", []),
        (
            "/books?id=1&fields=title&include=author(fields:name)",
            [{"title": "ann 1", "author": None}],
        ),
        (
            "/books/aggregate?group_by=author.name&count",
            [{"author.name": None, "count": 2}, {"author.name": "ben", "count": 2}],
        ),
        ("/authors/aggregate?count", [{"count": 1}]),
        (
            "/authors?fields=name&include=topics(fields:name)",
            [{"name": "ben", "topics": [{"name": "a"}]}],
        ),
        (
            "/topics?fields=name&include=authors(fields:name)",
            [{"name": "a", "authors": [{"name": "ben"}]}],
        ),
        ("/topics?authors.name=ann", []),
    ],
)
async def test_no_question_finds_it(send: Send, target: str, expected: Any) -> None:
    """Not by itself, nor through what refers to it, nor in a figure."""
    assert (await send("GET", target)).json() == expected


@pytest.mark.parametrize(
    ("method", "target", "document", "status", "code"),
    [
        ("GET", "/authors/1", ..., 404, "not_found"),
        ("PATCH", "/authors/1", {"name": "x"}, 404, "not_found"),
        ("DELETE", "/authors/1", ..., 404, "not_found"),
        # Its key and its name are still taken.
        ("PUT", "/authors/1", {"name": "x"}, 404, "not_found"),
        ("POST", "/authors", {"id": 1, "name": "x"}, 409, "already_exists"),
        ("POST", "/authors", {"name": "ann"}, 409, "already_exists"),
        ("PUT", "/authors?name=ann", {}, 409, "already_exists"),
        ("POST", "/authors?upsert=name", {"name": "ann"}, 409, "already_exists"),
        # Nothing new refers to it.
        ("POST", "/books", {"title": "x", "author_id": 1}, 409, "missing_reference"),
        ("PATCH", "/books/3", {"author": 1}, 409, "missing_reference"),
        ("PATCH", "/books/1", {"author": {"update": {"name": "x"}}}, 409, "missing_reference"),
        ("PATCH", "/authors/2", {"topics": {"link": [2]}}, 409, "missing_reference"),
        ("PATCH", "/authors/2", {"topics": {"delete": [2]}}, 409, "missing_reference"),
        ("PATCH", "/topics/1", {"authors": {"update": [{"id": 1}]}}, 409, "missing_reference"),
    ],
)
async def test_no_write_reaches_it(
    send: Send, method: str, target: str, document: Any, status: int, code: str
) -> None:
    """It is answered as a row that is not there; what the database holds of it still holds."""
    answer = await send(method, target, document)
    assert (answer.status, answer.json()["code"]) == (status, code), answer.body
    assert (await send("GET", "/authors?fields=name")).json() == [{"name": "ben"}]


async def test_writes_by_filter_pass_it_over(send: Send) -> None:
    """They are counted without it, and leave it as it was."""
    changed = await send("PATCH", "/topics?all=true", {"name": "x"})
    assert changed.headers["x-total-count"] == "1"
    gone = await send("DELETE", "/authors?all=true")
    assert gone.headers["x-total-count"] == "1"
    history = (await send("GET", "/topics/2/history")).json()
    assert [change["action"] for change in history] == ["create", "delete"]


async def test_what_is_tied_to_it_stays_tied(send: Send) -> None:
    """An array that names what belongs to a row leaves a hidden link as it is."""
    await send("PATCH", "/authors/2", {"topics": []})
    changes = (await send("GET", "/changes?resource=author_topics", actor=ADMINISTRATOR)).json()
    deleted = [change["before"] for change in changes if change["action"] == "delete"]
    assert deleted == [{"author_id": 2, "topic_id": 1}]


async def test_its_history_ends_with_a_deletion(send: Send) -> None:
    """Whoever follows changes is told that it was deleted, as it was when it was last there."""
    history = (await send("GET", "/authors/1/history")).json()
    assert [(change["action"], change["after"]) for change in history] == [
        ("create", {"id": 1, "name": "ann", "version": 1}),
        ("delete", None),
    ]
    assert history[-1]["before"] == {"id": 1, "name": "ann", "version": 1}
    listed = (await send("GET", "/authors/changes")).json()
    assert [change["action"] for change in listed] == ["create", "create", "delete"]
    # Its books are still there, so nothing is told of them.
    assert {change["action"] for change in (await send("GET", "/books/changes")).json()} == {
        "create"
    }


async def test_an_import_does_not_bring_it_back(send: Send) -> None:
    """A file with its key or name is refused like a document."""
    for target in ("/authors/import?upsert=name", "/authors/import?upsert=key"):
        answer = await send("POST", target, [{"id": 1, "name": "ann"}])
        assert (answer.status, answer.json()["errors"][0]["code"]) == (422, "already_exists")
    assert (await send("GET", "/authors/1")).status == 404
