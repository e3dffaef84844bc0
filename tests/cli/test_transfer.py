"""``hekla export`` and ``hekla import``: files there and back, reports, rights, progress."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from hekla.cli import main
from tests.cli.test_commands import complaint

APP = """
from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy import Column, Table

from hekla import Hekla, everyone, me


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class Label(Base):
    __tablename__ = "labels"
    name: Mapped[str] = mapped_column(unique=True)


between = Table(
    "task_labels",
    Base.metadata,
    Column("task_id", ForeignKey("tasks.id"), primary_key=True),
    Column("label_id", ForeignKey(Label.id), primary_key=True),
)


class Task(Base):
    __tablename__ = "tasks"
    title: Mapped[str]
    owner_id: Mapped[int | None]
    secret: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"))
    gone: Mapped[datetime | None]
    labels: Mapped[list[Label]] = relationship(secondary=between)


app = Hekla("sqlite:///FILE.db")
mine = Task.owner_id == me.id
app.resource(
    Task, read=mine, write=mine, hidden=["secret", "gone"], soft_delete="gone"
)
app.resource(Label, read=everyone)
app.on_startup(app.create_tables)
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the tables of the applications, made once."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "app.py").write_text(APP.replace("FILE", str(folder / "empty")))
    command = [sys.executable, "-m", "hekla", "export", "app.py", "labels"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "empty.db"


@pytest.fixture(autouse=True)
def folder(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The applications first.py and second.py; the first one's database has rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEKLA_DATABASE_URL", raising=False)
    for name in ("first", "second"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        Path(f"{name}.py").write_text(APP.replace("FILE", name))
        shutil.copy(empty, f"{name}.db")
    connection = apsw.Connection("first.db")
    connection.execute("""
        insert into labels values (1, 'red'), (2, 'a,"b"');
        insert into tasks (id, title, owner_id, secret, parent_id, gone) values
            (1, 'one', 7, 's1', 3, null),
            (2, 'two', 8, null, null, '2026-01-05 09:00:00.000000'),
            (3, 'three', 7, '', 1, null);
        insert into task_labels values (1, 2), (2, 1);
    """).fetchall()
    connection.close(True)
    return tmp_path


def rows(file: str, table: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(file)
    try:
        return connection.execute(f"select * from {table} order by 1, 2").fetchall()
    finally:
        connection.close(True)


@pytest.mark.parametrize("form", ["csv", "ndjson", "json"])
def test_a_copy_of_everything(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Hidden columns, deleted rows, tables between two and circles come along, in one go."""
    capsys.readouterr()
    assert main(["export", "first.py", "--all", "copy", "--format", form]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f"copy/labels.{form}: 2 rows of labels",
        f"copy/task_labels.{form}: 2 rows of task_labels",
        f"copy/tasks.{form}: 3 rows of tasks",
    ]
    assert main(["import", "second.py", "--all", "copy"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "labels: 2 read, 2 created",
        "task_labels: 2 read, 2 created",
        "tasks: 3 read, 3 created",
    ]
    for table in ("labels", "tasks", "task_labels"):
        assert rows("second.db", table) == rows("first.db", table)
    assert main(["import", "second.py", "--all", "copy", "--upsert", "key"]) == 0
    assert "labels: 2 read, 2 unchanged" in capsys.readouterr().out


def test_nothing_of_it_is_kept_if_one_file_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """All files are one transaction."""
    assert main(["export", "first.py", "--all", "copy"]) == 0
    with open("copy/task_labels.csv", "a") as file:
        file.write("1,99\n")
    assert main(["import", "second.py", "--all", "copy"]) == 2
    output = capsys.readouterr()
    assert "copy/task_labels.csv:4: /label_id: There is no such row in labels." in output.err
    assert "tasks: 3 read; nothing was kept" in output.out
    assert [rows("second.db", table) for table in ("labels", "tasks", "task_labels")] == [[]] * 3


def test_errors_are_told_with_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, place, message and code; the exit code says that there was one."""
    Path("labels.csv").write_text('id,name\n1,"a\nb"\nx,c\n3,c\n4,c\n')
    command = ["import", "second.py", "labels", "labels.csv"]
    assert main([*command, "--dry-run", "--on-error", "skip"]) == 2
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        "labels.csv:4: /id: must be an integer, such as 42 (validation_failed)",
        "labels.csv:6: /name: There is a row of labels with this name already. (already_exists)",
    ]
    assert "4 read, 2 created, 2 failed; nothing is kept of a dry run" in output.out
    assert rows("second.db", "labels") == []
    assert main([*command, "--on-error", "skip", "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["resource"], report["kept"], report["created"]) == ("labels", True, 2)
    assert rows("second.db", "labels") == [(1, "a\nb"), (3, "c")]


def test_a_user_has_the_rights_of_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """With --as only what this user sees is written, and only what may be written is read."""
    capsys.readouterr()
    assert main(["export", "first.py", "tasks", "-", "--format", "ndjson", "--as", "7"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["id"], "secret" in line) for line in lines] == [(1, False), (3, False)]
    Path("tasks.csv").write_text("title,owner_id\nmine,7\ntheirs,8\n")
    command = ["import", "second.py", "tasks", "tasks.csv", "--as", "7", "--on-error", "skip"]
    assert main(command) == 2
    assert "tasks.csv:3" in capsys.readouterr().err
    assert [row[1] for row in rows("second.db", "tasks")] == ["mine"]
    Path("tasks.csv").write_text("title,secret\nmine,x\n")
    assert main(command) == 2
    assert "there is no such field" in capsys.readouterr().err


def test_the_standard_input_and_output(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written to a pipe can be read from one; nothing else is in it."""
    capsysbinary.readouterr()
    assert main(["export", "first.py", "labels", "-"]) == 0
    file = capsysbinary.readouterr().out
    assert file == b'id,name\r\n1,red\r\n2,"a,""b"""\r\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file)))
    assert main(["import", "second.py", "labels", "-", "--format", "csv"]) == 0
    assert rows("second.db", "labels") == [(1, "red"), (2, 'a,"b"')]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["export", "first.py", "labels", "labels.csv"], "--force replaces it"),
        (["export", "first.py", "labels", "labels.txt"], "say what it is by --format"),
        (["export", "first.py", "label", "x.csv"], "did you mean"),
        (["import", "first.py", "labels", "nowhere.csv"], "No such file"),
        (["import", "first.py", "nothing", "labels.csv"], "there is no resource 'nothing'"),
        (["import", "first.py", "--all", "nothing"], "there is nothing to import"),
        (["import", "first.py", "labels", "labels.csv", "--upsert", "x"], "no two rows share"),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], command: list[str], message: str) -> None:
    """A mistake is one line that says what to do."""
    Path("nothing").mkdir()
    Path("labels.csv").write_text("id,name\n")
    capsys.readouterr()
    assert message in complaint(capsys, *command)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", ["export", "import"])
def test_who_looks_on_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """On a terminal one line counts, and is gone at the end."""
    connection = apsw.Connection("first.db")
    connection.execute(
        "insert into labels with recursive n(i) as (select 10 union all select i + 1 from n "
        "where i < 3000) select i, 'l' || i from n"
    ).fetchall()
    connection.close(True)
    words = ["export", "first.py", "labels", "labels.csv"]
    if command == "import":
        assert main(words) == 0
        words = ["import", "second.py", "labels", "labels.csv"]
    monkeypatch.setattr("hekla.cli.meter._PAUSE", -1)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(words) == 0
    shown = terminal.getvalue()
    assert " of 2,993 rows" in shown
    assert "left" in shown
    assert shown.endswith("\r")
