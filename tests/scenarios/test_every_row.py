"""Every resource lists, every row is reachable, and the values are what SQLite itself says."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hekla import Hekla, everyone
from hekla.schema.resource import Relation, Resource
from hekla.settings import Settings
from tests.oddities import build_oddities
from tests.scenarios.client import ask
from tests.scenarios.plain_reading import PlainReading, canonical

DATA = Path(__file__).parents[3] / "shared" / "data"

# Tables that only serve others, and what cannot be read at all.
SEARCHES = ("articles_fts", "letters_fts", "notes_fts", "contentless_fts")
PARTS = ("data", "idx", "docsize", "config")
NOT_SERVED = {
    "chinook": set[str](),
    "northwind": {"sqlite_sequence"},
    "oddities": {
        *("sqlite_sequence", "sqlite_stat1", "sqlite_stat4", "alembic_version", "hekla_changes"),
        *(SEARCHES + tuple(f"{name}_{part}" for name in SEARCHES for part in PARTS)),
        *("notes_fts_content", "boxes", "boxes_node", "boxes_parent", "boxes_rowid"),
        *("lost_module", "lost_module_content", "unknown_collation"),
        *("view_broken", "view_half_broken", "view_circular_a", "view_circular_b"),
        "view_unknown_function",
    },
}
# Keys of which there are several rows, as SQLite allows for NULL: a list is the way to these.
SEVERAL = ("keys_text", "keys_misfit")
# Keys that do not fit their column's type: no address says them, only the list shows the row.
MISFITS = {"keys_date": [20260131, "someday"], "keys_misfit": ["one", 1.5, "AQ=="]}


@dataclass
class Served:
    """A database, served and read beside it."""

    name: str
    app: Hekla
    plain: PlainReading

    def table(self, resource: Resource) -> str:
        return str(resource.table.name)  # type: ignore[attr-defined]


@pytest.fixture(scope="module", params=["chinook", "northwind", "oddities"])
async def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """Each database in turn, reflected as it is."""
    name: str = request.param
    path = tmp_path_factory.mktemp("every_row") / f"{name}.sqlite"
    if name == "oddities":
        build_oddities(path)
    elif not (DATA / path.name).exists():
        pytest.skip(f"{path.name} is not here")
    else:
        shutil.copy(DATA / path.name, path)
        path.chmod(0o600)
    # An included list is given whole here.
    app = Hekla(f"sqlite:///{path}", settings=Settings(max_embedded_rows=100_000))
    app.reflect(read=everyone)
    await app.startup()
    yield Served(name, app, PlainReading(path))
    await app.shutdown()


def address(resource: Resource) -> str:
    return "/" + quote(resource.name, safe="")


def key_segment(values: list[Any]) -> str:
    """A row's key as its address says it (RFC 3986), by the rules of docs/reference/rest.md."""
    parts = []
    for value in values:
        if value is None:
            parts.append("!null")
            continue
        text = str(value)
        special = {"", "!null", "aggregate", "import", "export", "changes", "live", "batch"}
        if text in special or text == "search" or text.startswith("="):
            text = "=" + text
        text = quote(text, safe="=")
        parts.append(text.replace(".", "%2E") if text in (".", "..") else text)
    return ",".join(parts)


async def walk(app: Hekla, target: str) -> list[Any]:
    """All rows of a list, page by page along ``Link: rel="next"``."""
    rows: list[Any] = []
    following: str | None = target
    while following is not None:
        answer = await ask(app, following)
        assert answer.status == 200, (following, answer.body)
        page = answer.json()
        rows += page
        assert len(page) <= 200
        following = answer.link("next")
    return rows


def differences(found: list[Any], expected: list[Any]) -> tuple[list[str], list[str]]:
    """What is there and should not be, and what should be there and is not."""
    one, other = Counter(map(canonical, found)), Counter(map(canonical, expected))
    return sorted((one - other).elements()), sorted((other - one).elements())


async def test_every_table_and_view_is_a_resource(served: Served) -> None:
    """What is not served is what the test names."""
    tables = {served.table(resource) for resource in served.app.schema}
    assert served.plain.names() - tables == NOT_SERVED[served.name]


async def test_every_list_holds_every_row(served: Served) -> None:
    """Page after page, by number and by cursor, gives each row once, in the order of the key."""
    for resource in served.app.schema:
        expected = served.plain.rows(served.table(resource), key_columns(resource))
        names = named(resource)
        expected = [{names[name]: value for name, value in row.items()} for row in expected]
        # Few rows a page where there are few rows, so that there are pages.
        page = f"{address(resource)}?limit={2 if served.name == 'oddities' else 200}"
        for paging in ("", "&cursor="):
            if paging and not resource.key:
                refused = await ask(served.app, page + paging)
                assert (refused.status, refused.json()["code"]) == (400, "unsupported")
                continue
            found = await walk(served.app, page + paging)
            assert differences(found, expected) == ([], []), (resource.name, paging)
            if resource.key and resource.name not in SEVERAL:
                assert found == expected, (resource.name, paging)


def key_columns(resource: Resource) -> list[str]:
    return [str(resource.columns[name].source.name) for name in resource.key]


def named(resource: Resource) -> dict[str, str]:
    """What the API calls each column of the database."""
    return {str(column.source.name): name for name, column in resource.columns.items()}


async def test_every_row_is_at_its_key(served: Served) -> None:
    """The address made of a row's key answers that row, as the list does."""
    asked = 0
    for resource in served.app.schema:
        if not resource.key:
            continue
        rows = await walk(served.app, f"{address(resource)}?limit=200")
        keys = Counter(key_segment([row[name] for name in resource.key]) for row in rows)
        for row in rows:
            key = key_segment([row[name] for name in resource.key])
            answer = await ask(served.app, f"{address(resource)}/{key}")
            if row[resource.key[0]] in MISFITS.get(resource.name, []):
                assert (answer.status, answer.json()["code"]) == (404, "not_found")
                continue
            if keys[key] > 1:
                assert resource.name in SEVERAL
                assert (answer.status, answer.json()["code"]) == (409, "ambiguous_key")
                continue
            assert answer.status == 200, (resource.name, key, answer.body)
            assert canonical(answer.json()) == canonical(row)
            asked += 1
    assert asked > 150


async def test_every_relation_holds_what_a_join_finds(served: Served) -> None:
    """A row's related rows are those that a join written by hand finds, and no others."""
    asked = 0
    for resource in served.app.schema:
        for relation in resource.relations.values():
            target = f"{address(resource)}?limit=200&include={relation.name}"
            found = await walk(served.app, target)
            expected = expected_relation(served, resource, relation)
            for row in [*found, *expected]:
                if relation.many:
                    row[relation.name].sort(key=canonical)
            assert differences(found, expected) == ([], []), (resource.name, relation.name)
            asked += 1
    assert asked >= {"chinook": 20, "northwind": 20, "oddities": 40}[served.name]


def expected_relation(
    served: Served, resource: Resource, relation: Relation
) -> list[dict[str, Any]]:
    far = served.app.schema[relation.target]
    steps = [
        (str(link.table.name), [(a.name, b.name) for a, b in link.pairs])  # type: ignore[attr-defined]
        for link in relation.links
    ]
    here, there = named(resource), named(far)
    rows = []
    for row, related in served.plain.joined(served.table(resource), served.table(far), steps):
        object_ = {here[name]: value for name, value in row.items()}
        others = [{there[name]: value for name, value in other.items()} for other in related]
        if relation.many:
            object_[relation.name] = others
        else:
            assert len(others) <= 1
            object_[relation.name] = others[0] if others else None
        rows.append(object_)
    return rows
