"""Attacks on the provider that fail: RFC 9700 is the list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec
import pyotp
import pytest

from hekla import Hekla, OperatorError
from hekla.auth.oauth.pkce import challenge_of
from hekla.auth.random_secret import digest
from tests.auth.oauth.world import (
    BASE,
    CALLBACK,
    VERIFIER,
    Browser,
    authorization,
    hidden_of,
    make_provider,
    provider_of,
    register,
    register_person,
    sent_to,
    token,
    token_form,
)
from tests.auth.world import PASSWORD, auth_of, stop_clock
from tests.auth.world import Client as Person


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = make_provider(tmp_path)
    stop_clock(app)
    await app.startup()
    await register_person(app)
    yield app
    await app.shutdown()


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """An application for many small tries, none of which changes it."""
    app = make_provider(tmp_path_factory.mktemp("shared"))
    await app.startup()
    await register_person(app)
    yield app
    await app.shutdown()


async def signed_in(app: Hekla) -> Browser:
    browser = Browser(app)
    await browser.sign_in()
    return browser


async def test_a_code_that_is_shown_again_ends_what_it_was_good_for(app: Hekla) -> None:
    """Of the client and a thief the second to come ends it for both (section 4.5)."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 200

    again = await token(app, client, secret, token_form(code))
    assert (again.status, again.json()["error"]) == (400, "invalid_grant")
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401
    form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    assert (await token(app, client, secret, form)).json()["error"] == "invalid_grant"
    events = [row["event"] for row in await auth_of(app).audit.read()]
    assert "code_reused" in events


async def test_a_refresh_token_that_is_shown_again_ends_the_sign_in(app: Hekla) -> None:
    """After the grace for answers that got lost (section 4.14.2)."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    first = (await token(app, client, secret, token_form(code))).json()["refresh_token"]

    async def refresh(shown: str) -> dict[str, str]:
        form = {"grant_type": "refresh_token", "refresh_token": shown}
        document: dict[str, str] = (await token(app, client, secret, form)).json()
        return document

    second = (await refresh(first))["refresh_token"]
    third = (await refresh(second))["refresh_token"]
    clock = auth_of(app).clock
    at = clock.time() + 60
    clock.time = lambda: at
    assert (await refresh(first))["error"] == "invalid_grant"
    assert (await refresh(third))["error"] == "invalid_grant"


async def test_a_refresh_token_is_of_its_client_alone(app: Hekla) -> None:
    """Whoever stole one needs the client's secret, and has not even used the token up."""
    client, secret = await register(app, trusted=True)
    thief, thief_secret = await register(app, name="Thief")
    browser = await signed_in(app)
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    refresh = (await token(app, client, secret, token_form(code))).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert (await token(app, thief, thief_secret, form)).json()["error"] == "invalid_grant"
    assert (await token(app, client, secret, form)).status == 200


@pytest.mark.parametrize(
    "given",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"code_verifier": challenge_of(VERIFIER)},
        {"redirect_uri": "https://shop.example/other"},
    ],
    ids=["another verifier", "no verifier", "the challenge", "another address"],
)
async def test_a_stolen_code_is_of_no_use(app: Hekla, given: dict[str, str]) -> None:
    """Without the verifier it opens nothing, and a try that is wrong spoils it."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    answer = await token(app, client, secret, token_form(code, **given))
    assert answer.status == 400
    if given.get("code_verifier") != "":
        answer = await token(app, client, secret, token_form(code))
        assert answer.json()["error"] == "invalid_grant"


async def test_a_code_is_of_its_client_alone(app: Hekla) -> None:
    """A client that was handed the code of another (code injection) gets nothing for it."""
    client, secret = await register(app, trusted=True)
    thief, thief_secret = await register(app, name="Thief")
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    answer = await token(app, thief, thief_secret, token_form(code))
    assert answer.json()["error"] == "invalid_grant"
    assert (await token(app, client, secret, token_form(code))).status == 200


async def test_a_code_is_good_for_a_minute(app: Hekla) -> None:
    """Then it has expired."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    clock = auth_of(app).clock
    at = clock.time() + 61
    clock.time = lambda: at
    assert (await token(app, client, secret, token_form(code))).json()["error"] == "invalid_grant"


