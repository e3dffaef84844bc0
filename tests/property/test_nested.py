"""Random nested documents do to the tables what they do to a plain model of them.

Every row has a name of its own, by which the model knows it; the documents name rows by key.
One that fails anywhere changes nothing.
"""

from __future__ import annotations

import asyncio
import copy
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from tests.faces.rest.workshop import Send, sender, workshop
from tests.property.harness import FOLDER, examples

Draw = Callable[[Any], Any]

DEEPEST = 3
STEPS = 5
TASKS = (
    "/tasks?fields=id,title&limit=1000&include=owner(fields:name),parent(fields:title),"
    "comments(fields:body),labels(fields:name)"
)


@dataclass
class Task:
    owner: str | None = None
    parent: str | None = None
    labels: set[str] = field(default_factory=set)


@dataclass
class Model:
    """What is in the tables; rows are told apart by their names, also after a change of name."""

    users: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    names: int = 0

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def told(self) -> dict[str, Any]:
        return {
            "users": sorted(self.users.values()),
            "labels": sorted(self.labels.values()),
            "comments": sorted(self.comments),
            "tasks": {
                self.titles[mark]: {
                    "owner": None if task.owner is None else self.users[task.owner],
                    "parent": None if task.parent is None else self.titles[task.parent],
                    "labels": sorted(self.labels[label] for label in task.labels),
                    "comments": sorted(b for b, of in self.comments.items() if of == mark),
                }
                for mark, task in self.tasks.items()
            },
        }


