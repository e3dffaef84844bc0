"""Signing in by an authorization code, from the browser's first step to the end of the tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from hekla import Hekla, OperatorError, Settings
from tests.auth.oauth.world import (
    BASE,
    CALLBACK,
    Browser,
    authorization,
    claims_of,
    make_provider,
    provider_of,
    register,
    register_person,
    sent_to,
    token,
    token_form,
)
from tests.auth.world import PASSWORD, QUICK, Stopped, auth_of, stop_clock
from tests.auth.world import Client as Person


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = make_provider(tmp_path)
    stop_clock(app)
    await app.startup()
    yield app
    await app.shutdown()


def clock_of(app: Hekla) -> Stopped:
    stopped = getattr(auth_of(app).clock.time, "__closure__")[0].cell_contents  # noqa: B009
    assert isinstance(stopped, Stopped)
    return stopped


async def test_the_whole_way(app: Hekla) -> None:
    """A stranger signs in, agrees, and comes back; the client learns who it was."""
    key = await register_person(app)
    client, secret = await register(app)
    browser = Browser(app)
    target = authorization(client, nonce="n-1", scope="openid email offline_access")

    answer = await browser.get(target)
    assert answer.status == 303
    page = await browser.get(answer.headers["location"])
    assert b"To go on to Shop." in page.body
    answer = await browser.submit(page, login="Ann@example.org", password=PASSWORD)
    assert answer.headers["location"] == target

    page = await browser.get(target)
    assert b"Let Shop in?" in page.body
    assert b"See your e-mail address" in page.body
    back = sent_to(await browser.submit(page, decision="allow"))
    assert (back["state"], back["iss"]) == ("s 1", BASE)

    answer = await token(app, client, secret, token_form(back["code"]))
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
    assert told["scope"] == "email offline_access openid"
    claims = claims_of(app, told["id_token"])
    at = int(clock_of(app).seconds)
    assert claims == {
        "iss": BASE,
        "sub": key,
        "aud": client.id,
        "iat": at,
        "exp": at + 600,
        "auth_time": at,
        "amr": ["pwd"],
        "nonce": "n-1",
    }
    answer = await Browser(app).get(
        "/oauth/userinfo", authorization=f"Bearer {told['access_token']}"
    )
    assert answer.json() == {"sub": key, "email": "ann@example.org", "email_verified": False}

    # It goes on by refresh tokens, each good once.
    answer = await token(
        app, client, secret, {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    )
    renewed = answer.json()
    assert answer.status == 200
    assert renewed["refresh_token"] != told["refresh_token"]
    assert claims_of(app, renewed["id_token"])["auth_time"] == at


async def test_who_agreed_once_is_not_asked_again(app: Hekla) -> None:
    """But for more than that, or where the client wants it, they are."""
    await register_person(app)
    client, _ = await register(app)
    browser = Browser(app)
    await browser.sign_in()
    await browser.agree(authorization(client))
    assert "code" in sent_to(await browser.get(authorization(client)))
    assert "code" in sent_to(await browser.get(authorization(client, prompt="none")))
    assert (await browser.get(authorization(client, scope="openid email"))).status == 200
    assert (await browser.get(authorization(client, prompt="consent"))).status == 200
    back = sent_to(await browser.get(authorization(client, scope="openid email", prompt="none")))
    assert (back["error"], back["iss"]) == ("consent_required", BASE)


async def test_a_trusted_client_is_let_in_without_a_question(app: Hekla) -> None:
    """One's own applications need no consent."""
    await register_person(app)
    client, _ = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    assert "code" in sent_to(await browser.get(authorization(client)))


async def test_who_does_not_agree_goes_back_with_that(app: Hekla) -> None:
    """The client is told, and nothing is kept."""
    await register_person(app)
    client, _ = await register(app)
    browser = Browser(app)
    await browser.sign_in()
    back = sent_to(await browser.agree(authorization(client), "deny"))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "s 1", BASE)
    assert (await browser.get(authorization(client))).status == 200


