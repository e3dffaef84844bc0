"""Tables whose rows nothing tells apart: they can be made, and no other row is ever meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy as sa

from hekla import Hekla, OperatorError, everyone, nobody
from hekla.writing.hooks import Event
from tests.scenarios.client import ask

metadata = sa.MetaData()
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)
visits = sa.Table(
    "visits",
    metadata,
    sa.Column("badge", sa.Text, unique=True, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("person_id", sa.ForeignKey("people.id")),
)
# Nobody sees what is dropped here.
drops = sa.Table("drops", metadata, sa.Column("text", sa.Text))

ROWS = [{"badge": "a", "note": "1"}, {"badge": "b", "note": "2"}]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = Hekla(f"sqlite:///{tmp_path / 'visits.db'}")
    app.resource(people, read=everyone, write=everyone)
    app.resource(visits, read=everyone, write=everyone, create=visits.c.badge != "x")
    app.resource(drops, read=nobody, create=everyone)
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        connection.execute(visits.insert(), ROWS)
    await app.startup()
    yield app
    await app.shutdown()


async def notes(app: Hekla) -> list[tuple[str, str | None]]:
    rows = (await ask(app, "/visits?order_by=badge")).json()
    return [(row["badge"], row["note"]) for row in rows]


@pytest.mark.parametrize(
    ("method", "target", "document", "status"),
    [
        ("PUT", "/visits?badge=a", {"note": "x"}, 405),
        ("PATCH", "/visits?badge=a", {"note": "x"}, 405),
        ("DELETE", "/visits?badge=a", ..., 405),
        ("DELETE", "/visits?all=true", ..., 405),
        ("PATCH", "/visits/a", {"note": "x"}, 405),
        ("GET", "/visits/a", ..., 404),
        ("POST", "/visits?upsert=badge", {"badge": "a", "note": "x"}, 400),
        ("POST", "/visits/import?upsert=badge", [{"badge": "a", "note": "x"}], 422),
        ("POST", "/visits", {"badge": "x"}, 403),
        # What would be told is asked of the row, which cannot be found again.
        ("POST", "/visits?include=person", {"badge": "c"}, 400),
        ("POST", "/visits", {"badge": "c", "person": {"name": "new"}}, 400),
    ],
)
async def test_no_row_is_meant_for_another(
    app: Hekla, method: str, target: str, document: Any, status: int
) -> None:
    """What needs one certain row is refused, and changes none."""
    answer = await ask(app, target, method=method, document=document)
    assert answer.status == status, answer.body
    assert await notes(app) == [("a", "1"), ("b", "2")]
    assert (await ask(app, "/people")).json() == []


async def test_rows_are_made_and_told(app: Hekla) -> None:
    """By themselves, many at once, and from a file; also where nobody may see them."""
    made = await ask(app, "/visits", method="POST", document={"badge": "c"})
    assert (made.status, made.json()["badge"]) == (201, "c")
    assert "location" not in made.headers
    many = [{"badge": "d"}, {"badge": "e"}]
    assert (await ask(app, "/visits", method="POST", document=many)).json()[1]["badge"] == "e"
    imported = await ask(app, "/visits/import", method="POST", document=[{"badge": "f"}])
    assert imported.json()["created"] == 1
    assert [badge for badge, _ in await notes(app)] == ["a", "b", "c", "d", "e", "f"]
    for document in ({"text": "x"}, [{"text": "y"}, {}]):
        assert (await ask(app, "/drops", method="POST", document=document)).status == 201
    with app.sessions.connect() as connection:
        found = connection.execute(sa.select(drops.c.text)).scalars().all()
    assert found == ["x", "y", None]


async def test_a_rule_over_other_tables_is_asked_of_no_other_row(tmp_path: Path) -> None:
    """Which row was written cannot be found out, so nothing is written."""
    app = Hekla(f"sqlite:///{tmp_path / 'visits.db'}")
    known = sa.exists().where(people.c.id == visits.c.person_id).correlate(visits)
    app.resource(people, read=everyone, write=everyone)
    app.resource(visits, read=everyone, create=known)
    metadata.create_all(app.sessions)
    with app.sessions.begin() as connection:
        connection.execute(people.insert(), [{"id": 1, "name": "one"}])
        connection.execute(visits.insert(), [{"badge": "a", "note": "1", "person_id": 1}])
    await app.startup()
    refused = await ask(app, "/visits", method="POST", document={"badge": "b"})
    assert (refused.status, refused.json()["code"]) == (400, "unsupported")
    assert await notes(app) == [("a", "1")]
    await app.shutdown()


def test_no_hook_is_asked_about_rows_without_a_key(tmp_path: Path) -> None:
    """It would be shown another row: the operator is told so at once."""
    app = Hekla(f"sqlite:///{tmp_path / 'visits.db'}")
    app.resource(visits, read=everyone, write=everyone)

    @app.after("create", visits)
    def look(event: Event) -> None:
        pass

    with pytest.raises(OperatorError, match="a hook is for visits, whose rows have no key"):
        app.prepare()


async def test_rows_with_null_in_their_key_are_read_and_not_written(tmp_path: Path) -> None:
    """SQLite lets NULL into a key any number of times: none of these rows is meant for another."""
    connection = apsw.Connection(str(tmp_path / "old.db"))
    connection.execute("create table old (code text primary key, note text, mark text unique)")
    connection.execute("insert into old values (null, '1', 'a'), (null, '2', 'b'), ('x', '3', 'c')")
    connection.close()
    app = Hekla(f"sqlite:///{tmp_path / 'old.db'}")
    app.reflect(read=everyone, write=everyone)
    await app.startup()
    before = (await ask(app, "/old?order_by=note")).json()
    for method, target, document in (
        ("PATCH", "/old/!null", {"note": "9"}),
        ("PUT", "/old/!null", {"note": "9"}),
        ("DELETE", "/old/!null", ...),
        ("PATCH", "/old?note=1", {"note": "9"}),
        ("DELETE", "/old?note=1", ...),
        ("PUT", "/old?mark=a", {"note": "9"}),
        ("POST", "/old?upsert=mark", {"mark": "a", "note": "9"}),
    ):
        answer = await ask(app, target, method=method, document=document)
        assert (answer.status, answer.json()["code"]) == (409, "ambiguous_key"), (method, target)
    assert (await ask(app, "/old?order_by=note")).json() == before
    assert (await ask(app, "/old/x", method="PATCH", document={"note": "9"})).status == 200
    await app.shutdown()
