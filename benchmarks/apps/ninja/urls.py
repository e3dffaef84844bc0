"""The API and its routes, written by orjson: Django's own encoder cuts microseconds off."""

from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import NinjaAPI
from ninja.renderers import BaseRenderer

from benchmarks.apps.django_site import queries
from benchmarks.apps.django_site.models import Task
from benchmarks.apps.ninja import schemas


class OrjsonRenderer(BaseRenderer):
    """JSON as Ninja's documentation advises to write it fast."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return the body."""
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)


api = NinjaAPI(renderer=OrjsonRenderer(), openapi_url=None)


@api.get("/tasks", response=list[schemas.TaskOut])
def list_tasks(
    request: HttpRequest, priority_gte: int = 1, limit: int = 50, offset: int = 0
) -> QuerySet[Task]:
    """The newest open tasks."""
    return queries.open_tasks(priority_gte)[offset : offset + limit]


@api.get("/tasks/after", response=list[schemas.TaskOut])
def list_tasks_after(request: HttpRequest, after_id: int = 0, limit: int = 50) -> QuerySet[Task]:
    """The open tasks that follow one."""
    return queries.open_tasks_after(after_id)[:limit]


@api.get("/tasks/page", response=list[schemas.TaskOnPage])
def list_tasks_with_comments(
    request: HttpRequest, limit: int = 50, offset: int = 0
) -> QuerySet[Task]:
    """A page of tasks, each with its owner and its last comments."""
    return queries.tasks_with_last_comments()[offset : offset + limit]


@api.get("/tasks/aggregate", response=list[schemas.Statistic])
def aggregate_tasks(request: HttpRequest) -> list[dict[str, Any]]:
    """The number of tasks by state and priority."""
    return queries.statistics()


@api.get("/tasks/{int:task_id}", response=schemas.TaskOut)
def read_task(request: HttpRequest, task_id: int) -> Task:
    """One task."""
    task: Task = get_object_or_404(Task, pk=task_id)
    return task


@api.get("/tasks/{int:task_id}/detail", response=schemas.TaskDetail)
def read_task_with_comments(request: HttpRequest, task_id: int) -> Task:
    """One task with its owner and its comments with their authors."""
    task: Task = get_object_or_404(queries.tasks_with_comments(), pk=task_id)
    return task


urlpatterns = [path("", api.urls)]
