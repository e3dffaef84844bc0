"""The example: short and deterministic."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.client import ask
from tests.scenarios.example import EXAMPLE, load_example


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