async def test_who_signs_out_takes_a_code_along(app: Hekla) -> None:
    """A code of a session that has ended is good for nothing."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    await browser.ask("POST", "/auth/logout")
    assert (await token(app, client, secret, token_form(code))).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": challenge_of(VERIFIER) + "="}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": "openid  email"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "everything"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"nonce": "n" * 2001}, "invalid_request"),
        ({"nonce": "n", "scope": "email"}, "invalid_request"),
    ],
)
async def test_requests_that_would_make_it_weaker(
    shared: Hekla, given: dict[str, str | None], error: str
) -> None:
    """PKCE cannot be left out or weakened, tokens never come in an address (RFC 9700, 2.1)."""
    client, _ = await register(shared, trusted=True)
    browser = Browser(shared)
    back = sent_to(await browser.get(authorization(client, **given)))
    assert (back["error"], back["iss"]) == (error, BASE)
    assert "code" not in back


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        CALLBACK + "/../evil",
        CALLBACK + "?next=https://evil.example",
        "https://shop.example.evil.example/callback",
        "https://shop.example@evil.example/callback",
        "//evil.example",
        "javascript:alert(1)",
        None,
    ],
)
async def test_nobody_is_sent_where_the_client_is_not(shared: Hekla, uri: str | None) -> None:
    """An address that is not registered gets neither a code nor an error (section 4.1)."""
    client, _ = await register(shared, trusted=True)
    browser = await signed_in(shared)
    for more in ({}, {"prompt": "none"}, {"scope": "admin"}, {"response_type": "token"}):
        answer = await browser.get(authorization(client, redirect_uri=uri, **more))
        assert answer.status == 400
        assert "location" not in answer.headers
        assert b"evil" not in answer.body


async def test_a_parameter_that_is_there_twice(app: Hekla) -> None:
    """Nobody may choose which of two is looked at."""
    client, _ = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client)
    for name, value in (("redirect_uri", "https://evil.example/"), ("client_id", "other")):
        answer = await browser.get(f"{target}&{urlencode({name: value})}")
        assert (answer.status, "location" in answer.headers) == (400, False)
    back = sent_to(await browser.get(f"{target}&scope=openid"))
    assert back["error"] == "invalid_request"
    answer = await token(app, None, "", {"grant_type": "authorization_code"})
    assert answer.json()["error"] == "invalid_client"


async def test_an_unknown_client_sends_nobody_anywhere(app: Hekla) -> None:
    """Its page says that it is not known."""
    client, _ = await register(app)
    unknown = authorization(client).replace(client.id, "0" * 32)
    answer = await (await signed_in(app)).get(unknown)
    assert (answer.status, "location" in answer.headers) == (400, False)


async def test_every_answer_says_whose_it_is(app: Hekla) -> None:
    """So that a client that knows several providers is not mixed up (RFC 9207)."""
    client, _ = await register(app)
    browser = await signed_in(app)
    for answer in (
        await browser.agree(authorization(client)),
        await browser.agree(authorization(client, prompt="consent"), "deny"),
        await browser.get(authorization(client, response_type="token")),
        await Browser(app).get(authorization(client, prompt="none")),
    ):
        assert sent_to(answer)["iss"] == BASE


async def test_consent_cannot_be_given_for_somebody(app: Hekla) -> None:
    """Not by another site, not without a session, not by whoever signed in later."""
    await register_person(app, "bob@example.org")
    client, _ = await register(app)
    browser = await signed_in(app)
    page = await browser.get(authorization(client))
    for origin in ("https://evil.example", "null", None):
        browser.origin = origin
        answer = await browser.submit(page, decision="allow")
        assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    stranger = Browser(app)
    answer = await stranger.submit(page, decision="allow")
    assert answer.headers["location"].startswith("/oauth/sign-in?")
    other = Browser(app)
    await other.sign_in("bob@example.org")
    answer = await other.submit(page, decision="allow")
    # Bob is asked himself.
    assert answer.status == 200
    assert b"bob@example.org" in answer.body


async def test_consent_is_for_what_the_page_said(app: Hekla) -> None:
    """A form that was changed on the way is judged as a request of its own."""
    client, _ = await register(app, scopes=["openid", "email"])
    browser = await signed_in(app)
    page = await browser.get(authorization(client))
    wider = await browser.submit(page, decision="allow", scope="openid write")
    assert sent_to(wider)["error"] == "invalid_scope"
    moved = await browser.submit(page, decision="allow", redirect_uri="https://evil.example/")
    assert (moved.status, "location" in moved.headers) == (400, False)
    # A decision within the address is none.
    target = authorization(client) + f"&decision=allow&user={hidden_of(page)['user']}"
    assert (await browser.get(target)).status == 200


async def test_a_token_is_no_browser(app: Hekla) -> None:
    """A client with a token of the user cannot agree in the user's name."""
    client, secret = await register(app, trusted=True)
    other, _ = await register(app, name="Other")
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client, scope="write")))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    thief = Browser(app)
    answer = await thief.get(authorization(other), **bearer)
    assert answer.headers["location"].startswith("/oauth/sign-in?")
    form = dict(pair.split("=") for pair in urlsplit(authorization(other)).query.split("&"))
    form |= {"redirect_uri": CALLBACK, "user": "1", "decision": "allow"}
    answer = await thief.ask("POST", "/oauth/consent", form, **bearer)
    assert answer.headers["location"].startswith("/oauth/sign-in?")


