"""The second factor, over HTTP: an app's one-time passwords, and codes for when it is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

from hekla import Hekla
from tests.auth.world import PASSWORD, Client, Stopped, auth_of, make_app, stop_clock


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = make_app(tmp_path, totp=True)
    app.extra = stop_clock(app)  # type: ignore[attr-defined]
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture
def clock(app: Hekla) -> Stopped:
    found = app.extra  # type: ignore[attr-defined]
    assert isinstance(found, Stopped)
    return found


class Phone:
    """An app for one-time passwords, with its recovery codes on paper."""

    def __init__(self, secret: str, clock: Stopped) -> None:
        self.totp = pyotp.TOTP(secret)
        self.clock = clock
        self.paper: list[str] = []

    @property
    def code(self) -> str:
        return self.totp.at(int(self.clock.seconds))


async def set_up(client: Client, clock: Stopped) -> Phone:
    begun = await client.post("/auth/totp")
    assert begun.status == 200, begun.body
    phone = Phone(begun.json()["secret"], clock)
    answer = await client.post("/auth/totp/confirm", {"code": phone.code})
    assert answer.status == 200, answer.body
    phone.paper = answer.json()["recovery_codes"]
    return phone


@pytest.fixture
async def ann(app: Hekla) -> Client:
    client = Client(app)
    await client.register("ann@example.org")
    return client


async def challenge_of(app: Hekla) -> str:
    answer = await Client(app).login("ann@example.org")
    assert answer.status == 202
    document = answer.json()
    assert document.keys() == {"challenge", "second_factors"}
    challenge: str = document["challenge"]
    return challenge


async def test_it_counts_once_the_app_has_shown_that_it_works(
    app: Hekla, ann: Client, clock: Stopped
) -> None:
    begun = await ann.post("/auth/totp")
    assert begun.json()["uri"].startswith("otpauth://totp/")
    assert (await Client(app).login("ann@example.org")).status == 200
    wrong = await ann.post("/auth/totp/confirm", {"code": "000000"})
    assert wrong.status == 401
    phone = Phone(begun.json()["secret"], clock)
    answer = await ann.post("/auth/totp/confirm", {"code": phone.code})
    assert len(set(answer.json()["recovery_codes"])) == 10
    assert (await ann.get("/auth/totp")).json() == {"totp": True, "recovery_codes": 10}
    await challenge_of(app)


async def test_a_password_alone_signs_nobody_in(app: Hekla, ann: Client, clock: Stopped) -> None:
    phone = await set_up(ann, clock)
    clock.pass_by(30)
    challenge = await challenge_of(app)
    assert await Client(app, challenge).who() == "invalid_token"
    client = Client(app)
    document = {"challenge": challenge, "code": phone.code}
    answer = client._take(await client.post("/auth/totp/login", document))
    assert answer.status == 200
    assert await client.who() == "ann@example.org"
    (session,) = [each for each in (await client.get("/auth/sessions")).json() if each["current"]]
    assert session["methods"] == ["pwd", "otp"]


async def test_a_one_time_password_is_good_once(app: Hekla, ann: Client, clock: Stopped) -> None:
    """Also within its half minute, and for somebody who saw it being typed."""
    phone = await set_up(ann, clock)
    first = await challenge_of(app)
    answer = await Client(app).post("/auth/totp/login", {"challenge": first, "code": phone.code})
    assert answer.status == 401  # it was used to set the app up
    clock.pass_by(30)
    document = {"challenge": first, "code": phone.code}
    assert (await Client(app).post("/auth/totp/login", document)).status == 200
    assert (await Client(app).post("/auth/totp/login", document)).status == 401
    second = await challenge_of(app)
    document = {"challenge": second, "code": phone.code}
    assert (await Client(app).post("/auth/totp/login", document)).status == 401


async def test_the_clock_of_a_telephone_may_be_half_a_minute_off(
    app: Hekla, ann: Client, clock: Stopped
) -> None:
    phone = await set_up(ann, clock)
    for offset, status in ((90, 401), (60, 401), (30, 200)):
        clock.pass_by(300)
        code = phone.totp.at(int(clock.seconds) + offset)
        document = {"challenge": await challenge_of(app), "code": code}
        answer = await Client(app).post("/auth/totp/login", document)
        assert answer.status == status, offset


async def test_guessing_has_to_wait(app: Hekla, ann: Client, clock: Stopped) -> None:
    phone = await set_up(ann, clock)
    clock.pass_by(30)
    challenge = await challenge_of(app)
    wrong = "000000" if phone.code != "000000" else "000001"
    statuses = [
        (await Client(app).post("/auth/totp/login", {"challenge": challenge, "code": wrong})).status
        for _ in range(8)
    ]
    assert statuses[:5] == [401] * 5
    assert 429 in statuses[5:]


@pytest.mark.parametrize("form", ["{}", " {} ", "{upper}", "{joined}"])
async def test_a_recovery_code_is_good_once(
    app: Hekla, ann: Client, clock: Stopped, form: str
) -> None:
    phone = await set_up(ann, clock)
    code = phone.paper[3]
    typed = form.format(code, upper=code.upper(), joined=code.replace("-", ""))
    document = {"challenge": await challenge_of(app), "code": typed}
    assert (await Client(app).post("/auth/totp/login", document)).status == 200
    document = {"challenge": await challenge_of(app), "code": typed}
    assert (await Client(app).post("/auth/totp/login", document)).status == 401
    assert (await ann.get("/auth/totp")).json()["recovery_codes"] == 9


async def test_secrets_are_not_in_the_database_as_they_are(
    app: Hekla, ann: Client, clock: Stopped
) -> None:
    phone = await set_up(ann, clock)
    connection = app.location.open()
    kept = repr(connection.execute("SELECT * FROM hekla_factors").fetchall())
    connection.close()
    for code in phone.paper:
        assert code not in kept
        assert code.replace("-", "") not in kept


async def test_what_is_dangerous_asks_again_who_one_is(
    app: Hekla, ann: Client, clock: Stopped
) -> None:
    """A quarter of an hour after signing in; with a second factor, by that."""
    phone = await set_up(ann, clock)
    clock.pass_by(901)
    await ann.refresh()
    answer = await ann.ask("DELETE", "/auth/totp")
    assert (answer.status, answer.json()["code"]) == (403, "proof_needed")
    answer = await ann.post("/auth/prove", {"password": PASSWORD})
    assert (answer.status, answer.json()["errors"][0]["location"]) == (422, "/code")
    assert (await ann.post("/auth/prove", {})).status == 422
    assert (await ann.post("/auth/prove", {"code": "123"})).status == 401
    assert (await ann.post("/auth/prove", {"code": phone.code})).status == 204
    assert (await ann.ask("DELETE", "/auth/totp")).status == 204
    assert (await Client(app).login("ann@example.org")).status == 200


async def test_a_new_app_replaces_the_old_one(app: Hekla, ann: Client, clock: Stopped) -> None:
    old = await set_up(ann, clock)
    new = await set_up(ann, clock)
    assert old.paper != new.paper
    clock.pass_by(60)
    for phone, status in ((old, 401), (new, 200)):
        document = {"challenge": await challenge_of(app), "code": phone.code}
        assert (await Client(app).post("/auth/totp/login", document)).status == status
    events = {row["event"] for row in await auth_of(app).audit.read()}
    assert {"second_factor_added", "second_factor_failed", "registered"} <= events
