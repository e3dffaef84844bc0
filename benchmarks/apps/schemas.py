"""The Pydantic models that the FastAPI peers and Flask read and answer with."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def as_utc(moment: datetime) -> datetime:
    """Say that a stored, naive datetime means UTC."""
    return moment.replace(tzinfo=UTC)


def as_naive(moment: datetime) -> datetime:
    """Turn a moment into how the tables hold it: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


Utc = Annotated[datetime, AfterValidator(as_utc)]
Stored = Annotated[AwareDatetime, AfterValidator(as_naive)]


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


class TaskIn(BaseModel):
    """A new task."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(max_length=120)
    description: str
    completed: bool
    priority: int
    due_at: Stored | None = None
    created_at: Stored
    owner_id: int | None = None


class TaskChange(BaseModel):
    """What is changed of a task: only what was given."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field("", max_length=120)
    description: str = ""
    completed: bool = False
    priority: int = 0
    due_at: Stored | None = None
    owner_id: int | None = None
