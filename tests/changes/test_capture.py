"""What other programs write is on record, and nothing is recorded twice."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from hekla.cli import main
from tests.changes.application import ADMIN, ANN, changes_of, must, running
from tests.changes.values import log_of

pytestmark = pytest.mark.anyio

APP = """
from tests.changes.application import make
from pathlib import Path
app = make(Path({place!r}), capture=True)
"""

# Another program: nothing of Hekla's, and Python's own SQLite.
OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10)
connection.execute("pragma foreign_keys = on")
for statement in sys.argv[2:]:
    connection.execute(statement)
connection.commit()
"""


def write_elsewhere(place: Path, *statements: str) -> None:
    command = [sys.executable, "-c", OTHER, str(place), *statements]
    subprocess.run(command, check=True, timeout=60)


def app_file(folder: Path, place: Path) -> str:
    # A name of its own: modules stay imported.
    file = folder / f"{folder.name}_app.py"
    file.write_text(APP.format(place=str(place)), encoding="utf-8")
    return str(file)


async def prepared(tmp_path: Path) -> tuple[Path, str]:
    """A database with its tables, and the file of its app."""
    place = tmp_path / "a.db"
    async with running(place, capture=True):
        pass
    return place, app_file(tmp_path, place)


async def test_what_another_program_writes_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are told exactly, with nobody as who wrote; cascades too."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    place, file = await prepared(tmp_path)
    write_elsewhere(place, "insert into words values ('before', 1)")
    assert main(["capture", file, "--create"]) == 0
    write_elsewhere(
        place,
        "insert into tasks (id, title, shared, owner_id, token) values (1, 'a', 1, 2, 'secret-1')",
        "insert into things (id, task_id, big, real, blob) "
        "values (1, 1, 9223372036854775807, 0.1 + 0.2, x'00ff')",
        "insert into things (id, real) values (2, 9e999)",
        "update words set times = 2",
        "update words set times = 2",
        "delete from tasks",
    )
    async with running(place, capture=True) as app:
        changes = await changes_of(app, ADMIN, "/changes")
        assert [(c["resource"], c["action"], c["actor"], c["request"]) for c in changes] == [
            ("tasks", "create", None, None),
            ("things", "create", None, None),
            ("things", "create", None, None),
            ("words", "update", None, None),
            ("things", "update", None, None),
            ("tasks", "delete", None, None),
        ]
        thing = changes[1]["after"]
        assert (thing["big"], thing["real"], thing["blob"]) == (
            "9223372036854775807",
            0.30000000000000004,
            "AP8=",
        )
        assert changes[2]["after"]["real"] == "Infinity"
        assert "secret-1" not in repr(changes)


async def test_own_writes_are_recorded_once_with_who_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the triggers in the database Hekla's writes are as they were; sessions' as well."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    place, file = await prepared(tmp_path)
    assert main(["capture", file, "--create"]) == 0
    async with running(place, capture=True) as app:
        await must(app, ANN, "POST", "/words", {"word": "a"}, x_request_id="r")
        with app.session() as session:
            session.connection().exec_driver_sql("update words set times = 5")
            session.commit()
        await must(app, ANN, "DELETE", "/words/a")
    write_elsewhere(place, "insert into words values ('b', 1)")
    assert log_of(place) == [
        (1, "1", "r", "words", '["a"]', "create"),
        (2, None, None, "words", '["a"]', "update"),
        (3, "1", None, "words", '["a"]', "delete"),
        (4, None, None, "words", '["b"]', "create"),
    ]


async def test_the_triggers_come_go_and_are_renewed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The command shows how it stands, and the server says what is missing or outdated."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    place, file = await prepared(tmp_path)

    def states() -> dict[str, str]:
        capsys.readouterr()
        assert main(["capture", file]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}

    assert set(states().values()) == {"not captured"}
    assert main(["capture", file, "--create"]) == 0
    assert states() == dict.fromkeys(("tasks", "task_labels", "things", "words"), "captured")
    drop = 'drop trigger "hekla_capture_delete_words"'
    write_elsewhere(place, drop)
    assert states()["words"] == "outdated"
    with caplog.at_level(logging.WARNING, "hekla"):
        async with running(place, capture=True):
            pass
    assert "words is outdated: run hekla capture --create" in caplog.text
    assert main(["capture", file, "--create"]) == 0
    assert set(states().values()) == {"captured"}
    assert main(["capture", file, "--drop", "--resource", "words"]) == 0
    assert states()["words"] == "not captured"
    assert states()["tasks"] == "captured"
    assert main(["capture", file, "--create", "--resource", "nope"]) == 2


async def test_a_session_is_on_record_without_triggers_in_the_database(tmp_path: Path) -> None:
    """What is done in ``app.session()`` has nobody as who wrote, rolled back or not seen at all."""
    place = tmp_path / "a.db"
    async with running(place) as app:
        with app.session() as session:
            session.connection().exec_driver_sql("insert into words values ('a', 1)")
            session.rollback()
        with app.session() as session:
            session.connection().exec_driver_sql("insert into words values ('b', 1)")
            session.commit()
        (change,) = await changes_of(app, ADMIN, "/changes")
        assert (change["key"], change["actor"]) == (["b"], None)
    write_elsewhere(place, "insert into words values ('c', 1)")
    assert len(log_of(place)) == 1
