"""FastAPI with SQLAlchemy, asynchronous: coroutines over aiosqlite.

The session is a dependency, as FastAPI's documentation has it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.apps import database as queries
from benchmarks.apps.schemas import (
    Statistic,
    TaskChange,
    TaskDetail,
    TaskIn,
    TaskOnPage,
    TaskOut,
)
from benchmarks.models import Task
from benchmarks.work import database_path

engine = create_async_engine(
    f"sqlite+aiosqlite:///{database_path()}", pool_size=queries.POOL, max_overflow=0
)
queries.tune(engine.sync_engine)
make_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
# SQLite takes one writer at a time: to wait here costs less than in its busy handler.
one_writer = asyncio.Lock()


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with make_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]
Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0)]


@app.get("/tasks", response_model=list[TaskOut])
async def list_tasks(
    session: Session, priority_gte: int = 1, limit: Limit = 50, offset: Offset = 0
) -> Sequence[Task]:
    """The newest open tasks."""
    return (await session.scalars(queries.open_tasks(priority_gte, limit, offset))).all()


@app.get("/tasks/after", response_model=list[TaskOut])
async def list_tasks_after(
    session: Session, after_id: int = 0, limit: Limit = 50
) -> Sequence[Task]:
    """The open tasks that follow one."""
    return (await session.scalars(queries.open_tasks_after(after_id, limit))).all()


@app.get("/tasks/page", response_model=list[TaskOnPage])
async def list_tasks_with_comments(
    session: Session, limit: Limit = 20, offset: Offset = 0
) -> Sequence[Task]:
    """A page of tasks, each with its owner and its last comments."""
    tasks = (await session.scalars(queries.tasks_with_owner(limit, offset))).all()
    comments = await session.scalars(queries.last_comments([task.id for task in tasks]))
    return queries.attach(tasks, comments)


@app.get("/tasks/aggregate", response_model=list[Statistic])
async def aggregate_tasks(session: Session) -> list[dict[str, Any]]:
    """The number of tasks by state and priority."""
    return queries.as_dicts(await session.execute(queries.statistics()))


@app.get("/tasks/{task_id}", response_model=TaskOut)
async def read_task(session: Session, task_id: int) -> Task:
    """One task."""
    task = await session.get(Task, task_id)
    if task is None:
        raise HTTPException(404)
    return task


@app.get("/tasks/{task_id}/detail", response_model=TaskDetail)
async def read_task_with_comments(session: Session, task_id: int) -> Task:
    """One task with its owner and its comments with their authors."""
    task = (await session.scalars(queries.task_with_comments(task_id))).one_or_none()
    if task is None:
        raise HTTPException(404)
    return task


@app.post("/tasks", response_model=TaskOut, status_code=201)
async def create_task(session: Session, document: TaskIn) -> Task:
    """Create one task."""
    task = Task(**document.model_dump())
    session.add(task)
    async with one_writer:
        await session.commit()
    return task


@app.patch("/tasks/{task_id}", response_model=TaskOut)
async def update_task(session: Session, task_id: int, document: TaskChange) -> Task:
    """Change one task."""
    async with one_writer:
        change = document.model_dump(exclude_unset=True)
        task = await session.scalar(queries.change_task(task_id, change))
        await session.commit()
    if task is None:
        raise HTTPException(404)
    return task


@app.post("/tasks/bulk", response_model=list[TaskOut], status_code=201)
async def create_tasks(session: Session, documents: list[TaskIn]) -> Sequence[Task]:
    """Create many tasks."""
    rows = [document.model_dump() for document in documents]
    async with one_writer:
        tasks = (await session.scalars(queries.new_tasks(), rows)).all()
        await session.commit()
    return tasks
