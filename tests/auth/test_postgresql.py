"""Signing in on PostgreSQL, where several processes write at once and nothing tells of a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hekla import Hekla
from tests.auth.world import PASSWORD, Client, auth_of, make_app
from tests.databases import Postgres, postgres


@pytest.fixture
def database() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


@pytest.fixture
async def apps(database: Postgres, tmp_path: Path) -> AsyncIterator[tuple[Hekla, Hekla]]:
    """The same application twice, as two workers would have it."""
    first, second = (make_app(tmp_path, url=database.url, totp=True) for _ in range(2))
    await first.startup()
    await second.startup()
    yield first, second
    await second.shutdown()
    await first.shutdown()


async def test_whatever_one_worker_does_the_other_knows_at_once(
    apps: tuple[Hekla, Hekla],
) -> None:
    """Sessions, roles, keys and their ends, as on SQLite."""
    first, second = apps
    ann = Client(first)
    assert (await ann.register("ann@example.org", name="Ann")).status == 201
    there = Client(second, ann.token, ann.refresh_token)
    assert await there.who() == "ann@example.org"
    assert (await there.post("/tasks", {"title": "x"})).json()["owner_id"] == 1
    auth = auth_of(first)
    await auth.write(lambda tx: auth.roles.grant(tx, "1", "admin", None))
    assert (await there.get("/changes")).status == 200
    answer = await ann.ask("PUT", "/auth/groups/staff", {"roles": ["clerk"], "add": ["1"]})
    assert answer.status == 204
    assert (await there.get("/auth/me")).json()["roles"] == ["admin", "clerk"]
    key = (await ann.post("/auth/keys", {"name": "r", "scopes": ["tasks:read"]})).json()
    robot = Client(second, key["key"])
    assert (await robot.get("/tasks")).ids == [1]
    assert (await ann.ask("DELETE", f"/auth/keys/{key['id']}")).status == 204
    assert (await robot.get("/tasks")).status == 401
    events = [row["event"] for row in (await there.get("/auth/audit")).json()]
    assert events[:3] == ["key_deleted", "key_created", "group_joined"]
    assert (await there.refresh()).status == 200
    assert (await ann.post("/auth/logout")).status == 204
    assert await there.who() == "invalid_token"
    for app in apps:
        await auth_of(app).put_down()
        await auth_of(app).tidy()


async def test_of_many_refreshes_at_once_one_sign_in_comes_at_most(
    apps: tuple[Hekla, Hekla],
) -> None:
    client = Client(apps[0])
    await client.register("ann@example.org")
    copies = [Client(app, refresh_token=client.refresh_token) for app in apps for _ in range(4)]
    answers = await asyncio.gather(*(copy.refresh() for copy in copies))
    good = [answer.json()["refresh_token"] for answer in answers if answer.status == 200]
    for app in apps:
        # The settings are those of other tests too.
        auth_of(app).refresh._settings = replace(app.settings, refresh_grace=0.0)
    later = [await Client(apps[1], refresh_token=token).refresh() for token in good]
    assert [answer.status for answer in later].count(200) <= 1


async def test_many_guesses_at_once_are_counted_by_all_workers(apps: tuple[Hekla, Hekla]) -> None:
    await Client(apps[0]).register("ann@example.org")
    answers = await asyncio.gather(
        *(Client(app).login("ann@example.org", f"wrong {n}") for app in apps for n in range(8))
    )
    assert {answer.status for answer in answers} == {401, 429}
    assert [answer.status for answer in answers].count(401) == 5


async def test_nothing_of_a_user_is_left_for_the_next_one(
    database: Postgres, apps: tuple[Hekla, Hekla]
) -> None:
    """The row that another program deletes takes password and sign-ins along."""
    client = Client(apps[0])
    await client.register("ann@example.org")
    database.change("DELETE FROM users")
    assert database.run("SELECT count(*) FROM hekla_accounts")[0][0] == 0
    assert database.run("SELECT count(*) FROM hekla_sessions")[0][0] == 0
    assert await client.who() == "invalid_token"
    assert (await Client(apps[1]).login("ann@example.org", PASSWORD)).status == 401
