"""Devices that show a code, and whoever types it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hekla import Hekla
from hekla.auth.oauth.client import DEVICE_GRANT, Client
from hekla.auth.oauth.device import normal_user_code
from tests.auth.oauth.world import (
    BASE,
    Browser,
    make_provider,
    register,
    register_person,
    token,
)
from tests.auth.world import Stopped, auth_of, stop_clock
from tests.scenarios.client import Answer

GRANTS = [DEVICE_GRANT, "refresh_token"]


@pytest.fixture
async def clock(app: Hekla) -> Stopped:
    return CLOCKS[id(app)]


CLOCKS: dict[int, Stopped] = {}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Hekla]:
    app = make_provider(tmp_path)
    CLOCKS[id(app)] = stop_clock(app)
    await app.startup()
    await register_person(app)
    yield app
    del CLOCKS[id(app)]
    await app.shutdown()


async def begin(app: Hekla, **given: str) -> tuple[Client, dict[str, Any]]:
    client, _ = await register(app, name="Screen", public=True, grants=GRANTS, redirect_uris=[])
    form = {"scope": "openid offline_access", **given}
    answer = await token(app, client, "", form, "/oauth/device_authorization")
    assert answer.status == 200, answer.body
    return client, answer.json()


async def poll(app: Hekla, client: Client, code: str) -> Answer:
    return await token(app, client, "", {"grant_type": DEVICE_GRANT, "device_code": code})


async def signed_in(app: Hekla, address: str = "203.0.113.5:4000") -> Browser:
    browser = Browser(app, address=address)
    await browser.sign_in()
    return browser


async def test_a_device_is_let_in(app: Hekla, clock: Stopped) -> None:
    """It waits, somebody types its code, looks at who it is, and allows it."""
    client, told = await begin(app)
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert told["verification_uri"] == f"{BASE}/oauth/device"
    assert (await poll(app, client, told["device_code"])).json()["error"] == "authorization_pending"

    browser = await signed_in(app)
    page = await browser.get(told["verification_uri_complete"])
    # The code is filled in, and nothing is told about it yet.
    assert told["user_code"].encode() in page.body
    assert b"Screen" not in page.body
    typed = told["user_code"].lower().replace("-", " ")
    page = await browser.submit(page, user_code=typed)
    assert b"Let Screen in?" in page.body
    assert told["user_code"].encode() in page.body
    assert b"Go on only if you started this yourself" in page.body
    done = await browser.submit(page, decision="allow")
    assert b"The device is in" in done.body

    clock.pass_by(5)
    answer = await poll(app, client, told["device_code"])
    assert answer.status == 200
    assert {"access_token", "refresh_token", "id_token"} <= answer.json().keys()


async def test_a_device_that_is_refused(app: Hekla, clock: Stopped) -> None:
    """It is told so, and its code is of no use any more."""
    client, told = await begin(app)
    browser = await signed_in(app)
    page = await browser.submit(await browser.get("/oauth/device"), user_code=told["user_code"])
    await browser.submit(page, decision="deny")
    assert (await poll(app, client, told["device_code"])).json()["error"] == "access_denied"
    answer = await browser.submit(page, decision="allow")
    assert answer.status == 400
    clock.pass_by(5)
    assert (await poll(app, client, told["device_code"])).json()["error"] == "access_denied"


async def test_a_device_that_asks_too_often_has_to_slow_down(app: Hekla, clock: Stopped) -> None:
    """Five seconds more each time (RFC 8628, section 3.5)."""
    client, told = await begin(app)
    errors = []
    for seconds in (0, 4, 9, 14, 15, 20):
        clock.pass_by(seconds)
        errors.append((await poll(app, client, told["device_code"])).json()["error"])
    assert errors == [
        "authorization_pending",
        "slow_down",
        "slow_down",
        "slow_down",
        "slow_down",
        "slow_down",
    ]
    clock.pass_by(30)
    assert (await poll(app, client, told["device_code"])).json()["error"] == "authorization_pending"


async def test_a_code_expires(app: Hekla, clock: Stopped) -> None:
    """For the device, and for whoever types it."""
    client, told = await begin(app)
    browser = await signed_in(app)
    clock.pass_by(601)
    assert (await poll(app, client, told["device_code"])).json()["error"] == "expired_token"
    page = await browser.submit(await browser.get("/oauth/device"), user_code=told["user_code"])
    assert (page.status, b"no device that waits" in page.body) == (400, True)


async def test_a_device_code_is_good_once(app: Hekla, clock: Stopped) -> None:
    """Whoever shows it again ends what it was good for."""
    client, told = await begin(app)
    browser = await signed_in(app)
    page = await browser.submit(await browser.get("/oauth/device"), user_code=told["user_code"])
    await browser.submit(page, decision="allow")
    first = (await poll(app, client, told["device_code"])).json()
    again = await poll(app, client, told["device_code"])
    assert again.json()["error"] == "invalid_grant"
    bearer = {"authorization": f"Bearer {first['access_token']}"}
    assert (await Browser(app).get("/oauth/userinfo", **bearer)).status == 401


async def test_the_code_of_one_client_is_no_code_of_another(app: Hekla) -> None:
    """Whoever learned a device code needs to be the device's client, too."""
    _, told = await begin(app)
    other, _ = await register(app, name="Other", public=True, grants=GRANTS, redirect_uris=[])
    assert (await poll(app, other, told["device_code"])).json()["error"] == "invalid_grant"