async def test_prompts_and_ages(app: Hekla) -> None:
    """A client may want its user to sign in anew, or to be asked nothing."""
    await register_person(app)
    client, _ = await register(app, trusted=True)
    browser = Browser(app)
    back = sent_to(await browser.get(authorization(client, prompt="none")))
    assert back["error"] == "login_required"
    await browser.sign_in()
    for given in ({"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}):
        answer = await browser.get(authorization(client, **given))
        page = await browser.get(answer.headers["location"])
        answer = await browser.submit(page, login="ann@example.org", password=PASSWORD)
        assert "code" in sent_to(await browser.get(answer.headers["location"])), given
    assert "code" in sent_to(await browser.get(authorization(client, max_age="100")))
    clock_of(app).pass_by(101)
    answer = await browser.get(authorization(client, max_age="100"))
    assert answer.headers["location"].startswith("/oauth/sign-in?")
    back = sent_to(await browser.get(authorization(client, max_age="100", prompt="none")))
    assert back["error"] == "login_required"


async def test_a_hint_about_somebody_else(app: Hekla) -> None:
    """A client that expects another user is not answered with this one."""
    await register_person(app)
    await register_person(app, "bob@example.org")
    client, secret = await register(app, trusted=True)
    ann, bob = Browser(app), Browser(app)
    await ann.sign_in()
    await bob.sign_in("bob@example.org")
    code = sent_to(await ann.get(authorization(client)))["code"]
    hint = (await token(app, client, secret, token_form(code))).json()["id_token"]
    target = authorization(client, id_token_hint=hint, prompt="none")
    assert "code" in sent_to(await ann.get(target))
    assert sent_to(await bob.get(target))["error"] == "login_required"
    forged = authorization(client, id_token_hint=hint[:-4] + "AAAA", prompt="none")
    assert sent_to(await ann.get(forged))["error"] == "login_required"


async def test_without_offline_access_there_is_no_refresh_token(app: Hekla) -> None:
    """And the sign-in of the client ends with its access token."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    code = sent_to(await browser.get(authorization(client)))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    assert "refresh_token" not in told
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 200
    clock_of(app).pass_by(601)
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401


async def test_a_token_opens_the_api_only_with_its_scope(app: Hekla) -> None:
    """Whoever was only told who the user is cannot act in their name."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    found = {}
    for scope in ("openid", "openid read", "write"):
        code = sent_to(await browser.get(authorization(client, scope=scope)))["code"]
        told = (await token(app, client, secret, token_form(code))).json()
        bearer = {"authorization": f"Bearer {told['access_token']}"}
        api = await Browser(app).get("/tasks", **bearer)
        info = await Browser(app).get("/oauth/userinfo", **bearer)
        found[scope] = (api.status, info.status)
    assert found == {"openid": (401, 200), "openid read": (200, 200), "write": (200, 403)}


async def test_a_client_cannot_change_the_account_of_its_user(app: Hekla) -> None:
    """Even with the scope of the API: keys, passwords and sign-ins are the user's own affair."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    code = sent_to(await browser.get(authorization(client, scope="write")))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/auth/me", **bearer)).status == 200
    for method, path in (("GET", "/auth/sessions"), ("DELETE", "/auth/sessions")):
        assert (await Browser(app).ask(method, path, None, **bearer)).status == 403


async def test_narrower_on_refresh_and_never_wider(app: Hekla) -> None:
    """A refresh may ask for less (RFC 6749, section 6)."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    target = authorization(client, scope="openid email offline_access")
    code = sent_to(await browser.get(target))["code"]
    refresh = (await token(app, client, secret, token_form(code))).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    wider = await token(app, client, secret, {**form, "scope": "openid write"})
    assert (wider.status, wider.json()["error"]) == (400, "invalid_scope")
    # What was refused has not used the token up.
    narrow = await token(app, client, secret, {**form, "scope": "email"})
    assert narrow.status == 200
    assert narrow.json()["scope"] == "email"
    assert "id_token" not in narrow.json()


async def test_a_client_as_itself(app: Hekla) -> None:
    """With client credentials a client is the user that it acts as."""
    key = await register_person(app, "robot@example.org")
    client, secret = await register(
        app, grants=["client_credentials"], redirect_uris=[], scopes=["write"], acts_as=key
    )
    answer = await token(app, client, secret, {"grant_type": "client_credentials"})
    told = answer.json()
    assert (answer.status, told["scope"]) == (200, "write")
    assert "refresh_token" not in told
    me = await Browser(app).get("/auth/me", authorization=f"Bearer {told['access_token']}")
    assert me.json()["email"] == "robot@example.org"


async def test_introspection(app: Hekla) -> None:
    """A token is told to the client it is of, and to a resource server; to others it is nothing."""
    key = await register_person(app)
    client, secret = await register(app, trusted=True)
    other, other_secret = await register(app, name="Other")
    server, server_secret = await register(app, name="Server", inspects=True)
    browser = Browser(app)
    await browser.sign_in()
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    told = (await token(app, client, secret, token_form(code))).json()

    async def introspect(who: tuple[object, str], shown: str) -> dict[str, object]:
        answer = await token(app, who[0], who[1], {"token": shown}, "/oauth/introspect")  # type: ignore[arg-type]
        assert answer.status == 200
        document: dict[str, object] = answer.json()
        return document

    for name in ("access_token", "refresh_token"):
        for who in ((client, secret), (server, server_secret)):
            found = await introspect(who, told[name])
            assert (found["active"], found["sub"], found["client_id"]) == (True, key, client.id)
            assert found["scope"] == "offline_access openid"
        assert await introspect((other, other_secret), told[name]) == {"active": False}
    assert await introspect((client, secret), "nonsense") == {"active": False}
    assert await introspect((client, secret), told["id_token"]) == {"active": False}


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revocation_ends_both_tokens_at_once(app: Hekla, which: str) -> None:
    """What a client gives back is good for nobody (RFC 7009); only the client's own is ended."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    other, other_secret = await register(app, name="Other")
    browser = Browser(app)
    await browser.sign_in()
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    bearer = {"authorization": f"Bearer {told['access_token']}"}

    answer = await token(app, other, other_secret, {"token": told[which]}, "/oauth/revoke")
    assert answer.status == 200
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 200
    for _ in range(2):
        answer = await token(app, client, secret, {"token": told[which]}, "/oauth/revoke")
        assert answer.status == 200
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401
    form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    assert (await token(app, client, secret, form)).json()["error"] == "invalid_grant"


async def test_the_user_sees_and_ends_what_clients_have(app: Hekla) -> None:
    """A client's sign-in is among one's own sessions, by its client."""
    await register_person(app)
    client, secret = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    target = authorization(client, scope="openid offline_access")
    code = sent_to(await browser.get(target))["code"]
    told = (await token(app, client, secret, token_form(code))).json()
    sessions = (await browser.get("/auth/sessions")).json()
    mine = next(each for each in sessions if each.get("client_id") == client.id)
    assert (await browser.ask("DELETE", f"/auth/sessions/{mine['id']}", origin=BASE)).status == 204
    form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    assert (await token(app, client, secret, form)).json()["error"] == "invalid_grant"


async def test_a_rotated_secret(app: Hekla) -> None:
    """The old one is good for as long as was said, then no more."""
    client, secret = await register(app)
    provider = provider_of(app)
    new = await provider.clients.rotate(client, keep_seconds=60)

    async def known(shown: str) -> bool:
        answer = await token(app, client, shown, {"token": "x"}, "/oauth/introspect")
        return answer.status == 200

    assert [await known(each) for each in (new, secret, "wrong")] == [True, True, False]
    clock_of(app).pass_by(61)
    assert [await known(each) for each in (new, secret)] == [True, False]
    again = await provider.clients.find(client.id)
    assert again is not None
    last = await provider.clients.rotate(again)
    assert [await known(each) for each in (last, new)] == [True, False]


async def test_a_client_that_is_removed_leaves_nothing(app: Hekla) -> None:
    """Its tokens, codes and consents go with it."""
    await register_person(app)
    client, secret = await register(app)
    browser = Browser(app)
    await browser.sign_in()
    back = sent_to(await browser.agree(authorization(client, scope="openid offline_access")))
    told = (await token(app, client, secret, token_form(back["code"]))).json()
    provider = provider_of(app)
    await provider.auth.write(lambda tx: provider.clients.remove(tx, client.id))
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401
    assert (await browser.get(authorization(client))).status == 400
    assert await provider.grants.agreed("1", client) == frozenset()


async def test_discovery(app: Hekla) -> None:
    """Both documents say the same, and every address in them is one."""
    browser = Browser(app)
    answer = await browser.get("/.well-known/openid-configuration")
    document = answer.json()
    assert document["issuer"] == BASE
    other = await browser.get("/.well-known/oauth-authorization-server")
    assert other.json() == document
    for name, uri in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert (await browser.get(uri)).status != 404, name
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]


async def test_pages_speak_the_language_of_the_user(app: Hekla) -> None:
    """English and Chinese, as the browser or the client asks for."""
    await register_person(app)
    client, _ = await register(app)
    browser = Browser(app, language="zh-CN,zh;q=0.9,en;q=0.8")
    await browser.sign_in()
    page = (await browser.get(authorization(client))).body.decode()
    assert '<html lang="zh-Hans">' in page
    assert "允许 Shop 访问吗？" in page
    page = (await browser.get(authorization(client, ui_locales="en"))).body.decode()
    assert "Let Shop in?" in page


async def test_pages_can_be_restyled(tmp_path: Path) -> None:
    """A template or the stylesheet of one's own stands in place of Hekla's."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.css").write_text("body { color: red }")
    (folder / "sign_in.html").write_text(
        '{% extends "layout.html" %}{% block main %}Hi{% endblock %}'
    )
    app = make_provider(tmp_path, oauth={"templates": folder, "scopes": {"orders": "See orders"}})
    await app.startup()
    try:
        browser = Browser(app)
        assert (await browser.get("/oauth/page.css")).body == b"body { color: red }"
        assert b"Hi" in (await browser.get("/oauth/sign-in")).body
        await register_person(app)
        client, _ = await register(app, scopes=["openid", "orders"])
        await browser.sign_in()
        page = await browser.get(authorization(client, scope="orders"))
        assert b"See orders" in page.body
    finally:
        await app.shutdown()


async def test_a_post_to_the_authorization_endpoint(app: Hekla) -> None:
    """It does the same as a GET (OpenID Connect Core, section 3.1.2.1)."""
    client, _ = await register(app)
    form = dict(pair.split("=", 1) for pair in authorization(client).partition("?")[2].split("&"))
    form["redirect_uri"], form["state"] = CALLBACK, "s"
    answer = await Browser(app, origin="https://shop.example").ask("POST", "/oauth/authorize", form)
    assert answer.status == 303
    assert answer.headers["location"].startswith("/oauth/sign-in?next=")


async def test_codes_are_forgotten_after_a_day(app: Hekla) -> None:
    """Until then their reuse is noticed; what is left behind goes."""
    await register_person(app)
    client, _ = await register(app, trusted=True)
    browser = Browser(app)
    await browser.sign_in()
    await browser.get(authorization(client))
    auth = auth_of(app)

    async def count() -> int:
        rows = await auth.store.write(
            lambda tx: tx.fetch_all("SELECT digest FROM hekla_oauth_codes")
        )
        return len(rows)

    await auth.tidy()
    assert await count() == 1
    clock_of(app).pass_by(86_401)
    await auth.tidy()
    assert await count() == 0


async def test_what_is_posted_to_sign_in_is_bounded_by_default(tmp_path: Path) -> None:
    """Without a word of the application, by address; reading is not."""
    app = make_provider(tmp_path, settings={"auth_rate_limits": ("3/day by address",)})
    await app.startup()
    try:
        browser, other = Browser(app), Browser(app, address="203.0.113.77:1")
        found = [(await browser.ask("POST", "/auth/logout")).status for _ in range(4)]
        assert found == [204, 204, 204, 429]
        form = {"login": "a", "password": "b"}
        found = [(await browser.ask("POST", "/oauth/sign-in", form)).status for _ in range(4)]
        assert found == [401, 401, 401, 429]
        assert (await browser.get("/oauth/sign-in")).status == 200
        assert (await other.ask("POST", "/auth/logout")).status == 204
        # The back channel is for programs, whose secrets cannot be guessed.
        found = [(await browser.ask("POST", "/oauth/token", {"a": "b"})).status for _ in range(5)]
        assert found == [401] * 5
    finally:
        await app.shutdown()
    assert Settings().auth_rate_limits == ("60/minute by address",)


async def test_below_a_prefix(tmp_path: Path) -> None:
    """Every address, form and redirect is below it, and the issuer is there too."""
    issuer = f"{BASE}/api"
    settings = replace(QUICK, public_url=BASE)
    app = Hekla(f"sqlite:///{tmp_path / 'app.db'}", settings=settings, prefix="/api")
    app.auth(registration=True, issuer=issuer)
    app.oauth()
    app.on_startup(app.create_tables)
    await app.startup()
    try:
        person = {"email": "ann@example.org", "password": PASSWORD}
        assert (await Person(app).post("/api/auth/register", person)).status == 201
        client, secret = await register(app)
        browser = Browser(app)
        target = "/api" + authorization(client)
        answer = await browser.get(target)
        page = await browser.get(answer.headers["location"])
        assert b'href="/api/oauth/page.css"' in page.body
        answer = await browser.submit(page, login="ann@example.org", password=PASSWORD)
        back = sent_to(await browser.agree(answer.headers["location"]))
        assert back["iss"] == issuer
        answer = await token(app, client, secret, token_form(back["code"]), "/api/oauth/token")
        assert claims_of(app, answer.json()["id_token"])["iss"] == issuer
        document = (await browser.get("/api/.well-known/openid-configuration")).json()
        assert document["issuer"] == issuer
        assert document["token_endpoint"] == f"{issuer}/oauth/token"
    finally:
        await app.shutdown()


async def test_a_page_of_ones_own_for_signing_in(tmp_path: Path) -> None:
    """Users are sent there, with where to go on to; only a path of the application can be one."""
    for path in ("https://evil.example/", "//evil.example/", "welcome"):
        with pytest.raises(OperatorError):
            make_provider(tmp_path, oauth={"sign_in": path})
    app = make_provider(tmp_path, oauth={"sign_in": "/welcome"})
    await app.startup()
    try:
        client, _ = await register(app)
        target = authorization(client)
        answer = await Browser(app).get(target)
        assert answer.headers["location"] == f"/welcome?next={quote(target, safe='')}"
    finally:
        await app.shutdown()
