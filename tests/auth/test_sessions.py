"""Sessions of browsers and of apps: cookies, their theft, and their end."""

from __future__ import annotations

from typing import Any

import pytest

from hekla import Hekla
from tests.auth.world import PASSWORD, Client, Stopped, auth_of

COOKIE = "__Host-hekla-session"


@pytest.fixture
async def browser(client: Client) -> Client:
    """A browser whose user signed in."""
    answer = await client.register("ann@example.org", cookie=True)
    assert answer.status == 201
    return client


async def test_the_cookie_is_for_this_host_alone_and_for_no_script(app: Hekla) -> None:
    answer = await Client(app).register("ann@example.org", cookie=True)
    session, device = answer.headers["set-cookie"].split(", ")
    name, *attributes = session.split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes) == {"Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax", "Secure"}
    assert device.startswith("__Host-hekla-device=")
    assert "access_token" not in answer.json()


@pytest.mark.parametrize(
    ("sent", "done"),
    [
        ({"origin": "https://tasks.example"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://tasks.example"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://tasks.example.evil.example"}, False),
        ({"origin": "https://tasks.example:8443"}, False),
        ({"origin": "https://evil.example/https://tasks.example"}, False),
        ({"origin": "https://[", "host": "["}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://tasks.example"}, False),
        ({"sec-fetch-site": "same-site", "origin": "https://evil.tasks.example"}, False),
        ({"sec-fetch-site": "none", "origin": "https://evil.example"}, False),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    browser: Client, sent: dict[str, str], done: bool
) -> None:
    """CSRF: a cookie is no proof of what page made the request; its origin is."""
    browser.origin = None
    answer = await browser.post("/tasks", {"title": "x"}, headers=sent)
    if done:
        assert answer.status == 201
    else:
        assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    assert len((await browser.get("/tasks")).json()) == done


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_that_changes_something_is_looked_at(
    browser: Client, method: str
) -> None:
    await browser.post("/tasks", {"title": "x"})
    browser.origin = "https://evil.example"
    target = "/tasks" if method == "POST" else "/tasks/1"
    answer = await browser.ask(method, target, {"title": "y"})
    assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    assert (await browser.get("/tasks")).json()[0]["title"] == "x"


async def test_another_site_cannot_sign_its_visitor_in(client: Client) -> None:
    """Login CSRF: a victim would work in the account of whoever signed them in."""
    await client.register("ann@example.org")
    document = {"email": "ann@example.org", "password": PASSWORD, "cookie": True}
    answer = await Client(client.app).post(
        "/auth/login", document, headers={"origin": "https://evil.example"}
    )
    assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    assert "set-cookie" not in answer.headers


async def test_a_session_is_a_new_one_at_each_sign_in(browser: Client) -> None:
    """Session fixation: what was in the browser before is worth nothing after."""
    before = browser.copy()
    await browser.login("ann@example.org", cookie=True)
    assert before.cookies[COOKIE] != browser.cookies[COOKIE]
    assert await browser.who() == "ann@example.org"
    assert await before.who() == "unauthenticated"


async def test_a_cookie_that_somebody_made_up_is_never_taken_over(client: Client) -> None:
    victim = Client(client.app, cookies={COOKIE: "chosen-by-an-attacker"})
    await victim.register("ann@example.org", cookie=True)
    attacker = Client(client.app, cookies={COOKIE: "chosen-by-an-attacker"})
    assert victim.cookies[COOKIE] != "chosen-by-an-attacker"
    assert await attacker.who() == "unauthenticated"


async def test_of_two_cookies_of_one_name_neither_is_believed(browser: Client) -> None:
    """A neighbour under the same site may have set one."""
    mine = browser.cookies[COOKIE]
    asked = Client(browser.app, headers={"cookie": f"{COOKIE}={mine}; {COOKIE}=other"})
    assert await asked.who() == "unauthenticated"


async def test_a_cookie_without_its_prefix_is_for_development_only(browser: Client) -> None:
    """Over http on the machine itself the cookie is a plain one; nowhere else is that taken."""
    mine = browser.cookies[COOKIE]
    asked = Client(browser.app, headers={"cookie": f"hekla-session={mine}"})
    assert await asked.who() == "unauthenticated"
    from hekla.web.request import Request

    async def who(host: str, client: str, scheme: str = "http", **headers: str) -> int:
        sent = [("host", host), ("cookie", f"hekla-session={mine}"), *headers.items()]
        request = Request("GET", "/auth/me", headers=sent, client=client, scheme=scheme)
        return (await browser.app.handle(request)).status

    assert await who("localhost:8000", "127.0.0.1:5000") == 200
    assert await who("127.0.0.1:8000", "127.0.0.1:5000") == 200
    assert await who("tasks.example", "127.0.0.1:5000") == 401
    assert await who("localhost:8000", "192.0.2.1:5000") == 401
    assert await who("localhost:8000", "127.0.0.1:5000", "https") == 401
    assert await who("localhost:8000", "127.0.0.1:5000", **{"x-forwarded-for": "192.0.2.1"}) == 401


async def test_one_sees_and_ends_ones_own_sessions(browser: Client) -> None:
    other, ben = Client(browser.app), Client(browser.app)
    await other.login("ann@example.org", cookie=True)
    await ben.register("ben@example.org")
    listed = (await browser.get("/auth/sessions")).json()
    assert [each["current"] for each in listed].count(True) == 1
    (theirs,) = [each["id"] for each in listed if not each["current"]]
    assert (await ben.ask("DELETE", f"/auth/sessions/{theirs}")).status == 404
    assert await other.who() == "ann@example.org"
    assert (await browser.ask("DELETE", f"/auth/sessions/{theirs}")).status == 204
    assert await other.who() == "unauthenticated"
    assert await browser.who() == "ann@example.org"


async def test_all_others_end_and_this_one_stays(browser: Client) -> None:
    others = [Client(browser.app), Client(browser.app)]
    await others[0].login("ann@example.org")
    await others[1].login("ann@example.org", cookie=True)
    assert (await browser.ask("DELETE", "/auth/sessions")).status == 204
    assert await others[0].who() == "invalid_token"
    assert (await others[0].refresh()).status == 401
    assert await others[1].who() == "unauthenticated"
    assert await browser.who() == "ann@example.org"


async def test_whoever_leaves_is_gone_at_once(browser: Client) -> None:
    stolen = browser.copy()
    answer = await browser.post("/auth/logout")
    assert answer.status == 204
    assert COOKIE not in browser.cookies
    assert await stolen.who() == "unauthenticated"
    assert (await browser.post("/auth/logout")).status == 204


@pytest.mark.parametrize(
    ("steps", "there"),
    [
        ([6 * 86_400] * 4, True),
        ([6 * 86_400] * 6, False),  # 30 days are over
        ([8 * 86_400], False),  # 7 days without a request
    ],
)
async def test_a_session_ends_when_it_is_old_or_not_used(
    app: Hekla, clock: Stopped, steps: list[int], there: bool
) -> None:
    browser = Client(app)
    await browser.register("ann@example.org", cookie=True)
    found: Any = None
    for seconds in steps:
        clock.pass_by(seconds)
        found = await browser.who()
        await auth_of(app).put_down()
    assert (found == "ann@example.org") is there


async def test_a_new_password_ends_all_other_sign_ins(browser: Client) -> None:
    thief = Client(browser.app)
    await thief.login("ann@example.org")
    document = {"password": PASSWORD, "new_password": "eleven blue bicycles"}
    assert (await browser.post("/auth/password", document)).status == 204
    assert await browser.who() == "ann@example.org"
    assert await thief.who() == "invalid_token"
    assert (await thief.refresh()).status == 401
    assert (await Client(browser.app).login("ann@example.org")).status == 401
    assert (
        await Client(browser.app).login("ann@example.org", "eleven blue bicycles")
    ).status == 200


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"new_password": "eleven blue bicycles"}, 401, "invalid_credentials"),
        ({"password": "x", "new_password": "eleven blue bicycles"}, 401, "invalid_credentials"),
        ({"password": PASSWORD, "new_password": "short"}, 422, "validation_failed"),
        ({"password": PASSWORD, "new_password": PASSWORD}, 422, "validation_failed"),
        ({"password": PASSWORD, "new_password": "ann@example.org"}, 422, "validation_failed"),
    ],
)
async def test_a_password_is_changed_by_whoever_knows_it_to_a_good_one(
    browser: Client, document: dict[str, str], status: int, code: str
) -> None:
    answer = await browser.post("/auth/password", document)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert (await Client(browser.app).login("ann@example.org")).status == 200


async def test_nothing_of_a_user_is_left_for_the_next_one_of_the_same_key(browser: Client) -> None:
    """A row that any program deletes takes password, roles and sign-ins along."""
    app = browser.app
    auth = auth_of(app)
    await auth.write(lambda tx: auth.roles.grant(tx, "1", "admin", None))
    connection = app.location.open()
    connection.execute("DELETE FROM users WHERE id = 1")
    connection.close()
    auth.beacon.light()
    assert await browser.who() == "unauthenticated"
    next_ = Client(app)
    answer = await next_.register("eve@example.org")
    assert answer.json()["user"]["id"] == 1
    assert answer.json()["user"]["roles"] == []
    assert await browser.who() == "unauthenticated"
    assert (await Client(app).login("ann@example.org")).status == 401
