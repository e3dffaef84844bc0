"""One small schema, and the queries whose statements stand in the golden files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Actor, everyone, me
from hekla.policy.access import Access, Policy
from hekla.policy.rules import Rules
from hekla.query.ast import (
    Aggregate,
    And,
    Compare,
    Having,
    Include,
    Measure,
    Not,
    Or,
    Order,
    Path,
    Related,
    Search,
    Select,
)
from hekla.query.shape import parameterize
from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Schema
from hekla.schema.types import Dialect
from hekla.sql.aggregate import compile_aggregate
from hekla.sql.plan import Plan, render
from hekla.sql.scope import Scope
from hekla.sql.select import compile_rows, compile_select


class Base(DeclarativeBase):
    """Tables of the golden statements."""


task_labels = sa.Table(
    "task_labels",
    Base.metadata,
    sa.Column("task_id", sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("label_id", sa.ForeignKey("labels.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    # A reserved word, and a quote.
    order: Mapped[str] = mapped_column("order", sa.String(40))


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    completed: Mapped[bool]
    priority: Mapped[int | None]
    shared: Mapped[bool]
    secret: Mapped[str | None] = mapped_column(sa.String(40))
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey(User.id))
    owner: Mapped[User | None] = relationship()
    labels: Mapped[list[Label]] = relationship(secondary=task_labels)
    comments: Mapped[list[Comment]] = relationship(back_populates="task")


class Comment(Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(sa.Text)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey(Task.id))
    author_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))
    task: Mapped[Task] = relationship(back_populates="comments")
    author: Mapped[User] = relationship()


def _id(descending: bool = False) -> Order:
    return Order(Path((), "id"), descending)


CASES: dict[str, Select | Aggregate] = {
    "one": Select("tasks", one=True, where=Compare("id", "exact", 2)),
    "one with owner and comments": Select(
        "tasks",
        one=True,
        where=Compare("id", "exact", 1),
        includes=(
            Include("owner", Select("users")),
            Include(
                "comments",
                Select(
                    "comments",
                    limit=2,
                    order_by=(_id(True),),
                    includes=(Include("author", Select("users", fields=("name",))),),
                ),
            ),
        ),
    ),
    "list": Select("tasks", fields=("id", "title"), limit=2, offset=1, count=True),
    "filters": Select(
        "tasks",
        fields=("id",),
        limit=10,
        where=And(
            (
                Compare("completed", "exact", False),
                Or((Compare("priority", "gte", 2), Compare("priority", "isnull", True))),
                Not(Compare("id", "in", [7, 8])),
                Compare("title", "icontains", "task"),
            )
        ),
    ),
    "through relations": Select(
        "tasks",
        fields=("id",),
        limit=10,
        where=And(
            (
                Related("owner", "any", Compare("name", "startswith", "user")),
                Related("labels", "any", Compare("order", "exact", "bug")),
                Related("comments", "all", Compare("author_id", "exact", 1)),
                Related("comments", "none", Compare("body", "exact", "gone")),
            )
        ),
    ),
    "ordering": Select(
        "tasks",
        fields=("id", "priority"),
        limit=10,
        order_by=(Order(Path((), "priority"), True, "last"), Order(Path(("owner",), "name"))),
    ),
    "cursor": Select(
        "tasks",
        fields=("id", "priority"),
        limit=2,
        cursor=True,
        order_by=(Order(Path((), "priority"), True),),
        after=(3, 1),
    ),
    "cursor after null": Select(
        "tasks",
        fields=("id",),
        limit=5,
        cursor=True,
        order_by=(
            Order(
                Path((), "priority"),
            ),
        ),
        after=(None, 3),
    ),
    "many to many": Select(
        "tasks",
        fields=("id",),
        limit=10,
        includes=(Include("labels", Select("labels", limit=1, order_by=(_id(),))),),
    ),
    "distinct": Select("tasks", fields=("completed",), limit=10, distinct=True),
    "search": Select("tasks", fields=("id",), limit=10, where=Search("task TWO")),
    "aggregate": Aggregate(
        "tasks",
        (
            Measure("count", None, "count"),
            Measure("sum", Path((), "priority"), "sum_priority"),
            Measure("max", Path((), "id"), "max_id"),
        ),
        (Path((), "completed"),),
        having=(Having(Measure("count", None, "count"), "gte", 1),),
        limit=10,
    ),
}

# The rows on which the statements of all databases must agree.
ROWS: dict[str, list[dict[str, Any]]] = {
    "users": [{"id": 1, "name": "user 1"}, {"id": 2, "name": "a “quoted” user ☃"}],
    "labels": [{"id": 1, "order": "bug"}, {"id": 2, "order": "i'dea"}],
    "tasks": [
        {
            "id": 1,
            "title": "Task one",
            "completed": False,
            "priority": 3,
            "shared": True,
            "secret": "s1",
            "owner_id": 1,
        },
        {
            "id": 2,
            "title": "Task two",
            "completed": True,
            "priority": None,
            "shared": True,
            "secret": None,
            "owner_id": 2,
        },
        {
            "id": 3,
            "title": "TASK 100% \\ two",
            "completed": False,
            "priority": None,
            "shared": True,
            "secret": "s3",
            "owner_id": None,
        },
        {
            "id": 4,
            "title": "hidden",
            "completed": False,
            "priority": 9,
            "shared": False,
            "secret": "s4",
            "owner_id": 2,
        },
        {
            "id": 5,
            "title": "Task of mine",
            "completed": True,
            "priority": 1,
            "shared": False,
            "secret": "s5",
            "owner_id": 1,
        },
    ],
    "comments": [
        {"id": 1, "body": "first", "task_id": 1, "author_id": 1},
        {"id": 2, "body": "second", "task_id": 1, "author_id": 1},
        {"id": 3, "body": "third", "task_id": 1, "author_id": 1},
        {"id": 4, "body": "other", "task_id": 2, "author_id": 2},
    ],
    "task_labels": [
        {"task_id": 1, "label_id": 1},
        {"task_id": 1, "label_id": 2},
        {"task_id": 3, "label_id": 2},
    ],
}


def schema_for(dialect: Dialect) -> Schema:
    return build_schema(
        [
            Declaration(User),
            Declaration(Label),
            Declaration(Task, search=("title",)),
            Declaration(Comment),
        ],
        dialect,
    )


def access_for(schema: Schema) -> Access:
    """Tasks are one's own or shared; their secret is for auditors, who are not asking here."""
    rules = {name: Rules(everyone) for name in ("users", "labels", "comments")}
    rules["tasks"] = Rules(
        (Task.owner_id == me.id) | Task.shared, {"secret": me.has_role("auditor")}
    )
    return Policy(schema, rules).access(Actor(id=1))


def compile_case(
    name: str, dialect: Dialect, *, rows: bool = False
) -> tuple[Plan, tuple[Any, ...]]:
    """The plan of a case, and its values."""
    schema = schema_for(dialect)
    access = access_for(schema)
    asked = CASES[name]
    if isinstance(asked, Select) and asked.after is not None and dialect != "sqlite":
        # A cursor keeps text where the database can make a value of it again.
        after = tuple(None if value is None else str(value) for value in asked.after)
        asked = replace(asked, after=after)
    question = parameterize(asked)
    query = question.shape.query
    scope = Scope(schema, access, dialect)
    if isinstance(query, Aggregate):
        statement = compile_aggregate(scope, query)
    else:
        statement = compile_rows(scope, query) if rows else compile_select(scope, query)
    return render(statement, dialect, access), question.values
