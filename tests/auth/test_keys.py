"""API keys: what programs may do with them, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from hekla import Hekla
from tests.auth.world import Client, Stopped, auth_of


async def make_key(client: Client, *scopes: str, **more: Any) -> str:
    answer = await client.post("/auth/keys", {"name": "robot", "scopes": list(scopes), **more})
    assert answer.status == 201, answer.body
    key: str = answer.json()["key"]
    return key


@pytest.fixture
async def ann(client: Client) -> Client:
    await client.register("ann@example.org")
    return client


async def test_a_key_is_shown_once_and_kept_as_a_digest(ann: Client) -> None:
    key = await make_key(ann, "read")
    assert key.startswith("hekla_ak_")
    listed = await ann.get("/auth/keys")
    (row,) = listed.json()
    assert "key" not in row
    assert (row["name"], row["scopes"], row["used_at"]) == ("robot", ["read"], None)
    assert key.startswith(row["hint"])
    connection = ann.app.location.open()
    kept = repr(connection.execute("SELECT * FROM hekla_api_keys").fetchall())
    connection.close()
    assert key not in kept


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        (["read"], True, False),
        (["write"], True, True),
        (["tasks:read"], True, False),
        (["tasks:write"], True, True),
        (["users:read"], False, False),
        (["users:write"], False, False),
        (["admin"], False, False),
    ],
)
async def test_a_key_does_what_its_scopes_say(
    ann: Client, scopes: list[str], reads: bool, writes: bool
) -> None:
    """What a key may not read is as empty, and as unknown, as what nobody may."""
    await ann.post("/tasks", {"title": "first"})
    robot = Client(ann.app, await make_key(ann, *scopes))
    answer = await robot.get("/tasks")
    assert (answer.status == 200 and answer.ids == [1]) is reads
    answer = await robot.post("/tasks", {"title": "second"})
    assert (answer.status == 201) is writes
    assert len((await ann.get("/tasks")).ids) == 1 + writes
    answer = await robot.ask("DELETE", "/tasks/1")
    assert (answer.status == 204) is writes


async def test_a_narrow_key_reads_nothing_through_relations(ann: Client) -> None:
    """Neither an include nor a filter leads from what may be read to what may not."""
    await ann.post("/tasks", {"title": "first"})
    robot = Client(ann.app, await make_key(ann, "tasks:read"))
    for target in ("/tasks?include=owner", "/tasks?owner.email__startswith=a"):
        assert (await ann.get(target)).ids == [1]
        assert (await robot.get(target)).status == 403


@pytest.mark.parametrize(
    ("method", "target", "document"),
    [
        ("POST", "/auth/password", {"new_password": "eleven blue bicycles"}),
        ("POST", "/auth/keys", {"name": "x", "scopes": ["write"]}),
        ("GET", "/auth/keys", ...),
        ("GET", "/auth/sessions", ...),
        ("DELETE", "/auth/sessions", ...),
        ("PATCH", "/auth/me", {"name": "x"}),
    ],
)
async def test_a_key_is_not_its_user(ann: Client, method: str, target: str, document: Any) -> None:
    """Whoever finds a key cannot make it last, or take the account over."""
    robot = Client(ann.app, await make_key(ann, "write", "admin"))
    answer = await robot.ask(method, target, document)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert (await robot.get("/auth/me")).json()["email"] == "ann@example.org"


async def test_a_key_of_an_administrator_administers_only_if_it_says_so(ann: Client) -> None:
    auth = auth_of(ann.app)
    await auth.write(lambda tx: auth.roles.grant(tx, "1", "admin", None))
    plain = Client(ann.app, await make_key(ann, "write"))
    admin = Client(ann.app, await make_key(ann, "write", "admin"))
    assert (await ann.get("/changes")).status == 200
    assert (await plain.get("/changes")).status == 403
    assert (await admin.get("/changes")).status == 200


async def test_a_key_that_is_deleted_is_dead_at_once(ann: Client) -> None:
    robot = Client(ann.app, await make_key(ann, "read"))
    assert (await robot.get("/tasks")).status == 200
    (row,) = (await ann.get("/auth/keys")).json()
    other = Client(ann.app)
    await other.register("ben@example.org")
    assert (await other.ask("DELETE", f"/auth/keys/{row['id']}")).status == 404
    assert (await robot.get("/tasks")).status == 200
    assert (await ann.ask("DELETE", f"/auth/keys/{row['id']}")).status == 204
    answer = await robot.get("/tasks")
    assert (answer.status, answer.json()["code"]) == (401, "invalid_token")


async def test_a_key_expires_and_its_last_use_is_put_down(app: Hekla, clock: Stopped) -> None:
    ann = Client(app)
    await ann.register("ann@example.org")
    key = await make_key(ann, "read", expires_at="2026-05-01T02:00:00+01:00")
    robot = Client(app, key)
    clock.pass_by(3599)
    assert (await robot.get("/tasks")).status == 200
    await auth_of(app).put_down()
    await ann.login("ann@example.org")
    (row,) = (await ann.get("/auth/keys")).json()
    assert row["used_at"] == "2026-05-01T00:59:59.000000Z"
    clock.pass_by(1)
    assert (await robot.get("/tasks")).status == 401


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"name": "", "scopes": ["read"]}, ["/name"]),
        ({"name": "x\n", "scopes": []}, ["/scopes"]),
        ({"name": "x", "scopes": ["all", "nix:read", 7]}, ["/scopes/0", "/scopes/1", "/scopes/2"]),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"name": "x", "scopes": ["read"], "expires_at": "2120-01-01T00:00:00"}, ["/expires_at"]),
        ({"name": "x", "scopes": ["read"], "expires_at": "soon"}, ["/expires_at"]),
    ],
)
async def test_what_is_no_key_is_refused_at_its_place(
    ann: Client, document: Any, places: list[str]
) -> None:
    answer = await ann.post("/auth/keys", document)
    assert answer.status == 422
    assert [each["location"] for each in answer.json()["errors"]] == places
