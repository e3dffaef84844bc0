"""``hekla users``, ``roles`` and ``keys``: run as they are typed, on an app that is served too."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hekla import Hekla
from tests.auth.test_hashes import HASHES
from tests.auth.test_hashes import PASSWORD as OLD
from tests.auth.world import PASSWORD, Client, make_app

APP = """
from pathlib import Path
from hekla import Hekla
from tests.auth.world import make_app
app: Hekla = make_app(Path({folder!r}), registration=False)
"""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    """An app that is served by this process, while commands of others look after it."""
    (tmp_path / "app.py").write_text(APP.format(folder=str(tmp_path)))
    app = make_app(tmp_path, registration=False)
    await app.startup()
    yield app
    await app.shutdown()


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = Path(__file__).parents[2]
        self.environment = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"}

    def __call__(self, *words: str, typed: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hekla", *words],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture
def hekla(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


async def test_users_are_added_and_shut_out_while_the_app_is_served(
    app: Hekla, hekla: Shell
) -> None:
    """What a command does shows at once in a process that serves, without a restart."""
    added = hekla(
        *("users", "add", "Ann@example.org", "--role", "admin", "--set", "company_id=7"),
        "--password-stdin",
        typed=f"{PASSWORD}\n",
    )
    assert added == "Ann@example.org was added, with the key 1\n"
    ann = Client(app)
    assert (await ann.login("ann@example.org")).status == 200
    assert (await ann.get("/changes")).status == 200
    hekla("roles", "revoke", "ann@example.org", "admin")
    assert (await ann.get("/changes")).status == 403
    assert hekla("roles", "list") == "admin  0 users\n"
    key = hekla("keys", "add", "ann@example.org", "--scope", "tasks:read").strip()
    robot = Client(app, key)
    assert (await robot.get("/tasks")).status == 200
    (row,) = json.loads(hekla("keys", "list", "ann@example.org", "--json"))
    assert row["scopes"] == ["tasks:read"]
    hekla("keys", "delete", row["id"])
    assert (await robot.get("/tasks")).status == 401
    hekla("users", "disable", "ann@example.org")
    assert await ann.who() == "invalid_token"
    (user,) = json.loads(hekla("users", "list", "--json"))
    assert (user["login"], user["disabled"]) == ("ann@example.org", True)
    hekla("users", "enable", "ann@example.org")
    hekla(
        "users", "password", "ann@example.org", "--password-stdin", typed="eleven blue bicycles\n"
    )
    assert (await ann.login("ann@example.org", "eleven blue bicycles")).status == 200
    hekla("users", "delete", "ann@example.org", "--yes")
    assert await ann.who() == "invalid_token"


async def test_users_come_over_with_the_hashes_of_their_passwords(
    app: Hekla, hekla: Shell, tmp_path: Path
) -> None:
    """Whatever is wrong with a line is told by its number, and the others are added."""
    lines = ["email,password,name,company_id"]
    for number, kept in enumerate(HASHES.values()):
        quoted = f'"{kept}"'
        lines.append(f"user{number}@example.org,{quoted},User {number},{number}")
    lines += ["user0@example.org,,twice,", "nothing,,x,", 'x@example.org,"$6$a$b",x,']
    (tmp_path / "users.csv").write_text("\n".join(lines) + "\n")
    told = hekla("users", "import", "users.csv", "--role", "old", code=1)
    last = len(lines)
    assert [line.split(":")[1] for line in told.splitlines()] == [
        str(last - 2),
        str(last - 1),
        str(last),
    ]
    assert "hash" in told


async def test_whoever_came_over_signs_in_as_before(
    app: Hekla, hekla: Shell, tmp_path: Path
) -> None:
    documents = [
        {"username": f"u{n}@example.org", "password": kept, "company_id": n}
        for n, kept in enumerate(list(HASHES.values())[:3])
    ]
    (tmp_path / "users.ndjson").write_text("\n".join(map(json.dumps, documents)))
    assert hekla("users", "import", "users.ndjson", "--login-column", "username") == (
        "3 added, 0 left out\n"
    )
    for number in range(3):
        assert (await Client(app).login(f"u{number}@example.org", OLD)).status == 200


def test_a_password_that_is_typed_is_not_shown(hekla: Shell, tmp_path: Path) -> None:
    """At a terminal it is asked for twice, without an echo."""
    (tmp_path / "app.py").write_text(APP.format(folder=str(tmp_path)))
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hekla", "users", "add", "ann@example.org"],
        cwd=tmp_path,
        env=hekla.environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(follower)
    shown = b""
    while b"assword" not in shown:
        shown += os.read(leader, 1000)
    os.write(leader, f"{PASSWORD}\n".encode())
    while b"onfirm" not in shown and b"epeat" not in shown:
        shown += os.read(leader, 1000)
    os.write(leader, f"{PASSWORD}\n".encode())
    while b"added" not in shown:
        shown += os.read(leader, 1000)
    assert process.wait(60) == 0
    os.close(leader)
    assert PASSWORD.encode() not in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["users", "add", "nothing", "--no-password"], "e-mail"),
        (["users", "add", "a@b.example", "--no-password", "--set", "nix=1"], "no such column"),
        (["users", "disable", "nobody@example.org"], "there is no user"),
        (["keys", "add", "nobody@example.org", "--scope", "nix:read"], "--scope"),
        (["keys", "delete", "nothing"], "there is no key"),
    ],
)
async def test_what_cannot_be_is_told_in_one_line(
    app: Hekla, hekla: Shell, words: list[str], says: str
) -> None:
    told = hekla(*words, code=2)
    assert says in told
    assert len(told.splitlines()) == 1


def test_an_app_without_sign_in_has_no_users(hekla: Shell, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from hekla import Hekla\napp = Hekla('sqlite:///x.db')\n")
    assert "app.auth" in hekla("users", "list", code=2)
