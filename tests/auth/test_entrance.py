"""Registering, signing in and out, over HTTP."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hekla import Hekla, OperatorError
from tests.auth.world import PASSWORD, QUICK, Client, Task, User, auth_of, make_app


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_whoever_registers_is_signed_in_as_themselves(client: Client) -> None:
    """The answer holds tokens, and the token says who asks from then on."""
    answer = await client.register("Ann@Example.ORG", name="Ann")
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["user"] == {"id": 1, "email": "ann@example.org", "name": "Ann", "roles": []}
    assert (document["token_type"], document["expires_in"]) == ("Bearer", 600)
    me = await client.get("/auth/me")
    assert me.json() == document["user"]
    assert me.headers["cache-control"] == "no-store"


async def test_rules_know_who_asks_by_the_key_in_its_own_type(client: Client) -> None:
    """``me.id`` is an integer where the key is one: rows are written and read by it."""
    ben = client.copy()
    await client.register("ann@example.org")
    await ben.register("ben@example.org")
    created = await client.post("/tasks", {"title": "mine"})
    assert created.json()["owner_id"] == 1
    assert (await client.get("/tasks")).ids == [1]
    assert (await ben.get("/tasks")).ids == []
    assert (await ben.get("/tasks/1")).status == 404


async def test_logins_are_the_same_however_they_are_written(client: Client) -> None:
    """Neither case, nor spaces around, nor full-width letters make another user."""
    await client.register("ann@example.org")
    for typed in ("ANN@example.org", "  ann@example.org ", "ａnn@example.org"):
        assert (await Client(client.app).login(typed)).status == 200, typed
    again = await Client(client.app).register("ANN@EXAMPLE.ORG")
    assert (again.status, again.json()["code"]) == (409, "already_exists")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.org", "eight red bicycles"),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("ann@example.org", ""),
        ("ann@example.org\0", PASSWORD),
        ("a" * 3000, PASSWORD),
        ("\ud800", PASSWORD),
        ("ann@example.org", "\ud800" * 12),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    client: Client, email: str, password: str
) -> None:
    """Nobody can tell an unknown user from a wrong password."""
    await client.register("ann@example.org")
    answer = await Client(client.app).login(email, password)
    assert answer.status in (401, 400)
    problem = answer.json()
    problem.pop("request_id")
    if answer.status == 401:
        assert problem == {
            "type": "about:blank",
            "code": "invalid_credentials",
            "title": "That is not how you sign in",
            "status": 401,
            "detail": "There is no such user, or that is not their password, or they may not "
            "sign in.",
        }


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ({}, {"/email": "is required", "/password": "is required"}),
        ({"email": 1, "password": None}, {"/email": "must be a string", "/password": "must not"}),
        (
            {"email": "a@b.example", "password": "x", "cookie": "yes", "rol": 1},
            {"/cookie": "must be true or false", "/rol": "there is no such field"},
        ),
    ],
)
async def test_every_fault_of_a_document_is_told_at_its_place(
    client: Client, document: Any, faults: dict[str, str]
) -> None:
    answer = await client.post("/auth/login", document)
    assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
    told = {each["location"]: each["message"] for each in answer.json()["errors"]}
    assert told.keys() == faults.keys()
    for place, words in faults.items():
        assert told[place].startswith(words)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b"\xff"])
async def test_what_is_no_document_is_no_error_of_the_server(client: Client, body: bytes) -> None:
    from hekla.web.request import Request

    request = Request(
        "POST", "/auth/login", headers=[("content-type", "application/json")], body=body
    )
    response = await client.app.handle(request)
    assert response.status == 400


async def test_forms_of_other_sites_are_not_taken(client: Client) -> None:
    """A page can have a browser send a form anywhere without asking; that is no JSON."""
    sent = {"content-type": "application/x-www-form-urlencoded"}
    answer = await client.ask("POST", "/auth/login", {"email": "x", "password": "y"}, sent)
    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["id", "team", "company_id", "role", "roles", "kind"])
async def test_nobody_gives_themselves_more_than_a_profile(client: Client, name: str) -> None:
    """Neither a key, nor a tenant, nor a role can be registered with, or changed to."""
    answer = await client.register("ann@example.org", PASSWORD, **{name: 7})
    assert answer.status == 422
    assert [each["location"] for each in answer.json()["errors"]] == [f"/{name}"]
    await client.register("ann@example.org")
    answer = await client.ask("PATCH", "/auth/me", {name: 7})
    assert answer.status == 422
    assert [each["location"] for each in answer.json()["errors"]] == [f"/{name}"]


async def test_a_profile_can_be_changed_and_a_login_cannot(client: Client) -> None:
    await client.register("ann@example.org", name="Ann")
    answer = await client.ask("PATCH", "/auth/me", {"name": "Anna"})
    assert (answer.status, answer.json()["name"]) == (200, "Anna")
    answer = await client.ask("PATCH", "/auth/me", {"email": "ben@example.org"})
    assert answer.status == 422
    assert await client.who() == "ann@example.org"


async def test_tenant_and_claims_come_from_the_row(client: Client) -> None:
    """``me.tenant`` and ``me.claims`` are what the user's row says, also once it changed."""
    await client.register("ann@example.org")
    auth = auth_of(client.app)
    with client.app.session() as session, session.begin():
        user = session.get(User, 1)
        assert user is not None
        user.team, user.company_id = "red", 7
    auth.beacon.light()
    from hekla.web.request import Request

    request = Request("GET", "/tasks", headers=[("authorization", f"Bearer {client.token}")])
    await client.app.handle(request)
    actor = request.actor
    assert (actor.id, actor.tenant, actor.claims["team"]) == (1, 7, "red")


