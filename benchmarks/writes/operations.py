"""The four operations, and the requests that every app is sent in the same order."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from benchmarks.data import START, WORDS, YEAR_SECONDS, Size
from benchmarks.operations import Operation

SIZE = Size(tasks=100_000, users=1_000, comments=0)
BULK_ROWS = 10_000
SHARE_OF_CREATES = 0.2

CREATE = Operation("create", "Create one task")
UPDATE = Operation("update", "Update one task: state and priority")
MIXED = Operation("mixed", "80 % point reads, 20 % creates")
BULK = Operation("bulk", "Create 10,000 tasks in one request")
OPERATIONS = (CREATE, UPDATE, MIXED, BULK)

Request = tuple[str, str, Any]
"""Method, path and document."""


def _moment(chance: random.Random) -> str:
    moment = START + timedelta(
        seconds=chance.randrange(YEAR_SECONDS), microseconds=chance.randrange(1, 1_000_000)
    )
    return moment.isoformat(timespec="microseconds") + "Z"


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words)).capitalize()


def document(chance: random.Random) -> dict[str, Any]:
    """A task as a client sends it; the database counts up the id."""
    return {
        "title": _sentence(chance, 4),
        "description": _sentence(chance, 16) + ".",
        "completed": chance.random() < 0.4,
        "priority": chance.randint(1, 5),
        "due_at": None if chance.random() < 0.1 else _moment(chance),
        "created_at": _moment(chance),
        "owner_id": None if chance.random() < 0.02 else chance.randint(1, SIZE.users),
    }


def requests(operation: str, count: int = 20_000) -> Iterator[Request]:
    """What an app is asked: the same for all, in the same order."""
    chance = random.Random(operation)
    for _ in range(count):
        if operation == "create" or (operation == "mixed" and chance.random() < SHARE_OF_CREATES):
            yield "POST", "/tasks", document(chance)
        elif operation == "mixed":
            yield "GET", f"/tasks/{chance.randint(1, SIZE.tasks)}", None
        else:
            change = {"completed": chance.random() < 0.4, "priority": chance.randint(1, 5)}
            yield "PATCH", f"/tasks/{chance.randint(1, SIZE.tasks)}", change


def line(request: Request) -> str:
    """A request as the load's script reads it."""
    method, path, body = request
    return f"{method} {path} {'' if body is None else encode(body).decode()}"


def encode(body: Any) -> bytes:
    """A document as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def bulk(seed: int, rows: int = BULK_ROWS) -> list[dict[str, Any]]:
    """The tasks of one bulk insert."""
    chance = random.Random(seed)
    return [document(chance) for _ in range(rows)]
