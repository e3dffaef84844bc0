"""Signing in with another provider: who becomes whom, and who does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hekla import Hekla, OperatorError
from hekla.auth.federation.exchange import OpenIDConnect
from hekla.auth.federation.face import local_path
from hekla.auth.federation.upstream import declare
from hekla.auth.jose import new_key
from tests.auth.federation.upstreams import (
    ISSUER,
    Upstream,
    begin,
    come_back,
    federation_of,
    make_federated,
    went,
)
from tests.auth.oauth.world import BASE, Browser, register_person
from tests.auth.world import PASSWORD, Stopped, auth_of
from tests.scenarios.client import Answer


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Hekla, Upstream]]:
    app, upstream = make_federated(tmp_path)
    await app.startup()
    yield app, upstream
    await app.shutdown()


@pytest.fixture(scope="module")
async def one(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Hekla, Upstream]]:
    app, upstream = make_federated(tmp_path_factory.mktemp("one"))
    await app.startup()
    await register_person(app)
    yield app, upstream
    await app.shutdown()


@pytest.fixture
def shared(one: tuple[Hekla, Upstream]) -> tuple[Hekla, Upstream]:
    """An application for many small tries, in which ann@example.org is user 1."""
    app, upstream = one
    upstream.claims, upstream.metadata, upstream.asked = {}, {}, []
    exchange = federation_of(app).exchanges["work"]
    assert isinstance(exchange, OpenIDConnect)
    exchange.metadata._found = None
    return app, upstream


async def who(browser: Browser) -> Any:
    answer = await browser.get("/auth/me")
    return answer.json()["email"] if answer.status == 200 else None


async def sign_in(app: Hekla, upstream: Upstream, **given: str | None) -> tuple[Browser, Answer]:
    browser = Browser(app)
    sent = await begin(browser, upstream)
    return browser, await come_back(browser, sent, **given)


async def confirm(app: Hekla, user_id: str, email: str) -> None:
    auth = auth_of(app)
    await auth.write(lambda tx: auth.accounts.confirm(tx, user_id, email))


async def test_somebody_new_becomes_a_user(both: tuple[Hekla, Upstream]) -> None:
    """With a verified address and a name, and is the same one the next time."""
    app, upstream = both
    browser = Browser(app)
    sent = await begin(browser, upstream, "/oauth/with/work?next=%2Ftasks%3Flimit%3D1")
    assert sent["redirect_uri"] == f"{BASE}/oauth/callback/work"
    assert (sent["client_id"], sent["response_type"]) == ("hekla", "code")
    assert (sent["scope"], sent["code_challenge_method"]) == ("openid email profile", "S256")
    answer = await come_back(browser, sent)
    assert (answer.status, answer.headers["location"]) == (303, "/tasks?limit=1")
    me = (await browser.get("/auth/me")).json()
    assert (me["email"], me["name"]) == ("ann@example.org", "Ann")
    assert (await auth_of(app).accounts.find(str(me["id"]))).confirmed == "ann@example.org"
    # Whatever becomes of the address there, it is the subject that counts.
    upstream.user = {**upstream.user, "email": "other@example.org", "email_verified": False}
    again, _ = await sign_in(app, upstream)
    assert (await again.get("/auth/me")).json()["id"] == me["id"]
    assert "hekla-with" not in "".join(name for name, value in again.cookies.items() if value)


async def test_an_address_that_both_have_confirmed_is_one_person(
    both: tuple[Hekla, Upstream],
) -> None:
    """Then, and only then, somebody is known by it."""
    app, upstream = both
    key = await register_person(app)
    await confirm(app, key, "ann@example.org")
    browser, _ = await sign_in(app, upstream)
    assert str((await browser.get("/auth/me")).json()["id"]) == key
    identities = (await browser.get("/oauth/identities")).json()
    assert [each["provider"] for each in identities] == ["work"]


@pytest.mark.parametrize(
    ("confirmed", "claims"),
    [
        # Somebody registered here with an address that may not be theirs (pre-hijacking).
        (None, {}),
        ("old@example.org", {}),
        # The other provider has not verified it, or does not say so.
        ("ann@example.org", {"email_verified": False}),
        ("ann@example.org", {"email_verified": None}),
        ("ann@example.org", {"email_verified": "yes"}),
        ("ann@example.org", {"email_verified": 1.5}),
        ("ann@example.org", {"email": ["ann@example.org"]}),
        ("ann@example.org", {"email": None}),
    ],
)
async def test_nobody_comes_into_an_account_by_an_address_alone(
    shared: tuple[Hekla, Upstream], confirmed: str | None, claims: dict[str, Any]
) -> None:
    """Whoever has to be the same is asked to sign in first, and to say so."""
    app, upstream = shared
    await confirm(app, "1", confirmed or "")
    upstream.claims = claims
    browser, answer = await sign_in(app, upstream)
    assert answer.status == 400
    assert await who(browser) is None
    assert await federation_of(app).identities.find("work", "u-1") is None


async def test_a_provider_whose_addresses_are_not_believed(tmp_path: Path) -> None:
    """Where anybody can claim any address, only explicit links count (nOAuth)."""
    app, upstream = make_federated(tmp_path)
    exchange = federation_of(app).exchanges["work"]
    exchange.upstream = declare(
        "work", issuer=ISSUER, client_id="hekla", client_secret="s3cret", trusts_email=False
    )
    await app.startup()
    try:
        key = await register_person(app)
        await confirm(app, key, "ann@example.org")
        browser, answer = await sign_in(app, upstream)
        assert (answer.status, await who(browser)) == (400, None)
    finally:
        await app.shutdown()


async def test_nobody_registers_where_nobody_may(tmp_path: Path) -> None:
    """Without registration only those who are users sign in."""
    app, upstream = make_federated(tmp_path, registration=False)
    await app.startup()
    try:
        browser, answer = await sign_in(app, upstream)
        assert (answer.status, await who(browser)) == (400, None)
    finally:
        await app.shutdown()


async def test_linking_and_unlinking(both: tuple[Hekla, Upstream]) -> None:
    """Somebody who is signed in says who they are there; from then on that signs them in."""
    app, upstream = both
    await register_person(app)
    browser = Browser(app)
    await federated_cookie(browser)
    answer = await browser.ask("POST", "/oauth/link/work", {"next": "/account"})
    answer = await come_back(browser, went(answer, upstream))
    assert (answer.status, answer.headers["location"]) == (303, "/account")
    other, _ = await sign_in(app, upstream)
    assert await who(other) == "ann@example.org"
    # A user has a password here, so may do without it.
    assert (await browser.ask("DELETE", "/oauth/identities/work", origin=BASE)).status == 204
    assert (await browser.ask("DELETE", "/oauth/identities/work", origin=BASE)).status == 404
    third, answer = await sign_in(app, upstream)
    assert (answer.status, await who(third)) == (400, None)


async def federated_cookie(browser: Browser) -> None:
    """Sign in with a password and a cookie."""
    from hekla.web.request import Request

    body = f'{{"email": "ann@example.org", "password": "{PASSWORD}", "cookie": true}}'.encode()
    headers = [("host", "tasks.example"), ("content-type", "application/json"), ("origin", BASE)]
    request = Request("POST", "/auth/login", headers=headers, body=body, scheme="https")
    response = await browser.app.handle(request)
    assert response.status == 200
    for name, value in response.headers:
        if name == "set-cookie":
            cookie, _, content = value.partition(";")[0].partition("=")
            browser.cookies[cookie] = content


async def test_the_last_way_in_is_not_taken_away(both: tuple[Hekla, Upstream]) -> None:
    """Who has no password keeps the only identity."""
    app, upstream = both
    browser, _ = await sign_in(app, upstream)
    answer = await browser.ask("DELETE", "/oauth/identities/work", origin=BASE)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")


async def test_linking_is_for_whoever_began_it(both: tuple[Hekla, Upstream]) -> None:
    """Nobody's identity gets to an account that is signed in meanwhile, or belongs to two."""
    app, upstream = both
    await register_person(app)
    browser = Browser(app)
    # Not signed in, or from elsewhere: it does not even begin.
    assert (await browser.ask("POST", "/oauth/link/work", {})).status == 401
    await federated_cookie(browser)
    browser.origin = "https://evil.example"
    assert (await browser.ask("POST", "/oauth/link/work", {})).status == 403
    browser.origin = BASE
    sent = went(await browser.ask("POST", "/oauth/link/work", {}), upstream)
    # Signed in anew: another session.
    await federated_cookie(browser)
    assert (await come_back(browser, sent)).status == 400
    assert await federation_of(app).identities.find("work", "u-1") is None