async def test_without_registration_nobody_becomes_a_user(tmp_path: Path) -> None:
    app = make_app(tmp_path, registration=False)
    await app.startup()
    answer = await Client(app).register("ann@example.org")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert (await app.store.fetch(_Text("SELECT count(*) FROM users"), ())) == (0,)
    await app.shutdown()


class _Text:
    guarded = False

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def careful_sql(self) -> str:
        return self.sql


async def test_each_way_to_stay_signed_in_can_be_left_out(tmp_path: Path) -> None:
    """An app without tokens gives cookies, one without cookies takes none."""
    app = make_app(tmp_path, tokens=False)
    await app.startup()
    client = Client(app)
    answer = await client.register("ann@example.org")
    assert "access_token" not in answer.json()
    assert await client.who() == "ann@example.org"
    assert (await client.get("/.well-known/jwks.json")).status == 404
    assert (await client.post("/auth/refresh", {"refresh_token": "x"})).status == 404
    await app.shutdown()
    app = make_app(tmp_path, cookies=False)
    await app.startup()
    asked = Client(app)
    assert (await asked.login("ann@example.org", cookie=True)).status == 404
    asked.cookies = client.cookies
    assert await asked.who() == "unauthenticated"
    await app.shutdown()


async def test_secrets_are_nowhere_but_in_tables_of_hekla(app: Hekla, client: Client) -> None:
    """Neither the change log, nor the row, nor the description holds a hash or a token."""
    await client.register("ann@example.org")
    await client.post("/tasks", {"title": "x"})
    connection = app.location.open()
    try:
        log = repr(connection.execute("SELECT * FROM hekla_changes").fetchall())
        users = repr(connection.execute("SELECT * FROM users").fetchall())
        kept = repr(
            [
                connection.execute(f'SELECT * FROM "{name}"').fetchall()
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE name LIKE 'hekla_%' AND type = 'table'"
                ).fetchall()
            ]
        )
    finally:
        connection.close()
    assert "argon2" not in log + users + json.dumps(app.openapi())
    assert "argon2" in kept
    assert client.token is not None
    assert client.refresh_token is not None
    for secret in (client.token, client.refresh_token, PASSWORD):
        assert secret not in kept
    resources = (await client.get("/")).json()["resources"]
    assert {each["name"] for each in resources} == {"users", "tasks"}


async def test_a_task_of_somebody_else_cannot_be_given_away(client: Client) -> None:
    """``owner_id`` is Hekla's to fill: a document cannot name another owner."""
    await client.register("ann@example.org")
    answer = await client.post("/tasks", {"title": "x", "owner_id": 2})
    assert answer.status == 422
    assert Task.__tablename__ == "tasks"


async def test_the_token_says_what_rfc_9068_asks_of_it(tmp_path: Path) -> None:
    settings = replace(QUICK, public_url="https://tasks.example")
    app = make_app(tmp_path, settings=settings)
    await app.startup()
    client = Client(app)
    await client.register("ann@example.org")
    assert client.token is not None
    claims = claims_of(client.token)
    assert claims["iss"] == claims["aud"] == "https://tasks.example"
    assert claims["sub"] == "1"
    assert claims["exp"] - claims["iat"] == 600
    assert {"jti", "client_id", "sid"} <= claims.keys()
    await app.shutdown()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"login": "nix"}, 'no column "nix"'),
        ({"login": "team"}, "not unique"),
        ({"tenant": "nix"}, "no column 'nix'"),
        ({"claims": ["nix"]}, "no column 'nix'"),
        ({"algorithm": "none"}, "expected EdDSA or ES256"),
    ],
)
def test_mistakes_in_the_declaration_are_told(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(OperatorError, match=says):
        make_app(tmp_path, **options).prepare()