async def test_pages_cannot_be_framed_and_run_no_scripts(app: Hekla) -> None:
    """Clickjacking (section 4.16), and whatever a client calls itself."""
    evil = "<script>alert(1)</script>"
    client, _ = await register(app, name=evil)
    browser = await signed_in(app)
    pages = [
        await browser.get(authorization(client)),
        await browser.get("/oauth/sign-in?next=" + evil + "&login=" + evil),
        await browser.get("/oauth/device?user_code=" + evil),
        await browser.get("/oauth/authorize?client_id=" + evil),
    ]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'none'" in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert b"<script" not in page.body


async def test_a_public_client_on_the_machine_is_asked_about_each_time(app: Hekla) -> None:
    """Any program could say that it is this one (RFC 8252, section 8.6), trusted or not."""
    client, _ = await register(
        app, public=True, trusted=True, redirect_uris=["http://127.0.0.1/cb"]
    )
    browser = await signed_in(app)
    target = authorization(client, redirect_uri="http://127.0.0.1:5123/cb")
    back = sent_to(await browser.agree(target))
    answer = await token(
        app, client, "", token_form(back["code"], redirect_uri="http://127.0.0.1:5123/cb")
    )
    assert answer.status == 200
    assert (await browser.get(target)).status == 200
    assert sent_to(await browser.get(target + "&prompt=none"))["error"] == "consent_required"


async def test_a_client_cannot_pass_for_another(app: Hekla) -> None:
    """By its id alone, by its own secret, or by guessing."""
    client, secret = await register(app, trusted=True)
    _, thief_secret = await register(app, name="Thief")
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    for shown in ("", thief_secret, secret[:-1]):
        for basic in (True, False):
            answer = await token(app, client, shown, token_form(code), basic=basic)
            assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic")
    assert (await token(app, client, secret, token_form(code), basic=False)).status == 200


@pytest.mark.parametrize("grant", ["password", "implicit", "", "urn:x", "client_credentials"])
async def test_grants_that_a_client_has_not(shared: Hekla, grant: str) -> None:
    """What is not registered is refused, and what OAuth 2.1 left out is not there."""
    client, secret = await register(shared)
    form = {"grant_type": grant, "username": "ann@example.org", "password": "p"}
    answer = await token(shared, client, secret, form)
    assert answer.status == 400
    assert answer.json()["error"] in (
        "unsupported_grant_type",
        "unauthorized_client",
        "invalid_request",
    )


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/oauth/authorize",
        "/oauth/../evil",
        "/tasks",
        "javascript:alert(1)",
        "/oauth/authorize?\r\nSet-Cookie: a=b",
        "/oauth/device\r\nLocation: https://evil.example",
        "",
    ],
)
async def test_signing_in_leads_nowhere_else(shared: Hekla, back: str) -> None:
    """The page goes on to the provider's own pages only: no open redirect."""
    browser = Browser(shared)
    form = {"login": "ann@example.org", "password": "seven red bicycles", "next": back}
    answer = await browser.ask("POST", "/oauth/sign-in", form)
    assert answer.status == 303
    assert answer.headers["location"] == "/oauth/device"


async def test_signing_in_by_a_page_of_another_site(app: Hekla) -> None:
    """Nobody is signed in as somebody else by a form elsewhere (login CSRF)."""
    browser = Browser(app, origin="https://evil.example")
    form = {"login": "ann@example.org", "password": "seven red bicycles"}
    answer = await browser.ask("POST", "/oauth/sign-in", form)
    assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    assert not browser.cookies


