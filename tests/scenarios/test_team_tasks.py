"""The example with users: who signs in sees and changes their own, and what is shared with them.

The table says for each user, by the ids of rows, what they get; nobody signs in by anything but
the application's own endpoints.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hekla import Hekla, Settings
from tests.auth.world import Client, auth_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "team_tasks" / "app.py"

# Who owns which task, and whether it is shared.
TASKS = [
    ("ann", "private of ann", False),
    ("ann", "shared of ann", True),
    ("ben", "private of ben", False),
    ("ben", "shared of ben", True),
]
# Who said what about which task.
COMMENTS = [("ann", 1), ("ben", 2), ("ann", 4), ("ben", 3)]

SEES: dict[str, dict[str, list[int]]] = {
    "nobody": {"/tasks": [], "/comments": [], "/users": []},
    "ann": {
        "/tasks": [1, 2, 4],
        "/tasks?owner.name=ben": [4],
        "/tasks?search=private": [1],
        "/comments": [1, 2, 3],
        "/comments?task.title__startswith=private": [1],
        "/users": [1, 2, 3],
        "/users?fields=id": [1, 2, 3],
    },
    "ben": {
        "/tasks": [2, 3, 4],
        "/tasks?owner.name=ann": [2],
        "/tasks?search=private": [3],
        "/comments": [2, 3, 4],
        "/users": [1, 2, 3],
    },
    "cem": {"/tasks": [2, 4], "/comments": [2, 3], "/users": [1, 2, 3]},
    "manager": {"/tasks": [1, 2, 3, 4], "/comments": [1, 2, 3, 4]},
}

# Who may do what; and that nothing was done where it may not be.
CHANGES: list[tuple[str, str, str, Any, int]] = [
    ("nobody", "POST", "/tasks", {"title": "x"}, 403),
    ("nobody", "PATCH", "/tasks/2", {"title": "x"}, 403),
    ("nobody", "DELETE", "/tasks/2", ..., 403),
    ("ann", "PATCH", "/tasks/1", {"title": "private of ann"}, 200),
    ("ann", "PATCH", "/tasks/3", {"title": "x"}, 404),
    ("ann", "PATCH", "/tasks/4", {"title": "x"}, 403),
    ("ann", "DELETE", "/tasks/3", ..., 404),
    ("ann", "DELETE", "/tasks/4", ..., 403),
    ("ann", "PATCH", "/tasks/1", {"owner_id": 2}, 422),
    ("ann", "POST", "/tasks", {"title": "x", "owner_id": 2}, 422),
    ("ann", "POST", "/comments", {"body": "x", "task_id": 3}, 409),
    ("ann", "POST", "/comments", {"body": "x", "task_id": 1, "author_id": 2}, 422),
    ("ann", "PATCH", "/comments/2", {"body": "x"}, 403),
    ("ann", "DELETE", "/comments/4", ..., 404),
    ("ann", "PATCH", "/users/1", {"name": "x"}, 403),
    ("ann", "PATCH", "/users/2", {"email": "ann2@example.org"}, 403),
    ("manager", "PATCH", "/tasks/1", {"title": "x"}, 403),
]


def load(folder: Path) -> Hekla:
    spec = importlib.util.spec_from_file_location("team_tasks", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        os.chdir(before)
    app = module.app
    assert isinstance(app, Hekla)
    return app


@pytest.fixture(scope="module")
async def people(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, Client]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEKLA_PASSWORD_MEMORY", "8MiB")
        patch.setenv("HEKLA_PASSWORD_PASSES", "1")
        app = load(tmp_path_factory.mktemp("team_tasks"))
    assert app.settings.password_memory < Settings().password_memory
    await app.startup()
    found = {"nobody": Client(app)}
    for name in ("ann", "ben", "cem", "manager"):
        found[name] = Client(app)
        answer = await found[name].register(f"{name}@example.org", name=name)
        assert answer.status == 201
    auth = auth_of(app)
    await auth.write(lambda tx: auth.roles.grant(tx, "4", "manager", None))
    for owner, title, shared in TASKS:
        answer = await found[owner].post("/tasks", {"title": title, "shared": shared})
        assert answer.status == 201, answer.body
    for author, task in COMMENTS:
        answer = await found[author].post("/comments", {"body": f"by {author}", "task_id": task})
        assert answer.status == 201, answer.body
    yield found
    await app.shutdown()


@pytest.mark.parametrize(
    ("who", "target", "ids"),
    [(who, target, ids) for who, asked in SEES.items() for target, ids in asked.items()],
    ids=str,
)
async def test_each_user_sees_these_rows(
    people: dict[str, Client], who: str, target: str, ids: list[int]
) -> None:
    answer = await people[who].get(target)
    if who == "nobody" and answer.status == 403:
        return
    found = [each for each in answer.ids if not (target.startswith("/users") and each == 4)]
    assert found == ids


@pytest.mark.parametrize(("who", "method", "target", "document", "status"), CHANGES, ids=str)
async def test_each_user_changes_their_own(
    people: dict[str, Client], who: str, method: str, target: str, document: Any, status: int
) -> None:
    before = (await people["manager"].get("/tasks")).body
    answer = await people[who].ask(method, target, document)
    assert answer.status == status, answer.body
    assert (await people["manager"].get("/tasks")).body == before


async def test_an_address_is_for_its_owner(people: dict[str, Client]) -> None:
    """Others see that there is somebody, and what they are called."""
    rows = (await people["ann"].get("/users?fields=name,email")).json()
    assert rows[0] == {"name": "ann", "email": "ann@example.org"}
    assert rows[1] == {"name": "ben", "email": None}
    answer = await people["ann"].get("/users?email=ben@example.org")
    assert answer.status == 400 or answer.json() == []
