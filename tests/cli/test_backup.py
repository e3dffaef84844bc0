"""``hekla backup`` and ``hekla restore``: what they print, ask and refuse."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from hekla.cli import main
from tests.cli.test_commands import complaint


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the database shop.sqlite: two tables, three rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEKLA_DATABASE_URL", raising=False)
    connection = apsw.Connection("shop.sqlite")
    connection.pragma("journal_mode", "WAL")
    connection.execute("create table customers (id integer primary key)")
    connection.execute("create table orders (id integer primary key)")
    connection.execute("insert into orders values (1), (2), (3)")
    connection.close(True)
    return tmp_path


def count(path: str) -> object:
    connection = apsw.Connection(path)
    try:
        return connection.execute("select count(*) from orders").get
    finally:
        connection.close(True)


@pytest.mark.usefixtures("folder")
def test_there_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    """What was copied comes back, and what was there in between is kept."""
    assert main(["backup", "shop.sqlite", "copy.db"]) == 0
    size = os.path.getsize("copy.db")
    output = capsys.readouterr()
    assert (output.out, output.err) == (f"copy.db: 2 tables, 3 rows, {size} bytes, checked\n", "")
    connection = apsw.Connection("shop.sqlite")
    connection.execute("insert into orders values (4)")
    connection.close(True)
    assert main(["restore", "sqlite:///shop.sqlite", "copy.db", "--yes"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "shop.sqlite: 2 tables, 3 rows, checked"
    assert second.startswith("What was there before is in ")
    assert (count("shop.sqlite"), count(second.split()[-1])) == (3, 4)


def test_the_database_of_the_app_here(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a file only, the database is the one that the other commands work on, too."""
    monkeypatch.setenv("HEKLA_DATABASE_URL", "sqlite:///shop.sqlite")
    assert main(["backup", "copy.db"]) == 0
    (folder / "shop.sqlite").unlink()
    assert main(["restore", "copy.db", "--yes"]) == 0
    assert count("shop.sqlite") == 3
    assert "before" not in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    """What would destroy something is refused in one line with the exit code 2."""
    assert main(["backup", "shop.sqlite", "copy.db"]) == 0
    capsys.readouterr()
    assert "--force" in complaint(capsys, "backup", "shop.sqlite", "copy.db")
    assert "the database itself" in complaint(capsys, "backup", "shop.sqlite", "shop.sqlite")
    assert "unexpected" in complaint(capsys, "backup", "shop.sqlite", "more.db", "copy.db")
    assert "gone.db: no such file" in complaint(capsys, "restore", "shop.sqlite", "gone.db")
    assert main(["backup", "shop.sqlite", "copy.db", "--force"]) == 0


@pytest.mark.usefixtures("folder")
def test_nobody_to_ask() -> None:
    """Where nobody can be asked, nothing is replaced without --yes."""
    assert main(["backup", "shop.sqlite", "copy.db"]) == 0
    command = [sys.executable, "-m", "hekla", "restore", "shop.sqlite", "copy.db"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert not list(Path().glob("shop.sqlite.*"))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("answer", "code"), [("n", 130), ("y", 0)])
def test_somebody_to_ask(answer: str, code: int) -> None:
    """At a terminal the question names both sides; progress is shown without colours."""
    assert main(["backup", "shop.sqlite", "copy.db"]) == 0
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hekla", "restore", "shop.sqlite", "copy.db"]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert process.wait(timeout=30) == code
    assert b"Replace shop.sqlite by copy.db (2 tables, 3 rows)?" in shown
    assert (b"Restoring" in shown) == (code == 0)
    assert b"\x1b[3" not in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""  # what Linux says of a terminal that the last process has left
