"""Passwords over HTTP: tries that have to wait, hashes that are replaced, strength, bounds."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import argon2
import pytest

from hekla import Hekla, OperatorError
from hekla.auth.strength import Strength
from tests.auth.test_hashes import BCRYPT, HASHES
from tests.auth.test_hashes import PASSWORD as OLD
from tests.auth.world import PASSWORD, QUICK, Client, Stopped, auth_of, make_app


async def failures(client: Client, email: str, count: int) -> list[int]:
    return [(await client.login(email, "wrong wrong wrong")).status for _ in range(count)]


def from_address(app: Hekla, address: str) -> Client:
    """Somebody at an address of their own: as a server would tell it."""
    return _Placed(app, address=address)


class _Placed(Client):
    address: str

    def __init__(self, app: Hekla, *, address: str) -> None:
        super().__init__(app)
        self.address = address

    async def ask(self, method, target, document=..., headers=None):  # type: ignore[no-untyped-def]
        import json

        from hekla.web.request import Request
        from tests.scenarios.client import Answer

        body = b"" if document is ... else json.dumps(document).encode()
        request = Request(
            method,
            target,
            headers=[("content-type", "application/json")],
            body=body,
            client=f"{self.address}:5000",
        )
        response = await self.app.handle(request)
        assert isinstance(response.body, bytes)
        return Answer(response.status, dict(response.headers), response.body)


async def test_after_five_failures_the_next_have_to_wait_ever_longer(
    app: Hekla, clock: Stopped
) -> None:
    await Client(app).register("ann@example.org")
    guesser = Client(app)
    assert await failures(guesser, "ann@example.org", 5) == [401] * 5
    waits = []
    for _ in range(4):
        answer = await guesser.login("ann@example.org", "wrong wrong wrong")
        assert (answer.status, answer.json()["code"]) == (429, "too_many_attempts")
        waits.append(int(answer.headers["retry-after"]))
        clock.pass_by(waits[-1])
        assert (await guesser.login("ann@example.org", "wrong wrong wrong")).status == 401
    assert waits == [1, 2, 4, 8]


async def test_the_right_password_has_to_wait_too_and_then_forgets(
    app: Hekla, clock: Stopped
) -> None:
    """Else a 429 would say that a guess was wrong."""
    await Client(app).register("ann@example.org")
    guesser = Client(app)
    await failures(guesser, "ann@example.org", 5)
    assert (await guesser.login("ann@example.org")).status == 429
    clock.pass_by(1)
    assert (await guesser.login("ann@example.org")).status == 200
    assert await failures(Client(app), "ann@example.org", 5) == [401] * 5


async def test_an_unknown_user_has_to_wait_just_the_same(app: Hekla, clock: Stopped) -> None:
    """Whether there is such a user shows in no status and no wait."""
    await Client(app).register("ann@example.org")
    clock.pass_by(3600)
    guesser = Client(app)
    found = {}
    for email in ("ann@example.org", "nobody@example.org"):
        clock.pass_by(2 * 86_400)
        found[email] = await failures(guesser, email, 7)
    assert found["ann@example.org"] == found["nobody@example.org"] == [401] * 5 + [429] * 2


async def test_many_at_once_gain_nothing(app: Hekla, clock: Stopped) -> None:
    """A try is counted before its password is looked at."""
    await Client(app).register("ann@example.org")
    answers = await asyncio.gather(
        *(Client(app).login("ann@example.org", f"wrong wrong {n}") for n in range(30))
    )
    assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 25


async def test_nobody_can_keep_a_user_out(app: Hekla, clock: Stopped) -> None:
    """However much others fail from everywhere, a new device waits a minute at most.

    One that signed in before does not wait at all.
    """
    ann = Client(app)
    device = (await ann.register("ann@example.org")).json()["device"]
    for place in range(40):
        await failures(from_address(app, f"192.0.2.{place}"), "ann@example.org", 2)
        clock.pass_by(61)
    for place in range(3):
        await failures(from_address(app, f"198.51.100.{place}"), "ann@example.org", 1)
    blocked = await from_address(app, "203.0.113.1").login("ann@example.org")
    assert blocked.status == 429
    assert int(blocked.headers["retry-after"]) <= 60
    assert (await Client(app).login("ann@example.org", device=device)).status == 200
    # A device that somebody made up, or that is another user's, is none.
    eve = (await Client(app).register("eve@example.org")).json()["device"]
    for other in ("x", eve):
        answer = await from_address(app, "203.0.113.2").login("ann@example.org", device=other)
        assert answer.status == 429
    clock.pass_by(60)
    assert (await from_address(app, "203.0.113.1").login("ann@example.org")).status == 200


async def test_one_address_cannot_try_all_accounts(app: Hekla, clock: Stopped) -> None:
    """And signing in to an account of one's own does not reset that."""
    await Client(app).register("eve@example.org")
    statuses = []
    for number in range(25):
        client = from_address(app, "192.0.2.9")
        statuses.append((await client.login(f"user{number}@example.org", "Summer2026!!")).status)
        if number in (4, 9):
            assert (await client.login("eve@example.org")).status == 200
    assert statuses[:15] == [401] * 15
    assert 429 in statuses[15:]