class Author:
    """Writes one document, and does to the model what it says.

    Nothing is changed twice in a document, so that the order of its parts does not matter.
    """

    def __init__(self, draw: Draw, model: Model, keys: dict[str, dict[str, int]]) -> None:
        self.draw = draw
        self.model = model
        self.keys = keys
        self.used: set[str] = set()
        # Tasks whose parent the document names: no array lets go of these.
        self.placed: set[str] = set()
        self.tasks: list[dict[str, Any]] = []
        # What was there before: rows of this very document have no key yet.
        self.before = copy.deepcopy(model)

    def maybe(self) -> bool:
        return bool(self.draw(st.booleans()))

    def pick(self, marks: Any) -> str | None:
        """A row that was there before and is not spoken of yet."""
        free = sorted(set(marks) - self.used)
        if not free:
            return None
        mark: str = self.draw(st.sampled_from(free))
        self.used.add(mark)
        return mark

    def new_task(self, depth: int, parent: str | None = None, *, is_child: bool = False) -> Any:
        mark = self.model.name()
        self.model.tasks[mark] = Task(parent=parent)
        self.model.titles[mark] = mark
        document: dict[str, Any] = {"title": mark}
        self.fill(document, mark, depth, new=True, is_child=is_child)
        return document

    def change(self, mark: str, depth: int, *, is_child: bool, named: bool) -> dict[str, Any]:
        """What may be said of a task that is there, beside its key if it is ``named``."""
        document: dict[str, Any] = {"id": self.keys["tasks"][mark]} if named else {}
        if self.maybe():
            document["title"] = self.model.titles[mark] = self.model.name()
        self.fill(document, mark, depth, new=False, is_child=is_child)
        return document

    def fill(
        self, document: dict[str, Any], mark: str, depth: int, *, new: bool, is_child: bool
    ) -> None:
        self.tasks.append(document)
        task = self.model.tasks[mark]
        parts: list[Callable[[], None]] = []
        if self.maybe():
            parts.append(lambda: self.owner(document, task))
        if self.maybe():
            parts.append(lambda: self.comments(document, mark, new=new))
        if self.maybe():
            parts.append(lambda: self.labels(document, task, new=new))
        if depth < DEEPEST:
            if self.maybe():
                parts.append(lambda: self.children(document, mark, depth, new=new))
            if not is_child and self.maybe():
                parts.append(lambda: self.parent(document, mark, depth))
        for part in self.draw(st.permutations(parts)):
            part()

    def owner(self, document: dict[str, Any], task: Task) -> None:
        model = self.model
        form = self.draw(st.sampled_from(("new", "key", "rename", "none", "update")))
        if form == "none":
            document["owner"] = task.owner = None
            return
        if form == "update":
            if task.owner in self.before.users and task.owner not in self.used:
                self.used.add(task.owner)
                model.users[task.owner] = name = model.name()
                document["owner"] = {"update": {"name": name}}
            return
        mark = None if form == "new" else self.pick(self.before.users)
        if mark is None:
            mark = model.name()
            model.users[mark] = mark
            document["owner"] = {"name": mark}
        elif form == "rename":
            model.users[mark] = name = model.name()
            document["owner"] = {"id": self.keys["users"][mark], "name": name}
        else:
            key = self.keys["users"][mark]
            document["owner"] = key if self.maybe() else {"id": key}
        task.owner = mark

    def parent(self, document: dict[str, Any], child: str, depth: int) -> None:
        task = self.model.tasks[child]
        self.placed.add(child)
        form = self.draw(st.sampled_from(("new", "old", "none")))
        if form == "none":
            document["parent"] = task.parent = None
            return
        mark = None if form == "new" else self.pick(self.before.tasks)
        if mark is None:
            new = self.new_task(depth + 1)
            document["parent"] = new
            task.parent = next(m for m, t in self.model.titles.items() if t == new["title"])
            return
        task.parent = mark
        document["parent"] = self.keys["tasks"][mark]
        if self.maybe():
            document["parent"] = self.change(mark, depth + 1, is_child=False, named=True)

    def comments(self, document: dict[str, Any], mark: str, *, new: bool) -> None:
        rows: list[Any] = []
        for _ in range(self.draw(st.integers(0, 2))):
            body = self.model.name()
            self.model.comments[body] = mark
            rows.append({"body": body})
        links = []
        if self.maybe() and (moved := self.pick(self.before.comments)) is not None:
            self.model.comments[moved] = mark
            links.append(self.keys["comments"][moved])
        if new and self.maybe():
            document["comments"] = [*rows, *links]
            return
        wish: dict[str, Any] = {"create": rows, "link": links}
        own = [body for body, of in self.before.comments.items() if of == mark]
        if not new and self.maybe() and (gone := self.pick(own)) is not None:
            del self.model.comments[gone]
            wish["delete"] = [self.keys["comments"][gone]]
        document["comments"] = wish

    def labels(self, document: dict[str, Any], task: Task, *, new: bool) -> None:
        model, keys = self.model, self.keys["labels"]
        create, links, unlink = [], [], []
        named = set()
        for _ in range(self.draw(st.integers(0, 1))):
            mark = model.name()
            model.labels[mark] = mark
            create.append({"name": mark})
            named.add(mark)
        for mark in (
            self.draw(st.sets(st.sampled_from(sorted(self.before.labels)), max_size=2))
            if (self.before.labels)
            else ()
        ):
            rename = mark not in self.used and self.maybe()
            element: Any = keys[mark]
            if rename:
                self.used.add(mark)
                model.labels[mark] = name = model.name()
                element = {"id": keys[mark], "name": name}
            links.append(element)
            named.add(mark)
        if self.maybe():
            document["labels"] = [*create, *links] if self.maybe() else {"set": [*create, *links]}
            task.labels = named
            return
        if not new:
            others = sorted((task.labels & self.before.labels.keys()) - named)
            if others and self.maybe():
                gone = self.draw(st.sampled_from(others))
                task.labels.discard(gone)
                unlink.append(keys[gone])
        document["labels"] = {"create": create, "link": links, "unlink": unlink}
        task.labels |= named

    def children(self, document: dict[str, Any], mark: str, depth: int, *, new: bool) -> None:
        model, keys = self.model, self.keys["tasks"]
        own = {m for m, task in self.before.tasks.items() if task.parent == mark}
        create = [
            self.new_task(depth + 1, mark, is_child=True)
            for _ in range(self.draw(st.integers(0, 2)))
        ]
        links: list[Any] = []
        linked = set()
        if self.maybe() and (old := self.pick(self.before.tasks)) is not None:
            model.tasks[old].parent = mark
            linked.add(old)
            changed = self.maybe()
            links.append(
                self.change(old, depth + 1, is_child=True, named=True) if changed else keys[old]
            )
        if self.maybe():
            document["children"] = [*create, *links]
            for other in own - linked:
                if model.tasks[other].parent == mark and other not in self.placed:
                    model.tasks[other].parent = None
            return
        wish: dict[str, Any] = {"create": create, "link": links}
        if self.maybe() and (let_go := self.pick(own)) is not None:
            model.tasks[let_go].parent = None
            wish["unlink"] = [keys[let_go]]
        if self.maybe() and (kept := self.pick(own)) is not None:
            wish["update"] = [self.change(kept, depth + 1, is_child=True, named=True)]
        document["children"] = wish


