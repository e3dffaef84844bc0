"""A task manager: typed models, which everyone may read and write, and some data to begin with."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Column, DateTime, ForeignKey, String, Table, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, everyone


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class User(Base):
    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Project(Base):
    __tablename__ = "projects"
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Label(Base):
    __tablename__ = "labels"
    name: Mapped[str] = mapped_column(String(40), unique=True)


task_id: Column[int] = Column("task_id", ForeignKey("tasks.id"), primary_key=True)
label_id: Column[int] = Column("label_id", ForeignKey(Label.id), primary_key=True, index=True)
task_labels = Table("task_labels", Base.metadata, task_id, label_id)


class Task(Base):
    __tablename__ = "tasks"
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    completed: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=0)
    due_date: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(True), server_default=func.now())
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(User.id), index=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey(Project.id), index=True)
    labels: Mapped[list[Label]] = relationship(secondary=task_labels)


class Comment(Base):
    __tablename__ = "comments"
    body: Mapped[str] = mapped_column(Text)
    task_id: Mapped[int] = mapped_column(ForeignKey(Task.id), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)


app = Hekla("sqlite:///tasks.db")
app.resource(Task, read=everyone, write=everyone, search=["title", "description"])
for model in (User, Project, Label, Comment):
    app.resource(model, read=everyone, write=everyone)


@app.on_startup
def sample_data() -> None:
    app.create_tables()
    with app.session() as session, session.begin():
        if session.get(Task, 1):
            return
        session.add_all(User(id=n, name=f"user {n}") for n in range(1, 6))
        session.add_all(Project(id=n, name=f"project {n}") for n in range(1, 4))
        labels = [Label(id=n, name=("bug", "idea", "text", "urgent")[n - 1]) for n in range(1, 5)]
        for n in range(1, 31):
            title = f"{('Plan', 'Write', 'Check', 'Test')[n % 4]} page {n}"
            task = Task(id=n, title=title, labels=labels[n % 4 : n % 4 + 2])
            task.description, task.completed, task.priority = f"Step {n}.", n % 3 == 0, n * 3 % 5
            task.owner_id, task.project_id = (n % 5 + 1 if n % 7 else None), n % 3 + 1
            task.created_at = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=n)
            task.due_date = task.created_at.date() + timedelta(days=7) if n % 5 else None
            session.add(task)
        session.flush()
        comments = [(n, k) for n in range(1, 31) for k in range(1, n % 4)]
        session.add_all(Comment(task_id=n, author_id=k, body=f"Note {k}.") for n, k in comments)
