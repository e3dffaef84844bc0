"""What the argument of a command is taken for, before anything is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from hekla.cli.target import AppTarget, DatabaseTarget, find
from hekla.errors import OperatorError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no database in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEKLA_DATABASE_URL", raising=False)
    return tmp_path


def test_module_and_attribute(folder: Path) -> None:
    """``shop.api:app`` is a name in a module, imported from the current folder."""
    assert find("shop.api:app") == AppTarget("shop.api:app", "shop.api", folder, attribute="app")


def test_module_alone(folder: Path) -> None:
    """A dotted name without an attribute is a module whose only app is meant."""
    assert find("shop.api") == AppTarget("shop.api", "shop.api", folder)


def test_file_is_imported_from_its_own_folder(folder: Path) -> None:
    """A file outside any package is a module of its folder."""
    (folder / "examples").mkdir()
    file = folder / "examples" / "app.py"
    file.touch()
    expected = AppTarget("examples/app.py", "app", file.parent, file, None)
    assert find("examples/app.py") == expected


def test_file_in_a_package_is_imported_by_its_full_name(folder: Path) -> None:
    """A file in a package is imported from the folder above it, so relative imports work."""
    package = folder / "shop" / "web"
    package.mkdir(parents=True)
    for path in (folder / "shop" / "__init__.py", package / "__init__.py", package / "main.py"):
        path.touch()
    found = find("shop/web/main.py:api")
    assert found == AppTarget(
        "shop/web/main.py", "shop.web.main", folder, package / "main.py", "api"
    )


@pytest.mark.parametrize("suffix", [".db", ".db3", ".sqlite", ".sqlite3", ".SQLite"])
def test_database_file_is_read_only(folder: Path, suffix: str) -> None:
    """A file with the suffix of a database is one, opened for reading only."""
    (folder / f"shop{suffix}").touch()
    assert find(f"shop{suffix}") == DatabaseTarget(
        f"shop{suffix}", f"sqlite:///shop{suffix}?mode=ro"
    )


def test_any_other_existing_file_is_taken_for_a_database(folder: Path) -> None:
    """Databases have any name; a file that is no Python is taken for one."""
    (folder / "Chinook").touch()
    assert find("Chinook") == DatabaseTarget("Chinook", "sqlite:///Chinook?mode=ro")


def test_url_is_read_only_unless_it_says_otherwise(folder: Path) -> None:
    """A URL is served read-only; a mode that it names itself is left alone."""
    assert find("sqlite:///shop.db") == DatabaseTarget("shop.db", "sqlite:///shop.db?mode=ro")
    immutable = "sqlite:////data/shop.db?immutable=1"
    assert find(immutable) == DatabaseTarget("/data/shop.db", immutable)


def test_file_name_with_characters_of_a_url(folder: Path) -> None:
    """A question mark or percent sign in a file's name is part of the name, not of the URL."""
    (folder / "50%?.db").touch()
    assert find("50%?.db") == DatabaseTarget("50%?.db", "sqlite:///50%25%3F.db?mode=ro")


def test_default_is_app_py_before_main_py(folder: Path) -> None:
    """Without an argument the first of app.py and main.py that uses Hekla is served."""
    (folder / "app.py").write_text("import flask\n")
    (folder / "main.py").write_text("from hekla import Hekla\n")
    found = find(None)
    assert isinstance(found, AppTarget)
    assert found.file == folder / "main.py"
    (folder / "app.py").write_text("import hekla\n")
    found = find(None)
    assert isinstance(found, AppTarget)
    assert found.file == folder / "app.py"


def test_default_with_a_syntax_error_is_still_the_app(folder: Path) -> None:
    """A file that cannot be parsed is chosen, so that its error is told and not hidden."""
    (folder / "app.py").write_text("import hekla\ndef\n")
    found = find(None)
    assert isinstance(found, AppTarget)


def test_default_is_the_database_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an app here, HEKLA_DATABASE_URL names what is served."""
    monkeypatch.setenv("HEKLA_DATABASE_URL", "sqlite:///shop.db")
    assert find(None) == DatabaseTarget("shop.db", "sqlite:///shop.db?mode=ro")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "there is nothing to serve here"),
        ("missing.db", "missing.db: there is no such file"),
        ("missing.py", "missing.py: there is no such file"),
        ("folder/missing", "folder/missing: there is no such file"),
        (".", ". is a folder; name the file in it, such as ./app.py"),
        ("no such://url", "'no such://url' is not a database URL"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    folder: Path, argument: str | None, message: str
) -> None:
    """An argument that means nothing raises OperatorError with what was looked for."""
    with pytest.raises(OperatorError) as caught:
        find(argument)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
