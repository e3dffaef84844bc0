"""What the SQLAlchemy peers share: the engine's pool, its pragmas, and the six statements."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, event, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import aliased, joinedload, selectinload

from benchmarks.models import Comment, Task

# Connections of a process: of 1, 2, 4, 8 and 40 this served best over all operations, as more
# threads at work only compete for the interpreter.
POOL = 2
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "mmap_size=1073741824",
    "cache_size=-65536",
)


def tune(engine: Engine) -> None:
    """Set the pragmas on every connection that `engine` opens."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def open_tasks(minimum_priority: int, limit: int, offset: int) -> Select[Task]:
    """The newest open tasks of at least `minimum_priority`."""
    return (
        select(Task)
        .where(Task.completed == False, Task.priority >= minimum_priority)  # noqa: E712
        .order_by(Task.created_at.desc(), Task.id)
        .limit(limit)
        .offset(offset)
    )


def open_tasks_after(after_id: int, limit: int) -> Select[Task]:
    """The open tasks that follow `after_id`."""
    return (
        select(Task)
        .where(Task.completed == False, Task.id > after_id)  # noqa: E712
        .order_by(Task.id)
        .limit(limit)
    )


def task_with_comments(task_id: int) -> Select[Task]:
    """One task with its owner and its comments with their authors, in two statements."""
    return (
        select(Task)
        .where(Task.id == task_id)
        .options(
            joinedload(Task.owner),
            selectinload(Task.comments).joinedload(Comment.author),
        )
    )


def tasks_with_owner(limit: int, offset: int) -> Select[Task]:
    """A page of tasks with their owners."""
    return (
        select(Task).options(joinedload(Task.owner)).order_by(Task.id).limit(limit).offset(offset)
    )


def last_comments(task_ids: Iterable[int], number: int = 3) -> Select[Comment]:
    """The last `number` comments of each of the tasks, newest first."""
    rank = func.row_number().over(partition_by=Comment.task_id, order_by=Comment.id.desc())
    ranked = select(Comment, rank.label("rank")).where(Comment.task_id.in_(task_ids)).subquery()
    last = aliased(Comment, ranked)
    return select(last).where(ranked.c.rank <= number).order_by(last.id.desc())


def attach(tasks: Sequence[Task], comments: Iterable[Comment]) -> Sequence[Task]:
    """Give each task its `last_comments`, a plain attribute, and return the tasks."""
    by_task: defaultdict[int, list[Comment]] = defaultdict(list)
    for comment in comments:
        by_task[comment.task_id].append(comment)
    for task in tasks:
        task.last_comments = by_task[task.id]  # type: ignore[attr-defined]
    return tasks


def statistics() -> Select[bool, int, int, float]:
    """How many tasks there are of each state and priority, and their mean priority."""
    return (
        select(
            Task.completed,
            Task.priority,
            func.count().label("count"),
            func.avg(Task.priority).label("avg_priority"),
        )
        .group_by(Task.completed, Task.priority)
        .order_by(Task.completed, Task.priority)
    )


def as_dicts(rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    """Return rows as dictionaries by column name."""
    return [dict(row._mapping) for row in rows]