async def test_an_unknown_user_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    """The medians are within half of each other, where a shortcut would be a hundredth."""
    settings = replace(QUICK, password_passes=3, signin_attempts=1000)
    app = make_app(tmp_path, settings=settings)
    await app.startup()
    await Client(app).register("ann@example.org")
    times: dict[str, list[float]] = {"ann@example.org": [], "nobody@example.org": []}
    await failures(Client(app), "nobody@example.org", 1)
    for _ in range(12):
        for email, taken in times.items():
            began = time.perf_counter()
            await failures(Client(app), email, 1)
            taken.append(time.perf_counter() - began)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert 0.5 < known / unknown < 2
    await app.shutdown()


@pytest.mark.parametrize("name", ["django pbkdf2_sha256", "werkzeug scrypt", "bcrypt 2y"])
async def test_a_hash_of_another_system_is_replaced_as_its_user_signs_in(
    app: Hekla, client: Client, name: str
) -> None:
    await client.register("ann@example.org")
    auth = auth_of(app)
    await auth.write(lambda tx: auth.accounts.set_password(tx, "1", HASHES[name]))
    assert (await Client(app).login("ann@example.org", "wrong")).status == 401
    assert (await auth.accounts.find("1")).password == HASHES[name]
    assert (await Client(app).login("ann@example.org", OLD)).status == 200
    kept = (await auth.accounts.find("1")).password
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert (await Client(app).login("ann@example.org", OLD)).status == 200


async def test_parameters_that_were_raised_hold_from_the_next_sign_in(
    app: Hekla, client: Client
) -> None:
    await client.register("ann@example.org")
    auth = auth_of(app)
    weak = argon2.PasswordHasher(1, 1024, 1).hash(PASSWORD)
    await auth.write(lambda tx: auth.accounts.set_password(tx, "1", weak))
    await Client(app).login("ann@example.org")
    kept = (await auth.accounts.find("1")).password
    assert kept is not None
    assert "m=8192," in kept


async def test_a_hash_that_is_none_signs_nobody_in(app: Hekla, client: Client) -> None:
    await client.register("ann@example.org")
    auth = auth_of(app)
    for kept in ("", "plain", PASSWORD, "$2b$31$" + "a" * 53):
        await auth.write(partial(auth.accounts.set_password, user_id="1", password=kept))
        assert (await Client(app).login("ann@example.org")).status == 401
    assert BCRYPT


async def test_a_crowd_waits_in_a_line_of_bounded_length(tmp_path: Path) -> None:
    """More than may wait are told to come again, with 503, and the line empties."""
    settings = replace(QUICK, password_hashes=1, password_waiting=2, signin_attempts=100)
    app = make_app(tmp_path, settings=settings)
    await app.startup()
    await Client(app).register("ann@example.org")
    answers = await asyncio.gather(*(Client(app).login("ann@example.org") for _ in range(12)))
    statuses = {answer.status for answer in answers}
    assert statuses == {200, 503}
    refused = next(answer for answer in answers if answer.status == 503)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("store_busy", "1")
    assert (await Client(app).login("ann@example.org")).status == 200
    await app.shutdown()


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", "at least 10"),
        ("a" * 1025, "at most 1024"),
        ("aaaaaaaaaaaa", "first that anybody"),
        ("Password1234", "first that anybody"),
        ("ann.example99", "similar"),
        ("Annabella Smith", "similar"),
        ("AnnabellaSmith1", "similar"),
        ("seven red bicycles", None),
        ("密码要长一点才好记住它", None),
    ],
)
def test_a_password_is_long_and_resembles_nobody(password: str, fault: str | None) -> None:
    found = Strength(QUICK).fault(password, ["ann.example@example.org", "Annabella Smith", None])
    assert (fault is None and found is None) or (fault is not None and fault in (found or ""))


@pytest.mark.parametrize("form", ["sorted file", "folder"])
def test_a_password_that_became_known_is_refused(tmp_path: Path, form: str) -> None:
    known = [f"known to everybody {number}" for number in range(500)]
    digests = sorted(hashlib.sha1(each.encode()).hexdigest().upper() for each in known)
    if form == "folder":
        path = tmp_path / "ranges"
        path.mkdir()
        for each in digests:
            with path.joinpath(f"{each[:5]}.txt").open("a") as lines:
                lines.write(f"{each[5:]}:17\r\n")
    else:
        path = tmp_path / "hashes.txt"
        path.write_text("".join(f"{each}:17\n" for each in digests))
    strength = Strength(replace(QUICK, password_breached=str(path)))
    assert all("become known" in (strength.fault(each) or "") for each in known)
    assert all(strength.fault(f"known to nobody {number}") is None for number in range(200))


def test_a_list_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(OperatorError, match="password_breached"):
        Strength(replace(QUICK, password_breached="/nowhere"))