@pytest.mark.parametrize(
    "given",
    [
        {"state": None},
        {"state": "made-up"},
        {"state": "é\ud800"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"code": None},
        {"code": None, "error": "access_denied"},
        {"error": "access_denied"},
    ],
    ids=str,
)
async def test_answers_that_are_not_to_our_question(
    shared: tuple[Hekla, Upstream], given: dict[str, str | None]
) -> None:
    """CSRF, mix-up (RFC 9207) and refusals end on a page, and nothing was asked of the provider."""
    app, upstream = shared
    given = {name: value and value.replace("\ud800", "x") for name, value in given.items()}
    browser, answer = await sign_in(app, upstream, **given)
    assert (answer.status, await who(browser)) == (400, None)
    assert f"{ISSUER}/token" not in upstream.asked


async def test_an_answer_is_good_once_and_for_its_browser(both: tuple[Hekla, Upstream]) -> None:
    """Neither another browser nor a second time, nor after a quarter of an hour."""
    app, upstream = both
    victim, thief = Browser(app), Browser(app)
    sent = await begin(thief, upstream)
    assert (await come_back(victim, sent)).status == 400
    assert await who(victim) is None
    assert (await come_back(thief, sent)).status == 303
    assert (await come_back(thief, sent)).status == 400
    late = Browser(app)
    sent = await begin(late, upstream)
    clock = upstream.clock
    assert isinstance(clock, Stopped)
    clock.pass_by(901)
    assert (await come_back(late, sent)).status == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["hekla", "another"]},
        {"aud": ["hekla"], "azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": 99_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
    ],
    ids=str,
)
async def test_id_tokens_that_are_not_for_us(
    shared: tuple[Hekla, Upstream], claims: dict[str, Any]
) -> None:
    """Another issuer, client, question or time (OpenID Connect Core, section 3.1.3.7)."""
    app, upstream = shared
    upstream.claims = claims
    browser, answer = await sign_in(app, upstream)
    assert (answer.status, await who(browser)) == (400, None)


