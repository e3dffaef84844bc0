"""Two databases that differ only in what user 1 may not see answer every request alike.

What the database itself guarantees for hidden rows too (keys and unique values that are taken,
rows that are referred to) would tell them apart: no request here comes to that.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry, relationship

from hekla import Actor, Hekla, me, signed_in
from hekla.web.request import Request
from tests.property.harness import SOAK

ROUNDS = 5 * int(os.environ.get("HEKLA_SOAK_FACTOR", "20")) if SOAK else 5
REQUESTS = 40

metadata = sa.MetaData()


def _key(name: str, target: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.ForeignKey(target), **options)


projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("boss", sa.Integer),
    sa.Column("secret", sa.Text),
)
members = sa.Table(
    "members",
    metadata,
    _key("project_id", "projects.id", primary_key=True),
    sa.Column("user_id", sa.Integer, primary_key=True),
    sa.Column("role", sa.Text, server_default="x"),
)
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("owner", sa.Integer),
    sa.Column("shared", sa.Boolean, nullable=False, default=False),
    sa.Column("note", sa.Text),
    sa.Column("closed", sa.Text),
    _key("project_id", "projects.id"),
    _key("parent_id", "tasks.id"),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("gone", sa.Boolean, nullable=False, default=False),
)
comments = sa.Table(
    "comments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _key("task_id", "tasks.id"),
    sa.Column("body", sa.Text),
    sa.Column("by", sa.Integer),
)
labels = sa.Table(
    "labels",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("owner", sa.Integer),
)
task_labels = sa.Table(
    "task_labels",
    metadata,
    _key("task_id", "tasks.id", primary_key=True),
    _key("label_id", "labels.id", primary_key=True),
)


class Task:
    pass


class Label:
    pass


_mapped = registry(metadata=metadata)
_mapped.map_imperatively(Label, labels)
_labels = relationship(Label, secondary=task_labels, backref="tasks")
_mapped.map_imperatively(Task, tasks, properties={"labels": _labels})

COLUMNS = {
    "tasks": ("title", "owner", "shared", "note", "closed", "project_id", "parent_id", "version"),
    "comments": ("task_id", "body", "by"),
    "labels": ("name", "owner"),
    "projects": ("name", "boss", "secret"),
    "members": ("role",),
}
RELATIONS: dict[str, dict[str, tuple[str, bool]]] = {
    "tasks": {
        "project": ("projects", False),
        "parent": ("tasks", False),
        "children": ("tasks", True),
        "comments": ("comments", True),
        "labels": ("labels", True),
    },
    "comments": {"task": ("tasks", False)},
    "labels": {"tasks": ("tasks", True)},
    "projects": {"tasks": ("tasks", True), "members": ("members", True)},
    "members": {"project": ("projects", False)},
}
VALUES: dict[str, tuple[Any, ...]] = {
    "title": ("t1", "x", None),
    "owner": (1, 1, 1, 2, None),
    "shared": (True, False),
    "project_id": (1, 2, 3, 4, 9, None),
    "parent_id": (1, 2, 3, 4, 5, 6, 99, None),
    "version": (1, 2),
    "task_id": (1, 2, 3, 4, 6, 99),
    "by": (1, 1, 2),
    "boss": (1, 1, 2),
}
FILTERS = (
    "all=true",
    "tasks.title=t1",
    "project.name=hidden",
    "project.secret__isnull=false",
    "comments.body=hidden",
    "labels.name=hidden",
    "parent.note=hidden",
    "not.id=3",
    "id__gt=2",
    "tasks.note=hidden",
    "parent.closed=hidden",
)
# What user 1 owns has an odd number.
MINE = (1, 3, 5, 7)
USER = Actor(1)

Asked = tuple[str, str, Any, dict[str, str]]


def _app(file: Path) -> Hekla:
    app = Hekla(f"sqlite:///{file}")
    member = (
        sa.exists()
        .where(members.c.project_id == projects.c.id, members.c.user_id == me.id)
        .correlate(projects)
    )
    boss = projects.c.boss == me.id
    app.resource(projects, read=member | boss, write=boss, columns={"secret": boss})
    own = members.c.user_id == me.id
    app.resource(members, read=own, write=own)
    app.resource(
        Task,
        read=(tasks.c.owner == me.id) | tasks.c.shared,
        write=tasks.c.owner == me.id,
        columns={"note": tasks.c.owner == me.id, "closed": me.has_role("auditor")},
        version="version",
        soft_delete="gone",
        hidden=["gone"],
    )
    by = comments.c.by == me.id
    app.resource(comments, read=by, create=signed_in, update=by, delete=by)
    app.resource(Label, read=labels.c.owner == me.id, write=labels.c.owner == me.id)
    return app


def _fill(app: Hekla, text: str, other: int, *, hidden: bool) -> None:
    """Rows of user 1, and rows that this user does not see, which hold ``text`` and ``other``.

    Without ``hidden`` few of these are there, but for those with the greatest keys.
    """
    metadata.create_all(app.sessions)
    # Whether what is not seen is recorded is not the question here.
    app.prepare()
    with app.sessions.begin() as connection:
        put = connection.execute
        put(projects.insert(), {"id": 1, "name": "mine", "boss": 1, "secret": "s"})
        put(projects.insert(), {"id": 2, "name": "member", "boss": 2, "secret": text})
        for number in (3, 4, 50):
            put(projects.insert(), {"id": number, "name": text, "boss": other, "secret": text})
        put(members.insert(), {"project_id": 2, "user_id": 1})
        for number in range(1, 9):
            mine = number in MINE
            if not mine and number != 4 and not hidden:
                continue
            row = {"id": number, "title": text, "owner": other, "note": text, "closed": text}
            row |= {"project_id": 3, "parent_id": 1 if other == 2 else None, "shared": False}
            if mine:
                row |= {"title": f"t{number}", "owner": 1, "note": "n", "project_id": number % 4}
                row |= {"project_id": row["project_id"] or None, "parent_id": 1}
            elif number == 4:
                row |= {"title": "t4", "owner": 2, "shared": True, "parent_id": None}
            put(tasks.insert(), row)
            label = {"id": number, "name": f"l{number}" if mine else text}
            put(labels.insert(), label | {"owner": 1 if mine else other})
        for number in range(1, 9):
            if number % 2:
                row = {"id": number, "task_id": MINE[number % 4], "body": "c", "by": 1}
                put(comments.insert(), row)
            elif hidden:
                row = {"id": number, "task_id": 1, "body": text, "by": other}
                put(comments.insert(), row)
        put(tasks.insert(), {"id": 50, "title": text, "owner": 2, "shared": False})
        put(labels.insert(), {"id": 50, "name": text, "owner": 2})
        put(comments.insert(), {"id": 50, "task_id": 50, "body": text, "by": 2})
        put(task_labels.insert(), [{"task_id": n, "label_id": n} for n in MINE[:2]])
        if hidden:
            put(members.insert(), {"project_id": 3, "user_id": other, "role": text})


class Draw:
    """Requests of user 1, about rows that are seen and rows that are not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, name: str) -> Any:
        return self.random.choice(VALUES.get(name, ("x", "hidden", None)))

    def key(self, resource: str) -> Any:
        if resource == "members":
            return {"project_id": self.random.choice((1, 2, 3, 4)), "user_id": 1}
        return self.random.randrange(1, 10)

    def document(self, resource: str, depth: int = 0, *, new: bool = True) -> dict[str, Any]:
        choice, chance = self.random.choice, self.random.random
        columns = COLUMNS[resource]
        chosen = self.random.sample(columns, self.random.randint(0, min(3, len(columns))))
        document = {name: self.value(name) for name in chosen}
        if new:
            if resource == "tasks":
                document.setdefault("title", "t")
            if resource == "members":
                document |= self.key("members")
            if chance() < 0.8:
                document |= dict.fromkeys({"owner", "by", "boss"} & {*columns}, 1)
        if depth > 1 or chance() > (0.45, 0.25)[depth]:
            return document
        name, (target, many) = choice(list(RELATIONS[resource].items()))

        def keys() -> list[Any]:
            return [self.key(target) for _ in range(self.random.randrange(3))]

        def row(new: bool = True) -> dict[str, Any]:
            return self.document(target, depth + 1, new=new)

        if many:
            member = choice(("", "link", "unlink", "delete", "set", "create", "update"))
            items: list[Any] = [row()] if member == "create" else keys()
            if member == "update" and target != "members":
                items = [{"id": self.key(target), **row(new=False)}]
            document[name] = {member: items} if member else items
        else:
            forms = (self.key(target), row(), None, {"update": row(new=False)})
            document[name] = choice((*forms, {"link": self.key(target)}))
        return document

    def filter(self, resource: str) -> str:
        name = self.random.choice((*COLUMNS[resource], "id"))
        return self.random.choice((f"{name}={self.value(name)}", f"{name}__isnull=true", *FILTERS))

    def request(self, *, alone: bool = True) -> Asked:
        choice, chance = self.random.choice, self.random.random
        resource = choice(("tasks", "tasks", *COLUMNS))
        key = self.key(resource)
        row = f"/{resource}/{key['project_id']},1" if resource == "members" else None
        row = row or f"/{resource}/{key}"
        shape = choice(("", "", "?fields=id", f"?include={choice([*RELATIONS[resource]])}"))
        shape = "" if resource == "members" and "fields" in shape else shape
        headers = {"if-match": choice(("*", '"x"'))} if alone and chance() < 0.1 else {}
        kinds = ("create", "create", "update", "update", "replace", "delete", "many", "read")
        kind = choice((*kinds, "batch", "import", "changes") if alone else kinds)
        if kind == "create":
            document: Any = self.document(resource)
            if chance() < 0.2:
                document = [document, self.document(resource)]
            return "POST", f"/{resource}{shape}", document, {}
        if kind == "update":
            return "PATCH", row + shape, self.document(resource, new=False), headers
        if kind == "replace":
            # A key that is taken by a hidden row is told from one that is free.
            if resource != "members":
                row = f"/{resource}/{choice(MINE)}"
            document = self.document(resource)
            if resource == "members":
                document.pop("project_id"), document.pop("user_id")
            return "PUT", row + shape, document, headers
        if kind == "delete":
            return "DELETE", row, None, headers
        if kind == "many":
            target = f"/{resource}?{self.filter(resource)}"
            if chance() < 0.3:
                return "DELETE", target, None, {}
            return "PATCH", target, self.document(resource, 2, new=False), {}
        if kind == "read":
            targets = (row, f"/{resource}?{self.filter(resource)}".replace("all=true", ""))
            figure = f"/{resource}/aggregate?count&group_by={choice(COLUMNS[resource])}"
            return "GET", choice((*targets, figure)), None, {}
        if kind == "batch":
            asked = [self.request(alone=False) for _ in range(self.random.randint(1, 3))]
            operations = [
                {"method": method, "path": path} | ({} if document is None else {"body": document})
                for method, path, document, _ in asked
            ]
            return "POST", "/batch", operations, {}
        if kind == "import":
            query = choice(("", "on_error=skip", "dry_run=true"))
            documents = [self.document(resource, 2) for _ in range(3)]
            return "POST", f"/{resource}/import?{query}", documents, {}
        return "GET", choice((f"/{resource}/changes", f"{row}/history")), None, {}


