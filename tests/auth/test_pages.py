"""The pages for people: every flow by forms alone, in two languages, and what attacks come to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hekla import Hekla, OperatorError
from hekla.web.request import Request
from tests.auth.test_mail import Box
from tests.auth.test_second import Phone
from tests.auth.world import PASSWORD, QUICK, Client, Stopped, auth_of, make_app, stop_clock
from tests.scenarios.client import Answer

COOKIE = "__Host-hekla-session"
NEW = "eleven blue bicycles"


class Page(HTMLParser):
    """What a browser without scripts sees: the forms with their fields, and the texts."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.status = answer.status
        self.headers = answer.headers
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.source = answer.body.decode()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append((given["action"], {}))
        elif tag == "input":
            self.forms[-1][1][given["name"]] = given.get("value", "")
            if given.get("type") != "hidden":
                assert f'for="{given["id"]}"' in self.source, "a field without a label"
        assert tag not in ("script", "iframe", "object"), tag
        assert not any(name.startswith("on") or name == "style" for name in given)

    @property
    def text(self) -> str:
        return unescape(re.sub("<[^>]*>", " ", self.source))


class Browser(Client):
    """Somebody in front of the pages."""

    async def open(self, target: str) -> Page:
        return Page(await self.ask("GET", target))

    async def submit(self, page: Page, number: int = 0, **typed: str) -> Page:
        """Fill in a form of a page and send it; a redirect is followed."""
        action, fields = page.forms[number]
        answer = await self.form(action, {**fields, **typed})
        if answer.status == 303:
            return await self.open(answer.headers["location"])
        return Page(answer)

    async def form(self, action: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {
            "host": self.host,
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-site": "same-origin",
            **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        request = Request(
            "POST", action, headers=list(sent.items()), body=urlencode(fields).encode()
        )
        response = await self.app.handle(request)
        assert isinstance(response.body, bytes)
        given = ", ".join(value for name, value in response.headers if name == "set-cookie")
        self._keep(given)
        return Answer(response.status, dict(response.headers), response.body)


@pytest.fixture
async def browser(app: Hekla) -> Browser:
    await Client(app).register("ann@example.org", name="Ann")
    return Browser(app)


async def test_one_signs_in_and_out_by_forms_alone(browser: Browser) -> None:
    page = await browser.open("/auth/pages/sign-in")
    assert page.status == 200
    wrong = await browser.submit(page, login="ann@example.org", password="wrong")
    assert (wrong.status, "not how you sign in" in wrong.text) == (401, True)
    assert wrong.forms[0][1]["login"] == "ann@example.org"
    assert wrong.forms[0][1]["password"] == ""
    account = await browser.submit(wrong, login="ann@example.org", password=PASSWORD)
    assert "signed in as ann@example.org" in account.text
    assert await browser.who() == "ann@example.org"
    stolen = browser.copy()
    page = await browser.submit(account, 0)
    assert "Sign in" in page.text
    assert COOKIE not in browser.cookies
    assert await stolen.who() == "unauthenticated"


async def test_one_registers_and_is_there(app: Hekla) -> None:
    browser = Browser(app)
    page = await browser.open("/auth/pages/register")
    refused = await browser.submit(page, email="eve@example.org", name="Eve", password="short")
    assert refused.status == 422
    assert "at least 10" in refused.text
    assert refused.forms[0][1]["name"] == "Eve"
    account = await browser.submit(refused, password=PASSWORD)
    assert "signed in as eve@example.org" in account.text
    taken = await Browser(app).submit(
        await browser.open("/auth/pages/register"), email="eve@example.org", password=PASSWORD
    )
    assert (taken.status, "already" in taken.text) == (409, True)


async def test_nobody_registers_with_more_than_a_profile(app: Hekla) -> None:
    browser = Browser(app)
    fields = {"email": "eve@example.org", "password": PASSWORD, "company_id": "7", "team": "red"}
    answer = await browser.form("/auth/pages/register", fields)
    assert answer.status == 303
    auth = auth_of(app)
    user = await auth.users.find(1)
    assert user is not None
    assert (user.row["company_id"], user.row["team"]) == (None, None)


@pytest.mark.parametrize("path", ["sign-in", "register", "sign-out", "end", "password"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "https://evil.tasks.example"},
        {"sec_fetch_site": "none", "origin": "https://evil.example"},
    ],
)
async def test_a_form_of_another_site_does_nothing(
    browser: Browser, path: str, headers: dict[str, str]
) -> None:
    await browser.login("ann@example.org", cookie=True)
    fields = {
        "login": "ann@example.org",
        "email": "x@example.org",
        "password": PASSWORD,
        "new_password": NEW,
    }
    answer = await browser.form(f"/auth/pages/{path}", fields, **headers)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert await browser.who() == "ann@example.org"
    assert (await Client(browser.app).login("ann@example.org")).status == 200


@pytest.mark.parametrize(
    ("given", "leads"),
    [
        ("/tasks?x=1", "/tasks?x=1"),
        ("https://evil.example/", None),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("\\\\evil.example", None),
        ("/\t/evil.example", None),
        ("/x\r\nset-cookie: a=b", None),
        ("javascript:alert(1)", None),
        ("tasks", None),
        ("", None),
        ("/" + "a" * 3000, None),
    ],
)
async def test_signing_in_leads_to_no_other_site(
    browser: Browser, given: str, leads: str | None
) -> None:
    """Open redirect, and headers of one's own: only a path of this origin is followed."""
    fields = {"login": "ann@example.org", "password": PASSWORD, "next": given}
    answer = await browser.form("/auth/pages/sign-in", fields)
    assert answer.status == 303
    assert answer.headers["location"] == (leads or "/auth/pages/account")
    page = await browser.open(f"/auth/pages/sign-in?{urlencode({'next': given})}")
    assert page.status == 303
    assert page.headers["location"] == (leads or "/auth/pages/account")


@pytest.mark.parametrize("path", ["sign-in", "register", "account"])
async def test_no_page_is_framed_or_kept_or_runs_a_script(browser: Browser, path: str) -> None:
    """Clickjacking: neither header is missing, and nothing but a style sheet is loaded."""
    if path == "account":
        await browser.login("ann@example.org", cookie=True)
    page = await browser.open(f"/auth/pages/{path}")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    sheet = await browser.get("/auth/pages/page.css")
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"


async def test_what_is_typed_is_shown_as_text(browser: Browser) -> None:
    """Cross-site scripting: neither a field nor an address becomes markup."""
    nasty = '"><script>alert(1)</script>'
    page = await browser.open("/auth/pages/sign-in")
    again = await browser.submit(page, login=nasty, password="x")
    assert again.forms[0][1]["login"] == nasty
    query = urlencode({"next": f"/{nasty}", "login": nasty, "challenge": nasty})
    page = await browser.open(f"/auth/pages/sign-in?{query}")
    assert "<script" not in page.source
    page = await browser.open(f"/auth/pages/register?{query}")
    assert "<script" not in page.source
    again = await browser.submit(page, email=nasty, name=nasty, password="x")
    assert "<script" not in again.source


async def test_the_account_shows_sign_ins_and_ends_them(browser: Browser) -> None:
    await browser.login("ann@example.org", cookie=True)
    other, app_ = Client(browser.app), Client(browser.app)
    await other.login("ann@example.org", cookie=True)
    await app_.login("ann@example.org")
    page = await browser.open("/auth/pages/account")
    ends = [n for n, (action, _) in enumerate(page.forms) if action.endswith("/end")]
    page = await browser.submit(page, ends[0])
    assert sum(action.endswith("/end") for action, _ in page.forms) == len(ends) - 1
    page = await browser.submit(page, len(page.forms) - 1)
    assert await other.who() == "unauthenticated"
    assert await app_.who() == "invalid_token"
    assert await browser.who() == "ann@example.org"


async def test_the_password_is_changed_by_who_knows_it(browser: Browser) -> None:
    await browser.login("ann@example.org", cookie=True)
    page = await browser.open("/auth/pages/account")
    wrong = await browser.submit(page, 1, password="wrong", new_password=NEW)
    assert wrong.status == 401
    done = await browser.submit(wrong, 1, password=PASSWORD, new_password=NEW)
    assert "The password was changed." in done.text
    assert (await Client(browser.app).login("ann@example.org", NEW)).status == 200


async def test_without_signing_in_there_is_no_account(app: Hekla) -> None:
    browser = Browser(app)
    page = await browser.open("/auth/pages/account")
    assert (page.status, page.headers["location"]) == (303, "/auth/pages/sign-in")
    for path in ("end", "password", "sign-out"):
        answer = await browser.form(f"/auth/pages/{path}", {"new_password": NEW})
        assert answer.status == 303
        assert answer.headers["location"] == "/auth/pages/sign-in"


async def test_pages_are_in_chinese_where_that_is_asked_for(browser: Browser) -> None:
    browser.headers["accept-language"] = "zh-CN,zh;q=0.9,en;q=0.1"
    page = await browser.open("/auth/pages/sign-in")
    assert '<html lang="zh-Hans">' in page.source
    assert "登录" in page.text
    wrong = await browser.submit(page, login="ann@example.org", password="x")
    assert "登录信息不正确" in wrong.text
    assert page.headers["vary"] == "Accept-Language"


async def test_the_second_factor_is_a_step_of_its_own(tmp_path: Path) -> None:
    app = make_app(tmp_path, totp=True)
    clock = stop_clock(app)
    assert isinstance(clock, Stopped)
    await app.startup()
    ann = Client(app)
    await ann.register("ann@example.org")
    phone = Phone((await ann.post("/auth/totp")).json()["secret"], clock)
    await ann.post("/auth/totp/confirm", {"code": phone.code})
    clock.pass_by(30)
    browser = Browser(app)
    page = await browser.open("/auth/pages/sign-in?next=/tasks")
    second = await browser.submit(page, login="ann@example.org", password=PASSWORD)
    assert "One more step" in second.text
    assert COOKIE not in browser.cookies
    wrong = await browser.submit(second, code="000000")
    assert wrong.status == 401
    action, fields = wrong.forms[0]
    answer = await browser.form(action, {**fields, "code": phone.code})
    assert (answer.status, answer.headers["location"]) == (303, "/tasks")
    assert await browser.who() == "ann@example.org"
    await app.shutdown()


@pytest.fixture
async def mailing(tmp_path: Path) -> AsyncIterator[tuple[Browser, Box]]:
    settings = replace(
        QUICK, mail_url=f"file://{tmp_path / 'box'}", public_url="https://tasks.example"
    )
    app = make_app(tmp_path, settings=settings)
    await app.startup()
    yield Browser(app), Box(app, tmp_path / "box")
    await app.shutdown()


async def test_every_link_of_a_mail_leads_to_a_page_that_goes_on(
    mailing: tuple[Browser, Box],
) -> None:
    """Registering, signing in by a link, a new password. To look at a link does nothing yet."""
    browser, box = mailing

    async def link() -> str:
        found = re.search(r"https://tasks\.example(/\S+)", await box.last())
        assert found
        return found[1]

    page = await browser.open("/auth/pages/register")
    page = await browser.submit(page, email="ann@example.org", password=PASSWORD)
    assert "Look into your mail" in page.text
    page = await browser.open(await link())
    wrong = await browser.submit(page, password="wrong wrong")
    assert wrong.status == 401
    account = await browser.submit(wrong, password=PASSWORD)
    assert "signed in as ann@example.org" in account.text
    other = Browser(browser.app)
    page = await other.open("/auth/pages/link")
    page = await other.submit(page, login="ann@example.org")
    for _ in range(2):
        page = await other.open(await link())
        assert COOKIE not in other.cookies
    account = await other.submit(page)
    assert "signed in as ann@example.org" in account.text
    used = await other.submit(page)
    assert (used.status, "Ask for a new one" in used.text) == (410, True)
    third = Browser(browser.app)
    page = await third.open("/auth/pages/forgot")
    page = await third.submit(page, login="ann@example.org")
    page = await third.open(await link())
    weak = await third.submit(page, new_password="short")
    assert (weak.status, "at least 10" in weak.text) == (422, True)
    done = await third.submit(weak, new_password=NEW)
    assert "You have a new password" in done.text
    assert await browser.who() == "unauthenticated"
    gone = await third.open("/auth/pages/reset?token=nothing")
    assert gone.status == 410


async def test_pages_can_be_restyled_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "message.html").write_text("<p>ours: {{ text }}</p>")
    (folder / "page.css").write_text("body { color: red }")
    app = make_app(tmp_path, templates=str(folder))
    await app.startup()
    browser = Browser(app)
    answer = await browser.form("/auth/pages/sign-in", {}, sec_fetch_site="cross-site")
    assert answer.body == b"<p>ours: Another site&#39;s page may not do this.</p>"
    assert (await browser.get("/auth/pages/page.css")).body == b"body { color: red }"
    assert (await browser.get("/auth/pages/sign-in")).status == 200
    await app.shutdown()
    app = make_app(tmp_path, pages=False)
    await app.startup()
    assert (await Browser(app).get("/auth/pages/sign-in")).status == 404
    await app.shutdown()
    with pytest.raises(OperatorError, match="there is no folder"):
        make_app(tmp_path, templates="/nowhere").prepare()
