"""Access and refresh tokens: what is believed of them, and every forgery that is not."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hekla import Hekla
from hekla.auth.sealed import Seal
from tests.auth.world import Client, Stopped, auth_of, make_app


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forge:
    """Makes tokens by hand: with the application's own key, which no attacker has, or another."""

    def __init__(self, client: Client, private: dict[str, str], own_kid: str) -> None:
        assert client.token is not None
        header, payload, self.signature = client.token.split(".")
        self.header: dict[str, Any] = json.loads(decode(header))
        self.claims: dict[str, Any] = json.loads(decode(payload))
        self.kid = own_kid
        self.own = Ed25519PrivateKey.from_private_bytes(decode(private["d"]))
        self.other = Ed25519PrivateKey.generate()

    def sign(
        self,
        *,
        key: Ed25519PrivateKey | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        kept = {name: v for name, v in {**self.claims, **claims}.items() if v is not ...}
        head = {name: v for name, v in {**self.header, **(header or {})}.items() if v is not ...}
        signed = encode(json.dumps(head).encode()) + "." + encode(json.dumps(kept).encode())
        return f"{signed}.{encode((key or self.own).sign(signed.encode()))}"

    def other_jwk(self) -> dict[str, str]:
        raw = self.other.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw), "kid": self.kid}


@pytest.fixture
async def forge(client: Client) -> Forge:
    await client.register("ann@example.org")
    connection = client.app.location.open()
    kid = str(connection.execute("SELECT kid FROM hekla_signing_keys").get)
    sealed = str(connection.execute("SELECT sealed FROM hekla_signing_keys").get)
    connection.close()
    private = json.loads(Seal("").open(sealed, "signing key"))
    return Forge(client, private, kid)


async def status(app: Hekla, token: str) -> tuple[int, str | None]:
    answer = await Client(app, token).get("/auth/me")
    document = answer.json()
    if answer.status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    return answer.status, document.get("code")


REFUSED = (401, "invalid_token")


async def test_a_token_that_is_made_by_hand_with_the_right_key_is_believed(
    app: Hekla, forge: Forge
) -> None:
    """So the forgeries below are refused for what is wrong with each, and for nothing else."""
    assert await status(app, forge.sign()) == (200, None)


async def test_a_token_is_nothing_without_its_signature(app: Hekla, forge: Forge) -> None:
    signed = forge.sign().rpartition(".")[0]
    none = encode(json.dumps({**forge.header, "alg": "none"}).encode())
    payload = encode(json.dumps(forge.claims).encode())
    for token in (
        f"{none}.{payload}.",
        f"{none}.{payload}.{forge.signature}",
        f"{signed}.",
        signed,
        f"{signed}.{forge.signature[:-8]}",
        f"{signed}.{encode(b'0' * 64)}",
        f"{signed}.{forge.signature}.",
    ):
        assert await status(app, token) == REFUSED, token


async def test_a_claim_that_was_changed_breaks_the_signature(app: Hekla, forge: Forge) -> None:
    head = encode(json.dumps(forge.header).encode())
    payload = encode(json.dumps({**forge.claims, "sub": "2"}).encode())
    assert await status(app, f"{head}.{payload}.{forge.signature}") == REFUSED


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "nOnE", "HS256", "ES256", "RS256", "Ed25519"]
)
async def test_a_token_does_not_choose_its_algorithm(
    app: Hekla, forge: Forge, algorithm: str
) -> None:
    assert await status(app, forge.sign(header={"alg": algorithm})) == REFUSED


async def test_a_public_key_is_no_secret_to_sign_with(app: Hekla, forge: Forge) -> None:
    """Algorithm confusion: HMAC with the bytes of the public key, in every form of them."""
    public = forge.own.public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    jwk = json.dumps((await Client(app).get("/.well-known/jwks.json")).json()["keys"][0]).encode()
    for secret in (raw, pem, pem.strip(), jwk, encode(raw).encode()):
        signed = (
            encode(json.dumps({**forge.header, "alg": "HS256"}).encode())
            + "."
            + encode(json.dumps(forge.claims).encode())
        )
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(signed.encode())
        assert await status(app, f"{signed}.{encode(mac.finalize())}") == REFUSED


