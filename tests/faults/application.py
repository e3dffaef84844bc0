"""What is written to while things go wrong; ``HEKLA_TEST_FILE`` says where the database is."""

from __future__ import annotations

import os

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, everyone

__all__ = ["app"]


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class Entry(Base):
    """A row that one client alone writes; each request leaves its own mark."""

    __tablename__ = "entries"
    client: Mapped[int] = mapped_column(index=True)
    slot: Mapped[str] = mapped_column(String(40), unique=True)
    value: Mapped[int]
    mark: Mapped[str] = mapped_column(String(40))
    notes: Mapped[list[Note]] = relationship(back_populates="entry", passive_deletes=True)


class Note(Base):
    """A row that goes when its entry does."""

    __tablename__ = "notes"
    entry_id: Mapped[int] = mapped_column(ForeignKey(Entry.id, ondelete="CASCADE"), index=True)
    slot: Mapped[str] = mapped_column(String(40), unique=True)
    mark: Mapped[str] = mapped_column(String(40))
    entry: Mapped[Entry] = relationship(back_populates="notes")


class Counter(Base):
    """A row that all clients write at once."""

    __tablename__ = "counters"
    value: Mapped[int] = mapped_column(default=0)


app = Hekla(f"sqlite:///{os.environ['HEKLA_TEST_FILE']}")
for model in (Entry, Note, Counter):
    app.resource(model, read=everyone, write=everyone)
app.on_startup(app.create_tables)
