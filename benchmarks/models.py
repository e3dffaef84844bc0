"""The three tables, as plain SQLAlchemy models: Hekla and the SQLAlchemy peers share them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The declarative base of the benchmark's models."""


class User(Base):
    """Somebody who owns tasks and writes comments."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(120), unique=True)

    tasks: Mapped[list["Task"]] = relationship(back_populates="owner")
    comments: Mapped[list["Comment"]] = relationship(back_populates="author")


class Task(Base):
    """One thing to do. Every datetime is naive and means UTC."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text)
    completed: Mapped[bool]
    priority: Mapped[int]
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)

    owner: Mapped[User | None] = relationship(back_populates="tasks")
    comments: Mapped[list["Comment"]] = relationship(back_populates="task", order_by="Comment.id")


# The two lists are served by an index each: the newest open tasks, where the rows that an
# offset skips are told by the index alone, and the open tasks by id.
Index(
    "ix_tasks_completed_created_at",
    Task.completed,
    Task.created_at.desc(),
    Task.id,
    Task.priority,
)
Index("ix_tasks_completed_id", Task.completed, Task.id)


class Comment(Base):
    """What a user wrote about a task."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    task: Mapped[Task] = relationship(back_populates="comments")
    author: Mapped[User] = relationship(back_populates="comments")
