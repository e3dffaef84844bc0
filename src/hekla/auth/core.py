"""Sign-in put together: the parts that know users, and what they keep in the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hekla.auth.accounts import Accounts
from hekla.auth.audit import Audit
from hekla.auth.authenticate import Authenticator
from hekla.auth.codes import Codes
from hekla.auth.devices import Devices
from hekla.auth.keys import PREFIX, ApiKeys
from hekla.auth.mail import Mailer
from hekla.auth.moments import Clock, moment
from hekla.auth.passwords import Passwords
from hekla.auth.refresh import RefreshTokens
from hekla.auth.roles import Roles
from hekla.auth.sealed import Seal
from hekla.auth.sessions import Sessions
from hekla.auth.signing import SigningKeys
from hekla.auth.statements import create, prepare, value
from hekla.auth.strength import Strength
from hekla.auth.tables import (
    ACCOUNTS,
    API_KEYS,
    ATTEMPTS,
    AUDIT,
    CODES,
    DEVICES,
    FACTORS,
    GRANTS,
    GROUPS,
    REFRESH,
    SESSIONS,
    TABLES,
)
from hekla.auth.throttle import Throttle
from hekla.auth.tokens import AccessTokens
from hekla.auth.totp import Factors
from hekla.errors import Problem
from hekla.schema.types import Dialect
from hekla.sql.gone import delete_with
from hekla.store.beacon import Beacon

if TYPE_CHECKING:
    from hekla.auth.options import Options
    from hekla.auth.users import Users
    from hekla.settings import Settings
    from hekla.store.protocol import Store, Transaction

__all__ = ["Auth", "create_tables"]

logger = logging.getLogger("hekla.auth")

# What is kept of each user.
_OF_USERS = (ACCOUNTS, SESSIONS, API_KEYS, CODES, FACTORS, DEVICES, GRANTS, GROUPS)
# Seconds between two looks at what is to be put down, and at what has to be thrown away.
_INTERVAL = 30.0
_ROUNDS = 20
_PAUSE = 0.05
# Rows that one transaction throws away at most.
_STEP = 500


def create_tables(users: Users, dialect: Dialect) -> list[str]:
    """The statements that create the tables of sign-in where there are none.

    What is kept of a user goes with the user's row, whoever deletes it: a key may be given out
    again, and the next user must not come into the password, the roles or the sign-ins of the
    one before.
    """
    statements = create(TABLES, dialect)
    table, key = users.resource.table, users.key.source
    if isinstance(table, sa.Table) and isinstance(key, sa.Column):
        owned = [each.c.user_id for each in _OF_USERS]
        statements += delete_with(table, key, owned, "hekla_user_gone", dialect)
    return statements


class Auth:
    """Everything about users, sessions and tokens of one application.

    What changes who may sign in, or as what, goes through :meth:`write`, which lets every
    process know.
    """

    def __init__(
        self,
        options: Options,
        users: Users,
        store: Store,
        beacon: Beacon,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.options = options
        self.users = users
        self.store = store
        self.settings = settings
        self.clock = clock
        self.beacon = beacon
        self.seal = Seal(settings.secret)
        self.accounts = Accounts(store, clock)
        self.sessions = Sessions(store, clock)
        self.refresh = RefreshTokens(store, settings, clock)
        self.devices = Devices(store, clock)
        self.roles = Roles(store, clock)
        self.codes = Codes(store, clock)
        self.mailer = Mailer(settings) if settings.mail_url else None
        self.api_keys = ApiKeys(store, users, clock)
        self.resources: tuple[str, ...] = ()
        """The names of what is served, which scopes may speak of."""
        self.audit = Audit(store, clock)
        self.passwords = Passwords(settings)
        self.strength = Strength(settings)
        self.throttle = Throttle(store, settings, clock)
        self.keys = SigningKeys(store, settings, self.seal, clock, options.algorithm)
        issuer = options.issuer or settings.public_url.rstrip("/") or "hekla"
        self.tokens = AccessTokens(self.keys, settings, clock, issuer, options.audience or issuer)
        self.factors = Factors(store, self.seal, clock, options.title or issuer)
        self.authenticate = Authenticator(
            users,
            self.sessions,
            self.tokens if options.tokens else None,
            beacon,
            settings,
            clock,
            cookies=options.cookies,
        )
        if options.keys:
            self.authenticate.schemes[PREFIX] = self.api_keys.read
        self._keeping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._expired = [
            _prune(table, column, key, store.dialect)
            for table, column, key in (
                (SESSIONS, "expires_at", "id"),
                (REFRESH, "expires_at", "digest"),
                (ATTEMPTS, "forget_at", "bucket"),
                (DEVICES, "expires_at", "digest"),
                (CODES, "expires_at", "digest"),
            )
        ]
        self._old_audit = _prune(AUDIT, "at", "id", store.dialect)

    def forget(self, table: sa.Table, column: str, key: str) -> None:
        """Throw rows of a table away once the moment in ``column`` has passed."""
        self._expired.append(_prune(table, column, key, self.store.dialect))

    async def start(self) -> None:
        """Make ready what is needed to sign in; the store is open."""
        self.beacon.open()
        self.authenticate.open()
        await self.keys.load()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def confirms(self) -> bool:
        """Whether an address has to be shown to be one's own before it is signed in with."""
        return self.mailer is not None

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that whoever asked does not wait for, and cannot tell from its time."""
        task = asyncio.create_task(self._aside(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("what was to be done aside failed")

    async def drain(self) -> None:
        """Wait until nothing is done aside any more, and all mails are sent."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self.mailer is not None:
            await self.mailer.drain()

    async def close(self) -> None:
        """Put down what is not yet, and let go of threads."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self.mailer is not None:
            await self.mailer.close()
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            try:
                await self.put_down()
            except Problem as problem:
                logger.warning("when sessions were used could not be kept: %s", problem)
        self.passwords.close()

    async def write(self, work: Callable[[Transaction], Coroutine[Any, Any, Any]]) -> Any:
        """Run ``work`` in a transaction, and let every process know that something changed."""
        result = await self.store.write(work)
        self.beacon.light()
        return result

    async def put_down(self) -> None:
        """Keep when sessions and keys were used."""
        used = self.authenticate.used
        if used:
            taken = dict(used)
            used.clear()
            await self.sessions.touch(taken)
        keys = self.api_keys.used
        if keys:
            taken = dict(keys)
            keys.clear()
            await self.api_keys.touch(taken)

    async def tidy(self) -> None:
        """Throw away what has expired, and take a new signing key when it is time for one."""
        await self.keys.load()
        at = moment(self.clock.now())
        for statement in self._expired:
            await self._throw_away(statement, at)
        if self.settings.audit_max_age:
            age = timedelta(seconds=self.settings.audit_max_age)
            await self._throw_away(self._old_audit, moment(self.clock.now() - age))

    async def _throw_away(self, statements: tuple[Any, Any], at: str) -> None:
        find, delete = statements

        async def work(tx: Transaction) -> bool:
            rows = await tx.fetch_all(find.sql, find(at=at, limit=_STEP))
            for row in rows:
                await tx.fetch(delete.sql, delete(key=row[0]))
            return len(rows) == _STEP

        more = True
        while more:
            more = await self.store.write(work, heavy=True)
            # Those who write come in between.
            await asyncio.sleep(_PAUSE)

    async def _keep(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(_INTERVAL)
            rounds += 1
            try:
                await self.put_down()
                if rounds % _ROUNDS == 0:
                    await self.tidy()
            except Problem as problem:
                # The next round makes up for it.
                logger.warning("sign-in could not be looked after: %s", problem)


def _prune(table: sa.Table, column: str, key: str, dialect: Dialect) -> tuple[Any, Any]:
    find = (
        sa.select(table.c[key])
        .where(table.c[column] < value("at"))
        .order_by(table.c[column])
        .limit(value("limit"))
    )
    delete = sa.delete(table).where(table.c[key] == value("key"))
    return prepare(find, dialect), prepare(delete, dialect)
