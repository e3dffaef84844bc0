"""``tenant=`` on a resource: many customers in one table, and no way from one to another.

Ann and Abe are of company 1, Ben of company 2; Cem is of none. Root administers company 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Actor, Hekla, OperatorError, everyone, me
from tests.scenarios.client import Answer, ask, authenticate_by_header

ANN = {"X-User": "1", "X-Tenant": "1"}
ABE = {"X-User": "2", "X-Tenant": "1"}
BEN = {"X-User": "3", "X-Tenant": "2"}
CEM = {"X-User": "4"}
ROOT = {"X-User": "9", "X-Tenant": "1", "X-Roles": "admin"}


def models() -> tuple[Any, Any]:
    """Models without a column for tenants, made anew since it is added to them."""

    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str] = mapped_column(unique=False)
        owner_id: Mapped[int | None]
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))

    class Mark(Base):
        __tablename__ = "marks"
        id: Mapped[int] = mapped_column(primary_key=True)
        note_id: Mapped[int] = mapped_column(ForeignKey(Note.id))
        note: Mapped[Note] = relationship()

    return Note, Mark


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    note, mark = models()
    app = Hekla(f"sqlite:///{tmp_path / 'notes.db'}")
    app.resource(note, read=everyone, write=everyone, created_by="owner_id", tenant="company_id")
    app.resource(
        mark,
        read=everyone,
        create=everyone,
        update=mark.note.has(note.owner_id == me.id),
        tenant="company_id",
    )
    app.on_startup(app.create_tables)
    await app.startup()
    app.parts.web.authenticate = authenticate_by_header
    for who, text in ((ANN, "of ann"), (ABE, "of abe"), (BEN, "of ben")):
        answer = await ask(app, "/notes", who, method="POST", document={"text": text})
        assert answer.status == 201, answer.body
    yield app
    await app.shutdown()


async def write(app: Hekla, who: dict[str, str], method: str, target: str, document: Any) -> Answer:
    return await ask(app, target, who, method=method, document=document)


@pytest.mark.parametrize(
    ("who", "ids"), [(ANN, [1, 2]), (ABE, [1, 2]), (BEN, [3]), (CEM, []), (ROOT, [1, 2]), ({}, [])]
)
async def test_each_tenant_sees_its_own_rows(
    app: Hekla, who: dict[str, str], ids: list[int]
) -> None:
    """Also where the rule lets everyone read, and for administrators."""
    assert (await ask(app, "/notes", who)).ids == ids
    figures = (await ask(app, "/notes/aggregate?count", who)).json()
    assert figures == [{"count": len(ids)}]


async def test_a_row_is_its_makers_and_nobody_says_otherwise(app: Hekla) -> None:
    answer = await ask(app, "/notes/1", ANN)
    assert answer.json()["company_id"] == 1
    for who in (ANN, ROOT, CEM):
        document = {"text": "x", "company_id": 2}
        answer = await write(app, who, "POST", "/notes", document)
        assert (answer.status, answer.json()["errors"][0]["location"]) == (422, "/company_id")
    answer = await write(app, ANN, "PATCH", "/notes/1", {"company_id": 2})
    assert answer.status == 422
    for who in (CEM, {}):
        answer = await write(app, who, "POST", "/notes", {"text": "x"})
        assert answer.status in (403, 422)
    assert (await ask(app, "/notes", BEN)).ids == [3]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_is_anothers_is_not_there(app: Hekla, method: str) -> None:
    document = {"text": "x"} if method == "PATCH" else ...
    for who in (BEN, CEM, {}):
        assert (await write(app, who, method, "/notes/1", document)).status == 404
    answer = await write(app, BEN, method, "/notes?id__in=1,2,3", document)
    assert answer.status in (200, 204)
    assert [row["text"] for row in (await ask(app, "/notes", ANN)).json()] == ["of ann", "of abe"]


async def test_nothing_refers_to_what_is_anothers(app: Hekla) -> None:
    """Else one could ask, key by key, which rows others have."""
    answer = await write(app, BEN, "POST", "/marks", {"note_id": 1})
    assert (answer.status, answer.json()["code"]) == (409, "missing_reference")
    answer = await write(app, BEN, "POST", "/notes", {"text": "x", "parent_id": 1})
    assert (answer.status, answer.json()["code"]) == (409, "missing_reference")
    assert (await write(app, ANN, "POST", "/marks", {"note_id": 2})).status == 201
    assert (await ask(app, "/marks?include=note", BEN)).json() == []


async def test_the_past_of_a_tenant_is_its_own(app: Hekla) -> None:
    changes = (await ask(app, "/notes/changes", BEN)).json()
    assert [each["key"] for each in changes] == [[3]]
    assert (await ask(app, "/notes/1/history", BEN)).status == 404


async def test_an_upsert_takes_no_row_of_another_tenant(app: Hekla) -> None:
    answer = await write(app, BEN, "PUT", "/notes/1", {"text": "taken"})
    assert answer.status in (403, 404, 409)
    assert (await ask(app, "/notes/1", ANN)).json()["text"] == "of ann"


async def test_a_column_that_is_there_is_taken(tmp_path: Path) -> None:
    table = sa.Table(
        "rows",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("firm", sa.String(20)),
    )
    app = Hekla(f"sqlite:///{tmp_path / 'rows.db'}")
    app.resource(table, read=everyone, write=everyone, tenant="firm")
    app.create_tables()
    await app.startup()
    actor = Actor(1, tenant="acme")
    answer = await ask(app, "/rows", method="POST", document={}, actor=actor)
    assert answer.json() == {"id": 1, "firm": "acme"}
    assert (await ask(app, "/rows", actor=Actor(1, tenant="other"))).json() == []
    await app.shutdown()


def test_a_column_of_another_kind_is_no_tenant(tmp_path: Path) -> None:
    table = sa.Table(
        "rows",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("firm", sa.Float),
    )
    app = Hekla(f"sqlite:///{tmp_path / 'rows.db'}")
    app.resource(table, read=everyone, tenant="firm")
    with pytest.raises(OperatorError, match="tenant"):
        app.prepare()
