"""The example is a working task manager: one life of a task, over real HTTP."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.example import EXAMPLE
from tests.servers import free_port, wait_until_it_listens

Answer = tuple[int, dict[str, str], Any]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where ``hekla serve`` serves the example, with its data in a new file."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "hekla", "serve", str(EXAMPLE), "--port", str(port)],
        cwd=tmp_path_factory.mktemp("tasks"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until_it_listens(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def ask(port: int, method: str, target: str, document: Any = None, **headers: str) -> Answer:
    """Status, headers and the decoded body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None
        if document is not None:
            body = json.dumps(document)
            sent["content-type"] = "application/json"
        connection.request(method, target, body, sent)
        response = connection.getresponse()
        text = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        return response.status, found, json.loads(text) if text else None
    finally:
        connection.close()


def test_the_life_of_a_task(port: int) -> None:
    """Created, listed, read, updated, completed and deleted; then it is not found."""
    status, headers, task = ask(port, "POST", "/tasks", {"title": "Write a letter"})
    assert status == 201
    address = f"/tasks/{task['id']}"
    assert headers["location"] == address
    assert (task["title"], task["completed"], task["priority"]) == ("Write a letter", False, 0)
    assert task["created_at"] is not None

    status, _, tasks = ask(port, "GET", "/tasks/?skip=0&limit=10&order_by=-id")
    assert (status, tasks[0]) == (200, task)

    status, headers, again = ask(port, "GET", address)
    assert (status, again) == (200, task)

    status, _, changed = ask(port, "PATCH", address, {"priority": 4, "due_date": "2026-12-24"})
    assert status == 200
    assert changed == {**task, "priority": 4, "due_date": "2026-12-24"}

    # Whoever has read the task before that would undo it.
    status, _, problem = ask(port, "PATCH", address, {"priority": 1}, if_match=headers["etag"])
    assert (status, problem["code"]) == (412, "precondition_failed")

    status, _, done = ask(port, "PATCH", address, {"completed": True})
    assert (status, done) == (200, {**changed, "completed": True})
    open_tasks = ask(port, "GET", "/tasks?completed=false&limit=1000")[2]
    assert task["id"] not in [each["id"] for each in open_tasks]

    assert ask(port, "DELETE", address)[::2] == (204, None)
    for method in ("GET", "DELETE"):
        status, _, problem = ask(port, method, address)
        assert (status, problem["detail"]) == (404, "Task not found")


def test_a_task_that_is_not_there(port: int) -> None:
    """It is 404 with the classic words."""
    status, _, problem = ask(port, "GET", "/tasks/999999")
    assert (status, problem["code"], problem["detail"]) == (404, "not_found", "Task not found")


def test_what_is_no_task(port: int) -> None:
    """Every fault of a document is told at once, each at its place, and nothing is written."""
    document = {"title": None, "completed": "maybe", "due_date": "tomorrow", "prioritty": 1}
    before = ask(port, "GET", "/tasks/aggregate?count=")[2]
    status, _, problem = ask(port, "POST", "/tasks", document)
    assert (status, problem["code"]) == (422, "validation_failed")
    places = {fault["location"] for fault in problem["errors"]}
    assert places == {"/title", "/completed", "/due_date", "/prioritty"}
    assert ask(port, "GET", "/tasks/aggregate?count=")[2] == before


def test_labels_and_comments(port: int) -> None:
    """A task comes with labels and comments, new ones and ones that are there."""
    document = {
        "title": "Paint the fence",
        "owner": 2,
        "labels": [{"name": "garden"}, 1],
        "comments": [{"body": "Green?", "author_id": 3}],
    }
    target = "/tasks?fields=title,owner_id&include=labels(order_by:name),comments(fields:body)"
    status, _, task = ask(port, "POST", target, document)
    assert status == 201
    assert [label["name"] for label in task.pop("labels")] == ["bug", "garden"]
    assert task == {
        "title": "Paint the fence",
        "owner_id": 2,
        "comments": [{"body": "Green?"}],
    }


def test_a_name_that_is_taken(port: int) -> None:
    """A second label of the same name is a conflict; by PUT it is the same label."""
    status, _, problem = ask(port, "POST", "/labels", {"name": "bug"})
    assert (status, problem["code"]) == (409, "already_exists")
    assert ask(port, "PUT", "/labels?name=bug", {})[::2] == (200, {"id": 1, "name": "bug"})
