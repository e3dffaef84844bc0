"""The routes."""

from django.urls import path

from benchmarks.apps.drf import views

urlpatterns = [
    path("tasks/<int:pk>", views.TaskRead.as_view()),
    path("tasks/<int:pk>/detail", views.TaskDetail.as_view()),
    path("tasks", views.TaskList.as_view()),
    path("tasks/bulk", views.TaskBulk.as_view()),
    path("tasks/after", views.TaskListAfter.as_view()),
    path("tasks/page", views.TaskPage.as_view()),
    path("tasks/aggregate", views.TaskAggregate.as_view()),
]
