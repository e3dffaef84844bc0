"""Tasks of people who sign in: each sees and changes their own, and sees what is shared."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, me, signed_in
from hekla.auth import UserMixin


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class User(UserMixin, Base):
    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)


class Task(Base):
    __tablename__ = "tasks"
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool] = mapped_column(default=False)
    shared: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)
    owner: Mapped[User] = relationship()


class Comment(Base):
    __tablename__ = "comments"
    body: Mapped[str] = mapped_column(String(2000))
    task_id: Mapped[int] = mapped_column(ForeignKey(Task.id, ondelete="CASCADE"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)
    task: Mapped[Task] = relationship()


app = Hekla("sqlite:///team_tasks.db", title="Team tasks")
app.auth(User, registration=True, profile=["name"], totp=True)

mine, manager = signed_in & (Task.owner_id == me.id), me.has_role("manager")
app.resource(
    Task,
    read=mine | Task.shared & signed_in | manager,
    write=mine,
    delete=mine | manager,
    created_by="owner_id",
    search=["title"],
)
# Who may see a task may see and write what is said about it.
app.resource(
    Comment,
    read=Comment.task.has(mine | Task.shared | manager) & signed_in,
    create=Comment.task.has(mine | Task.shared | manager) & (Comment.author_id == me.id),
    update=Comment.author_id == me.id,
    delete=Comment.author_id == me.id,
    created_by="author_id",
)
# People know of each other by name; an address is for its owner, and for managers.
app.resource(User, read=signed_in, columns={"email": (User.id == me.id) | manager})
app.on_startup(app.create_tables)
