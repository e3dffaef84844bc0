"""The three tables as Django models: they exist already, so Django does not manage them."""

from django.db import models


class User(models.Model):
    """Somebody who owns tasks and writes comments."""

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=80)
    email = models.CharField(max_length=120, unique=True)

    class Meta:
        managed = False
        db_table = "users"


class Task(models.Model):
    """One thing to do."""

    id = models.AutoField(primary_key=True)
    title = models.CharField(max_length=120)
    description = models.TextField()
    completed = models.BooleanField()
    priority = models.IntegerField()
    due_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    owner = models.ForeignKey(User, models.PROTECT, null=True, related_name="tasks")

    class Meta:
        managed = False
        db_table = "tasks"


class Comment(models.Model):
    """What a user wrote about a task."""

    id = models.IntegerField(primary_key=True)
    task = models.ForeignKey(Task, models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, models.PROTECT, related_name="comments")
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "comments"
