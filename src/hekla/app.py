"""The application: resources, rules, settings and parts put together. It knows them all."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import sqlalchemy as sa

from hekla.actor import ANONYMOUS, Actor
from hekla.changes.capture import status
from hekla.changes.retention import Retention
from hekla.engine import Engine
from hekla.errors import OperatorError
from hekla.faces.rest.routes import Listed, RestFace
from hekla.policy.access import Policy
from hekla.policy.rules import ADMINISTRATORS, Action, Rule, Rules, everyone, me, nobody
from hekla.rates.memory import MemoryMeter
from hekla.rates.rate import Rate, rates_of
from hekla.rates.shared import RedisMeter
from hekla.schema.build import Declaration, build_schema
from hekla.schema.plain import plain
from hekla.schema.resource import RowCheck, Schema, Validator
from hekla.schema.sources.reflect import reflect
from hekla.schema.sources.tenant import tenant_column
from hekla.server.application import Handler, Shortcut
from hekla.server.asgi import ASGI
from hekla.server.rsgi import RSGI
from hekla.settings import PREFIX, Settings, from_environment
from hekla.sql.changes import capture as capture_statements
from hekla.sql.changes import create_log, log_statements, logged_tables, tables_of
from hekla.store.location import Location
from hekla.store.open import locate, open_engine, open_store
from hekla.store.protocol import Store
from hekla.store.recording import record
from hekla.web.application import WebApplication
from hekla.web.edge import Edge
from hekla.web.rate_limits import RateLimits
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Router
from hekla.writing.hooks import Hook as WriteHook
from hekla.writing.hooks import Hooks, Moment
from hekla.writing.once import create_once

if TYPE_CHECKING:
    import apsw
    from sqlalchemy.orm import Session

    from hekla.auth.core import Auth
    from hekla.auth.face import AuthFace
    from hekla.auth.federation.face import Federation
    from hekla.auth.federation.upstream import Upstream
    from hekla.auth.oauth.provider import Provider, ProviderOptions
    from hekla.auth.options import Algorithm, Options
    from hekla.doctor.circumstances import Circumstances
    from hekla.doctor.finding import Finding

__all__ = ["Explanation", "Hekla"]

logger = logging.getLogger("hekla")

Hook = Callable[[], Awaitable[None] | None]
Entity = type[Any] | sa.Table
H = TypeVar("H", bound=WriteHook)
# Where credentials are tried, which is bounded by default.
_SIGN_IN_ROUTES = frozenset({"auth", "oauth/sign-in", "oauth/device", "oauth/device_authorization"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """The statement that a request becomes, its binds, and the database's plan for it."""

    sql: str
    binds: tuple[Any, ...]
    plan_lines: tuple[str, ...]