async def test_passwords_cannot_be_found_by_trying(app: Hekla) -> None:
    """The page says the same for everybody, and then that one has to wait."""
    said: dict[str, list[tuple[int, bytes]]] = {}
    for login in ("ann@example.org", "nobody@example.org"):
        browser = Browser(app, address=f"203.0.113.{len(said) + 50}:1")
        answers = []
        for _ in range(7):
            form = {"login": login, "password": "wrong"}
            answer = await browser.ask("POST", "/oauth/sign-in", form)
            answers.append((answer.status, answer.body.replace(login.encode(), b"LOGIN")))
        said[login] = answers
        assert not browser.cookies
    assert said["ann@example.org"] == said["nobody@example.org"]
    assert [status for status, _ in said["ann@example.org"]][-1] == 429


async def test_state_goes_back_as_it_came_and_breaks_out_of_nothing(app: Hekla) -> None:
    """Ends of lines, marks of addresses and of pages are all of the state."""
    client, _ = await register(app)
    browser = await signed_in(app)
    state = "a b&c=d#e\r\nSet-Cookie: f=g\u2028\"'<x>%0d%0a"
    page = await browser.get(authorization(client, state=state))
    answer = await browser.submit(page, decision="allow")
    location = answer.headers["location"]
    assert location.isascii()
    assert not set(location) & set("\r\n\"'<> ")
    assert sent_to(answer)["state"] == state
    assert "set-cookie" not in answer.headers


async def test_an_id_token_is_no_access_token(app: Hekla) -> None:
    """Nor is an access token of one purpose one of another."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    for name, target in (("id_token", "/oauth/userinfo"), ("id_token", "/tasks")):
        answer = await Browser(app).get(target, authorization=f"Bearer {told[name]}")
        assert answer.status == 401
        assert "Bearer" in answer.headers["www-authenticate"]


async def test_a_user_who_is_shut_out(app: Hekla) -> None:
    """Their browser, codes and tokens are good for nothing at once."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client, scope="openid offline_access")
    told = (
        await token(app, client, secret, token_form(sent_to(await browser.get(target))["code"]))
    ).json()
    code = sent_to(await browser.get(target))["code"]
    auth = auth_of(app)
    await auth.write(lambda tx: auth.accounts.disable(tx, "1", True))
    assert (await token(app, client, secret, token_form(code))).json()["error"] == "invalid_grant"
    form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    assert (await token(app, client, secret, form)).json()["error"] == "invalid_grant"
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401
    assert (await browser.get(target)).headers["location"].startswith("/oauth/sign-in?")


