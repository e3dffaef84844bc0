"""What goes by mail: addresses confirmed, passwords set anew, signing in without one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hekla import Hekla, OperatorError
from tests.auth.world import PASSWORD, QUICK, Client, Stopped, User, auth_of, make_app, stop_clock

NEW = "eleven blue bicycles"


class Box:
    """The folder that mails are written to."""

    def __init__(self, app: Hekla, folder: Path) -> None:
        self.app = app
        self.folder = folder

    async def mails(self) -> list[str]:
        """All mails so far, the oldest first."""
        await auth_of(self.app).drain()
        return [path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("*.eml"))]

    async def last(self) -> str:
        return (await self.mails())[-1]

    async def token(self) -> str:
        """The secret in the link of the newest mail."""
        found = re.search(r"https://tasks\.example/auth/pages/\w+\?token=(\S+)", await self.last())
        assert found
        return found[1]

    async def code(self) -> str:
        found = re.search(r"^\d{6}$", await self.last(), re.MULTILINE)
        assert found
        return found[0]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    settings = replace(
        QUICK, mail_url=f"file://{tmp_path / 'box'}", public_url="https://tasks.example"
    )
    app = make_app(tmp_path, settings=settings)
    stop_clock(app)
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture
def clock(app: Hekla) -> Stopped:
    clock = auth_of(app).clock.time.__closure__
    assert clock is not None
    found = clock[0].cell_contents
    assert isinstance(found, Stopped)
    return found


@pytest.fixture
def box(app: Hekla, tmp_path: Path) -> Box:
    return Box(app, tmp_path / "box")


async def confirmed(app: Hekla, box: Box, email: str, **more: Any) -> Client:
    """A user who registered and confirmed the address."""
    client = Client(app)
    await client.register(email, **more)
    token = await box.token()
    answer = await client.post("/auth/confirm", {"token": token, "password": PASSWORD})
    assert answer.status == 201, answer.body
    client._take(answer)
    return client


async def test_whoever_registers_is_a_user_once_the_address_is_confirmed(
    app: Hekla, box: Box
) -> None:
    client = Client(app)
    answer = await client.register("ann@example.org", name="Ann")
    assert (answer.status, answer.json()) == (202, {"status": "confirmation_sent"})
    assert (await Client(app).login("ann@example.org")).status == 401
    with app.session() as session:
        assert session.query(User).count() == 0
    token = await box.token()
    document = {"token": token, "password": PASSWORD}
    answer = client._take(await client.post("/auth/confirm", document))
    assert (answer.status, answer.json()["user"]["name"]) == (201, "Ann")
    assert await client.who() == "ann@example.org"
    again = await client.post("/auth/confirm", document)
    assert (again.status, again.json()["code"]) == (410, "code_gone")


async def test_registering_tells_nobody_who_is_a_user(app: Hekla, box: Box) -> None:
    """The answer for an address that is taken is the same; its owner is told by mail."""
    await confirmed(app, box, "ann@example.org")
    answers = [await Client(app).register(email) for email in ("ann@example.org", "x@example.org")]
    first, second = [(a.status, a.body, sorted(a.headers)) for a in answers]
    assert first == second
    mails = await box.mails()
    assert len(mails) == 3
    (told,) = [mail for mail in mails[1:] if "To: ann@example.org" in mail]
    assert "already" in told
    assert "token=" not in told


async def test_somebody_elses_address_gives_no_way_into_their_account(app: Hekla, box: Box) -> None:
    """Who confirms has to know the password that was registered with: so it is the same person."""
    await Client(app).register("victim@example.org", "attackers red bicycles")
    token = await box.token()
    victim = Client(app)
    answer = await victim.post("/auth/confirm", {"token": token, "password": PASSWORD})
    assert (answer.status, answer.json()["code"]) == (401, "invalid_credentials")
    answer = await victim.post("/auth/confirm", {"token": token})
    assert (answer.status, answer.json()["errors"][0]["location"]) == (422, "/password")
    # And what the attacker began keeps the owner of the address from nothing.
    owner = await confirmed(app, box, "victim@example.org")
    assert await owner.who() == "victim@example.org"
    answer = await Client(app).login("victim@example.org", "attackers red bicycles")
    assert answer.status == 401


@pytest.mark.parametrize("path", ["forgot", "link", "code"])
async def test_no_flow_tells_who_is_a_user(app: Hekla, box: Box, path: str) -> None:
    await confirmed(app, box, "ann@example.org")
    before = len(await box.mails())
    answers = []
    for email in ("ann@example.org", "nobody@example.org", "no address", "a@b\nBcc: c@d.example"):
        answers.append(await Client(app).post(f"/auth/{path}", {"email": email}))
    told = [
        (a.status, sorted(a.headers), re.sub(rb'"challenge":"[^"]{43}"', b"", a.body))
        for a in answers
    ]
    assert told[0][0] == 202
    assert all(each == told[0] for each in told)
    mails = (await box.mails())[before:]
    assert [re.findall("^To: (.*)$", mail, re.MULTILINE) for mail in mails] == [["ann@example.org"]]


async def test_a_new_password_is_set_by_mail_once_and_ends_all_sign_ins(
    app: Hekla, box: Box
) -> None:
    thief = await confirmed(app, box, "ann@example.org")
    await Client(app).post("/auth/forgot", {"email": "ann@example.org"})
    token = await box.token()
    weak = await Client(app).post("/auth/reset", {"token": token, "new_password": "short"})
    assert (weak.status, weak.json()["errors"][0]["location"]) == (422, "/new_password")
    document = {"token": token, "new_password": NEW}
    assert (await Client(app).post("/auth/reset", document)).status == 204
    again = await Client(app).post("/auth/reset", {**document, "new_password": "twelve red cars"})
    assert (again.status, again.json()["code"]) == (410, "code_gone")
    assert await thief.who() == "invalid_token"
    assert (await thief.refresh()).status == 401
    assert (await Client(app).login("ann@example.org", PASSWORD)).status == 401
    assert (await Client(app).login("ann@example.org", NEW)).status == 200


async def test_of_two_links_the_older_is_worthless(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    tokens = []
    for _ in range(2):
        await Client(app).post("/auth/forgot", {"email": "ann@example.org"})
        tokens.append(await box.token())
    answer = await Client(app).post("/auth/reset", {"token": tokens[0], "new_password": NEW})
    assert answer.status == 410
    answer = await Client(app).post("/auth/reset", {"token": tokens[1], "new_password": NEW})
    assert answer.status == 204


async def test_a_link_is_good_for_an_hour(app: Hekla, box: Box, clock: Stopped) -> None:
    await confirmed(app, box, "ann@example.org")
    await Client(app).post("/auth/forgot", {"email": "ann@example.org"})
    token = await box.token()
    clock.pass_by(3600)
    answer = await Client(app).post("/auth/reset", {"token": token, "new_password": NEW})
    assert answer.status == 410


async def test_a_secret_for_one_purpose_serves_no_other(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    await Client(app).post("/auth/forgot", {"email": "ann@example.org"})
    token = await box.token()
    for path in ("confirm", "link/login"):
        document = {"token": token, **({"password": PASSWORD} if path == "confirm" else {})}
        assert (await Client(app).post(f"/auth/{path}", document)).status == 410, path
    for path in ("code/login", "totp/login"):
        answer = await Client(app).post(f"/auth/{path}", {"challenge": token, "code": "000000"})
        assert answer.status in (401, 404), path


async def test_a_link_signs_in_once(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    await Client(app).post("/auth/link", {"email": "ANN@example.org"})
    token = await box.token()
    client = Client(app)
    answer = client._take(await client.post("/auth/link/login", {"token": token}))
    assert answer.status == 200
    assert await client.who() == "ann@example.org"
    assert (await client.post("/auth/link/login", {"token": token})).status == 410


async def test_a_code_signs_in_once_and_stands_five_wrong_guesses(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    for wrong in (0, 4, 5):
        asked = await Client(app).post("/auth/code", {"email": "ann@example.org"})
        challenge, code = asked.json()["challenge"], await box.code()
        guess = "000000" if code != "000000" else "000001"
        for _ in range(wrong):
            document = {"challenge": challenge, "code": guess}
            assert (await Client(app).post("/auth/code/login", document)).status == 401
        document = {"challenge": challenge, "code": code}
        answer = await Client(app).post("/auth/code/login", document)
        assert answer.status == (200 if wrong < 5 else 401), wrong
        assert (await Client(app).post("/auth/code/login", document)).status == 401


async def test_whoever_is_shut_out_gets_no_mail_and_no_way_in(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    await Client(app).post("/auth/link", {"email": "ann@example.org"})
    token = await box.token()
    before = len(await box.mails())
    auth = auth_of(app)
    await auth.write(lambda tx: auth.accounts.disable(tx, "1", True))
    for path in ("forgot", "link", "code"):
        assert (await Client(app).post(f"/auth/{path}", {"email": "ann@example.org"})).status == 202
    assert len(await box.mails()) == before
    assert (await Client(app).post("/auth/link/login", {"token": token})).status == 410
    assert (await Client(app).login("ann@example.org")).status == 401


async def test_nobody_is_buried_in_mails(app: Hekla, box: Box) -> None:
    await confirmed(app, box, "ann@example.org")
    statuses = [
        (await Client(app).post("/auth/forgot", {"email": "ann@example.org"})).status
        for _ in range(8)
    ]
    assert statuses.count(429) >= 2
    assert len(await box.mails()) <= 7


async def test_an_address_is_changed_by_who_has_both(app: Hekla, box: Box, clock: Stopped) -> None:
    """It is confirmed by what is mailed to the new one, and the old one is told."""
    client = await confirmed(app, box, "ann@example.org")
    answer = await client.post("/auth/email", {"email": "nothing"})
    assert (answer.status, answer.json()["errors"][0]["location"]) == (422, "/email")
    assert (await client.post("/auth/email", {"email": "Anna@example.org"})).status == 202
    assert "To: anna@example.org" in await box.last()
    token = await box.token()
    assert await client.who() == "ann@example.org"
    assert (await Client(app).post("/auth/confirm", {"token": token})).status == 204
    assert await client.who() == "anna@example.org"
    assert "To: ann@example.org" in await box.last()
    assert (await Client(app).login("ann@example.org")).status == 401
    assert (await Client(app).login("anna@example.org")).status == 200
    clock.pass_by(901)
    await client.refresh()
    answer = await client.post("/auth/email", {"email": "ann@example.org"})
    assert (answer.status, answer.json()["code"]) == (403, "proof_needed")
    assert (await client.post("/auth/prove", {"password": PASSWORD})).status == 204
    assert (await client.post("/auth/email", {"email": "ann@example.org"})).status == 202


async def test_an_address_of_somebody_else_cannot_be_taken(app: Hekla, box: Box) -> None:
    ann = await confirmed(app, box, "ann@example.org")
    await confirmed(app, box, "ben@example.org")
    before = len(await box.mails())
    assert (await ann.post("/auth/email", {"email": "ben@example.org"})).status == 202
    assert len(await box.mails()) == before


async def test_mails_speak_the_language_that_is_asked_for(app: Hekla, box: Box) -> None:
    client = Client(app, headers={"accept-language": "fr, zh-CN;q=0.9, en;q=0.5"})
    await client.register("ann@example.org")
    assert "Subject: 请确认您的邮箱地址 · Hekla" in await box.last()
    await Client(app).register("ben@example.org")
    assert "Subject: Confirm your address · Hekla" in await box.last()


async def test_links_lead_where_the_settings_say_not_where_a_request_says(
    app: Hekla, box: Box
) -> None:
    """Neither Host nor a header of a proxy is believed: it would be handed the secret."""
    client = Client(app, host="evil.example", headers={"x-forwarded-host": "evil.example"})
    await client.register("ann@example.org")
    assert "evil.example" not in await box.last()
    assert await box.token()


async def test_a_title_makes_no_header_of_its_own(tmp_path: Path) -> None:
    """Header injection: a line break in what mails hold ends up as a space."""
    settings = replace(
        QUICK, mail_url=f"file://{tmp_path / 'box'}", public_url="https://tasks.example"
    )
    app = make_app(tmp_path, settings=settings)
    app.title = "Tasks\r\nBcc: evil@evil.example"
    await app.startup()
    auth = auth_of(app)
    object.__setattr__(auth.options, "title", app.title)
    await Client(app).register("ann@example.org")
    mail = await Box(app, tmp_path / "box").last()
    assert "Subject: Confirm your address · Tasks Bcc: evil@evil.example\n" in mail
    await app.shutdown()


@pytest.mark.parametrize(
    ("url", "public", "says"),
    [
        ("smtp://mail.example.com", "", "public_url"),
        ("http://mail.example.com", "https://tasks.example", "mail_url has to be"),
        ("smtp://", "https://tasks.example", "mail_url has to be"),
        ("smtp://mail.example.com:port", "https://tasks.example", "port"),
    ],
)
def test_what_cannot_send_mails_is_told_at_the_start(
    tmp_path: Path, url: str, public: str, says: str
) -> None:
    settings = replace(QUICK, mail_url=url, public_url=public)
    with pytest.raises(OperatorError, match=says):
        make_app(tmp_path, settings=settings).prepare()
