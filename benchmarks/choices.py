"""The measurements behind choices that the code and the documents speak of.

``python -m benchmarks.choices`` prints, for each choice, microseconds a call for what was taken
and for what was not: the best of interleaved rounds, in one process. Take the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import apsw
from xxhash import xxh3_128_hexdigest

from benchmarks.data import seed
from benchmarks.work import database_path
from hekla.store.functions import register_functions

ROUNDS = 7
CALLS = 300

_TASK = (
    "'id', p.id, 'title', p.title, 'description', p.description, 'completed', p.completed,"
    " 'priority', p.priority, 'due_at', p.due_at, 'created_at', p.created_at,"
    " 'owner_id', p.owner_id"
)
_COMMENT = (
    "'id', c.id, 'task_id', c.task_id, 'author_id', c.author_id, 'body', c.body,"
    " 'created_at', c.created_at"
)
_PAGE = "(SELECT * FROM tasks ORDER BY id LIMIT 20 OFFSET ?) p"
_LAST = (
    f"(SELECT json_group_array(json_object({_COMMENT}))"
    " FROM (SELECT * FROM comments c WHERE c.task_id = p.id ORDER BY c.id DESC LIMIT 3) c)"
)
_USER = "json_object('id', u.id, 'name', u.name, 'email', u.email)"

CORRELATED = (
    f"SELECT '[' || group_concat(concat(rtrim(json_object({_TASK}, 'comments', 0), '0}}'),"
    f" {_LAST}, '}}')) || ']' FROM {_PAGE}"
)
WRAPPED = f"SELECT json_group_array(json_object({_TASK}, 'comments', json({_LAST}))) FROM {_PAGE}"
GROUPED = (
    "WITH p AS MATERIALIZED (SELECT * FROM tasks ORDER BY id LIMIT 20 OFFSET ?)"
    f" SELECT json_group_array(json_object({_TASK}, 'comments', json(coalesce(g.j, '[]'))))"
    f" FROM p LEFT JOIN (SELECT task_id, json_group_array(json_object({_COMMENT})) j FROM"
    " (SELECT c.*, row_number() OVER (PARTITION BY c.task_id ORDER BY c.id DESC) n"
    " FROM comments c WHERE c.task_id IN (SELECT id FROM p)) c"
    " WHERE n <= 3 GROUP BY task_id) g ON g.task_id = p.id"
)
JOINED = (
    f"SELECT json_group_array(json_object({_TASK}, 'owner', CASE WHEN u.id IS NOT NULL"
    f" THEN {_USER} END)) FROM {_PAGE} LEFT JOIN users u ON u.id = p.owner_id"
)
SCALAR = (
    f"SELECT json_group_array(json_object({_TASK}, 'owner',"
    f" json((SELECT {_USER} FROM users u WHERE u.id = p.owner_id)))) FROM {_PAGE}"
)


def best(calls: dict[str, Callable[[int], Any]]) -> dict[str, float]:
    """Return microseconds a call, the best of interleaved rounds."""
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            for number in range(CALLS):
                call(number)
            found[name] = min(found[name], (time.perf_counter() - began) / CALLS * 1e6)
    return found


def main() -> None:
    """Measure each choice and print it."""
    seed(database_path())
    connection = apsw.Connection(str(database_path()))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.pragma("mmap_size", 256 << 20)
    register_functions(connection)
    execute = connection.cursor().execute

    def statement(sql: str) -> Callable[[int], Any]:
        return lambda number: execute(sql, (number * 37 % 1000,)).get

    # What is never evaluated still is text that the driver reads to find the statement.
    short = "SELECT title FROM tasks WHERE id = ?"
    padding = f"/*{'.' * 3_000}*/"
    body = b"x" * 16_000
    choices: dict[str, dict[str, Callable[[int], Any]]] = {
        "last 3 comments of 20 tasks": {
            "correlated subquery, its text joined (taken)": statement(CORRELATED),
            "correlated subquery in json()": statement(WRAPPED),
            "grouped join": statement(GROUPED),
        },
        "owner of 20 tasks": {
            "joined to the page (taken)": statement(JOINED),
            "scalar subquery in json()": statement(SCALAR),
        },
        "entity tag of 16 kB": {
            "XXH3, 128 bits (taken)": lambda _: xxh3_128_hexdigest(body),
            "SHA-256": lambda _: sha256(body).hexdigest(),
        },
        "text of a statement": {
            f"{len(short)} characters": statement(short),
            f"{len(short + padding)} characters": statement(f"{short} {padding}"),
        },
    }
    for title, calls in choices.items():
        print(title)
        for name, microseconds in best(calls).items():
            print(f"  {microseconds:9.2f}  {name}")


if __name__ == "__main__":
    main()
