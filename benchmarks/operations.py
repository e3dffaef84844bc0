"""The six operations, and the numbers that every app is asked for in the same order."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from benchmarks.data import Size

PAGE = 50
DEEPEST_SKIP = 1_000


@dataclass(frozen=True)
class Operation:
    """One thing that every app can do.

    `weight` stretches the timed window: where an answer takes long, a short window would
    hold too few of them.
    """

    name: str
    title: str
    weight: float = 1.0


OPERATIONS = (
    Operation("point", "Point read"),
    Operation("offset", "Filtered list of 50, random offset"),
    Operation("cursor", "Filtered list of 50, by cursor"),
    Operation("detail", "One task with owner, comments and their authors"),
    Operation("page", "20 tasks, each with owner and last 3 comments"),
    Operation("aggregate", "Aggregate over all tasks", weight=2.5),
)


def page_ends(database: Path, pages: int) -> list[int]:
    """Return the task ids after which a page of open tasks begins: 0, then each page's last."""
    connection = apsw.Connection(str(database))
    rows: list[Any] = connection.execute(
        "select id from tasks where completed=0 order by id limit ?", (pages * PAGE,)
    ).fetchall()
    connection.close()
    ends: list[int] = [row[0] for row in rows[PAGE - 1 :: PAGE]]
    return [0, *ends][:pages]


def numbers(operation: str, ends: list[int], size: Size | None = None) -> list[int]:
    """Return what `operation` is asked for: task ids, offsets, or ids to continue after."""
    size = size or Size()
    chance = random.Random(operation)
    if operation in ("point", "detail"):
        return [chance.randint(1, size.tasks) for _ in range(20_000)]
    if operation in ("offset", "page"):
        return [chance.randint(0, DEEPEST_SKIP) for _ in range(5_000)]
    if operation == "cursor":
        return chance.choices(ends, k=5_000)
    return [0]


def samples(operation: str, ends: list[int], count: int) -> list[int]:
    """Return numbers whose answers are compared: the edges, and `count` of those timed."""
    edges = {
        "point": [1, Size().tasks],
        "detail": [1, Size().tasks],
        "offset": [0, DEEPEST_SKIP],
        "page": [0, DEEPEST_SKIP],
        "cursor": [ends[0], ends[-1]],
        "aggregate": [],
    }[operation]
    return edges + numbers(operation, ends)[:count]
