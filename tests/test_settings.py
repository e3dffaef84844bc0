"""Settings: defaults, bounds, and what the environment says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hekla.errors import OperatorError
from hekla.settings import Settings


def test_defaults_are_within_bounds() -> None:
    """Without a word, every setting has a value that is allowed, and says what it is for."""
    settings = Settings()
    assert (settings.default_page_size, settings.max_page_size) == (100, 1000)
    for each in fields(Settings):
        assert each.metadata["description"].endswith("."), each.name


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("MAX_PAGE_SIZE", "5000", 5000),
        ("MAX_PAGE_SIZE", " 5000 ", 5000),
        ("MAX_PAGE_SIZE", "20", 20),
        ("DEFAULT_PAGE_SIZE", "7", 7),
        ("MAX_BODY_BYTES", "2MiB", 2 * 1024 * 1024),
        ("MAX_BODY_BYTES", "64k", 65536),
        ("MMAP_BYTES", "0", 0),
        ("STATEMENT_TIMEOUT", "2.5", 2.5),
        ("INLINE_BUDGET", "0", 0.0),
        (
            "CORS_ORIGINS",
            "https://a.example, https://b.example,",
            ("https://a.example", "https://b.example"),
        ),
        ("CORS_ORIGINS", "", ()),
        ("SECRET", " as it is ", " as it is "),
    ],
)
def test_environment(variable: str, text: str, expected: object) -> None:
    """A variable is read as the type of its setting, numbers of bytes also with a unit."""
    environment = {f"HEKLA_{variable}": text}
    if variable == "MAX_PAGE_SIZE":
        environment["HEKLA_DEFAULT_PAGE_SIZE"] = "10"
    settings = Settings.from_environment(environment)
    assert getattr(settings, variable.lower()) == expected


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("MAX_PAGE_SIZE", "many", "expected a whole number, such as 1000 or 10MiB"),
        ("MAX_PAGE_SIZE", "1e3", "expected a whole number, such as 1000 or 10MiB"),
        ("MAX_PAGE_SIZE", "-1", "expected a whole number, such as 1000 or 10MiB"),
        ("MAX_PAGE_SIZE", "", "expected a whole number, such as 1000 or 10MiB"),
        ("STATEMENT_TIMEOUT", "soon", "expected a number"),
        ("STATEMENT_TIMEOUT", "nan", "expected a number"),
        ("STATEMENT_TIMEOUT", "inf", "expected a number"),
        ("STATEMENT_TIMEOUT", "0", "statement_timeout is 0; it has to be at least 0.001"),
        ("THREADS", "0", "threads is 0; it has to be at least 1"),
        ("THREADS", "1000", "threads is 1000; it has to be at most 256"),
    ],
)
def test_environment_that_is_wrong(variable: str, text: str, reason: str) -> None:
    """A variable that cannot be read is named, with what was expected of it."""
    with pytest.raises(OperatorError) as caught:
        Settings.from_environment({f"HEKLA_{variable}": text})
    assert str(caught.value) == f"HEKLA_{variable}={text!r}: {reason}"


def test_pages_that_contradict() -> None:
    """A default page that is larger than the largest is refused, and the largest is named."""
    with pytest.raises(
        OperatorError, match=r"default_page_size \(100\) is over max_page_size \(50\)"
    ):
        Settings.from_environment({"HEKLA_MAX_PAGE_SIZE": "50"})


def test_overrides_win() -> None:
    """What is given in code wins over the environment, unless it is None."""
    environment = {"HEKLA_THREADS": "7", "HEKLA_MAX_STREAMS": "8"}
    settings = Settings.from_environment(environment, threads=2, max_streams=None)
    assert (settings.threads, settings.max_streams) == (2, 8)


def test_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument it is the environment of the process."""
    monkeypatch.setenv("HEKLA_THREADS", "3")
    assert Settings.from_environment().threads == 3


def test_the_secret_is_not_shown() -> None:
    """The text of a Settings, which may end in a log, does not hold the secret."""
    assert "hush" not in repr(Settings(secret="hush"))


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    """As containers are handed secrets; the line break at its end is no part of it."""
    file = tmp_path / "secret"
    file.write_text(" hush \n")
    assert Settings.from_environment({"HEKLA_SECRET_FILE": str(file)}).secret == " hush "
    file.write_text("7\r\n")
    assert Settings.from_environment({"HEKLA_THREADS_FILE": str(file)}).threads == 7


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Which variable, which file, and why; never what is in it."""
    missing = tmp_path / "missing"
    with pytest.raises(OperatorError, match=r"HEKLA_SECRET_FILE: cannot read .*missing: No such"):
        Settings.from_environment({"HEKLA_SECRET_FILE": str(missing)})
    for content in (b"\xff\xfe", b"x" * 70_000):
        missing.write_bytes(content)
        with pytest.raises(OperatorError, match="HEKLA_SECRET_FILE"):
            Settings.from_environment({"HEKLA_SECRET_FILE": str(missing)})
    with pytest.raises(OperatorError, match="both set"):
        Settings.from_environment({"HEKLA_SECRET_FILE": str(missing), "HEKLA_SECRET": "a"})


def test_a_private_value_is_not_shown_when_it_is_wrong() -> None:
    """What may hold a password stays out of messages and of the text of a Settings."""
    private = {"database_url", "secret", "redis_url"}
    assert {each.name for each in fields(Settings) if not each.repr} >= private
    shown = repr(Settings(database_url="x://u:hush@h/d", redis_url="redis://:hush@h"))
    assert "hush" not in shown


@pytest.mark.parametrize(
    "url",
    [
        *("shop.example.com", "ftp://a.example", "https://a.example/", "https://a.example?x=1"),
        *("https://u:p@a.example", "https://", "https://a b.example", "https://a.example/x#y"),
    ],
)
def test_a_public_url_is_an_origin_and_perhaps_a_path(url: str) -> None:
    """What links are made of has to be right from the start."""
    with pytest.raises(OperatorError, match="public_url"):
        Settings(public_url=url)


def test_public_urls() -> None:
    """With a port, a path, or an address."""
    for url in ("https://a.example", "http://[::1]:8000", "https://a.example:8443/api/v1"):
        assert Settings(public_url=url).public_url == url


def test_forwarded_is_declared_alone() -> None:
    """A proxy that sets one kind of header passes on the other kind as it came."""
    with pytest.raises(OperatorError, match="forwarded_headers"):
        Settings(forwarded_headers=("forwarded", "x-forwarded-for"))
