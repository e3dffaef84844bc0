"""Hekla: three resources that anybody may read."""

from benchmarks.models import Comment, Task, User
from benchmarks.work import database_path
from hekla import Hekla, everyone

app = Hekla(f"sqlite:///{database_path()}")
app.resource(User, read=everyone)
app.resource(Task, read=everyone)
app.resource(Comment, read=everyone)
