"""What the doctor finds, and what it does not: each finding in a configuration that has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hekla import Hekla, Settings, everyone, me, signed_in
from hekla.doctor.circumstances import Circumstances, is_local
from hekla.doctor.finding import FINDINGS, Finding

GOOD_SECRET = "q7Zk2v9XwB4mN8pR3tY6uJ1sD5fG0hLa"
# An application that others reach, with nothing to find but who it is run by.
SAFE: dict[str, Any] = {
    "secret": GOOD_SECRET,
    "public_url": "https://shop.example.com",
    "allowed_hosts": ("shop.example.com",),
    "trusted_proxies": ("10.0.0.0/8", "192.0.2.1"),
    "rate_limits": ("600/minute by address",),
}


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int]
    title: Mapped[str]


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hashed_password: Mapped[str]
    api_key: Mapped[str]
    pinned: Mapped[bool]
    tokenizer: Mapped[str]


def found(
    tmp_path: Path,
    served: Circumstances | None = None,
    *,
    task: Any = None,
    user: Any = None,
    url: str | None = None,
    mode: int = 0o600,
    **settings: Any,
) -> list[Finding]:
    path = tmp_path / "app.db"
    path.touch()
    path.chmod(mode)
    app = Hekla(url or f"sqlite:///{path}", settings=Settings(**{**SAFE, **settings}))
    app.resource(Task, **(task or {"read": signed_in, "write": Task.owner_id == me.id}))
    if user is not None:
        app.resource(User, **user)
    return app.diagnose(served or Circumstances(environment={}))


def levels(findings: list[Finding]) -> dict[str, str]:
    """The levels by code; that of a user named root says nothing about a configuration."""
    return {each.code: each.level for each in findings if each.code != "runs_as_root"}


PUBLIC = Circumstances("0.0.0.0", environment={})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"secret": ""}, {"secret_missing": "danger"}),
        ({"secret": "short"}, {"secret_weak": "danger"}),
        ({"secret": "a" * 40}, {"secret_weak": "danger"}),
        ({"secret": "changeme-" + GOOD_SECRET}, {"secret_weak": "danger"}),
        ({"public_url": ""}, {"no_public_url": "caution"}),
        ({"public_url": "http://shop.example.com"}, {"no_tls": "danger"}),
        (
            {"public_url": "", "trusted_proxies": ()},
            {"no_public_url": "caution", "no_tls": "danger"},
        ),
        ({"hsts_seconds": 0}, {"hsts_off": "caution"}),
        ({"allowed_hosts": ()}, {"hosts_any": "caution"}),
        ({"allowed_hosts": ("*",)}, {"hosts_any": "caution"}),
        (
            {"allowed_hosts": (), "forwarded_headers": ("x-forwarded-host",)},
            {"hosts_any": "caution", "forwarded_host": "caution"},
        ),
        ({"forwarded_headers": ("x-forwarded-host",)}, {}),
        ({"trusted_proxies": ("0.0.0.0/0",)}, {"proxies_wide": "danger"}),
        ({"trusted_proxies": ("::/0",)}, {"proxies_wide": "danger"}),
        ({"trusted_proxies": ("8.8.0.0/16",)}, {"proxies_wide": "caution"}),
        ({"trusted_proxies": ("8.8.8.0/24", "10.0.0.0/8", "fd00::/8", "unix")}, {}),
        ({"cors_origins": ("*",)}, {"cors_any_origin": "caution"}),
        ({"cors_origins": ("http://app.example.com",)}, {"cors_plain_origin": "caution"}),
        ({"cors_origins": ("null",)}, {"cors_plain_origin": "caution"}),
        ({"cors_origins": ("https://app.example.com", "http://localhost:3000")}, {}),
        ({"rate_limits": ()}, {"no_rates": "note"}),
        ({"max_body_bytes": 1 << 40}, {"limits_wide": "caution"}),
        ({"statement_timeout": 3600.0}, {"limits_wide": "caution"}),
        ({"access_seconds": 7200}, {"tokens_long": "caution"}),
        ({"mail_url": "console:"}, {"mail_unsent": "caution"}),
    ],
)
def test_settings(tmp_path: Path, settings: dict[str, Any], expected: dict[str, str]) -> None:
    """Of one setting that is unsafe there is exactly its finding."""
    assert levels(found(tmp_path, PUBLIC, **settings)) == expected


def test_on_this_machine_only_little_is_unsafe(tmp_path: Path) -> None:
    """Without a word about the outside, a secret that is missing is worth a note."""
    nothing: dict[str, Any] = {
        "public_url": "",
        "allowed_hosts": (),
        "trusted_proxies": (),
        "rate_limits": (),
    }
    here = Circumstances(environment={})
    assert levels(found(tmp_path, here, secret="", **nothing)) == {"secret_missing": "note"}
    # The same for everybody.
    assert levels(found(tmp_path, PUBLIC, secret="", **nothing)) == {
        "secret_missing": "danger",
        "no_public_url": "caution",
        "no_tls": "danger",
        "hosts_any": "caution",
        "no_rates": "note",
    }


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("app.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.1", False),
        ("localhost.example.com", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, local: bool) -> None:
    """Whoever listens at all addresses is reached by others."""
    assert is_local(host) is local


def test_what_everybody_may(tmp_path: Path) -> None:
    """Resources without rules that hold anybody back are named, with what may be done."""
    findings = found(
        tmp_path, PUBLIC, task={"read": everyone, "create": everyone, "write": me.has_role("x")}
    )
    assert levels(findings) == {"open_writes": "danger", "open_reads": "note"}
    assert "tasks (create)" in next(each.what for each in findings if each.code == "open_writes")
    # A rule about rows is one, and so is none at all: then only administrators may.
    assert levels(found(tmp_path, PUBLIC, task={"read": Task.title == "open"})) == {}
    assert levels(found(tmp_path, PUBLIC, task={"write": signed_in})) == {}


def test_columns_that_look_secret(tmp_path: Path) -> None:
    """Their names tell; a column that is closed or left out is none, nor is a mere likeness."""
    open_rows = {"read": everyone, "write": signed_in}
    findings = found(tmp_path, PUBLIC, user=open_rows)
    assert levels(findings) == {"open_columns": "danger", "open_reads": "note"}
    what = next(each.what for each in findings if each.code == "open_columns")
    assert what.endswith(": users.hashed_password, users.api_key.")
    closed = {**open_rows, "hidden": ["hashed_password"], "columns": {"api_key": signed_in}}
    assert levels(found(tmp_path, PUBLIC, user=closed)) == {"open_reads": "note"}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o600, {}),
        (0o640, {}),
        (0o644, {"database_readable": "caution"}),
        (0o666, {"database_writable": "danger"}),
        (0o602, {"database_writable": "danger"}),
    ],
)
def test_the_database_is_a_file(tmp_path: Path, mode: int, expected: dict[str, str]) -> None:
    """Rules are of no use against whoever opens the file."""
    tmp_path.chmod(0o755)
    assert levels(found(tmp_path, mode=mode)) == expected


def test_a_file_in_a_closed_folder_is_closed(tmp_path: Path) -> None:
    """What nobody reaches nobody reads."""
    tmp_path.chmod(0o700)
    assert levels(found(tmp_path, mode=0o644)) == {}


def test_a_database_in_memory(tmp_path: Path) -> None:
    """It is gone with the process, which may be meant."""
    assert levels(found(tmp_path, url="sqlite://")) == {"database_in_memory": "note"}


def test_files_with_secrets(tmp_path: Path) -> None:
    """A file that a private setting is read from, and the key of TLS, are for their owner."""
    secret, key = tmp_path / "secret", tmp_path / "key.pem"
    environment = {"HEKLA_SECRET_FILE": str(secret), "HEKLA_THREADS_FILE": str(tmp_path)}
    served = Circumstances(tls_certificate=tmp_path / "c.pem", tls_key=key, environment=environment)
    assert levels(found(tmp_path, served)) == {}
    for file in (secret, key):
        file.touch()
        file.chmod(0o600)
    assert levels(found(tmp_path, served)) == {}
    key.chmod(0o644)
    assert levels(found(tmp_path, served)) == {"secret_file_readable": "danger"}
    secret.chmod(0o604)
    assert [each.code for each in found(tmp_path, served)].count("secret_file_readable") == 2


def test_workers_that_count_apart(tmp_path: Path) -> None:
    """Four workers let in four times as much, unless they share their counts."""
    served = Circumstances(workers=4, environment={})
    assert levels(found(tmp_path, served)) == {"rates_apart": "note"}
    shared = found(tmp_path, served, redis_url="redis://127.0.0.1:6379/0")
    assert levels(shared) == {}


def test_a_python_that_debugs(tmp_path: Path) -> None:
    """Its development mode is for development."""
    served = Circumstances(environment={"PYTHONDEVMODE": "1"})
    assert levels(found(tmp_path, served)) == {"asyncio_debug": "caution"}


def test_whoever_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is told, others are not."""
    for user, expected in ((0, ["runs_as_root"]), (1000, [])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert [each.code for each in found(tmp_path)] == expected


def test_the_gravest_come_first(tmp_path: Path) -> None:
    """By level, then by code; each says what to do."""
    findings = found(
        tmp_path, PUBLIC, secret="", rate_limits=(), allowed_hosts=(), cors_origins=("*",)
    )
    codes = [each.code for each in findings if each.code != "runs_as_root"]
    assert codes == ["secret_missing", "cors_any_origin", "hosts_any", "no_rates"]
    assert all(each.remedy.strip() and each.what.endswith(".") for each in findings)


def test_no_secret_is_in_what_it_says(tmp_path: Path) -> None:
    """A report may be printed by a CI run that everybody reads."""
    weak = "hunter2hunter2"
    assert weak not in repr(found(tmp_path, PUBLIC, secret=weak, redis_url=f"redis://:{weak}@h"))


def test_a_code_is_one_of_those_there_are() -> None:
    """A finding with a code that is listed nowhere could not be documented."""
    assert list(FINDINGS) == sorted(set(FINDINGS))
    with pytest.raises(ValueError, match="new_code"):
        Finding("new_code", "note", "a", "b")


def test_addresses_that_nobody_confirms(tmp_path: Path) -> None:
    """Registration without mail lets anybody take any address."""
    app = Hekla(f"sqlite:///{tmp_path / 'app.db'}", settings=Settings(**SAFE))
    app.auth(registration=True)
    assert levels(app.diagnose(PUBLIC)) == {"registration_unconfirmed": "caution"}
    app = Hekla(f"sqlite:///{tmp_path / 'app.db'}", settings=Settings(**SAFE))
    app.auth()
    assert levels(app.diagnose(PUBLIC)) == {}
