"""What a task, a user and a comment look like."""

from typing import Any

from rest_framework import serializers

from benchmarks.apps.django_site.models import Comment, Task, User

TASK_FIELDS = (
    "id",
    "title",
    "description",
    "completed",
    "priority",
    "due_at",
    "created_at",
    "owner_id",
)
COMMENT_FIELDS = ("id", "task_id", "author_id", "body", "created_at")


class UserSerializer(serializers.ModelSerializer):
    """A user."""

    class Meta:
        model = User
        fields = ("id", "name", "email")
        read_only_fields = fields


class TaskSerializer(serializers.ModelSerializer):
    """A task without its relations."""

    class Meta:
        model = Task
        fields = TASK_FIELDS
        read_only_fields = fields


class TaskListSerializer(serializers.ListSerializer):
    """Many new tasks, in one statement for as many as it takes."""

    def create(self, validated_data: list[dict[str, Any]]) -> list[Task]:
        """Insert them."""
        return Task.objects.bulk_create([Task(**row) for row in validated_data])


class TaskWriteSerializer(serializers.ModelSerializer):
    """A task as it is written; that its owner is there is looked at by the database."""

    owner_id = serializers.IntegerField(allow_null=True, required=False)

    class Meta:
        model = Task
        fields = TASK_FIELDS
        read_only_fields = ("id",)
        list_serializer_class = TaskListSerializer


class CommentSerializer(serializers.ModelSerializer):
    """A comment without its relations."""

    class Meta:
        model = Comment
        fields = COMMENT_FIELDS
        read_only_fields = fields


class CommentWithAuthorSerializer(serializers.ModelSerializer):
    """A comment and who wrote it."""

    author = UserSerializer(read_only=True)

    class Meta:
        model = Comment
        fields = (*COMMENT_FIELDS, "author")
        read_only_fields = fields


class TaskDetailSerializer(serializers.ModelSerializer):
    """A task with its owner and all of its comments."""

    owner = UserSerializer(read_only=True)
    comments = CommentWithAuthorSerializer(many=True, read_only=True)

    class Meta:
        model = Task
        fields = (*TASK_FIELDS, "owner", "comments")
        read_only_fields = fields


class TaskOnPageSerializer(serializers.ModelSerializer):
    """A task with its owner and its last comments."""

    owner = UserSerializer(read_only=True)
    comments = CommentSerializer(many=True, read_only=True, source="last_comments")

    class Meta:
        model = Task
        fields = (*TASK_FIELDS, "owner", "comments")
        read_only_fields = fields
