"""A backend for todobackend.com: everything that its specification asks for."""

import os

from sqlalchemy import Computed
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, Settings, everyone

# A page of another site follows a todo's url, so it has to be a whole one.
ROOT = os.environ.get("TODO_ROOT", "http://127.0.0.1:8000/todos")


class Base(DeclarativeBase):
    pass


class Todo(Base):
    __tablename__ = "todos"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    completed: Mapped[bool] = mapped_column(default=False)
    order: Mapped[int | None]
    url: Mapped[str] = mapped_column(Computed(f"'{ROOT}/' || id"))


app = Hekla("sqlite:///todos.db", settings=Settings(cors_origins=("*",)))
app.resource(Todo, read=everyone, write=everyone, delete_all=True)
app.on_startup(app.create_tables)