class Hekla:
    """A backend: models, or a database that exists, as an API.

    ``url`` names the database (``sqlite:///tasks.db``, ``postgresql://user@host/tasks``);
    without it, the environment variable ``HEKLA_DATABASE_URL`` does, or else it is
    ``sqlite:///hekla.db``. ``prefix`` puts every
    address below a path such as ``/api``. The app is an ASGI and an RSGI callable.

    Raises :class:`~hekla.errors.OperatorError` for a URL or a setting that cannot be right.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        prefix: str = "",
        title: str = "Hekla",
        version: str = "1",
    ) -> None:
        self.settings = settings or Settings.from_environment()
        # Read once: a database in memory belongs to the one location that names it.
        self.location = locate(url or self.settings.database_url)
        self.title = title
        self.version = version
        self._prefix = prefix
        self._declarations: list[tuple[Declaration, Rules]] = []
        self._captured: set[Any] = set()
        self._shared: list[int] = []
        self._rates: list[Rate] = list(rates_of(self.settings.rate_limits))
        self._rates_of_routes: dict[str, list[Rate]] = {}
        self._rates_of_entities: list[tuple[Entity, tuple[Rate, ...]]] = []
        self._reflected: Rules | None = None
        self._starting = False
        self._retention: asyncio.Task[None] | None = None
        self._hooks: list[tuple[Moment, Action, Entity, WriteHook]] = []
        self._startup_hooks: list[Hook] = []
        self._shutdown_hooks: list[Hook] = []
        self._sessions: sa.Engine | None = None
        self._auth: Options | None = None
        self._oauth: ProviderOptions | None = None
        self._upstreams: dict[str, Upstream] = {}
        self._parts: _Parts | None = None
        self._running = False
        # Answers one request; once the parts are there it is theirs, which saves a call.
        self.answer: Handler = self._prepare_and_answer
        self._asgi = ASGI(self)
        self._rsgi = RSGI(self)
        self.__rsgi__ = self._rsgi.__rsgi__

    # What is served

    def resource(
        self,
        entity: type[Any] | sa.Table,
        *,
        read: Rule = ADMINISTRATORS,
        write: Rule = ADMINISTRATORS,
        create: Rule | None = None,
        update: Rule | None = None,
        delete: Rule | None = None,
        columns: Mapping[str, Rule] | None = None,
        write_columns: Mapping[str, Rule] | None = None,
        name: str | None = None,
        only: Sequence[str] | None = None,
        hidden: Sequence[str] = (),
        relations: Mapping[str, str | None] | None = None,
        search: Sequence[str] = (),
        search_index: str | None = None,
        title: str | None = None,
        description: str | None = None,
        read_only: Sequence[str] = (),
        write_once: Sequence[str] = (),
        secret: Sequence[str] = (),
        created: str | None = None,
        updated: str | None = None,
        created_by: str | None = None,
        updated_by: str | None = None,
        tenant: str | None = None,
        soft_delete: str | None = None,
        version: str | None = None,
        validators: Mapping[str, Validator | Sequence[Validator]] | None = None,
        validate: RowCheck | Sequence[RowCheck] = (),
        delete_all: bool = False,
        capture: Literal["triggers"] | None = None,
        rate_limit: str | Rate | Sequence[str | Rate] = (),
    ) -> None:
        """Serve a mapped class or a Table.

        ``read`` says who may read which rows; without it only administrators may. ``write``
        says the same of creating, changing and deleting, unless ``create``, ``update`` or
        ``delete`` is given apart; a row has to satisfy it before and after. ``columns`` closes
        single columns further, ``write_columns`` to writing only. ``name`` is the path (the
        table's name by default), ``only`` and ``hidden`` choose columns, ``relations`` renames
        relations or, with None, leaves them out, ``search`` names the columns that ``search=``
        looks in.

        ``read_only``, ``write_once`` and ``secret`` name columns that no request may set, that
        only a new row may be given, and that stay out of the change log. Hekla itself fills
        ``created``, ``updated``, ``created_by``, ``updated_by`` and ``version``; with
        ``soft_delete`` a deleted row is only marked. ``validators`` are functions on a column's
        value, which they give back or raise ValueError, ``validate`` functions on a whole row.
        ``tenant`` names a column that says whose a row is, which is added if there is none: it is
        ``me.tenant`` in every row that is read or written, whatever the other rules say.
        With ``delete_all`` a ``DELETE`` of the list without a filter deletes every row that may
        be deleted; else that has to be said by ``?all=true``.
        With ``capture="triggers"`` what other programs write is on record too, once
        ``hekla capture --create`` was run; on a database server it always is. ``rate_limit``
        says how often the resource may be asked and written: ``"100/minute by actor"``.
        """
        self._declare()
        if rate_limit:
            self._rates_of_entities.append((entity, rates_of(rate_limit)))
        declaration = Declaration(
            entity,
            name,
            only,
            tuple(hidden),
            dict(relations or {}),
            tuple(search),
            search_index,
            title,
            description,
            read_only=read_only,
            write_once=write_once,
            secret=secret,
            created=created,
            updated=updated,
            created_by=created_by,
            updated_by=updated_by,
            tenant=tenant,
            soft_delete=soft_delete,
            version=version,
            validators=dict(validators or {}),
            validate=validate,
            delete_all=delete_all,
        )
        rules = Rules(
            read,
            dict(columns or {}),
            write if create is None else create,
            write if update is None else update,
            write if delete is None else delete,
            dict(write_columns or {}),
        )
        self._declarations.append((declaration, rules))
        if tenant is not None:
            self._shared.append(len(self._declarations) - 1)
        if capture is not None:
            if capture != "triggers":
                raise OperatorError(f'capture={capture!r}: expected "triggers"')
            self._captured.add(entity)

    def reflect(self, *, read: Rule = ADMINISTRATORS, write: Rule = nobody) -> None:
        """Serve every table and view of the database that exists, under one rule each."""
        self._declare()
        self._reflected = Rules(read, create=write, update=write, delete=write)

    def rate_limit(self, *rates: str | Rate, route: str | None = None) -> None:
        """Bound how often requests may come: ``app.rate_limit("600/minute by address")``.

        It holds everywhere, or for the addresses below one first segment, such as ``batch``. A
        rate that goes by address alone, or by nothing, is counted before anybody is asked who
        they are; ``/healthz`` and ``/readyz`` always answer. Raises OperatorError.
        """
        self._declare()
        if route is None:
            self._rates += rates_of(rates)
        else:
            self._rates_of_routes.setdefault(route.strip("/"), []).extend(rates_of(rates))

    def auth(
        self,
        user: type[Any] | sa.Table | None = None,
        *,
        login: str = "email",
        profile: Sequence[str] = (),
        tenant: str | None = None,
        claims: Sequence[str] = (),
        registration: bool = False,
        passwords: bool = True,
        cookies: bool = True,
        tokens: bool = True,
        keys: bool = True,
        links: bool = True,
        codes: bool = True,
        totp: bool = False,
        pages: bool = True,
        templates: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        algorithm: Algorithm = "EdDSA",
    ) -> None:
        """Let users sign in, below ``/auth``.

        ``user`` is the model, :class:`hekla.auth.User` if none is named; ``login`` the unique
        column that they sign in with, kept in lower case; ``profile`` the columns that they may
        set themselves. ``tenant`` is the column that ``me.tenant`` is, ``claims`` those that
        ``me.claims`` has. With ``registration`` anybody may become a user. ``passwords``,
        ``cookies`` (for browsers), ``tokens`` (for apps), ``keys`` (for programs), and by mail
        ``links`` and ``codes`` can each be left out; ``totp`` lets users set up a second factor.
        With ``pages`` there are pages for people below ``/auth/pages``; ``templates`` names a
        folder of one's own in place of theirs.
        ``issuer`` and ``audience`` stand in tokens (the setting ``public_url`` by default), which
        are signed by ``algorithm``, ``EdDSA`` or ``ES256``.
        """
        from hekla.auth.options import Options

        self._declare()
        if self._auth is not None:
            raise OperatorError("app.auth() was called before")
        if algorithm not in ("EdDSA", "ES256"):
            raise OperatorError(f"algorithm={algorithm!r}: expected EdDSA or ES256")
        if user is None:
            from hekla.auth.model import User

            user = User
        self._auth = Options(
            user,
            login,
            tuple(profile),
            tenant,
            tuple(claims),
            registration,
            passwords,
            cookies,
            tokens,
            keys,
            links,
            codes,
            totp,
            issuer,
            audience,
            algorithm,
            self.title,
            pages and cookies,
            templates,
        )

    def oauth(
        self,
        *,
        scopes: Mapping[str, str] | None = None,
        templates: str | Path | None = None,
        sign_in: str | None = None,
    ) -> None:
        """Let other systems sign users in by this application (OAuth 2.1, OpenID Connect).

        It needs ``app.auth()``, and the setting ``public_url``. ``scopes`` are further ones that
        clients may ask for, each with what a user is told of it; ``templates`` a folder with
        pages in place of Hekla's own; ``sign_in`` the path of a page of your own where users
        sign in, and go on to what it is given as ``next``. ``hekla clients`` registers clients.
        """
        from hekla.auth.oauth.provider import ProviderOptions

        self._declare()
        folder = None if templates is None else Path(templates)
        if folder is not None and not folder.is_dir():
            raise OperatorError(f"{folder}: there is no such folder of templates")
        if sign_in is not None and (not sign_in.startswith("/") or sign_in.startswith("//")):
            raise OperatorError(f"sign_in={sign_in!r} is no path of this application")
        self._oauth = ProviderOptions(dict(scopes or {}), folder, sign_in)

    def sign_in_with(
        self,
        name: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        issuer: str | None = None,
        tenant: str | None = None,
        title: str | None = None,
        scopes: Sequence[str] | None = None,
        trusts_email: bool | None = None,
    ) -> None:
        """Let users sign in with another provider: ``google``, ``github``, or any by its issuer.

        It needs ``app.auth()``, and the setting ``public_url``. What the provider gives out for
        this application, ``client_id`` and ``client_secret``, can stand in the environment too:
        ``HEKLA_WITH_GOOGLE_CLIENT_ID``, ``HEKLA_WITH_GOOGLE_CLIENT_SECRET`` (or ``…_FILE``).
        """
        from hekla.auth.federation.upstream import declare

        self._declare()
        if name in self._upstreams:
            raise OperatorError(f"app.sign_in_with({name!r}) was called before")
        variable = f"{PREFIX}WITH_{name.upper().replace('-', '_')}_CLIENT"
        self._upstreams[name] = declare(
            name,
            tenant=tenant,
            client_id=client_id or from_environment(f"{variable}_ID"),
            client_secret=client_secret or from_environment(f"{variable}_SECRET"),
            issuer=issuer,
            title=title,
            scopes=scopes,
            trusts_email=trusts_email,
        )

    def _declare(self) -> None:
        if self._parts is not None:
            raise OperatorError("resources are declared before the app is started or asked")

    def on_startup(self, hook: Hook) -> Hook:
        """Run ``hook`` (sync or async) before the first request; as a decorator."""
        self._startup_hooks.append(hook)
        return hook

    def on_shutdown(self, hook: Hook) -> Hook:
        """Run ``hook`` (sync or async) after the last request; as a decorator."""
        self._shutdown_hooks.append(hook)
        return hook

    # Hooks on writes

    def before(self, action: Action, entity: Entity) -> Callable[[H], H]:
        """As a decorator: ask a function before a row of ``entity`` is written.

        ``action`` is ``create``, ``update`` or ``delete``. The function (a coroutine, or a plain
        one that is run on a thread) gets an :class:`~hekla.writing.hooks.Event`, may alter
        ``event.values``, and refuses with ``raise event.refuse("…")`` or any Problem. However
        long it takes, it holds up no other write: :mod:`hekla.writing.hooks` says how.
        """
        return self._hook("before", action, entity)

    def after(self, action: Action, entity: Entity) -> Callable[[H], H]:
        """As a decorator: ask a function once the row is written, but not yet for good.

        It sees ``event.after`` as it will be, and may still refuse.
        """
        return self._hook("after", action, entity)

    def on_commit(self, action: Action, entity: Entity) -> Callable[[H], H]:
        """As a decorator: tell a function of a row whose writing is durable; it may not refuse."""
        return self._hook("on_commit", action, entity)

    def _hook(self, moment: Moment, action: Action, entity: Entity) -> Callable[[H], H]:
        self._declare()
        if action not in ("create", "update", "delete"):
            raise OperatorError(f"{action!r} is no action; there are create, update and delete")

        def register(hook: H) -> H:
            self._hooks.append((moment, action, entity, hook))
            return hook

        return register

    # The users' own code

    @property
    def sessions(self) -> sa.Engine:
        """An SQLAlchemy engine on the app's database, over the driver that Hekla uses."""
        if self._sessions is None:
            self._sessions = open_engine(self.location, self.settings, prepare=self._record)
        return self._sessions

    @contextmanager
    def session(self) -> Iterator[Session]:
        """An ordinary SQLAlchemy session."""
        from sqlalchemy.orm import Session

        with Session(self.sessions) as session:
            yield session

    def _record(self, connection: apsw.Connection) -> None:
        """Have a connection of a session's put on record what it changes.

        Whoever writes before everything is declared, a script that fills tables say, is not.
        """
        if self._parts is None and self._starting and self._reflected is None:
            self.prepare()
        if self._parts is not None and self._parts.recorded:
            record(connection, create_log("sqlite"), self._parts.recorded)

    def create_tables(self) -> None:
        """Create the tables of all models, and of their metadata, that are not there."""
        self._part_tenants()
        metadatas: dict[sa.MetaData, None] = {}
        entities = [declaration.entity for declaration, _ in self._declarations]
        if self._auth is not None:
            # First: other tables refer to users, even where these are of another metadata.
            entities.insert(0, self._auth.user)
        for entity in entities:
            table = sa.inspect(entity, raiseerr=False)
            local = getattr(table, "local_table", entity)
            if isinstance(local, sa.Table):
                metadatas[local.metadata] = None
        for metadata in metadatas:
            metadata.create_all(self.sessions)

    # Life

    def _part_tenants(self) -> None:
        """Give resources with ``tenant=`` their column, and the rule that keeps tenants apart."""
        for place in self._shared:
            declaration, rules = self._declarations[place]
            name, options = declaration.tenant, self._auth
            assert name is not None
            kind: sa.types.TypeEngine[Any] = sa.Integer()
            if options is not None and options.tenant is not None:
                users = sa.inspect(options.user, raiseerr=False)
                table = getattr(users, "local_table", options.user)
                if options.tenant in table.columns:
                    kind = table.columns[options.tenant].type
            theirs = tenant_column(declaration.entity, name, kind) == me.tenant
            self._declarations[place] = (declaration, rules.within(theirs))
        self._shared.clear()

    def prepare(self) -> None:
        """Put the parts together; what is wrong with the declarations is said here."""
        if self._parts is None:
            self._part_tenants()
            self._parts = _Parts(self)
            self.answer = self._parts.answer
            for warning in self._parts.schema.warnings:
                logger.warning("%s", warning)

    async def startup(self) -> None:
        """Prepare, run the startup hooks, and open the database."""
        if self._running:
            return
        # Of several workers that start together one creates the tables, and the others wait.
        with self.location.alone():
            self._starting = True
            try:
                for hook in self._startup_hooks:
                    result = hook()
                    if inspect.isawaitable(result):
                        await result
            finally:
                self._starting = False
            self.prepare()
            await self.store.start()
            if self.parts.auth is not None:
                await self.parts.auth.start()
        self._running = True
        if self.parts.recorded:
            keeping = Retention(
                self.store, self.settings.changes_max_age, self.settings.changes_max_rows
            )
            self._retention = asyncio.create_task(keeping.keep())
            self._check_captured()

    def _check_captured(self) -> None:
        """Say what other programs write that is not put on record, though it should be."""
        if not self.parts.captured or not isinstance(self.location, Location):
            return
        connection = self.location.open()
        try:
            for found in status(connection, self.parts.captured):
                if found.state != "captured":
                    logger.warning("%s is %s: run hekla capture --create", found.table, found.state)
        finally:
            connection.close(True)

    async def shutdown(self) -> None:
        """Close the database and run the shutdown hooks."""
        try:
            if self._running:
                await self._stop()
        finally:
            if self._sessions is not None:
                self._sessions.dispose()
                self._sessions = None

    async def _stop(self) -> None:
        self._running = False
        if self._retention is not None:
            self._retention.cancel()
            await asyncio.gather(self._retention, return_exceptions=True)
            self._retention = None
        await self.engine.writer.drain()
        if self.parts.auth is not None:
            await self.parts.auth.close()
        await self.store.close()
        if self.parts.rates is not None:
            await self.parts.rates.meter.close()
        if self.parts.federation is not None:
            await self.parts.federation.fetch.close()
        for hook in self._shutdown_hooks:
            result = hook()
            if inspect.isawaitable(result):
                await result

    @property
    def parts(self) -> _Parts:
        self.prepare()
        assert self._parts is not None
        return self._parts

    @property
    def schema(self) -> Schema:
        """All that is served, described."""
        return self.parts.schema

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def engine(self) -> Engine:
        """The one door to the rows: ``await app.engine.read(question, actor)``."""
        return self.parts.engine

    @property
    def operator(self) -> Engine:
        """The rows for whoever holds the database: all of them, every column, as it is stored.

        No rule holds, nothing is filled in, and the tables between others are resources too.
        """
        return self.parts.operator

    # Requests

    async def handle(self, request: Request) -> Response:
        """Answer a request of Hekla's own kind."""
        response = self.answer(request)
        return response if isinstance(response, Response) else await response

    @property
    def shortcut(self) -> Shortcut | None:
        """What answers the commonest requests of all, for servers that can make use of it."""
        return self.parts.shortcut

    def _prepare_and_answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        return self.parts.answer(request)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The app as an ASGI callable."""
        await self._asgi(scope, receive, send)

    def __rsgi_init__(self, loop: Any) -> None:
        self._rsgi.__rsgi_init__(loop)

    def __rsgi_del__(self, loop: Any) -> None:
        self._rsgi.__rsgi_del__(loop)

    # Answers about the app

    def routes(self) -> list[Listed]:
        """Every address there is, with its methods."""
        listed = self.parts.face.routes()
        if self.parts.auth_face is not None:
            listed += [Listed(*each) for each in self.parts.auth_face.listed()]
        for more in (self.parts.provider, self.parts.federation):
            if more is not None:
                listed += [Listed(*each) for each in more.listed()]
        return listed

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document, as anybody may see it who is not signed in."""
        # Seldom asked for, and a tenth of what there is to import.
        from hekla.faces.rest.describe import openapi

        parts = self.parts
        document = openapi(
            parts.schema,
            parts.policy.access(ANONYMOUS),
            self.settings,
            title=self.title,
            version=self.version,
            prefix=self._prefix,
            recorded={each.name for each in parts.schema if parts.engine.changes.holds(each)},
        )
        if parts.auth_face is None:
            return document
        from hekla.auth.describe import describe_sign_in
        from hekla.faces.rest.answers import responses_for

        return describe_sign_in(document, parts.auth_face, responses_for)

    def diagnose(self, served: Circumstances | None = None) -> list[Finding]:
        """What is unsafe in this configuration, the gravest first; nothing is changed.

        ``served`` says how the app is served, by default on this machine only.
        """
        from hekla.doctor.circumstances import Circumstances
        from hekla.doctor.examine import examine

        parts = self.parts
        return examine(
            self.settings,
            parts.policy,
            self.location.path,
            served or Circumstances(),
            rated=parts.rates is not None,
            unconfirmed=parts.auth is not None
            and parts.auth.options.registration
            and not parts.auth.confirms,
        )

    async def explain(self, method: str, target: str, actor: Actor = ANONYMOUS) -> Explanation:
        """What ``GET target`` becomes in SQL. Raises Problem as the request itself would."""
        path, _, query = target.partition("?")
        request = Request(method, path, query, actor=actor, settings=self.settings)
        running = self._running
        await self.startup()
        try:
            question = self.parts.face.question(request)
            sql, binds, lines = await self.engine.explain(question, actor)
        finally:
            if not running:
                await self.shutdown()
        return Explanation(sql, tuple(binds), tuple(lines))


class _Parts:
    """What an app consists of once its declarations are complete."""

    def __init__(self, app: Hekla) -> None:
        self._app = app
        self.store = open_store(app.location, app.settings)
        self.schema, rules = self._schema(app)
        self.policy = Policy(self.schema, rules)
        self.captured = tables_of(
            self.schema,
            [
                resource
                for resource, (declaration, _) in zip(self.schema, app._declarations, strict=False)
                if declaration.entity in app._captured
            ],
        )
        self.recorded: dict[str, list[str]] = {}
        """The statements that record the changes of each table."""
        prepared: list[str] = []
        if not app.location.read_only and (self.policy.writable or self.captured):
            # Elsewhere triggers belong to the database, and record for whoever writes.
            embedded = self.store.dialect == "sqlite"
            prepared += create_once(self.store.dialect)
            prepared += log_statements(self.schema, self.store.dialect)
            self.recorded = {
                table.name: capture_statements(table, secret) if embedded else []
                for table, secret in logged_tables(self.schema).items()
            }
        hooks = self._hooks(app)
        self.engine = Engine(self.schema, self.policy, self.store, app.settings, hooks)
        self.engine.changes.keep(bool(self.recorded))
        router = Router(app._prefix)
        secret = app.settings.secret or app.location.seed
        self.face = RestFace(self.engine, router, secret, describe=app.openapi, title=app.title)
        self.auth: Auth | None = None
        self.auth_face: AuthFace | None = None
        if app._auth is not None:
            self.auth, self.auth_face, more = self._open_auth(app, app._auth, router, hooks)
            prepared += more
        self.provider: Provider | None = None
        if app._oauth is not None:
            prepared += self._open_provider(app, app._oauth, router)
        self.federation: Federation | None = None
        if app._upstreams:
            prepared += self._open_federation(app, router)
        self.store.prepare_writer(prepared)
        authenticate = None if self.auth is None else self.auth.authenticate
        recall = None if authenticate is None else authenticate.recall
        self.web = WebApplication(router, app.settings, authenticate=authenticate, recall=recall)
        self.rates = self._rate_limits(app, router)
        if self.rates is not None:
            router.around(self.rates.around)
            router.count = self.rates.within
        edge = Edge(self.web, app.settings, self.rates)
        self.answer: Handler = edge.answer if edge.needed else self.web.answer
        self.shortcut = None if edge.needed else self.web.shortcut

    def _rate_limits(self, app: Hekla, router: Router) -> RateLimits | None:
        """The rates there are; None where nobody is counted at all."""
        by_route = {name: list(rates) for name, rates in app._rates_of_routes.items()}
        names = self._names(app)
        for entity, rates in app._rates_of_entities:
            by_route.setdefault(names[entity], []).extend(rates)
        for name in by_route:
            if name not in router.names:
                raise OperatorError(f"a rate is for {name!r}, which is no route of this app")
        for name in _SIGN_IN_ROUTES & router.names:
            if name not in by_route:
                by_route[name] = [
                    replace(rate, methods=frozenset({"POST"}))
                    for rate in rates_of(app.settings.auth_rate_limits)
                ]
        if not app._rates and not any(by_route.values()):
            return None
        meter = RedisMeter(app.settings.redis_url) if app.settings.redis_url else MemoryMeter()
        return RateLimits(meter, app._rates, by_route)

    def _open_auth(
        self, app: Hekla, options: Options, router: Router, hooks: Hooks
    ) -> tuple[Auth, AuthFace, list[str]]:
        """Sign-in, its addresses, and the statements that create its tables."""
        from hekla.auth.core import Auth, create_tables
        from hekla.auth.face import AuthFace
        from hekla.auth.moments import Clock
        from hekla.auth.users import Users
        from hekla.store.beacon import Beacon

        if app.location.read_only:
            raise OperatorError("app.auth() needs a database that may be written to")
        declared = {
            declaration.entity: (declaration, resource.name)
            for resource, (declaration, _) in zip(self.schema, app._declarations, strict=False)
        }
        declaration, name = declared.get(options.user, (None, None))
        users = Users(options, declaration, name, self.store, app.settings, hooks)
        beacon = Beacon(app.location)
        auth = Auth(options, users, self.store, beacon, app.settings, Clock())
        auth.resources = tuple(resource.name for resource in self.schema)
        if name is not None and self.policy.actions(self.schema[name]):
            # What rules know of users may be another thing now, or nothing any more.
            hooks.add("on_commit", "update", name, lambda _: beacon.light())
            hooks.add("on_commit", "delete", name, lambda _: beacon.light())
        return auth, AuthFace(auth, router), create_tables(users, self.store.dialect)

    def _open_provider(self, app: Hekla, options: ProviderOptions, router: Router) -> list[str]:
        """The provider, and the statements that create its tables."""
        from hekla.auth.oauth.provider import Provider, create_tables

        if self.auth is None or self.auth_face is None:
            raise OperatorError("app.oauth() needs app.auth(): somebody has to sign in")
        self.provider = Provider(
            self.auth,
            self.auth_face,
            router,
            options,
            app.title,
            [resource.name for resource in self.schema],
        )
        return create_tables(self.auth, self.store.dialect)

    def _open_federation(self, app: Hekla, router: Router) -> list[str]:
        """Other providers to sign in with, and the statements that create their table."""
        from hekla.auth.federation.face import Federation
        from hekla.auth.federation.identities import create_tables
        from hekla.auth.oauth.pages import Pages

        if self.auth is None or self.auth_face is None:
            raise OperatorError("app.sign_in_with() needs app.auth()")
        provider = self.provider
        pages = Pages(app.title, router.prefix, None, {}) if provider is None else provider.pages
        if provider is None:
            pages.route(router)
        upstreams = app._upstreams.values()
        self.federation = Federation(self.auth, self.auth_face, router, upstreams, pages)
        if provider is not None:
            provider.federation = self.federation
        return create_tables(self.auth, self.store.dialect)

    @cached_property
    def operator(self) -> Engine:
        """The engine for whoever holds the database; it is seldom asked for."""
        app, schema = self._app, self.schema
        between = {
            link.table
            for resource in schema
            for relation in resource.relations.values()
            for link in relation.links[:-1]
        } - {resource.table for resource in schema}
        if between:
            declarations = [declaration for declaration, _ in app._declarations]
            more = sorted(between, key=lambda table: str(getattr(table, "name", "")))
            declarations += [Declaration(table) for table in more]
            schema = build_schema(declarations, self.store.dialect)
        schema = plain(schema)
        everything = Rules(everyone, create=everyone, update=everyone, delete=everyone)
        policy = Policy(schema, {resource.name: everything for resource in schema})
        return Engine(schema, policy, self.store, app.settings, self.engine.writer.hooks)

    def _names(self, app: Hekla) -> dict[Any, str]:
        """The resources' names by what they were declared with."""
        return {
            declaration.entity: resource.name
            for resource, (declaration, _) in zip(self.schema, app._declarations, strict=False)
        }

    def _hooks(self, app: Hekla) -> Hooks:
        names = self._names(app)
        hooks = Hooks()
        for moment, action, entity, hook in app._hooks:
            if entity not in names:
                known = getattr(entity, "__name__", entity)
                raise OperatorError(f"a hook is for {known}, which is no resource of this app")
            if not self.schema[names[entity]].key:
                raise OperatorError(f"a hook is for {names[entity]}, whose rows have no key")
            hooks.add(moment, action, names[entity], hook)
        return hooks

    def _schema(self, app: Hekla) -> tuple[Schema, dict[str, Rules]]:
        if app._reflected is not None:
            if app._declarations:
                raise OperatorError("an app either declares resources or reflects a database")
            engine = open_engine(app.location, app.settings, read_only=True)
            try:
                schema = reflect(engine)
            finally:
                engine.dispose()
            return schema, {resource.name: app._reflected for resource in schema}
        declarations = [_with_login(declaration, app._auth) for declaration, _ in app._declarations]
        schema = build_schema(declarations, self.store.dialect)
        by_entity = {
            resource.name: rules
            for resource, (_, rules) in zip(schema, app._declarations, strict=True)
        }
        return schema, by_entity


def _with_login(declaration: Declaration, options: Options | None) -> Declaration:
    """The declaration of the user's model, its login kept in the one form that is looked for."""
    if options is None or declaration.entity is not options.user:
        return declaration
    from hekla.auth.login import normal_login

    given = declaration.validators.get(options.login, ())
    others = (given,) if callable(given) else tuple(given)
    validators = {**declaration.validators, options.login: (normal_login, *others)}
    return replace(declaration, validators=validators)
