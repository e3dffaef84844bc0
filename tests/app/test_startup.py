"""Several workers that start together."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys, time
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from hekla import Hekla, everyone

class Base(DeclarativeBase):
    pass

class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)

app = Hekla("sqlite:///" + sys.argv[1])
app.resource(Thing, read=everyone)

@app.on_startup
def sample_data():
    app.create_tables()
    with app.session() as session, session.begin():
        if not session.scalar(sa.select(sa.func.count(Thing.id))):
            time.sleep(0.3)
            session.add_all(Thing(id=n) for n in range(1, 11))

async def main():
    await app.startup()
    await app.shutdown()

asyncio.run(main())
"""


def test_workers_that_start_together_seed_once(tmp_path: Path) -> None:
    """Of four processes that find the database empty one fills it, and none of them fails."""
    database = tmp_path / "things.db"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(database)], stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ends = [(worker.communicate(timeout=60)[1], worker.returncode) for worker in workers]
    assert [code for _, code in ends] == [0, 0, 0, 0], ends

    async def count() -> bytes:
        from hekla import Hekla, everyone
        from hekla.web.request import Request

        app = Hekla(f"sqlite:///{database}?mode=ro")
        app.reflect(read=everyone)
        await app.startup()
        response = await app.handle(Request("GET", "/things/aggregate", "count"))
        await app.shutdown()
        assert isinstance(response.body, bytes)
        return response.body

    assert asyncio.run(count()) == b'[{"count":10}]'
