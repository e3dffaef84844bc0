"""The registered clients of one store."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa

from hekla.auth.moments import Clock, later, now
from hekla.auth.oauth.client import DEVICE_GRANT, GRANTS, Client
from hekla.auth.oauth.redirects import redirect_fault
from hekla.auth.oauth.tables import CLIENTS, CODES, CONSENTS, DEVICE_CODES
from hekla.auth.random_secret import digest, new_id, new_secret
from hekla.auth.statements import insert, listed, prepare, prepare_list, value
from hekla.auth.tables import REFRESH, SESSIONS
from hekla.errors import OperatorError
from hekla.store.protocol import Store

if TYPE_CHECKING:
    from hekla.store.protocol import Transaction

__all__ = ["CLIENT_PREFIX", "Clients", "new_client"]

CLIENT_PREFIX: Final = "hekla_cs_"
"""How every client secret begins, so that one can be told where it was left lying about."""

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]{1,100}")
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
_MOST_REDIRECTS: Final = 20


def new_client(
    name: str,
    *,
    at: str,
    redirect_uris: Sequence[str] = (),
    grants: Sequence[str] = (),
    scopes: Sequence[str] = ("openid",),
    known_scopes: Sequence[str],
    public: bool = False,
    trusted: bool = False,
    inspects: bool = False,
    acts_as: str | None = None,
) -> tuple[Client, str | None]:
    """A client to be registered, and its secret, which is known now only.

    Raises OperatorError for what cannot be safe, or cannot be at all.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise OperatorError(f"{name!r} cannot be the name of a client: users have to read it")
    grants = tuple(grants) or ("authorization_code", "refresh_token")
    for grant in grants:
        if grant not in GRANTS:
            raise OperatorError(f"there is no grant {grant!r}; there are {', '.join(GRANTS)}")
    for scope in scopes:
        if scope not in known_scopes or not _SCOPE.fullmatch(scope):
            raise OperatorError(f"there is no scope {scope!r}; there are {', '.join(known_scopes)}")
    if len(redirect_uris) > _MOST_REDIRECTS:
        raise OperatorError(f"a client has {_MOST_REDIRECTS} addresses at most")
    for uri in redirect_uris:
        fault = redirect_fault(uri)
        if fault is not None:
            raise OperatorError(f"the address {uri!r} {fault}")
    if "authorization_code" in grants and not redirect_uris:
        raise OperatorError("a client that users sign in to needs an address to send them back to")
    if "client_credentials" in grants:
        if public:
            raise OperatorError("a public client has no credentials, and so not that grant")
        if acts_as is None:
            raise OperatorError(
                "with client credentials a client acts as itself: name the user that it is"
            )
    elif acts_as is not None:
        raise OperatorError("a client acts as a user with the grant client_credentials only")
    if inspects and public:
        raise OperatorError("a public client cannot introspect tokens of others")
    if not {"authorization_code", DEVICE_GRANT} & set(grants) and "refresh_token" in grants:
        raise OperatorError("refresh_token goes with authorization_code or the device grant")
    secret = None if public else new_secret(CLIENT_PREFIX)
    client = Client(
        id=new_id(),
        name=name,
        secret=None if secret is None else digest(secret),
        redirect_uris=tuple(dict.fromkeys(redirect_uris)),
        grants=tuple(dict.fromkeys(grants)),
        scopes=tuple(dict.fromkeys(scopes)),
        trusted=trusted,
        inspects=inspects,
        acts_as=acts_as,
        created_at=at,
    )
    return client, secret


class Clients:
    """Finds, keeps, changes and removes clients."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        c, dialect = CLIENTS.c, store.dialect
        one = c.id == value("id")
        self._insert = insert(CLIENTS, dialect)
        self._find = prepare(sa.select(*c).where(one), dialect)
        self._all = prepare_list(sa.select(*c).order_by(c.name, c.id).limit(10_000), dialect)
        self._rotate = prepare(
            sa.update(CLIENTS)
            .where(one)
            .values(
                secret=value("secret"),
                old_secret=value("old_secret"),
                old_secret_until=value("old_secret_until"),
            ),
            dialect,
        )
        of_client = SESSIONS.c.client_id == value("id")
        sessions = sa.select(SESSIONS.c.id).where(of_client)
        self._remove = [
            prepare(statement, dialect)
            for statement in (
                sa.delete(REFRESH).where(REFRESH.c.session_id.in_(sessions)),
                sa.delete(SESSIONS).where(of_client),
                sa.delete(CODES).where(CODES.c.client_id == value("id")),
                sa.delete(CONSENTS).where(CONSENTS.c.client_id == value("id")),
                sa.delete(DEVICE_CODES).where(DEVICE_CODES.c.client_id == value("id")),
                sa.delete(CLIENTS).where(one),
            )
        ]

    async def find(self, client_id: str) -> Client | None:
        """The client of an id."""
        row = await self._store.fetch(self._find, self._find(id=client_id))
        return None if row is None else _client(dict(zip(CLIENTS.c.keys(), row, strict=True)))

    async def list(self) -> list[Client]:
        """All clients, by name."""
        return [_client(row) for row in listed(await self._store.fetch(self._all, self._all()))]

    async def add(self, client: Client) -> None:
        """Register a client."""
        fields: dict[str, Any] = msgspec.structs.asdict(client)
        for name in ("grants", "scopes"):
            fields[name] = " ".join(fields[name])
        fields["redirect_uris"] = json.dumps(fields["redirect_uris"])
        fields |= {"trusted": int(client.trusted), "inspects": int(client.inspects)}
        args = self._insert(**fields)

        async def work(tx: Transaction) -> None:
            await tx.fetch(self._insert.sql, args)

        await self._store.write(work, single=True)

    async def rotate(self, client: Client, keep_seconds: float = 0) -> str:
        """Give a client another secret; the old one is good for so many seconds yet.

        Raises OperatorError for a public client, which has none.
        """
        if client.public:
            raise OperatorError(f"{client.name} is a public client and has no secret")
        secret = new_secret(CLIENT_PREFIX)
        args = self._rotate(
            id=client.id,
            secret=digest(secret),
            old_secret=client.secret if keep_seconds > 0 else None,
            old_secret_until=later(self._clock, keep_seconds) if keep_seconds > 0 else None,
        )

        async def work(tx: Transaction) -> None:
            await tx.fetch(self._rotate.sql, args)

        await self._store.write(work, single=True)
        return secret

    async def remove(self, tx: Transaction, client_id: str) -> None:
        """Remove a client with all that was given out to it: its tokens are good no more."""
        for statement in self._remove:
            await tx.fetch(statement.sql, statement(id=client_id))

    def now(self) -> str:
        return now(self._clock)


def _client(row: dict[str, Any]) -> Client:
    for name in ("grants", "scopes"):
        row[name] = tuple(str(row[name]).split())
    row["redirect_uris"] = tuple(json.loads(row["redirect_uris"]))
    row["trusted"], row["inspects"] = bool(row["trusted"]), bool(row["inspects"])
    return Client(**row)