async def test_user_codes_cannot_be_found_by_trying(app: Hekla) -> None:
    """After some that are wrong one has to wait, whatever page the code comes from."""
    _, told = await begin(app)
    browser = await signed_in(app)
    page = await browser.get("/oauth/device")
    statuses = []
    for number in range(8):
        wrong = f"BBBB-BBB{'BCDFGHJK'[number]}"
        statuses.append((await browser.submit(page, user_code=wrong)).status)
    assert statuses[:5] == [400] * 5
    assert statuses[-1] == 429
    # The right one has to wait as well, or the wait would tell nothing.
    answer = await browser.submit(page, user_code=told["user_code"])
    assert answer.status == 429
    assert b"Wait" in answer.body


async def test_to_look_at_a_link_lets_nobody_in(app: Hekla) -> None:
    """A link with a code only fills it in; only forms of this origin decide."""
    client, told = await begin(app)
    browser = await signed_in(app)
    for _ in range(3):
        assert (await browser.get(told["verification_uri_complete"])).status == 200
    page = await browser.submit(await browser.get("/oauth/device"), user_code=told["user_code"])
    browser.origin = "https://evil.example"
    answer = await browser.submit(page, decision="allow")
    assert (answer.status, answer.json()["code"]) == (403, "cross_site")
    # Straight to the decision, without the page that says who it is: that page comes.
    browser.origin = BASE
    form = {"user_code": told["user_code"], "decision": "allow"}
    answer = await browser.ask("POST", "/oauth/device", form)
    assert b"Let Screen in?" in answer.body
    assert (await poll(app, client, told["device_code"])).json()["error"] == "authorization_pending"


async def test_who_signs_out_everywhere_takes_back_what_they_allowed(app: Hekla) -> None:
    """A device that was allowed, but has not come yet, stays out."""
    client, told = await begin(app)
    browser = await signed_in(app)
    page = await browser.submit(await browser.get("/oauth/device"), user_code=told["user_code"])
    await browser.submit(page, decision="allow")
    auth = auth_of(app)
    await auth.write(lambda tx: auth.sessions.end_all(tx, "1"))
    assert (await poll(app, client, told["device_code"])).json()["error"] == "access_denied"


async def test_one_has_to_sign_in_first(app: Hekla) -> None:
    """And comes back to the code that the link has."""
    _, told = await begin(app)
    answer = await Browser(app).get(told["verification_uri_complete"])
    assert answer.status == 303
    assert answer.headers["location"].startswith("/oauth/sign-in?next=%2Foauth%2Fdevice%3F")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("BCDF-GHJK", "BCDFGHJK"),
        (" bcdf ghjk ", "BCDFGHJK"),
        ("BCDFGHJ", None),
        ("BCDF-GHJKL", None),
        ("ACDF-GHJK", None),
        ("", None),
        ("ＢCDFGHJK", None),
        ("B" * 10_000, None),
    ],
)
def test_a_code_as_somebody_types_it(text: str, code: str | None) -> None:
    """Small letters, spaces and hyphens are no fault."""
    assert normal_user_code(text) == code