# What says nothing of rows: ids of requests, moments, and numbers of changes, which have gaps.
_NOTHING = re.compile(rb'"(request_id|at)":"[^"]*"|"seq":\d+|[0-9-]{10}T[0-9:.]*Z')
_TELLING = ("location", "x-total-count", "etag", "content-type", "allow")


async def _ask(app: Hekla, asked: Asked) -> tuple[int, bytes, Mapping[str, str]]:
    method, target, document, headers = asked
    path, _, query = target.partition("?")
    pairs = list(headers.items())
    body = b""
    if document is not None:
        body = json.dumps(document).encode()
        pairs.append(("content-type", "application/json"))
    response = await app.handle(Request(method, path, query, pairs, actor=USER, body=body))
    text = response.body
    assert isinstance(text, bytes)
    told = {name: value for name, value in response.headers if name in _TELLING}
    if path.endswith(("/changes", "/history")):
        told.pop("etag", None)
    return response.status, _NOTHING.sub(b"", text), told


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("hidden", [True, False], ids=["otherwise", "absent"])
async def test_no_answer_tells_of_hidden_rows(folder: Path, hidden: bool) -> None:
    """Be they there with other values, or not at all: status, headers and bodies are the same."""
    statuses: Counter[int] = Counter()
    for number in range(ROUNDS):
        seed = random.SystemRandom().randrange(1 << 32) if SOAK else number
        draw = Draw(seed)
        one, two = (_app(folder / f"{number}-{name}.db") for name in ("one", "two"))
        _fill(one, "hidden", 2, hidden=True)
        _fill(two, "other", 3, hidden=hidden)
        await asyncio.gather(one.startup(), two.startup())
        try:
            for _ in range(REQUESTS):
                asked = draw.request()
                answers = [await _ask(app, asked) for app in (one, two)]
                assert answers[0] == answers[1], (seed, asked)
                assert answers[0][0] < 500, (seed, asked)
                statuses[answers[0][0]] += 1
        finally:
            await asyncio.gather(one.shutdown(), two.shutdown())
    # It is about requests that do something, and about such that are refused.
    assert {200, 201, 204, 403, 404, 409, 422} <= statuses.keys()
