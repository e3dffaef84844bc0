"""The sixteen checks of the Todo-Backend specification (todobackend.com), over real HTTP.

Like the page that runs them there, every request comes from another origin: what a browser
would ask first is asked first, and an answer that it would keep from the page is a failure.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.servers import ROOT, free_port, wait_until_it_listens

EXAMPLE = ROOT / "examples" / "todo_backend" / "app.py"
ORIGIN = "https://www.todobackend.com"


@dataclass(frozen=True)
class Page:
    """A page of another origin, and the address of the API that it was given."""

    root: str

    def ask(self, method: str, url: str, document: Any = None) -> Any:
        """What the page's script gets: the decoded body, or None where it is empty."""
        if method != "GET":
            self._preflight(method, url)
        headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document)
        status, found, text = _request(method, url, headers, body)
        assert 200 <= status < 300, text
        assert found["access-control-allow-origin"] in ("*", ORIGIN)
        return json.loads(text) if text else None

    def _preflight(self, method: str, url: str) -> None:
        """What a browser asks before such a request (the Fetch standard, CORS-preflight)."""
        headers = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type",
        }
        status, found, _ = _request("OPTIONS", url, headers, None)
        assert 200 <= status < 300
        assert found["access-control-allow-origin"] in ("*", ORIGIN)
        assert method in found["access-control-allow-methods"].split(", ")
        assert "content-type" in found["access-control-allow-headers"].lower()

    def get(self, url: str = "") -> Any:
        return self.ask("GET", url or self.root)

    def post(self, **todo: Any) -> Any:
        return self.ask("POST", self.root, {"title": "blah", **todo})

    def patch(self, url: str, **changes: Any) -> Any:
        return self.ask("PATCH", url, changes)

    def delete(self, url: str = "") -> Any:
        return self.ask("DELETE", url or self.root)


def _request(
    method: str, url: str, headers: dict[str, str], body: str | None
) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, parts.path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, text
    finally:
        connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    port = free_port()
    root = f"http://127.0.0.1:{port}/todos"
    process = subprocess.Popen(
        [sys.executable, "-m", "hekla", "serve", str(EXAMPLE), "--port", str(port)],
        cwd=tmp_path_factory.mktemp("todos"),
        env={**os.environ, "TODO_ROOT": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until_it_listens(port, process)
        yield Page(root)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def page(served: Page) -> Page:
    """The page, and no todo there."""
    served.delete()
    return served


def test_the_example_is_small() -> None:
    """It takes no more than a screen."""
    assert len(Path(EXAMPLE).read_text().splitlines()) <= 40


# What has to be there


def test_the_root_answers_get(served: Page) -> None:
    """GET of the root is answered, and the page may read it."""
    assert isinstance(served.get(), list)


def test_the_root_answers_post_with_the_todo(served: Page) -> None:
    """POST to the root answers the todo that was sent."""
    assert served.post(title="a todo")["title"] == "a todo"


def test_the_root_answers_delete(served: Page) -> None:
    """DELETE of the root succeeds."""
    assert served.delete() is None


def test_after_delete_the_root_is_an_empty_array(served: Page) -> None:
    """After it, nothing is left."""
    served.post()
    served.delete()
    assert served.get() == []


# New todos


def test_a_new_todo_is_in_the_list(page: Page) -> None:
    """What is posted to the root is in the list there."""
    page.post(title="walk the dog")
    assert [todo["title"] for todo in page.get()] == ["walk the dog"]


def test_a_new_todo_is_not_completed(page: Page) -> None:
    """It begins as not completed, in the answer and in the list."""
    assert page.post()["completed"] is False
    assert page.get()[0]["completed"] is False


def test_a_new_todo_has_a_url(page: Page) -> None:
    """It has a url, in the answer and in the list."""
    assert page.post()["url"].startswith("http")
    assert page.get()[0]["url"].startswith("http")


def test_the_url_of_a_new_todo_leads_to_it(page: Page) -> None:
    """At that url it is."""
    assert page.get(page.post(title="my todo")["url"])["title"] == "my todo"


# A todo that is there


def test_from_the_list_to_a_todo(page: Page) -> None:
    """The list leads to each todo by its url."""
    page.post(title="todo the first")
    page.post(title="todo the second")
    titles = {page.get(todo["url"])["title"] for todo in page.get()}
    assert titles == {"todo the first", "todo the second"}


def test_patch_changes_the_title(page: Page) -> None:
    """PATCH of the url changes the title."""
    url = page.post(title="initial title")["url"]
    assert page.patch(url, title="bathe the cat")["title"] == "bathe the cat"


def test_patch_changes_whether_it_is_completed(page: Page) -> None:
    """PATCH of the url completes the todo."""
    assert page.patch(page.post()["url"], completed=True)["completed"] is True


def test_changes_persist(page: Page) -> None:
    """What was changed is so when it is read again, by itself and in the list."""
    url = page.patch(page.post()["url"], title="changed title", completed=True)["url"]
    (listed,) = page.get()
    assert {(todo["title"], todo["completed"]) for todo in (page.get(url), listed)} == {
        ("changed title", True)
    }


def test_delete_of_a_todo(page: Page) -> None:
    """DELETE of the url takes the todo from the list."""
    page.delete(page.post()["url"])
    assert page.get() == []


# Their order


def test_a_todo_may_have_an_order(page: Page) -> None:
    """A todo is created with an order."""
    assert page.post(order=523)["order"] == 523


def test_patch_changes_the_order(page: Page) -> None:
    """PATCH of the url changes the order."""
    assert page.patch(page.post(order=10)["url"], order=95)["order"] == 95


def test_the_order_persists(page: Page) -> None:
    """The order is what it was changed to when the todo is read again."""
    changed = page.patch(page.post(order=10)["url"], order=95)
    assert page.get(changed["url"])["order"] == 95
