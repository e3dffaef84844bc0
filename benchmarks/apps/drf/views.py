"""The views: generic ones with a pagination that answers a plain array and counts nothing."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.generics import (
    CreateAPIView,
    ListAPIView,
    ListCreateAPIView,
    RetrieveAPIView,
    RetrieveUpdateAPIView,
)
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from benchmarks.apps.django_site import queries
from benchmarks.apps.django_site.models import Task
from benchmarks.apps.drf import serializers


def number(request: Request, name: str, default: int) -> int:
    """Return a number of the query string."""
    try:
        return int(request.query_params.get(name, default))
    except ValueError as exc:
        raise ValidationError({name: "A number is needed."}) from exc


class Window(BasePagination):
    """`limit` and `offset`, without a count."""

    def paginate_queryset(
        self, queryset: QuerySet[Task], request: Request, view: Any = None
    ) -> list[Task]:
        """Return the rows of the page."""
        limit, offset = number(request, "limit", 50), number(request, "offset", 0)
        return list(queryset[offset : offset + limit])

    def get_paginated_response(self, data: Any) -> Response:
        """Answer the array as it is."""
        return Response(data)


class Written:
    """Reads and writes a task by a serializer each."""

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Return the one for this request."""
        if self.request.method == "GET":  # type: ignore[attr-defined]
            return serializers.TaskSerializer
        return serializers.TaskWriteSerializer


class TaskList(Written, ListCreateAPIView):
    """The newest open tasks; a new one."""

    pagination_class = Window

    def get_queryset(self) -> QuerySet[Task]:
        """Return the tasks of this request."""
        return queries.open_tasks(number(self.request, "priority_gte", 1))


class TaskListAfter(ListAPIView):
    """The open tasks that follow one."""

    serializer_class = serializers.TaskSerializer
    pagination_class = Window

    def get_queryset(self) -> QuerySet[Task]:
        """Return the tasks of this request."""
        return queries.open_tasks_after(number(self.request, "after_id", 0))


class TaskPage(ListAPIView):
    """A page of tasks, each with its owner and its last comments."""

    queryset = queries.tasks_with_last_comments()
    serializer_class = serializers.TaskOnPageSerializer
    pagination_class = Window


class TaskRead(Written, RetrieveUpdateAPIView):
    """One task, read and changed."""

    queryset = Task.objects.all()


class TaskBulk(CreateAPIView):
    """Many new tasks."""

    serializer_class = serializers.TaskWriteSerializer

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        """Read a list."""
        return super().get_serializer(*args, many=True, **kwargs)


class TaskDetail(RetrieveAPIView):
    """One task with its owner and its comments with their authors."""

    queryset = queries.tasks_with_comments()
    serializer_class = serializers.TaskDetailSerializer


class TaskAggregate(APIView):
    """The number of tasks by state and priority."""

    def get(self, request: Request) -> Response:
        """Answer the groups."""
        return Response(queries.statistics())