async def look(send: Send) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """What is in the tables as the model tells it, and the key of each row by its name."""
    tasks = (await send("GET", TASKS)).json()
    users = (await send("GET", "/users?limit=1000")).json()
    labels = (await send("GET", "/labels?limit=1000")).json()
    comments = (await send("GET", "/comments?limit=1000")).json()
    told = {
        "users": sorted(row["name"] for row in users),
        "labels": sorted(row["name"] for row in labels),
        "comments": sorted(row["body"] for row in comments),
        "tasks": {
            row["title"]: {
                "owner": row["owner"] and row["owner"]["name"],
                "parent": row["parent"] and row["parent"]["title"],
                "labels": sorted(label["name"] for label in row["labels"]),
                "comments": sorted(comment["body"] for comment in row["comments"]),
            }
            for row in tasks
        },
    }
    keys = {
        "users": {row["name"]: row["id"] for row in users},
        "labels": {row["name"]: row["id"] for row in labels},
        "comments": {row["body"]: row["id"] for row in comments},
        "tasks": {row["title"]: row["id"] for row in tasks},
    }
    return told, keys


def by_mark(model: Model, keys: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The keys by what the model calls the rows."""
    return {
        "users": {mark: keys["users"][name] for mark, name in model.users.items()},
        "labels": {mark: keys["labels"][name] for mark, name in model.labels.items()},
        "tasks": {mark: keys["tasks"][title] for mark, title in model.titles.items()},
        "comments": keys["comments"],
    }


async def follow(draw: Draw, send: Send) -> None:
    model = Model()
    keys = by_mark(model, (await look(send))[1])
    for _ in range(draw(st.integers(1, STEPS))):
        wanted = copy.deepcopy(model)
        author = Author(draw, wanted, keys)
        root = author.pick(model.tasks) if author.maybe() else None
        if root is None:
            method, target, document = "POST", "/tasks", author.new_task(1)
        else:
            method, target = "PATCH", f"/tasks/{keys['tasks'][root]}"
            document = author.change(root, 1, is_child=False, named=False)
        poison = [task for task in author.tasks if "comments" not in task]
        spoiled = bool(poison) and draw(st.integers(0, 4)) == 0
        if spoiled:
            draw(st.sampled_from(poison))["comments"] = {"link": [987654]}
        note(f"{method} {target} {json.dumps(document)}")
        answer = await send(method, target, document)
        event("spoiled" if spoiled else method)
        if spoiled:
            assert (answer.status, answer.json()["code"]) == (409, "missing_reference")
        else:
            assert answer.status in (200, 201), answer.body
            model = wanted
        told, found = await look(send)
        assert told == model.told()
        keys = by_mark(model, found)


@pytest.mark.slow
@examples(30)
@given(st.data())
def test_nested_documents_do_what_they_say(data: st.DataObject) -> None:
    """After each document the tables hold what the model holds, read back through include."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            app = workshop(f"sqlite:///{Path(folder) / 'data.db'}", max_embedded_rows=1000)
            await app.startup()
            try:
                await follow(data.draw, sender(app))
            finally:
                await app.shutdown()

    asyncio.run(run())