async def test_a_token_does_not_bring_its_key(app: Hekla, forge: Forge) -> None:
    """Neither in the header, nor by an address, nor by a name that leads elsewhere."""
    for header in (
        {"jwk": forge.other_jwk()},
        {"jku": "http://127.0.0.1:9/jwks.json"},
        {"x5u": "http://127.0.0.1:9/cert.pem"},
        {"x5c": ["MIIB"]},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": "\0"},
        {"kid": 7},
        {"kid": ...},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {},
    ):
        assert await status(app, forge.sign(key=forge.other, header=header)) == REFUSED, header
        if header and "kid" not in header:
            # Not even with the right signature: nobody honest writes such a header.
            assert await status(app, forge.sign(header=header)) == REFUSED, header


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"},
        {"iss": ...},
        {"iss": ["hekla"]},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": ...},
        {"exp": 1},
        {"exp": ...},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": None},
        {"nbf": 99999999999},
        {"iat": 99999999999},
        {"sub": "2"},
        {"sub": 1},
        {"sub": ...},
        {"sid": "0" * 32},
        {"sid": ...},
        {"sid": None},
    ],
)
async def test_a_signature_is_not_all_that_a_token_needs(
    app: Hekla, forge: Forge, claims: dict[str, Any]
) -> None:
    """Issuer, audience, times, subject and session have to be right, each of them."""
    await Client(app).register("ben@example.org")
    assert await status(app, forge.sign(**claims)) == REFUSED


async def test_a_token_of_another_type_is_none_of_access(app: Hekla, forge: Forge) -> None:
    """RFC 8725, section 3.11: an identity token, say, opens nothing."""
    for typ in ("JWT", "logout+jwt", "AT+JWT ", ...):
        assert await status(app, forge.sign(header={"typ": typ})) == REFUSED


async def test_one_audience_of_several_is_enough(app: Hekla, forge: Forge) -> None:
    assert await status(app, forge.sign(aud=["other", "hekla"])) == (200, None)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer ..",
        "Bearer a.b.c",
        "bearer é.é.é",
        "Bearer " + "a" * 60_000,
        "Bearer eyJhbGciOiJFZERTQSJ9." + "e30." + "A" * 86,
    ],
)
async def test_what_is_no_token_is_refused_and_no_error(client: Client, value: str) -> None:
    answer = await client.ask("GET", "/tasks", headers={"authorization": value})
    assert (answer.status, answer.json()["code"]) == REFUSED


async def test_other_schemes_are_for_others(client: Client) -> None:
    answer = await client.ask("GET", "/tasks", headers={"authorization": "Basic YTpi"})
    assert answer.status == 200


async def test_a_token_dies_when_its_time_is_over(app: Hekla, clock: Stopped) -> None:
    client = Client(app)
    await client.register("ann@example.org")
    for seconds, found in ((599, "ann@example.org"), (1, "invalid_token")):
        clock.pass_by(seconds)
        assert await client.who() == found
    assert (await client.refresh()).status == 200
    assert await client.who() == "ann@example.org"


async def test_a_token_of_one_application_is_none_of_another(client: Client, tmp_path: Any) -> None:
    await client.register("ann@example.org")
    (tmp_path / "other").mkdir()
    other = make_app(tmp_path / "other")
    await other.startup()
    await Client(other).register("ann@example.org")
    assert client.token is not None
    assert await status(other, client.token) == REFUSED
    await other.shutdown()


# Refresh tokens


async def test_a_refresh_token_is_good_once(app: Hekla, clock: Stopped) -> None:
    """Whoever uses one again ends the sign-in for both, thief and victim."""
    victim = Client(app)
    await victim.register("ann@example.org")
    thief = victim.copy()
    clock.pass_by(60)
    assert (await victim.refresh()).status == 200
    clock.pass_by(60)
    answer = await thief.refresh()
    assert (answer.status, answer.json()["code"]) == (401, "invalid_token")
    assert await victim.who() == "invalid_token"
    assert (await victim.refresh()).status == 401
    events = [row["event"] for row in await auth_of(app).audit.read()]
    assert events[0] == "refresh_reused"


async def test_a_client_that_lost_the_answer_may_ask_again(app: Hekla, clock: Stopped) -> None:
    """Within ten seconds; what was given out first is worthless then, and shows a thief."""
    client = Client(app)
    await client.register("ann@example.org")
    lost = client.copy()
    await lost.refresh()
    clock.pass_by(9)
    assert (await client.refresh()).status == 200
    clock.pass_by(1)
    kept = client.copy()
    assert (await lost.refresh()).status == 401
    assert (await kept.refresh()).status == 401
    assert await kept.who() == "invalid_token"


