"""What a task, a user and a comment look like."""

from datetime import datetime

from ninja import Schema
from pydantic import Field


class UserOut(Schema):
    """A user."""

    id: int
    name: str
    email: str


class TaskOut(Schema):
    """A task without its relations."""

    id: int
    title: str
    description: str
    completed: bool
    priority: int
    due_at: datetime | None
    created_at: datetime
    owner_id: int | None


class CommentOut(Schema):
    """A comment without its relations."""

    id: int
    task_id: int
    author_id: int
    body: str
    created_at: datetime


class CommentWithAuthor(CommentOut):
    """A comment and who wrote it."""

    author: UserOut


class TaskDetail(TaskOut):
    """A task with its owner and all of its comments."""

    owner: UserOut | None
    comments: list[CommentWithAuthor]


class TaskOnPage(TaskOut):
    """A task with its owner and its last comments."""

    owner: UserOut | None
    comments: list[CommentOut] = Field(alias="last_comments")


class Statistic(Schema):
    """One group of the aggregate."""

    completed: bool
    priority: int
    count: int
    avg_priority: float
