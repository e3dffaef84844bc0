"""Hekla: two resources that anybody may read and write; its change log is always kept."""

from benchmarks.models import Task, User
from benchmarks.work import database_path
from hekla import Hekla, everyone

app = Hekla(f"sqlite:///{database_path()}")
app.resource(User, read=everyone, write=everyone)
app.resource(Task, read=everyone, write=everyone)