async def test_id_tokens_that_others_signed(both: tuple[Hekla, Upstream]) -> None:
    """By another key of the same name, by none, or by an algorithm that was not announced."""
    import base64
    import json

    app, upstream = both
    await sign_in(app, upstream)

    def unsigned(header: dict[str, Any]) -> str:
        claims = json.loads(base64.urlsafe_b64decode(upstream.token().split(".")[1] + "=="))
        parts = [
            base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, claims)
        ]
        return b".".join([*parts, b""]).decode()

    good, upstream.key = upstream.key, new_key("EdDSA")
    browser, answer = await sign_in(app, upstream)
    assert (answer.status, await who(browser)) == (400, None)
    upstream.key = good
    for header in (
        {"alg": "none"},
        {"alg": "none", "kid": "k1"},
        {"alg": "HS256", "kid": "k1"},
        {"alg": "RS256", "kid": "k1"},
        {"alg": "EdDSA", "kid": "k1"},
        {"alg": "EdDSA", "kid": "k1", "jwk": upstream.public()},
        {"alg": "EdDSA", "kid": "k1", "crit": ["exp"]},
    ):
        browser = Browser(app)
        sent = await begin(browser, upstream)
        upstream.id_token = unsigned(header)
        answer = await come_back(browser, sent)
        assert (answer.status, await who(browser)) == (400, None), header


async def test_keys_that_change(both: tuple[Hekla, Upstream]) -> None:
    """A new key is looked for, but not each time that somebody names one that is not there."""
    app, upstream = both
    metadata = getattr(federation_of(app).exchanges["work"], "metadata")  # noqa: B009
    times = [1000.0]
    metadata._clock = lambda: times[0]
    await sign_in(app, upstream)
    upstream.key, upstream.kid = new_key("EdDSA"), "k2"
    times[0] += 11
    browser, _ = await sign_in(app, upstream)
    assert await who(browser) == "ann@example.org"
    upstream.published, upstream.kid = False, "k3"
    before = upstream.asked.count(f"{ISSUER}/keys")
    for _ in range(5):
        _, answer = await sign_in(app, upstream)
        assert answer.status == 400
    assert upstream.asked.count(f"{ISSUER}/keys") == before


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": ISSUER + "/"},
        {"token_endpoint": "http://login.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
    ids=str,
)
async def test_metadata_that_cannot_be_believed(
    shared: tuple[Hekla, Upstream], metadata: dict[str, Any]
) -> None:
    """Of another issuer, or with addresses that are not safe: nobody is sent there."""
    app, upstream = shared
    upstream.metadata = metadata
    answer = await Browser(app).get("/oauth/with/work")
    assert (answer.status, "location" in answer.headers) == (502, False)


