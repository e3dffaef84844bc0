"""search=: the best rows first, by an FTS5 index or without one, and nothing that is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone, me
from hekla.actor import Actor
from tests.scenarios.client import Answer, ask

ROWS = [
    (1, "peak", "volcano", "plain"),
    (2, "volcano", "", "plain"),
    (3, "volcano volcano", "volcano", None),
    (4, "Snæfell", "naïve café 100% a_b", "hush"),
    (5, None, 'he said "AND" (NEAR) title:x ^ * - +', "hush"),
]
AUDITOR = Actor(7, frozenset({"auditor"}))


@pytest.fixture(scope="module", params=["indexed", "plain"])
async def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hekla]:
    """The same notes with an index over them and without one."""
    metadata = sa.MetaData()
    notes = sa.Table(
        "notes",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text),
        sa.Column("body", sa.Text),
        sa.Column("hidden", sa.Text),
    )
    indexed = request.param == "indexed"
    app = Hekla(f"sqlite:///{tmp_path_factory.mktemp('search') / 'notes.db'}")
    app.resource(
        notes,
        read=everyone,
        columns={"hidden": me.has_role("auditor")},
        search=["title", "body", "hidden"],
        search_index="notes_fts" if indexed else None,
    )
    app.create_tables()
    with app.session() as session, session.begin():
        names = ("id", "title", "body", "hidden")
        session.execute(sa.insert(notes), [dict(zip(names, row, strict=True)) for row in ROWS])
        if indexed:
            session.execute(
                sa.text(
                    "CREATE VIRTUAL TABLE notes_fts USING fts5("
                    "title, body, hidden, content='notes', content_rowid='id')"
                )
            )
            session.execute(sa.text("INSERT INTO notes_fts (notes_fts) VALUES ('rebuild')"))
    await app.startup()
    yield app
    await app.shutdown()


async def search(app: Hekla, text: str, more: str = "", actor: Actor | None = None) -> Answer:
    target = f"/notes?search={quote(text, safe='')}{more}"
    return await (ask(app, target) if actor is None else ask(app, target, actor=actor))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # More of the word, and in an earlier column or a shorter text, comes first.
        ("volcano", [3, 2, 1]),
        ("VOLCANO", [3, 2, 1]),
        ("volc", [3, 2, 1]),
        ("volcano peak", [1]),
        ("peak volcano", [1]),
        ("volcano café", []),
        ("Snæfell café", [4]),
        ("SNÆFELL", [4]),
        ("glacier", []),
        ("said", [5]),
        ('"AND"', [5]),
        ("and", [5]),
        ("(NEAR)", [5]),
        ("", [1, 2, 3, 4, 5]),
        (" \t ", [1, 2, 3, 4, 5]),
    ],
)
async def test_a_search(app: Hekla, text: str, ids: list[int]) -> None:
    """A row is found if every word begins one of its words, in whichever column."""
    assert (await search(app, text)).ids == ids


@pytest.mark.parametrize(
    "text",
    [
        "*",
        '"',
        "'",
        "a AND",
        "NOT",
        "title : x",
        "title:x",
        "{title}",
        "^",
        "-",
        "(",
        "a*b",
        "\\",
        "%",
    ],
)
async def test_signs_of_a_query_language_stand_for_themselves(app: Hekla, text: str) -> None:
    """Whatever is typed is looked for, never obeyed: no row without it is found."""
    answer = await search(app, text)
    assert answer.status == 200, answer.body
    assert set(answer.ids) <= {4, 5}


async def test_an_order_that_was_asked_for_wins(app: Hekla) -> None:
    """The best come first unless the request says otherwise; filters and counts hold as ever."""
    assert (await search(app, "volcano", "&order_by=id")).ids == [1, 2, 3]
    assert (await search(app, "volcano", "&limit=1&skip=1")).ids == [2]
    assert (await search(app, "volcano", "&id__lt=3")).ids == [2, 1]
    counted = await search(app, "volcano", "&count=exact&limit=1")
    assert counted.headers["x-total-count"] == "3"
    first = await search(app, "volcano", "&cursor=&limit=2")
    assert first.ids == [1, 2]
    assert (await ask(app, first.link("next") or "")).ids == [3]
    answer = await ask(app, "/notes/aggregate?count&search=volcano")
    assert answer.json() == [{"count": 3}]


async def test_a_closed_column_is_not_searched(app: Hekla) -> None:
    """A word of a closed column is found by those who may read it, and by nobody else."""
    assert (await search(app, "hush")).ids == []
    assert (await search(app, "café hush")).ids == []
    assert (await search(app, "hush", actor=AUDITOR)).ids == [4, 5]
    assert (await search(app, "café hush", actor=AUDITOR)).ids == [4]
    # Nor does it change which rows come first.
    assert (await search(app, "volcano")).ids == (await search(app, "volcano", actor=AUDITOR)).ids


async def test_an_index_knows_the_beginnings_of_words_only(app: Hekla) -> None:
    """Without an index the middle of a word is found too, and signs are taken as they are."""
    indexed = app.schema["notes"].search_index is not None
    assert (await search(app, "olcano")).ids == ([] if indexed else [3, 2, 1])
    assert (await search(app, "cafe")).ids == ([4] if indexed else [])
    if not indexed:
        assert (await search(app, "a_b")).ids == [4]
        assert (await search(app, "100%")).ids == [4]
