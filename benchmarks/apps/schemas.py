"""The Pydantic models that both FastAPI peers answer with."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def as_utc(moment: datetime) -> datetime:
    """Say that a stored, naive datetime means UTC."""
    return moment.replace(tzinfo=UTC)


Utc = Annotated[datetime, AfterValidator(as_utc)]


class Record(BaseModel):
    """A model that is read from the attributes of an ORM object."""

    model_config = ConfigDict(from_attributes=True)


class UserOut(Record):
    """A user."""

    id: int
    name: str
    email: str


class TaskOut(Record):
    """A task without its relations."""

    id: int
    title: str
    description: str
    completed: bool
    priority: int
    due_at: Utc | None
    created_at: Utc
    owner_id: int | None


class CommentOut(Record):
    """A comment without its relations."""

    id: int
    task_id: int
    author_id: int
    body: str
    created_at: Utc


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
    comments: list[CommentOut] = Field(validation_alias="last_comments")


class Statistic(BaseModel):
    """One group of the aggregate."""

    completed: bool
    priority: int
    count: int
    avg_priority: float