async def test_a_provider_that_cannot_be_reached(
    both: tuple[Hekla, Upstream], caplog: pytest.LogCaptureFixture
) -> None:
    """A page says that it did not work; why is in the log, without secrets."""
    app, upstream = both
    upstream.down = True
    answer = await Browser(app).get("/oauth/with/work", accept_language="zh")
    assert answer.status == 502
    assert "cannot be asked" in caplog.text
    assert "s3cret" not in caplog.text
    upstream.down = False
    assert (await Browser(app).get("/oauth/with/work")).status == 303


async def test_userinfo_is_asked_where_the_id_token_says_too_little(
    both: tuple[Hekla, Upstream],
) -> None:
    """And believed only if it is about the same one."""
    app, upstream = both
    upstream.user = {"sub": "u-1"}
    upstream.userinfo = {"sub": "u-2", "email": "bob@example.org", "email_verified": True}
    _, answer = await sign_in(app, upstream)
    assert answer.status == 400
    upstream.userinfo["sub"] = "u-1"
    browser, _ = await sign_in(app, upstream)
    assert await who(browser) == "bob@example.org"


async def test_an_account_that_is_shut_out(both: tuple[Hekla, Upstream]) -> None:
    """Stays so, whoever vouches for it."""
    app, upstream = both
    await sign_in(app, upstream)
    auth = auth_of(app)
    await auth.write(lambda tx: auth.accounts.disable(tx, "1", True))
    browser, answer = await sign_in(app, upstream)
    assert (answer.status, await who(browser)) == (400, None)


async def test_no_secret_is_in_the_address_or_the_database(both: tuple[Hekla, Upstream]) -> None:
    """What the browser holds follows from nothing that others see."""
    app, upstream = both
    browser = Browser(app)
    sent = await begin(browser, upstream)
    secret = browser.cookies["__Host-hekla-with"]
    assert all(secret not in value for value in sent.values())
    path = app.location.path
    assert path is not None
    kept = b"".join(Path(path + end).read_bytes() for end in ("", "-wal"))  # noqa: ASYNC240
    assert secret.encode() not in kept
    assert sent["state"].encode() not in kept


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/tasks?limit=1#top", "/tasks?limit=1#top"),
        ("", "/"),
        ("tasks", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("/é", "/"),
        ("/" + "a" * 12_000, "/"),
    ],
)
def test_where_one_goes_on_to(given: str, path: str) -> None:
    """A path of this origin, and nothing else."""
    assert local_path(given) == path


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("google", {}, "client_id"),
        ("microsoft", {"client_id": "a"}, "tenant"),
        ("microsoft", {"client_id": "a", "tenant": "common"}, "tenant"),
        ("work", {"client_id": "a"}, "issuer"),
        ("work", {"client_id": "a", "issuer": "http://login.example"}, "https"),
        ("work", {"client_id": "a", "issuer": "https://login.example?a=b"}, "no address"),
        ("work", {"client_id": "a", "issuer": ISSUER, "scopes": ["email"]}, "openid"),
        ("Work!", {"client_id": "a", "issuer": ISSUER}, "name"),
    ],
)
def test_what_cannot_be_declared(name: str, given: dict[str, Any], says: str) -> None:
    """What is missing or not safe is said at the start."""
    with pytest.raises(OperatorError, match=says):
        declare(name, **given)


def test_presets() -> None:
    """What is known of common providers; Microsoft's addresses are not believed."""
    assert declare("google", client_id="a").issuer == "https://accounts.google.com"
    microsoft = declare("microsoft", client_id="a", tenant="contoso")
    assert microsoft.issuer == "https://login.microsoftonline.com/contoso/v2.0"
    assert not microsoft.trusts_email
    assert declare("github", client_id="a").kind == "github"
    assert "hush" not in repr(declare("google", client_id="a", client_secret="hush"))


def test_secrets_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider gives out for the application need not stand in its code."""
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    monkeypatch.setenv("HEKLA_WITH_GOOGLE_CLIENT_ID", "an-id")
    monkeypatch.setenv("HEKLA_WITH_GOOGLE_CLIENT_SECRET_FILE", str(file))
    app = Hekla("sqlite://")
    app.sign_in_with("google")
    found = app._upstreams["google"]
    assert (found.client_id, found.client_secret) == ("an-id", "from-a-file")
