"""The user as an ordinary SQLAlchemy model: one to use, and a mixin for one's own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

from hekla.auth.login import normal_login
from hekla.fields import Email

__all__ = ["User", "UserMixin"]


class UserMixin:
    """The columns that Hekla needs of a user, beside a primary key of one column.

    No secret is among them: passwords and all else that proves who somebody is are in tables of
    Hekla's own, which no API serves.
    """

    email: Mapped[str] = mapped_column(Email(), unique=True)
    name: Mapped[str | None] = mapped_column(sa.String(200))

    @validates("email")
    def _normal_email(self, _: str, value: str) -> str:
        return normal_login(value)


class _Base(DeclarativeBase):
    pass


class User(UserMixin, _Base):
    """The user of an application that has no model of its own for it."""

    __tablename__ = "users"
    # A key is never given to another user after the first is gone.
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