async def test_nothing_is_kept_that_could_be_shown(app: Hekla) -> None:
    """Codes, secrets and tokens are in the database as digests only."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    path = app.location.path
    assert path is not None
    kept = b"".join(Path(path + end).read_bytes() for end in ("", "-wal"))  # noqa: ASYNC240
    for shown in (code, secret, told["refresh_token"], told["access_token"]):
        assert shown.encode() not in kept


@pytest.mark.parametrize(
    ("settings", "options", "says"),
    [
        ({"public_url": ""}, {}, "HEKLA_PUBLIC_URL"),
        ({"public_url": "http://tasks.example"}, {}, "TLS"),
        ({}, {"issuer": "https://other.example"}, "issuer"),
        ({}, {"cookies": False}, "cookies"),
        ({}, {"tokens": False}, "tokens"),
    ],
)
def test_a_provider_that_cannot_be_safe_is_none(
    tmp_path: Path, settings: dict[str, str], options: dict[str, str | bool], says: str
) -> None:
    """It is said at the start."""
    app = make_provider(tmp_path, settings=settings, **options)
    with pytest.raises(OperatorError, match=says):
        app.prepare()


async def test_other_forms_than_forms(app: Hekla) -> None:
    """JSON, bytes and huge bodies are refused with a Problem, never with a fault."""
    browser = Browser(app)
    answer = await browser.ask("POST", "/oauth/token", None)
    assert answer.status == 415
    answer = await browser.ask("POST", "/oauth/token", {"a": "b" * 70_000})
    assert answer.status == 413
    assert provider_of(app).issuer == BASE


async def test_a_password_alone_is_not_enough_where_there_is_a_second_factor(
    tmp_path: Path,
) -> None:
    """The page asks for it too, and there is no way around it to a code."""
    app = make_provider(tmp_path, totp=True)
    clock = stop_clock(app)
    await app.startup()
    try:
        await register_person(app)
        person = Person(app)
        await person.login("ann@example.org")
        secret = (await person.post("/auth/totp")).json()["secret"]
        totp = pyotp.TOTP(secret)
        await person.post("/auth/totp/confirm", {"code": totp.at(int(clock.seconds))})
        clock.pass_by(60)

        client, _ = await register(app, trusted=True)
        browser = Browser(app)
        answer = await browser.get(authorization(client))
        page = await browser.get(answer.headers["location"])
        page = await browser.submit(page, login="ann@example.org", password=PASSWORD)
        assert (page.status, b'name="code"' in page.body) == (200, True)
        assert not browser.cookies
        answer = await browser.get(authorization(client))
        assert answer.headers["location"].startswith("/oauth/sign-in?")
        wrong = await browser.submit(page, code="000000")
        assert (wrong.status, browser.cookies) == (401, {})
        answer = await browser.submit(wrong, code=totp.at(int(clock.seconds)))
        assert answer.headers["location"] == authorization(client)
        assert "code" in sent_to(await browser.get(authorization(client)))
    finally:
        await app.shutdown()


async def test_whoever_acts_as_a_user_lets_nobody_in(app: Hekla) -> None:
    """What an administrator does as somebody ends with that, and leaves no client behind."""
    client, _ = await register(app, trusted=True)
    browser = await signed_in(app)
    auth = auth_of(app)
    secret = browser.cookies["__Host-hekla-session"]
    live = await auth.sessions.find_secret(digest(secret))
    assert live is not None
    acting = msgspec.structs.replace(live.session, id="acting", secret=digest("acting"), behind="2")
    await auth.write(lambda tx: auth.sessions.begin(tx, acting))
    browser.cookies["__Host-hekla-session"] = "acting"
    assert (await browser.get("/auth/me")).status == 200
    answer = await browser.get(authorization(client))
    assert answer.headers["location"].startswith("/oauth/sign-in?")
    answer = await browser.get("/oauth/device")
    assert answer.headers["location"].startswith("/oauth/sign-in?")


async def test_every_address_is_listed(app: Hekla) -> None:
    """``hekla routes`` shows those of the provider too."""
    listed = {row.path: row.methods for row in app.routes()}
    assert listed["/oauth/token"] == ("POST", "OPTIONS")
    assert listed["/oauth/authorize"] == ("GET", "POST", "HEAD", "OPTIONS")
    assert "/.well-known/openid-configuration" in listed


async def test_a_clients_refresh_token_is_good_at_its_own_door_only(app: Hekla) -> None:
    """Where apps of the application itself refresh nobody asks for a client's secret."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    target = authorization(client, scope="openid write offline_access")
    code = sent_to(await browser.get(target))["code"]
    refresh = (await token(app, client, secret, token_form(code))).json()["refresh_token"]
    answer = await Person(app).post("/auth/refresh", {"refresh_token": refresh})
    assert (answer.status, answer.json()["code"]) == (401, "invalid_token")
    # And the other way round.
    person = Person(app)
    await person.login("ann@example.org")
    form = {"grant_type": "refresh_token", "refresh_token": str(person.refresh_token)}
    assert (await token(app, client, secret, form)).json()["error"] == "invalid_grant"
    # Neither was used up, nor did it end anything.
    assert (await person.refresh()).status == 200
    form["refresh_token"] = refresh
    assert (await token(app, client, secret, form)).status == 200


async def test_a_client_that_may_see_tasks_does_not_see_the_account(app: Hekla) -> None:
    """The address and the name are for clients that were allowed to know them."""
    client, secret = await register(app, trusted=True, scopes=["openid", "tasks:read", "read"])
    browser = await signed_in(app)
    found = {}
    for scope in ("openid tasks:read", "read"):
        code = sent_to(await browser.get(authorization(client, scope=scope)))["code"]
        told = (await token(app, client, secret, token_form(code))).json()
        bearer = {"authorization": f"Bearer {told['access_token']}"}
        paths = ("/tasks", "/users", "/auth/me")
        found[scope] = [(await Browser(app).get(path, **bearer)).status for path in paths]
    assert found == {"openid tasks:read": [200, 403, 403], "read": [200, 200, 200]}


async def test_of_many_who_redeem_one_code_at_once_one_gets_through(app: Hekla) -> None:
    """And what that one got is ended by the others."""
    client, secret = await register(app, trusted=True)
    browser = await signed_in(app)
    code = sent_to(await browser.get(authorization(client)))["code"]
    answers = await asyncio.gather(
        *(token(app, client, secret, token_form(code)) for _ in range(10))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 9
    told = next(answer.json() for answer in answers if answer.status == 200)
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401
