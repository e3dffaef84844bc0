"""The rows can be made again from the log alone, to the last bit."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from hekla.changes.replay import ReplayError, replay
from tests.changes.application import ANN, must, running
from tests.changes.values import empty_copy, rows_of

pytestmark = pytest.mark.anyio


async def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    """Integers of 64 bits, floats to the last bit, infinity, blobs, texts, JSON, NULL in keys."""
    place = tmp_path / "a.db"
    async with running(place) as app:
        await must(
            app,
            ANN,
            "POST",
            "/tasks",
            {"id": 1, "shared": True, "title": "a\u0001\U0001f600 '\"\\"},
        )
        thing = {"id": 1, "big": str(-(2**63)), "blob": "AAH/", "price": "1.50", "task_id": 1}
        await must(app, ANN, "POST", "/things", thing | {"extra": {"hex": "00", "x": [1.5, None]}})
        with app.session() as session:
            connection = session.connection()
            for number, real in enumerate((0.1 + 0.2, 5e-324, 9e999, -9e999, 1e22, 3.0), 10):
                sql = "insert into things (id, real, big) values (?, ?, ?)"
                connection.exec_driver_sql(sql, (number, real, 2**62 - number))
            connection.exec_driver_sql("insert into loose values (null, 1), (null, 1), ('{', 2)")
            connection.exec_driver_sql("delete from loose where rowid = 1")
            connection.exec_driver_sql("update things set blob = x'', real = real / 3")
            connection.exec_driver_sql("update things set id = id + 100 where id > 12")
            connection.exec_driver_sql("insert into labels values ('l')")
            connection.exec_driver_sql("insert into task_labels values (1, 'l')")
            connection.exec_driver_sql("update loose set times = times + 1")
            session.commit()
        await must(app, ANN, "DELETE", "/labels/l")
    into = empty_copy(place, tmp_path / "b.db")
    log = apsw.Connection(str(place))
    done = replay(log, into)
    assert done == log.execute("select count(*) from hekla_changes").get
    assert rows_of(tmp_path / "b.db") == rows_of(place)
    assert [row[1::2] for row in rows_of(place)["loose"]] == [(None, 2), ("{", 3)]
    into.close()
    log.close()


async def test_it_goes_on_from_where_it_was(tmp_path: Path) -> None:
    """Part by part it comes to the same, and a part that does not fit is refused whole."""
    place = tmp_path / "a.db"
    async with running(place) as app:
        for number in range(4):
            await must(app, ANN, "POST", "/words", {"word": f"w{number}"})
        await must(app, ANN, "PATCH", "/words/w1", {"times": 7})
    into = empty_copy(place, tmp_path / "b.db")
    log = apsw.Connection(str(place))
    assert replay(log, into, upto=3) == 3
    into.execute("delete from words where word = 'w1'")
    with pytest.raises(ReplayError, match="change 5"):
        replay(log, into, after=3)
    into.execute("insert into words values ('w1', 0)")
    assert replay(log, into, after=3) == 2
    assert rows_of(tmp_path / "b.db") == rows_of(place)
    into.close()
    log.close()


async def test_a_reference_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """Foreign keys are checked once everything is there, whatever came first."""
    place = tmp_path / "a.db"
    async with running(place) as app:
        await must(app, ANN, "POST", "/tasks", {"id": 1, "title": "a", "shared": True})
        await must(app, ANN, "POST", "/things", {"id": 1, "task_id": 1})
    into = empty_copy(place, tmp_path / "b.db")
    log = apsw.Connection(str(place))
    with pytest.raises(ReplayError, match="things refers to one of tasks"):
        replay(log, into, tables=["things"])
    assert into.execute("select count(*) from things").get == 0
    assert into.pragma("foreign_keys") == 1
    into.close()
    log.close()
