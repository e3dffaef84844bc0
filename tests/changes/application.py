"""An application whose rules move rows in and out of sight, over every kind of value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Actor, Hekla, everyone, me
from hekla.settings import Settings
from tests.scenarios.client import Answer, ask

__all__ = [
    "ADMIN",
    "ANN",
    "BOB",
    "NOBODY",
    "changes_of",
    "make",
    "must",
    "running",
]

ADMIN = Actor(9, frozenset({"admin"}))
ANN = Actor(1)
BOB = Actor(2)
NOBODY = Actor()


class Base(DeclarativeBase):
    pass


class Member(Base):
    __tablename__ = "members"
    project_id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(20), default="reader")


class Project(Base):
    """Seen by its members, as they are now."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))


class Label(Base):
    __tablename__ = "labels"
    name: Mapped[str] = mapped_column(
        sa.String(40, collation="NOCASE").with_variant(sa.String(40), "postgresql"),
        primary_key=True,
    )


task_labels = sa.Table(
    "task_labels",
    Base.metadata,
    sa.Column("task_id", sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("label_name", sa.ForeignKey(Label.name, ondelete="CASCADE"), primary_key=True),
)


class Task(Base):
    """Seen by its owner, and by everyone if shared; ``note`` by its owner alone."""

    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    shared: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None]
    note: Mapped[str | None]
    plan: Mapped[str | None]
    token: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    labels: Mapped[list[Label]] = relationship(secondary=task_labels)
    things: Mapped[list[Thing]] = relationship(back_populates="task")


class Thing(Base):
    """Every kind of value."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Task.id, ondelete="SET NULL"))
    task: Mapped[Task | None] = relationship(back_populates="things")
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    real: Mapped[float | None]
    blob: Mapped[bytes | None]
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    extra: Mapped[Any | None] = mapped_column(sa.JSON)
    at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    twice: Mapped[int | None] = mapped_column(sa.Computed("big + big", persisted=True))


class Word(Base):
    __tablename__ = "words"
    word: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    times: Mapped[int] = mapped_column(default=0)


# SQLite allows NULL in a key, any number of times.
loose = sa.Table(
    "loose",
    Base.metadata,
    sa.Column("key", sa.String(40), primary_key=True, nullable=True),
    sa.Column("times", sa.Integer),
)


def make(place: Path | str, settings: Settings | None = None, *, capture: bool = False) -> Hekla:
    """The application on a file of its own, or at a URL."""
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    app = Hekla(url, settings=settings)
    triggers: Any = "triggers" if capture else None
    app.resource(
        Task,
        read=(Task.owner_id == me.id) | Task.shared,
        write=everyone,
        columns={"note": Task.owner_id == me.id, "plan": me.has_role("planner")},
        secret=["token"],
        soft_delete="deleted_at",
        capture=triggers,
    )
    app.resource(Thing, read=everyone, write=everyone, capture=triggers)
    app.resource(Label, read=everyone, write=everyone)
    app.resource(Word, read=everyone, write=everyone, capture=triggers)
    app.resource(loose, read=everyone, write=everyone)
    app.resource(Member, read=everyone, write=everyone)
    member = sa.exists().where(Member.project_id == Project.id, Member.user_id == me.id)
    app.resource(Project, read=member | me.has_role("admin"), write=everyone, create=everyone)
    app.on_startup(app.create_tables)
    return app


@asynccontextmanager
async def running(
    place: Path | str, settings: Settings | None = None, *, capture: bool = False
) -> AsyncIterator[Hekla]:
    app = make(place, settings, capture=capture)
    await app.startup()
    try:
        yield app
    finally:
        await app.shutdown()


async def must(
    app: Hekla,
    actor: Actor,
    method: str,
    target: str,
    document: Any = ...,
    **headers: str,
) -> Answer:
    """A request that has to succeed."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await ask(app, target, sent, method=method, actor=actor, document=document)
    assert 200 <= answer.status < 300, answer.body
    return answer


async def changes_of(app: Hekla, actor: Actor, target: str = "/tasks/changes") -> list[Any]:
    """All changes that ``actor`` is told, page by page."""
    found: list[Any] = []
    link: str | None = target
    while link is not None:
        answer = await ask(app, link, actor=actor)
        assert answer.status == 200, answer.body
        found += answer.json()
        link = answer.link("next")
    return found
