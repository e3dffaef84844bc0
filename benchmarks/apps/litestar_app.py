"""Litestar with SQLAlchemy over aiosqlite, answering with msgspec structs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Litestar, get, patch, post
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.apps import database as queries
from benchmarks.models import Comment, Task, User
from benchmarks.work import database_path

engine = create_async_engine(
    f"sqlite+aiosqlite:///{database_path()}", pool_size=queries.POOL, max_overflow=0
)
queries.tune(engine.sync_engine)
make_session = async_sessionmaker(engine, expire_on_commit=False)

# SQLite takes one writer at a time: to wait here costs less than in its busy handler.
one_writer = asyncio.Lock()

Limit = Annotated[int, Parameter(ge=1, le=100)]
Offset = Annotated[int, Parameter(ge=0)]


class UserOut(msgspec.Struct):
    """A user."""

    id: int
    name: str
    email: str


class CommentOut(msgspec.Struct, omit_defaults=True):
    """A comment, with its author where that was asked for."""

    id: int
    task_id: int
    author_id: int
    body: str
    created_at: datetime
    author: UserOut | msgspec.UnsetType = msgspec.UNSET


class TaskOut(msgspec.Struct):
    """A task, with its relations where they were asked for."""

    id: int
    title: str
    description: str
    completed: bool
    priority: int
    due_at: datetime | None
    created_at: datetime
    owner_id: int | None
    owner: UserOut | msgspec.UnsetType | None = msgspec.UNSET
    comments: list[CommentOut] | msgspec.UnsetType = msgspec.UNSET


class TaskIn(msgspec.Struct, forbid_unknown_fields=True):
    """A new task."""

    title: Annotated[str, msgspec.Meta(max_length=120)]
    description: str
    completed: bool
    priority: int
    created_at: datetime
    due_at: datetime | None = None
    owner_id: int | None = None


class TaskChange(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is changed of a task: only what was given."""

    title: Annotated[str, msgspec.Meta(max_length=120)] | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    completed: bool | msgspec.UnsetType = msgspec.UNSET
    priority: int | msgspec.UnsetType = msgspec.UNSET


def task_row(task: TaskIn) -> dict[str, Any]:
    """A new task as the table holds it."""
    row = msgspec.structs.asdict(task)
    row["due_at"] = queries.naive(task.due_at)
    row["created_at"] = queries.naive(task.created_at)
    return row


def user_out(user: User) -> UserOut:
    """A user."""
    return UserOut(user.id, user.name, user.email)


def comment_out(comment: Comment) -> CommentOut:
    """A comment without its author."""
    return CommentOut(
        comment.id,
        comment.task_id,
        comment.author_id,
        comment.body,
        comment.created_at.replace(tzinfo=UTC),
    )


def comment_with_author(comment: Comment) -> CommentOut:
    """A comment with its author."""
    out = comment_out(comment)
    out.author = user_out(comment.author)
    return out


def task_out(task: Task) -> TaskOut:
    """A task without its relations."""
    return TaskOut(
        task.id,
        task.title,
        task.description,
        task.completed,
        task.priority,
        None if task.due_at is None else task.due_at.replace(tzinfo=UTC),
        task.created_at.replace(tzinfo=UTC),
        task.owner_id,
    )


def task_with(task: Task, comments: list[CommentOut]) -> TaskOut:
    """A task with its owner and `comments`."""
    out = task_out(task)
    out.owner = None if task.owner is None else user_out(task.owner)
    out.comments = comments
    return out


async def get_session() -> AsyncIterator[AsyncSession]:
    """Lend a session to one request."""
    async with make_session() as session:
        yield session


@get("/tasks")
async def list_tasks(
    session: AsyncSession, priority_gte: int = 1, limit: Limit = 50, offset: Offset = 0
) -> list[TaskOut]:
    """The newest open tasks."""
    tasks = await session.scalars(queries.open_tasks(priority_gte, limit, offset))
    return [task_out(task) for task in tasks]


@get("/tasks/after")
async def list_tasks_after(
    session: AsyncSession, after_id: int = 0, limit: Limit = 50
) -> list[TaskOut]:
    """The open tasks that follow one."""
    tasks = await session.scalars(queries.open_tasks_after(after_id, limit))
    return [task_out(task) for task in tasks]


@get("/tasks/page")
async def list_tasks_with_comments(
    session: AsyncSession, limit: Limit = 20, offset: Offset = 0
) -> list[TaskOut]:
    """A page of tasks, each with its owner and its last comments."""
    tasks = (await session.scalars(queries.tasks_with_owner(limit, offset))).all()
    comments = await session.scalars(queries.last_comments([task.id for task in tasks]))
    return [
        task_with(task, [comment_out(comment) for comment in task.last_comments])  # type: ignore[attr-defined]
        for task in queries.attach(tasks, comments)
    ]


@get("/tasks/aggregate")
async def aggregate_tasks(session: AsyncSession) -> list[dict[str, Any]]:
    """The number of tasks by state and priority."""
    return queries.as_dicts(await session.execute(queries.statistics()))


@get("/tasks/{task_id:int}")
async def read_task(session: AsyncSession, task_id: int) -> TaskOut:
    """One task."""
    task = await session.get(Task, task_id)
    if task is None:
        raise NotFoundException
    return task_out(task)


@get("/tasks/{task_id:int}/detail")
async def read_task_with_comments(session: AsyncSession, task_id: int) -> TaskOut:
    """One task with its owner and its comments with their authors."""
    task = (await session.scalars(queries.task_with_comments(task_id))).one_or_none()
    if task is None:
        raise NotFoundException
    return task_with(task, [comment_with_author(comment) for comment in task.comments])


@post("/tasks")
async def create_task(session: AsyncSession, data: TaskIn) -> TaskOut:
    """Create one task."""
    task = Task(**task_row(data))
    session.add(task)
    async with one_writer:
        await session.commit()
    return task_out(task)


@patch("/tasks/{task_id:int}")
async def update_task(session: AsyncSession, task_id: int, data: TaskChange) -> TaskOut:
    """Change one task."""
    async with one_writer:
        change = msgspec.to_builtins(data)
        task = await session.scalar(queries.change_task(task_id, change))
        await session.commit()
    if task is None:
        raise NotFoundException
    return task_out(task)


@post("/tasks/bulk")
async def create_tasks(session: AsyncSession, data: list[TaskIn]) -> list[TaskOut]:
    """Create many tasks."""
    rows = [task_row(task) for task in data]
    async with one_writer:
        tasks = (await session.scalars(queries.new_tasks(), rows)).all()
        await session.commit()
    return [task_out(task) for task in tasks]


app = Litestar(
    [
        create_task,
        update_task,
        create_tasks,
        list_tasks,
        list_tasks_after,
        list_tasks_with_comments,
        aggregate_tasks,
        read_task,
        read_task_with_comments,
    ],
    dependencies={"session": Provide(get_session)},
    openapi_config=None,
)
