"""The querysets that both Django peers use: joins and prefetches, no query per row."""

from typing import Any

from django.db.models import Avg, Count, Prefetch, QuerySet

from benchmarks.apps.django_site.models import Comment, Task

# As `completed=False` Django writes `NOT completed`, which no index of SQLite serves.
OPEN = (False,)


def open_tasks(minimum_priority: int) -> QuerySet[Task]:
    """The newest open tasks of at least `minimum_priority`."""
    return Task.objects.filter(completed__in=OPEN, priority__gte=minimum_priority).order_by(
        "-created_at", "id"
    )


def open_tasks_after(after_id: int) -> QuerySet[Task]:
    """The open tasks that follow `after_id`."""
    return Task.objects.filter(completed__in=OPEN, id__gt=after_id).order_by("id")


def tasks_with_comments() -> QuerySet[Task]:
    """Tasks with their owner and their comments with their authors."""
    comments = Comment.objects.select_related("author").order_by("id")
    return Task.objects.select_related("owner").prefetch_related(
        Prefetch("comments", queryset=comments)
    )


def tasks_with_last_comments() -> QuerySet[Task]:
    """Tasks with their owner and their last three comments, newest first."""
    comments = Comment.objects.order_by("-id")[:3]
    return (
        Task.objects.select_related("owner")
        .prefetch_related(Prefetch("comments", queryset=comments, to_attr="last_comments"))
        .order_by("id")
    )


def statistics() -> list[dict[str, Any]]:
    """How many tasks there are of each state and priority, and their mean priority."""
    return list(
        Task.objects.values("completed", "priority")
        .annotate(count=Count("id"), avg_priority=Avg("priority"))
        .order_by("completed", "priority")
    )
