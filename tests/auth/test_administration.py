"""Roles, groups, acting for others and the audit, over HTTP; and for whom they are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hekla import Hekla
from tests.auth.world import PASSWORD, Client, Stopped, Task, auth_of


@pytest.fixture
async def admin(app: Hekla) -> Client:
    client = Client(app)
    await client.register("root@example.org")
    auth = auth_of(app)
    await auth.write(lambda tx: auth.roles.grant(tx, "1", "admin", None))
    return client


@pytest.fixture
async def ben(app: Hekla, admin: Client) -> Client:
    client = Client(app)
    await client.register("ben@example.org")
    return client


FOR_ADMINISTRATORS: list[tuple[str, str, Any]] = [
    ("GET", "/auth/users", ...),
    ("POST", "/auth/users", {"email": "eve@example.org"}),
    ("GET", "/auth/users/1", ...),
    ("PATCH", "/auth/users/1", {"disabled": True}),
    ("DELETE", "/auth/users/1", ...),
    ("POST", "/auth/users/2/roles", {"grant": ["admin"]}),
    ("DELETE", "/auth/users/1/sessions", ...),
    ("POST", "/auth/users/1/keys", {"name": "x", "scopes": ["read"]}),
    ("POST", "/auth/users/1/impersonate", {}),
    ("GET", "/auth/roles", ...),
    ("POST", "/auth/roles", {"name": "x"}),
    ("DELETE", "/auth/roles/admin", ...),
    ("GET", "/auth/groups", ...),
    ("PUT", "/auth/groups/x", {"roles": ["admin"], "add": ["2"]}),
    ("DELETE", "/auth/groups/x", ...),
    ("GET", "/auth/audit", ...),
]


async def test_all_of_it_is_for_administrators_only(app: Hekla, admin: Client, ben: Client) -> None:
    for method, target, document in FOR_ADMINISTRATORS:
        for client, expected in (
            (ben, (403, "forbidden")),
            (Client(app), (401, "unauthenticated")),
        ):
            answer = await client.ask(method, target, document)
            assert (answer.status, answer.json()["code"]) == expected, target
    assert (await ben.get("/auth/me")).json()["roles"] == []
    assert await admin.who() == "root@example.org"
    listed = {operation.path for operation in app.parts.auth_face.dispatcher.operations}  # type: ignore[union-attr]
    tried = {target.removeprefix("/auth/") for _, target, _ in FOR_ADMINISTRATORS}
    for path in listed:
        if path.startswith(("users", "roles", "groups", "audit")):
            before, _, after = path.partition("{")
            after = after.partition("}")[2]
            assert any(t.startswith(before) and t.endswith(after) for t in tried), path


async def test_a_role_holds_from_the_moment_it_is_given(admin: Client, ben: Client) -> None:
    assert (await ben.get("/changes")).status == 403
    answer = await admin.post("/auth/users/2/roles", {"grant": ["admin", "auditor"]})
    assert answer.json()["roles"] == ["admin", "auditor"]
    assert (await ben.get("/changes")).status == 200
    answer = await admin.post("/auth/users/2/roles", {"revoke": ["admin"]})
    assert answer.json()["roles"] == ["auditor"]
    assert (await ben.get("/changes")).status == 403
    assert {"name": "auditor", "description": None, "users": 1} in (
        await admin.get("/auth/roles")
    ).json()
    assert (await admin.ask("DELETE", "/auth/roles/auditor")).status == 204
    assert (await ben.get("/auth/me")).json()["roles"] == []


async def test_a_group_gives_its_roles_to_whoever_is_in_it(admin: Client, ben: Client) -> None:
    answer = await admin.ask("PUT", "/auth/groups/staff", {"roles": ["admin"], "add": ["2"]})
    assert answer.status == 204, answer.body
    assert (await ben.get("/changes")).status == 200
    assert (await admin.get("/auth/groups")).json() == [
        {"name": "staff", "roles": ["admin"], "users": ["2"]}
    ]
    assert (await admin.ask("PUT", "/auth/groups/staff", {"remove": ["2"]})).status == 204
    assert (await ben.get("/changes")).status == 403
    await admin.ask("PUT", "/auth/groups/staff", {"add": ["2"]})
    assert (await admin.ask("DELETE", "/auth/groups/staff")).status == 204
    assert (await ben.get("/changes")).status == 403
    assert (await admin.ask("DELETE", "/auth/groups/staff")).status == 404


@pytest.mark.parametrize(
    ("method", "target", "document", "status"),
    [
        ("POST", "/auth/users/2/roles", {"grant": ["a b"]}, 422),
        ("POST", "/auth/users/2/roles", {"grant": [7]}, 422),
        ("POST", "/auth/users/2/roles", {"grant": "admin"}, 422),
        ("POST", "/auth/roles", {"name": ""}, 422),
        ("PUT", "/auth/groups/x", {"add": ["2"]}, 422),
        ("PUT", "/auth/groups/x", {"roles": ["r"], "add": ["99"]}, 422),
        ("PUT", "/auth/groups/a%20b", {"roles": ["r"]}, 422),
        ("POST", "/auth/users", {"email": "no"}, 422),
        ("POST", "/auth/users", {"email": "ben@example.org"}, 409),
        ("POST", "/auth/users", {"email": "x@example.org", "password": "short"}, 422),
        ("POST", "/auth/users", {"email": "x@example.org", "kind": "robot"}, 422),
        ("POST", "/auth/users", {"email": "x@example.org", "nix": 1}, 422),
        ("GET", "/auth/users/99", ..., 404),
        ("GET", "/auth/users/ben@example.org", ..., 404),
        ("GET", "/auth/users?limit=0", ..., 400),
        ("GET", "/auth/users?nix=0", ..., 400),
        ("GET", "/auth/users?after=x", ..., 400),
        ("GET", "/auth/audit?before=x", ..., 400),
        ("PATCH", "/auth/users/1", {"disabled": True}, 403),
        ("DELETE", "/auth/users/1", ..., 403),
        ("POST", "/auth/users/1/roles", {"revoke": ["admin"]}, 403),
        ("DELETE", "/auth/roles/admin", ..., 403),
        ("DELETE", "/auth/roles/nix", ..., 404),
        ("POST", "/auth/users/2/keys", {"name": "x", "scopes": ["read"]}, 403),
    ],
)
async def test_what_cannot_be_is_refused(
    admin: Client, ben: Client, method: str, target: str, document: Any, status: int
) -> None:
    answer = await admin.ask(method, target, document)
    assert answer.status == status, answer.body


async def test_a_user_is_added_shut_out_and_deleted(app: Hekla, admin: Client) -> None:
    answer = await admin.post(
        "/auth/users",
        {"email": "Eve@example.org", "password": PASSWORD, "team": "red", "roles": ["auditor"]},
    )
    assert answer.status == 201, answer.body
    told = answer.json()
    assert (told["email"], told["roles"], told["kind"]) == (
        "eve@example.org",
        ["auditor"],
        "person",
    )
    eve = Client(app)
    assert (await eve.login("eve@example.org")).status == 200
    target = f"/auth/users/{told['id']}"
    assert (await admin.ask("PATCH", target, {"disabled": True})).json()["disabled"] is True
    assert await eve.who() == "invalid_token"
    assert (await eve.refresh()).status == 401
    assert (await Client(app).login("eve@example.org")).status == 401
    assert (await admin.ask("PATCH", target, {"disabled": False})).status == 200
    assert (await eve.login("eve@example.org")).status == 200
    new = {"password": "eleven blue bicycles"}
    assert (await admin.ask("PATCH", target, new)).status == 200
    assert await eve.who() == "invalid_token"
    assert (await eve.login("eve@example.org", "eleven blue bicycles")).status == 200
    assert (await admin.ask("DELETE", target)).status == 204
    assert await eve.who() == "invalid_token"
    assert (await admin.get(target)).status == 404


async def test_a_service_has_keys_and_no_password(app: Hekla, admin: Client) -> None:
    answer = await admin.post("/auth/users", {"email": "robot@example.org", "kind": "service"})
    target = f"/auth/users/{answer.json()['id']}"
    answer = await admin.post(f"{target}/keys", {"name": "main", "scopes": ["tasks:write"]})
    assert answer.status == 201
    robot = Client(app, answer.json()["key"])
    created = await robot.post("/tasks", {"title": "swept"})
    assert created.json()["owner_id"] == 2
    await admin.ask("PATCH", target, {"disabled": True})
    assert (await robot.get("/tasks")).status == 401


async def test_an_administrator_acts_as_a_user_with_both_names_on_record(
    app: Hekla, admin: Client, ben: Client, clock_: None
) -> None:
    answer = await admin.post("/auth/users/2/impersonate", {})
    assert answer.status == 200, answer.body
    assert "refresh_token" not in answer.json()
    acting = Client(app, answer.json()["access_token"])
    assert await acting.who() == "ben@example.org"
    assert (await acting.post("/tasks", {"title": "by both"})).json()["owner_id"] == 2
    (change,) = [
        each for each in (await admin.get("/changes")).json() if each["resource"] == "tasks"
    ]
    assert change["actor"] == {"id": 2, "behind": 1}
    seen = [each for each in (await ben.get("/auth/sessions")).json() if "behind" in each]
    assert [each["behind"] for each in seen] == ["1"]
    for method, target, document in (
        ("POST", "/auth/password", {"new_password": "x"}),
        ("POST", "/auth/keys", {"name": "x", "scopes": ["read"]}),
        ("DELETE", "/auth/sessions", ...),
        ("POST", "/auth/users/2/impersonate", {}),
    ):
        assert (await acting.ask(method, target, document)).status == 403, target
    assert (await admin.post("/auth/users/1/impersonate", {})).status == 403
    events = (await admin.get("/auth/audit?user=2&limit=1")).json()
    assert [(e["event"], e["by"], e["behind"]) for e in events] == [("sign_in", "1", "1")]


@pytest.fixture
def clock_() -> None:
    """Nothing: what is asked happens within the quarter of an hour after signing in."""


async def test_acting_for_others_needs_a_fresh_proof_and_ends_by_itself(
    app: Hekla, clock: Stopped
) -> None:
    admin, ben = Client(app), Client(app)
    await admin.register("root@example.org")
    await ben.register("ben@example.org")
    auth = auth_of(app)
    await auth.write(lambda tx: auth.roles.grant(tx, "1", "admin", None))
    clock.pass_by(901)
    await admin.refresh()
    answer = await admin.post("/auth/users/2/impersonate", {})
    assert (answer.status, answer.json()["code"]) == (403, "proof_needed")
    await admin.post("/auth/prove", {"password": PASSWORD})
    answer = await admin.post("/auth/users/2/impersonate", {"cookie": True})
    acting = admin.copy()
    acting.token = None
    assert await acting.who() == "ben@example.org"
    clock.pass_by(3600)
    assert await acting.who() == "unauthenticated"


async def test_the_audit_tells_who_did_what_and_is_exported_whole(
    app: Hekla, admin: Client, ben: Client
) -> None:
    await Client(app, headers={"user-agent": "curl/8\t\x1b[31m"}).login("ben@example.org", "wrong")
    await Client(app).login("nobody@example.org", "wrong")
    await admin.post("/auth/users/2/roles", {"grant": ["auditor"]})
    rows = (await admin.get("/auth/audit?limit=3")).json()
    assert [row["event"] for row in rows] == ["role_granted", "sign_in_failed", "sign_in_failed"]
    granted, unknown, failed = rows
    assert (granted["user_id"], granted["by"]) == ("2", "1")
    assert granted["detail"] == {"role": "auditor"}
    assert (unknown["user_id"], unknown["login"]) == (None, "nobody@example.org")
    assert (failed["user_id"], failed["login"]) == ("2", "ben@example.org")
    assert failed["agent"] == "curl/8??[31m"
    page = (await admin.get(f"/auth/audit?limit=2&before={failed['id']}")).json()
    assert [row["id"] for row in page] == [failed["id"] - 1, failed["id"] - 2]
    answer = await admin.ask("GET", "/auth/audit", headers={"accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["id"] for row in lines] == list(range(granted["id"], 0, -1))
    assert PASSWORD not in answer.body.decode()
    assert "wrong" not in answer.body.decode()


async def test_users_are_listed_page_by_page(admin: Client, ben: Client) -> None:
    first = (await admin.get("/auth/users?limit=1")).json()
    assert [user["email"] for user in first] == ["root@example.org"]
    rest = (await admin.get("/auth/users?limit=10&after=1")).json()
    assert [user["email"] for user in rest] == ["ben@example.org"]
    assert "argon2" not in json.dumps(first + rest)
    assert Task.__tablename__
