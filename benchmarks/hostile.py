"""Hostile queries, ever new: odd combinations of all that may be asked, some of them nonsense."""

import random
from collections.abc import Iterator
from urllib.parse import quote

COLUMNS = {
    "id": "number",
    "title": "text",
    "description": "text",
    "completed": "boolean",
    "priority": "number",
    "due_at": "moment",
    "created_at": "moment",
    "owner_id": "number",
    "owner.name": "text",
    "owner.email": "text",
}
OPERATORS = {
    "number": ["", "__ne", "__gt", "__gte", "__lt", "__lte", "__in", "__range", "__isnull"],
    "text": ["", "__ne", "__contains", "__icontains", "__startswith", "__iendswith", "__in"],
    "boolean": ["", "__ne", "__isnull"],
    "moment": ["", "__gt", "__gte", "__lt", "__lte", "__range", "__isnull"],
}
RESOURCES = ("tasks", "users", "comments")


def hostile_paths(seed: int) -> Iterator[str]:
    """Yield paths without end; the same seed yields the same ones."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        yield _path(chance, number)


def _path(chance: random.Random, number: int) -> str:
    kind = chance.random()
    if kind < 0.05:
        return f"/nothing{number}/{_word(chance)}"
    if kind < 0.10:
        return f"/tasks?{_word(chance)}{number}={number}"
    if kind < 0.15:
        return f"/tasks/{chance.choice(['x', '-', '9' * 30, '%00', '1.5'])}{number}"
    if kind < 0.20:
        groups = ",".join(chance.sample(list(COLUMNS), chance.randint(1, 4)))
        return f"/tasks/aggregate?group_by={groups}&count&{_filter(chance, number)}"
    resource = "tasks" if kind < 0.9 else chance.choice(RESOURCES)
    parts = [_filter(chance, number) for _ in range(chance.randint(1, 6))]
    if chance.random() < 0.3:
        either = ",".join(_filter(chance, number) for _ in range(chance.randint(2, 4)))
        parts.append(f"or=({either})")
    if chance.random() < 0.5:
        plain = [name for name in COLUMNS if "." not in name]
        parts.append("fields=" + ",".join(chance.sample(plain, chance.randint(1, 8))))
    if chance.random() < 0.5:
        parts.append("include=" + _include(chance))
    order = chance.sample(list(COLUMNS), chance.randint(0, 3))
    if order:
        parts.append("order_by=" + ",".join(chance.choice(["", "-"]) + name for name in order))
    if chance.random() < 0.1:
        parts.append("search=" + _word(chance))
    parts.append(f"limit={chance.randint(0, 60)}")
    chance.shuffle(parts)
    return f"/{resource}?" + "&".join(parts)


def _filter(chance: random.Random, number: int) -> str:
    column = chance.choice(list(COLUMNS))
    kind = COLUMNS[column]
    operator = chance.choice(OPERATORS[kind])
    if operator == "__isnull":
        value = chance.choice(["true", "false"])
    elif operator == "__in":
        values = [_value(chance, kind, number) for _ in range(chance.randint(1, 12))]
        value = ",".join(values)
    elif operator == "__range":
        value = ",".join(_value(chance, kind, number) for _ in range(2))
    else:
        value = _value(chance, kind, number)
    return f"{column}{operator}={value}"


def _value(chance: random.Random, kind: str, number: int) -> str:
    if kind == "number":
        return str(chance.randint(-1, 200_000))
    if kind == "boolean":
        return chance.choice(["true", "false"])
    if kind == "moment":
        return f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    return f"{_word(chance)}{number}"


def _include(chance: random.Random) -> str:
    limit = chance.randint(1, 9)
    order = chance.choice(["id", "-id", "created_at", "-author_id"])
    comments = f"comments(limit:{limit},order_by:{order})"
    if chance.random() < 0.5:
        comments += ".author"
    if chance.random() < 0.1:
        comments += ".tasks(limit:2).comments(limit:1)"
    return ",".join(chance.sample(["owner", comments], chance.randint(1, 2)))


def _word(chance: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzäöé'\"%_"
    return quote("".join(chance.choices(letters, k=chance.randint(3, 9))))
