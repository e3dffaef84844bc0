"""What the SQLAlchemy peers share: the engine's pool, its pragmas, and the statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, event, func, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import aliased, joinedload, selectinload
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from benchmarks.models import Comment, Task

# Connections of a process: of 1, 2, 4, 8 and 40 this served best over all operations, as more
# threads at work only compete for the interpreter.
POOL = 2
FULL = 2
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=60000",
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
        cursor.execute("PRAGMA synchronous")
        if cursor.fetchone()[0] != FULL:
            raise RuntimeError("what is committed would not be durable")
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


def new_tasks() -> ReturningInsert[Task]:
    """Insert tasks, and tell each as it is then, in their order."""
    return insert(Task).returning(Task, sort_by_parameter_order=True)


def change_task(task_id: int, change: Mapping[str, Any]) -> ReturningUpdate[Task]:
    """Change one task, and tell it as it is then."""
    return update(Task).where(Task.id == task_id).values(**change).returning(Task)


def naive(moment: datetime | None) -> datetime | None:
    """A moment as the tables hold it: UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
