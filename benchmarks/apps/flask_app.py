"""Flask with SQLAlchemy: plain functions that turn models into dictionaries."""

from datetime import datetime
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from flask.json.provider import DefaultJSONProvider
from pydantic import TypeAdapter
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from benchmarks.apps import database as queries
from benchmarks.apps.schemas import TaskChange, TaskIn
from benchmarks.models import Comment, Task, User
from benchmarks.work import database_path

engine = create_engine(f"sqlite:///{database_path()}")
queries.tune(engine)
session = scoped_session(sessionmaker(engine, expire_on_commit=False))
app = Flask(__name__)
many_tasks = TypeAdapter(list[TaskIn])
assert isinstance(app.json, DefaultJSONProvider)
app.json.sort_keys = False
app.json.ensure_ascii = False


@app.teardown_appcontext
def close_session(_error: BaseException | None) -> None:
    """Give the request's connection back."""
    session.remove()


def moment(value: datetime) -> str:
    """Write a stored datetime, which is UTC."""
    return value.isoformat() + "Z"


def user_dict(user: User) -> dict[str, Any]:
    """A user."""
    return {"id": user.id, "name": user.name, "email": user.email}


def task_dict(task: Task) -> dict[str, Any]:
    """A task without its relations."""
    return {
        "id": task.id,
        "title": task.title,
        "description": task.description,
        "completed": task.completed,
        "priority": task.priority,
        "due_at": None if task.due_at is None else moment(task.due_at),
        "created_at": moment(task.created_at),
        "owner_id": task.owner_id,
    }


def comment_dict(comment: Comment) -> dict[str, Any]:
    """A comment without its relations."""
    return {
        "id": comment.id,
        "task_id": comment.task_id,
        "author_id": comment.author_id,
        "body": comment.body,
        "created_at": moment(comment.created_at),
    }


def owner_dict(task: Task) -> dict[str, Any] | None:
    """The owner of a task, if it has one."""
    return None if task.owner is None else user_dict(task.owner)


@app.get("/tasks")
def list_tasks() -> Response:
    """The newest open tasks."""
    statement = queries.open_tasks(
        request.args.get("priority_gte", 1, int),
        request.args.get("limit", 50, int),
        request.args.get("offset", 0, int),
    )
    return jsonify([task_dict(task) for task in session.scalars(statement)])


@app.get("/tasks/after")
def list_tasks_after() -> Response:
    """The open tasks that follow one."""
    statement = queries.open_tasks_after(
        request.args.get("after_id", 0, int), request.args.get("limit", 50, int)
    )
    return jsonify([task_dict(task) for task in session.scalars(statement)])


@app.get("/tasks/page")
def list_tasks_with_comments() -> Response:
    """A page of tasks, each with its owner and its last comments."""
    statement = queries.tasks_with_owner(
        request.args.get("limit", 20, int), request.args.get("offset", 0, int)
    )
    tasks = session.scalars(statement).all()
    comments = session.scalars(queries.last_comments([task.id for task in tasks]))
    queries.attach(tasks, comments)
    return jsonify(
        [
            {
                **task_dict(task),
                "owner": owner_dict(task),
                "comments": [
                    comment_dict(comment)
                    for comment in task.last_comments  # type: ignore[attr-defined]
                ],
            }
            for task in tasks
        ]
    )


@app.get("/tasks/aggregate")
def aggregate_tasks() -> Response:
    """The number of tasks by state and priority."""
    return jsonify(queries.as_dicts(session.execute(queries.statistics())))


@app.get("/tasks/<int:task_id>")
def read_task(task_id: int) -> Response:
    """One task."""
    task = session.get(Task, task_id)
    if task is None:
        abort(404)
    return jsonify(task_dict(task))


@app.get("/tasks/<int:task_id>/detail")
def read_task_with_comments(task_id: int) -> Response:
    """One task with its owner and its comments with their authors."""
    task = session.scalars(queries.task_with_comments(task_id)).one_or_none()
    if task is None:
        abort(404)
    comments = [
        {**comment_dict(comment), "author": user_dict(comment.author)} for comment in task.comments
    ]
    return jsonify({**task_dict(task), "owner": owner_dict(task), "comments": comments})


@app.post("/tasks")
def create_task() -> tuple[Response, int]:
    """Create one task."""
    task = Task(**TaskIn.model_validate_json(request.data).model_dump())
    session.add(task)
    session.commit()
    return jsonify(task_dict(task)), 201


@app.patch("/tasks/<int:task_id>")
def update_task(task_id: int) -> Response:
    """Change one task."""
    change = TaskChange.model_validate_json(request.data).model_dump(exclude_unset=True)
    task = session.scalar(queries.change_task(task_id, change))
    session.commit()
    if task is None:
        abort(404)
    return jsonify(task_dict(task))


@app.post("/tasks/bulk")
def create_tasks() -> tuple[Response, int]:
    """Create many tasks."""
    rows = [document.model_dump() for document in many_tasks.validate_json(request.data)]
    tasks = session.scalars(queries.new_tasks(), rows).all()
    session.commit()
    return jsonify([task_dict(task) for task in tasks]), 201