async def test_of_many_at_once_only_one_goes_on(app: Hekla, clock: Stopped) -> None:
    """However many use one token at the same moment, at most one sign-in comes of it."""
    client = Client(app)
    await client.register("ann@example.org")
    answers = await asyncio.gather(*(client.copy().refresh() for _ in range(8)))
    good = [answer.json()["refresh_token"] for answer in answers if answer.status == 200]
    clock.pass_by(60)
    later = [await Client(app, refresh_token=token).refresh() for token in good]
    assert [answer.status for answer in later].count(200) <= 1


@pytest.mark.parametrize("token", ["", "x", "hekla_rt_" + "A" * 43, "\0", "é"])
async def test_a_refresh_token_that_is_none_is_refused(client: Client, token: str) -> None:
    answer = await client.post("/auth/refresh", {"refresh_token": token})
    assert (answer.status, answer.json()["code"]) == REFUSED


async def test_a_token_that_has_expired_does_not_keep_one_from_refreshing(
    app: Hekla, clock: Stopped
) -> None:
    """Clients send what they have along: where new ones are given out that is no fault."""
    client = Client(app)
    await client.register("ann@example.org")
    clock.pass_by(3600)
    assert client.token is not None
    assert await client.who() == "invalid_token"
    assert (await client.refresh()).status == 200


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(client: Client) -> None:
    await client.register("ann@example.org")
    assert client.refresh_token is not None
    assert await status(client.app, client.refresh_token) == REFUSED
    answer = await client.post("/auth/refresh", {"refresh_token": client.token})
    assert answer.status == 401


async def test_an_app_signs_out_of_what_it_refreshed(client: Client) -> None:
    await client.register("ann@example.org")
    old = client.copy()
    await client.refresh()
    await client.post("/auth/logout")
    assert await client.who() == "invalid_token"
    assert await old.who() == "invalid_token"
    assert (await client.refresh()).status == 401


# Keys


async def test_keys_are_changed_and_old_tokens_stay_good(app: Hekla, clock: Stopped) -> None:
    """A new key is published an hour before it signs, and the old one while tokens need it."""
    client, auth = Client(app), auth_of(app)
    await client.register("ann@example.org")

    async def kids() -> list[str]:
        return [key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]]

    def kid_of(token: str | None) -> str:
        assert token is not None
        kid: str = json.loads(decode(token.split(".")[0]))["kid"]
        return kid

    (first,) = await kids()
    clock.pass_by(90 * 86_400 - 60)
    await client.login("ann@example.org")
    clock.pass_by(60)
    await auth.keys.load()
    old, second = await kids()
    assert old == first
    clock.pass_by(3599)
    await client.login("ann@example.org")
    assert kid_of(client.token) == first
    clock.pass_by(1)
    signed_by_old = client.copy()
    await client.login("ann@example.org")
    assert kid_of(client.token) == second
    assert await signed_by_old.who() == await client.who() == "ann@example.org"
    clock.pass_by(600 + 7200 + 1)
    await auth.keys.load()
    assert await kids() == [second]


async def test_published_keys_hold_nothing_private(client: Client) -> None:
    answer = await client.get("/.well-known/jwks.json")
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_signing_keys_are_sealed_with_the_secret(tmp_path: Any) -> None:
    """The database alone signs no token; without the secret that sealed them nothing starts."""
    from dataclasses import replace

    from hekla import OperatorError
    from tests.auth.world import QUICK

    app = make_app(tmp_path, settings=replace(QUICK, secret="one that nobody knows"))
    await app.startup()
    client = Client(app)
    await client.register("ann@example.org")
    connection = app.location.open()
    sealed = str(connection.execute("SELECT sealed FROM hekla_signing_keys").get)
    connection.close()
    assert sealed.startswith("aes:")
    assert '"d"' not in sealed
    await app.shutdown()
    await app.startup()
    assert await client.who() == "ann@example.org"
    await app.shutdown()
    for secret in ("", "another"):
        other = make_app(tmp_path, settings=replace(QUICK, secret=secret))
        with pytest.raises(OperatorError, match="secret"):
            await other.startup()
        await other.store.close()


async def test_es256_is_there_for_clients_that_know_nothing_else(tmp_path: Any) -> None:
    app = make_app(tmp_path, algorithm="ES256")
    await app.startup()
    client = Client(app)
    await client.register("ann@example.org")
    assert client.token is not None
    header = msgspec.json.decode(decode(client.token.split(".")[0]))
    assert header["alg"] == "ES256"
    assert await client.who() == "ann@example.org"
    await app.shutdown()
