"""An application whose tables are tied in every way: what nested writes are tried on."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, Settings, everyone
from tests.scenarios.client import Answer, ask

__all__ = ["Send", "sender", "workshop"]

Send = Callable[..., Awaitable[Answer]]


class Base(DeclarativeBase):
    pass


task_labels = sa.Table(
    "task_labels",
    Base.metadata,
    sa.Column("task_id", sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("label_id", sa.ForeignKey("labels.id"), primary_key=True),
    sa.Column("colour", sa.String(10), nullable=False, default=lambda: "red"),
)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    email: Mapped[str | None] = mapped_column(sa.String(40), unique=True)
    shared: Mapped[list[Task]] = relationship(secondary="members", viewonly=True)


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    tasks: Mapped[list[Task]] = relationship(secondary=task_labels, back_populates="labels")


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(20))
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id"))
    labels: Mapped[list[Label]] = relationship(secondary=task_labels, back_populates="tasks")


class Comment(Base):
    """Belongs to a task, always."""

    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(sa.String(20))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id"))


class Profile(Base):
    """At most one a user; may be nobody's."""

    __tablename__ = "profiles"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    bio: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), unique=True)


class Passport(Base):
    """Has the key of its user."""

    __tablename__ = "passports"
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    number: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    buyer: Mapped[str | None] = mapped_column(sa.ForeignKey("users.email"))


class Line(Base):
    """Is numbered within its order."""

    __tablename__ = "lines"
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]


class Region(Base):
    __tablename__ = "regions"
    country: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    code: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str | None]


class City(Base):
    __tablename__ = "cities"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str] = mapped_column(sa.String(2))
    code: Mapped[int | None]
    __table_args__ = (
        sa.ForeignKeyConstraint(["country", "code"], ["regions.country", "regions.code"]),
    )


class Member(Base):
    """Ties users to tasks, with a role that has a default."""

    __tablename__ = "members"
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(10), default="reader")


class Rating(Base):
    """Ties users to labels, with points that have to be given."""

    __tablename__ = "ratings"
    label_id: Mapped[int] = mapped_column(sa.ForeignKey("labels.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    points: Mapped[int]


MODELS = (
    User,
    Label,
    Task,
    Comment,
    Profile,
    Passport,
    Order,
    Line,
    Region,
    City,
    Member,
    Rating,
)


def workshop(
    url: str, rules: dict[type[Base], dict[str, Any]] | None = None, **limits: Any
) -> Hekla:
    """Everybody may do everything, but what ``rules`` say otherwise."""
    app = Hekla(url, settings=Settings(**limits))
    for model in MODELS:
        app.resource(model, **{"read": everyone, "write": everyone, **(rules or {}).get(model, {})})
    app.on_startup(app.create_tables)
    return app


def sender(app: Hekla) -> Send:
    """Sends a document to ``app``."""

    async def send(method: str, target: str, document: Any = ..., **more: Any) -> Answer:
        return await ask(app, target, method=method, document=document, **more)

    return send
