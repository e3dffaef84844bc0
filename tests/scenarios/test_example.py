"""The example: short, deterministic, and there within a second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.scenarios.client import ask
from tests.scenarios.example import EXAMPLE, load_example
from tests.servers import free_port

# What the start may take in seconds where importing the libraries takes this long, as it did on
# the machine that the project was measured on. On a slower one both take longer.
BOUND = 1.0
LIBRARIES = "import sqlalchemy, msgspec, apsw"
LIBRARY_SECONDS = 0.37


def test_it_is_short() -> None:
    """A newcomer reads it at one go: 80 lines of 100 characters at most."""
    lines = EXAMPLE.read_text().splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 100


async def test_its_data_are_the_same_everywhere(tmp_path: Path) -> None:
    """Two databases made anew hold the same rows, and a second start adds none."""
    folders = [tmp_path / "one", tmp_path / "two"]
    bodies = []
    for folder in (*folders, folders[0]):
        folder.mkdir(exist_ok=True)
        app = load_example(folder)
        await app.startup()
        answers = [
            await ask(app, f"/{name}")
            for name in ("tasks?include=labels,comments", "users", "projects", "labels", "comments")
        ]
        await app.shutdown()
        bodies.append([answer.body for answer in answers])
        assert [len(answer.json()) for answer in answers] == [30, 5, 3, 4, 22]
    assert bodies[0] == bodies[1] == bodies[2]
    assert [path.name for path in folders[0].iterdir() if path.suffix == ".db"] == ["tasks.db"]


async def test_what_the_tutorial_promises(tmp_path: Path) -> None:
    """The classic requests have the classic answers."""
    app = load_example(tmp_path)
    await app.startup()
    listed = await ask(app, "/tasks/?skip=0&limit=10")
    missing = await ask(app, "/tasks/999999")
    await app.shutdown()
    assert isinstance(listed.json(), list)
    assert len(listed.json()) == 10
    assert {"id", "title", "description", "completed", "created_at"} <= set(listed.json()[0])
    assert (missing.status, missing.json()["detail"]) == (404, "Task not found")


def test_the_first_answer_comes_within_a_second(tmp_path: Path) -> None:
    """From the command to the first answer, in the best of some runs after the first start."""
    _seconds_to_first_answer(tmp_path)
    starts, imports, bound = [], [], BOUND
    for _ in range(5):
        imports.append(_seconds_to_import())
        starts.append(_seconds_to_first_answer(tmp_path))
        bound = BOUND * max(1, min(imports) / LIBRARY_SECONDS)
        if min(starts) <= bound:
            return
    pytest.fail(
        f"started in {min(starts):.2f} s at best; {bound:.2f} s were expected of this machine"
    )


def _seconds_to_import() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return time.perf_counter() - started


def _seconds_to_first_answer(folder: Path) -> float:
    port = free_port()
    command = [sys.executable, "-m", "hekla", "serve", str(EXAMPLE), "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/tasks/1") as answer:
                    assert json.load(answer)["id"] == 1
                    return time.perf_counter() - started
            except HTTPError:
                raise
            except URLError:
                assert process.poll() is None
                assert time.perf_counter() - started < 20
                time.sleep(0.01)
    finally:
        process.terminate()
        process.wait(10)
