"""An application that is reached through a proxy: served for tests of what stands before it."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, Settings, everyone


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)


app = Hekla(
    "sqlite://",
    settings=Settings(
        trusted_proxies=("127.0.0.1",),
        allowed_hosts=("notes.example",),
        rate_limits=("2/hour by address",),
        hsts_seconds=60,
    ),
)
app.resource(Note, read=everyone)
app.on_startup(app.create_tables)
