"""``hekla doctor`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hekla.cli import main

APP = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, everyone


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)


app = Hekla("sqlite:///notes.db")
app.resource(Note, read=everyone)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A name of its own: modules are loaded once in a process.
    (tmp_path / f"{tmp_path.name}_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEKLA_SECRET", "q7Zk2v9XwB4mN8pR3tY6uJ1sD5fG0hLa")
    monkeypatch.delenv("PYTHONDEVMODE", raising=False)
    return tmp_path


def run(folder: Path, *options: str) -> int:
    return main(["doctor", f"{folder.name}_app.py", "--ignore", "runs_as_root", *options])


def test_it_says_what_is_unsafe_and_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each finding with its level and code, one with the remedy, and the counts."""
    assert run(folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "note     Everybody may read every row of notes.  [open_reads]",
        "         -> Give read= a rule, unless these rows are meant for everybody.",
        "1 found: 1 note",
    ]


def test_nothing_is_changed(folder: Path) -> None:
    """It looks, and makes no file."""
    before = sorted(folder.iterdir())
    run(folder)
    assert [path for path in sorted(folder.iterdir()) if path.name != "__pycache__"] == before


def test_where_it_is_served_matters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For everybody it is unsafe what is safe here, and the exit code says so."""
    assert run(folder, "--host", "0.0.0.0", "--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["danger"], told["caution"], told["note"]) == (1, 2, 2)
    assert [each["code"] for each in told["findings"]] == [
        "no_tls",
        "hosts_any",
        "no_public_url",
        "no_rates",
        "open_reads",
    ]
    assert set(told["findings"][0]) == {"code", "level", "what", "remedy"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--fail-on", "note"], 2),
        (["--fail-on", "caution"], 0),
        (["--fail-on", "never", "--host", "0.0.0.0"], 0),
        (["--fail-on", "danger", "--host", "0.0.0.0", "--ignore", "no_tls"], 0),
        (["--fail-on", "danger", "--host", "0.0.0.0"], 2),
    ],
)
def test_what_a_pipeline_fails_on(folder: Path, options: list[str], code: int) -> None:
    """The level from which on the exit code is 2, and findings that are left out."""
    assert run(folder, *options) == code


def test_nothing_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That is said too."""
    assert run(folder, "--ignore", "open_reads") == 0
    assert capsys.readouterr().out == "Nothing unsafe was found.\n"


def test_a_finding_that_does_not_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in --ignore would hide nothing, or the wrong thing."""
    assert run(folder, "--ignore", "no_tsl") == 2
    assert "no_tsl" in capsys.readouterr().err


def test_a_database_without_an_app(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every table is open to whoever comes; that is what it is for, and what it says."""
    import apsw

    connection = apsw.Connection("shop.db")
    connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT)")
    connection.close()
    assert main(["doctor", "shop.db", "--ignore", "runs_as_root"]) == 2
    assert "users.password" in capsys.readouterr().out
