"""The shortcut for reading a row: where it answers, it answers as the whole way does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations, product
from pathlib import Path

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, me
from hekla.actor import ANONYMOUS, Actor
from hekla.settings import Settings
from hekla.web.application import WebApplication
from hekla.web.request import Request
from hekla.web.response import Response

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.Integer),
    sa.Column("text", sa.Text),
    sa.Column("at", sa.DateTime),
)
pairs = sa.Table(
    "pairs",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("two", sa.Integer, primary_key=True),
)
words = sa.Table(
    "words",
    metadata,
    sa.Column("word", sa.String(50), primary_key=True),
    sa.Column("n", sa.Integer),
)

OWNER = Actor(id=7)
TOKENS = {"Bearer owner": OWNER, "Bearer other": Actor(id=8)}
ROWS = ["1", "2", "3", "99", "x", "01", "", "aggregate", "1/", "1/history", "9" * 19, "٣"]
PATHS = [f"/notes/{row}" for row in ROWS] + [
    *("/notes", "/words/a", "/words/1", "/words/aggregate", "/words/%61"),
    *("/pairs/1,2", "/pairs/1", "/nothing/1"),
]
QUERIES = [
    "",
    "limit=1",
    "limit=1&skip=1",
    "order_by=id&limit=1&cursor=",
    "fields=id",
    "fields=id,text",
    "fields=nothing",
    "text=a",
    "fields=id&fields=text",
]
HEADERS = [
    ("host", "a.example"),
    ("accept", "*/*"),
    ("accept", "text/csv"),
    ("accept-encoding", "gzip"),
    ("if-none-match", "*"),
    ("x-request-id", "one"),
    ("user-agent", "x" * 20_000),
    ("authorization", "Bearer owner"),
    ("authorization", "Bearer other"),
    ("authorization", "Bearer nobody"),
    ("cookie", "a=b"),
]


async def authenticate(request: Request) -> Actor:
    return TOKENS.get(request.headers.get("authorization") or "", ANONYMOUS)


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    app = Hekla(f"sqlite:///{tmp_path_factory.mktemp('shortcut') / 'notes.db'}")
    app.resource(notes, read=(notes.c.id == 1) | (notes.c.owner_id == me.id), columns={})
    app.resource(pairs, read=everyone)
    app.resource(words, read=everyone)
    app.create_tables()
    with app.session() as session:
        session.execute(
            sa.insert(notes),
            [
                {"id": 1, "owner_id": None, "text": "é" * 2000, "at": None},
                {"id": 2, "owner_id": 7, "text": "two", "at": None},
                {"id": 3, "owner_id": 8, "text": None, "at": None},
            ],
        )
        session.execute(sa.insert(pairs), [{"one": 1, "two": 2}])
        session.execute(sa.insert(words), [{"word": "a", "n": 1}, {"word": "1", "n": 2}])
        session.commit()
    await app.startup()
    yield app
    await app.shutdown()


def web_of(app: Hekla) -> WebApplication:
    """The application with somebody at its door who knows two tokens."""
    return WebApplication(
        app.parts.web.router, app.settings, authenticate=authenticate, recall=TOKENS.get
    )


def told(response: Response) -> tuple[int, object, list[tuple[str, str]]]:
    return response.status, response.body, response.headers


async def test_a_row_that_was_read_before_is_answered_at_once(app: Hekla) -> None:
    """The shortcut knows rows by key and by query, under the rules of whoever asks."""
    web = web_of(app)
    shortcut = web.shortcut
    assert shortcut is not None
    plain, owner = [("host", "a")], [("host", "a"), ("authorization", "Bearer owner")]
    for path, query, sent in (
        ("/notes/1", "", plain),
        ("/notes/1", "fields=id", plain),
        ("/notes/2", "", owner),
    ):
        whole = await web.handle(Request("GET", path, query, sent))
        quick = shortcut(path, query, sent)
        assert quick is not None
        assert told(quick) == told(whole)
    # What one may see nobody else is shown.
    assert shortcut("/notes/2", "", plain) is None
    assert shortcut("/notes/2", "", [("authorization", "Bearer other")]) is None
    assert shortcut("/notes/2", "", [*owner, ("authorization", "Bearer other")]) is None


async def test_it_differs_in_nothing_from_the_whole_way(app: Hekla) -> None:
    """Whatever is asked, in whatever order: the same answer, or none from the shortcut."""
    web = web_of(app)
    shortcut = web.shortcut
    assert shortcut is not None
    answered = 0
    sets = [[], *([one] for one in HEADERS), *(list(two) for two in combinations(HEADERS, 2))]
    examples = list(product(PATHS, QUERIES, sets))
    for path, query, sent in examples + examples:
        quick = shortcut(path, query, sent)
        if quick is not None:
            answered += 1
            assert told(quick) == told(await web.handle(Request("GET", path, query, sent)))
        else:
            await web.handle(Request("GET", path, query, sent))
    assert answered > 100


async def test_what_stands_before_the_application_is_not_gone_around(tmp_path: Path) -> None:
    """With rates, allowed hosts or other origins declared there is no shortcut."""
    database = f"sqlite:///{tmp_path / 'one.db'}"
    for made in (
        Settings(allowed_hosts=("a.example",)),
        Settings(cors_origins=("https://a.example",)),
    ):
        app = Hekla(database, settings=made)
        app.resource(words, read=everyone)
        assert app.shortcut is None
    app = Hekla(database)
    app.resource(words, read=everyone, rate_limit="1/minute")
    app.resource(pairs, read=everyone)
    app.create_tables()
    await app.startup()
    try:
        await app.handle(Request("GET", "/words/a"))
        assert app.shortcut is None or app.shortcut("/words/a", "", []) is None
    finally:
        await app.shutdown()
