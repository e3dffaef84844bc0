"""``hekla clients``: registering the systems that sign in with an app."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hekla.cli import main

APP = """
from hekla import Hekla, Settings
from hekla.auth import User

app = Hekla("sqlite:///app.db", settings=Settings(public_url="https://tasks.example"))
app.auth(User)
{oauth}
app.on_startup(app.create_tables)
"""


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    # A name of its own: modules are loaded once in a process.
    file = tmp_path / f"{tmp_path.name}_app.py"
    file.write_text(APP.format(oauth="app.oauth()"))
    return file.name


def test_a_client_from_its_beginning_to_its_end(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is added, listed without its secret, given another one, and removed."""
    callback = "https://shop.example/callback"
    arguments = ["clients", "add", name, "Web shop", "--redirect", callback, "--scope", "email"]
    assert main([*arguments, "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert added["scopes"] == ["openid", "email"]
    assert added["secret"].startswith("hekla_cs_")

    assert main(["clients", "list", name, "--json"]) == 0
    out = capsys.readouterr().out
    assert [each["name"] for each in json.loads(out)] == ["Web shop"]
    assert added["secret"] not in out
    assert main(["clients", "list", name]) == 0
    assert capsys.readouterr().out.split() == [added["id"], "Web", "shop", callback]

    assert main(["clients", "rotate", name, added["id"], "--keep", "60"]) == 0
    rotated = capsys.readouterr().out.split()
    assert rotated[:2] == ["client_id", added["id"]]
    assert rotated[3] != added["secret"]

    assert main(["clients", "remove", name, added["id"]]) == 0
    capsys.readouterr()
    assert main(["clients", "list", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_public_client_has_no_secret(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """None is shown, and none can be had."""
    arguments = ["clients", "add", name, "Screen", "--public", "--grant", "device"]
    assert main([*arguments, "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["secret"], added["public"]) == (None, True)
    assert main(["clients", "rotate", name, added["id"]]) == 2
    assert "public client" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Shop"], "needs an address"),
        (["Shop", "--redirect", "http://shop.example/"], "has to be https"),
        (["Shop", "--redirect", "https://shop.example/#a"], "fragment"),
        (["Shop", "--redirect", "https://shop.example/", "--scope", "all"], "no scope 'all'"),
        (["Robot", "--grant", "client-credentials"], "name the user"),
        (["Robot", "--grant", "client-credentials", "--acts-as", "x@y.example"], "no user"),
    ],
)
def test_what_cannot_be_registered_is_said_in_one_line(
    name: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the exit code is 2."""
    assert main(["clients", "add", name, *arguments]) == 2
    error = capsys.readouterr().err
    assert says.replace("has to be", "must be") in error
    assert error.count("\n") == 1


def test_a_client_that_is_not_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither can be changed nor removed."""
    for command in ("rotate", "remove"):
        assert main(["clients", command, name, "nobody"]) == 2
        assert "no client 'nobody'" in capsys.readouterr().err


def test_an_app_that_is_no_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no clients."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"{tmp_path.name}_plain.py"
    file.write_text(APP.format(oauth=""))
    assert main(["clients", "list", file.name]) == 2
    assert "does not call app.oauth()" in capsys.readouterr().err
