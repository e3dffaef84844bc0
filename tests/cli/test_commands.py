"""What commands print, and what they say when they cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
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
    text: Mapped[str]

app = Hekla("sqlite:///notes.db")
app.resource(Note, read=everyone)
app.on_startup(app.create_tables)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder that Python imports from; modules imported there are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEKLA_DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def database(folder: Path) -> Path:
    """A database with a table, a view, and a foreign key to nowhere."""
    connection = apsw.Connection(str(folder / "shop.sqlite"))
    for statement in (
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers)",
        "CREATE TABLE stray (id INTEGER PRIMARY KEY, about INTEGER REFERENCES gone (id))",
        "CREATE VIEW names AS SELECT name FROM customers",
    ):
        connection.execute(statement)
    connection.close()
    return folder / "shop.sqlite"


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command answers with when it fails with code 2."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.endswith("\n")
    assert output.err.count("\n") == 1
    return output.err.rstrip("\n")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``hekla --version`` prints the version of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "hekla 0.1.0\n"


def test_version_imports_nothing_that_is_slow() -> None:
    """The version is printed without SQLAlchemy, the server, or asyncio being imported."""
    code = (
        "import sys; from hekla.cli import main; main(['--version']);"
        "slow = {'sqlalchemy', 'granian', 'apsw', 'asyncio', 'msgspec'};"
        "print(sorted(slow & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "hekla 0.1.0\n[]\n"


def test_module_is_the_command() -> None:
    """``python -m hekla`` does what ``hekla`` does."""
    done = subprocess.run(
        [sys.executable, "-m", "hekla", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hekla 0.1.0\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``hekla --help`` names all commands."""
    assert main(["--help"]) == 0
    output = capsys.readouterr().out
    for name in ("serve", "routes", "explain", "openapi", "inspect", "completion"):
        assert f"\n  {name} " in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    """The script asks ``hekla`` itself for completions, by click's protocol."""
    assert main(["completion", shell]) == 0
    assert f"_HEKLA_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_completion_proposes_apps_and_databases(database: Path) -> None:
    """The argument of a command completes to Python files, databases and folders only."""
    for name in ("app.py", "notes.txt", ".hidden.db"):
        (database.parent / name).touch()
    (database.parent / "examples").mkdir()
    environment = {
        **os.environ,
        "_HEKLA_COMPLETE": "bash_complete",
        "COMP_WORDS": "hekla serve ",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "hekla"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["plain,app.py", "plain,examples/", "plain,shop.sqlite"]


def test_unknown_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no command or option is told in one line, with where to read on."""
    assert complaint(capsys, "sreve").startswith("Error: No such command 'sreve'.")
    assert complaint(capsys, "serve", "--prot", "1").endswith("(hekla serve --help tells more)")


def test_no_color(
    capsys: pytest.CaptureFixture[str], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where NO_COLOR is set, or the output is no terminal, there are no escape sequences."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["inspect", str(database)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_to_work_on(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Without an app here the command says what it looked for."""
    assert complaint(capsys, "routes") == (
        "Error: there is nothing to serve here: no app.py or main.py with a Hekla app, and no "
        "HEKLA_DATABASE_URL; name an app, a database URL or a file, as in hekla serve shop.sqlite"
    )


def test_error_in_the_app_is_told_with_its_place(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """An exception while an app is imported names the user's own line, without a traceback."""
    (folder / "app.py").write_text("import hekla\n\nprint(tasks)\n")
    assert complaint(capsys, "routes").startswith(
        "Error: app.py:3: NameError: name 'tasks' is not defined"
    )


def test_syntax_error_in_the_app(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A file that cannot be parsed is named."""
    (folder / "app.py").write_text("import hekla\ndef\n")
    assert complaint(capsys, "routes").startswith("Error: app.py: SyntaxError: invalid syntax")


def test_traceback_on_request(folder: Path) -> None:
    """``--traceback`` lets the exception through, with what caused it."""
    (folder / "app.py").write_text("import hekla\n\nprint(tasks)\n")
    with pytest.raises(Exception, match="NameError") as caught:
        main(["--traceback", "routes"])
    assert isinstance(caught.value.__cause__, NameError)


def test_missing_module(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A module that is not there is told apart from one that it fails to import."""
    assert complaint(capsys, "routes", "shop.api:app") == (
        "Error: there is no module 'shop' here or among what is installed"
    )
    (folder / "app.py").write_text("import hekla\nimport nothing_like_it\n")
    assert complaint(capsys, "routes").startswith(
        "Error: app.py:2: ModuleNotFoundError: No module named 'nothing_like_it'"
    )


def test_attribute_that_is_no_app(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A wrong name in a module is answered with the right one."""
    (folder / "app.py").write_text(APP)
    assert complaint(capsys, "routes", "app.py:Base") == (
        "Error: app.py: 'Base' is not a Hekla app, it is a DeclarativeAttributeIntercept; try app"
    )
    assert complaint(capsys, "routes", "app:api") == (
        "Error: app:api: 'api' is not a Hekla app, there is no such name; try app"
    )


def test_several_apps_and_none(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Of several apps none is guessed, unless one is called ``app``."""
    (folder / "several.py").write_text("from hekla import Hekla\na = Hekla()\nb = Hekla()\n")
    assert complaint(capsys, "routes", "several.py") == (
        "Error: several.py holds several apps; name one of several.py:a, several.py:b"
    )
    (folder / "none.py").write_text("import hekla\n")
    assert complaint(capsys, "routes", "none.py").startswith("Error: none.py holds no Hekla app;")


def test_app_with_any_file_name(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A file whose name cannot be imported, or under another name than ``app``, works too."""
    (folder / "my-app.py").write_text(re.sub(r"\bapp\b", "api", APP))
    assert main(["routes", "my-app.py"]) == 0
    assert "/notes/{id}" in capsys.readouterr().out


def test_file_that_hides_a_module(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A file called like a module that is imported already is refused, not mixed up with it."""
    (folder / "json.py").write_text(APP)
    assert complaint(capsys, "routes", "json.py") == (
        "Error: json.py: another module is called 'json' too; rename the file"
    )


def test_routes(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """``hekla routes`` lists the addresses of resources, and those that every app has."""
    (folder / "app.py").write_text(APP)
    assert main(["routes", "--json"]) == 0
    listed = {route["path"]: route["methods"] for route in json.loads(capsys.readouterr().out)}
    reading = ["GET", "HEAD", "OPTIONS"]
    for path in ("/notes/aggregate", "/", "/docs", "/openapi.json"):
        assert listed[path] == reading, path
    # Without a rule for writing, administrators may.
    assert listed["/notes/{id}"] == ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]
    assert listed["/notes"] == ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def test_openapi(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """``hekla openapi`` prints the document, or writes it to a file."""
    (folder / "app.py").write_text(APP)
    assert main(["openapi", "--compact"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["openapi"].startswith("3.1")
    assert main(["openapi", "--output", "openapi.json"]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((folder / "openapi.json").read_text()) == printed
    assert complaint(capsys, "openapi", "--output", "no/folder.json") == (
        "Error: no/folder.json: No such file or directory"
    )


@pytest.mark.parametrize(
    "request_text",
    ["GET /customers?id=5", "/customers?id=5", "get http://127.0.0.1:8000/customers?id=5"],
)
def test_explain(capsys: pytest.CaptureFixture[str], database: Path, request_text: str) -> None:
    """``hekla explain`` prints the SQL, the values in their order, and the plan."""
    assert main(["explain", request_text, str(database), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sql"].count("?") == len(document["binds"])
    assert 5 in document["binds"]
    assert any("customers" in line or "t1" in line for line in document["plan"])


def test_explain_for_people(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    """Without --json there is a heading for each of the three parts."""
    assert main(["explain", "/customers", str(database)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["SQL", "Binds", "Plan"]


def test_explain_what_cannot_be_asked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A request that would be answered with a problem is told in one line."""
    (folder / "app.py").write_text(APP)
    assert complaint(capsys, "explain", "/notes?txt=x") == (
        "Error: notes has no column “txt”. Did you mean “text”?"
    )
    assert complaint(capsys, "explain", "/notes/none") == "Error: Note not found"
    assert complaint(capsys, "explain", "notes") == (
        "Error: 'notes' is not a request; one looks like \"GET /tasks?limit=3\""
    )


def test_warnings_are_told_apart_from_the_answer(
    capsys: pytest.CaptureFixture[str], database: Path
) -> None:
    """What could not be served is a line on the standard error, and the command goes on."""
    assert main(["routes", str(database), "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)
    assert output.err == (
        'Warning: the foreign key about of "stray" is left out: '
        'there is no table "gone" to refer to\n'
    )


def test_inspect(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    """``hekla inspect`` shows keys, relations in both directions, and what was left out."""
    assert main(["inspect", str(database), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    by_name = {resource["name"]: resource for resource in document["resources"]}
    assert by_name.keys() == {"customers", "orders", "stray", "names"}
    assert by_name["customers"]["key"] == ["id"]
    assert by_name["names"]["key"] == []
    assert by_name["orders"]["relations"] == [
        {"name": "customer", "target": "customers", "many": False}
    ]
    assert by_name["customers"]["relations"] == [
        {"name": "orders", "target": "orders", "many": True}
    ]
    assert len(document["warnings"]) == 1
    assert "gone" in document["warnings"][0]


def test_inspect_for_people(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    """The same as text; with --columns the columns too."""
    assert main(["inspect", str(database), "--columns"]) == 0
    output = capsys.readouterr().out
    assert "customers  (2 columns, key id)\n" in output
    assert "names  (1 column, no key: lists only)\n" in output
    assert "  id    integer" in output
    assert "4 resources, 1 warning\n" in output


def test_database_that_is_none(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A file that is no database is told in one line."""
    (folder / "notes.db").write_text("This is prose, and no database at all. " * 100)
    assert complaint(capsys, "inspect", "notes.db").startswith("Error: notes.db: ")


def test_output_that_nobody_reads(folder: Path) -> None:
    """``hekla routes | head -1`` ends quietly when the reader has seen enough."""
    (folder / "app.py").write_text(APP + 'for n in range(2000):\n    app.description = "x" * n\n')
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m hekla openapi | head -c 1; sleep 0.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{", "")


@pytest.mark.alone
def test_version_is_quick() -> None:
    """``hekla --version`` takes less than twice the CPU that importing click does."""

    def seconds(*arguments: str) -> float:
        environment = dict(os.environ)
        # As for whoever uses the command: a module is compiled once.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_utime + usage.ru_stime

    seconds("-m", "hekla", "--version")
    tries = [(seconds("-m", "hekla", "--version"), seconds("-c", "import click")) for _ in range(7)]
    assert min(ours for ours, _ in tries) < 2 * min(clicks for _, clicks in tries)
