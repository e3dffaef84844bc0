"""The application's users, found and made through the one door, like any other rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hekla.actor import ANONYMOUS, Actor
from hekla.auth.login import LONGEST_LOGIN, normal_login
from hekla.engine import Engine, Written
from hekla.errors import ALREADY_EXISTS, VALIDATION_FAILED, Fault, OperatorError, Problem
from hekla.policy.access import Policy
from hekla.policy.rules import Rules, everyone
from hekla.query.ast import Compare, Select
from hekla.query.mutation import Create, Delete, Update
from hekla.query.shape import parameterize, which
from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Column, Resource, Schema
from hekla.settings import Settings
from hekla.store.protocol import Store
from hekla.writing.hooks import Hooks
from hekla.writing.rows import RowReader
from hekla.writing.work import Work

if TYPE_CHECKING:
    from hekla.auth.options import Options

__all__ = ["Found", "UserId", "Users"]

UserId = int | str
"""The key of a user as ``me.id`` has it: an integer, or a text (a UUID too)."""

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Found(msgspec.Struct, frozen=True):
    """A user: the key, the login, and the whole row as JSON values."""

    id: UserId
    login: str
    row: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The key as Hekla's own tables keep it."""
        return str(self.id)


class Users:
    """Reads and writes the rows of the user's model, hooks and validators of the app included."""

    def __init__(
        self,
        options: Options,
        declared: Declaration | None,
        name: str | None,
        store: Store,
        settings: Settings,
        hooks: Hooks,
    ) -> None:
        self.options = options
        declaration = declared or Declaration(options.user)
        # All of its columns, whoever may see them otherwise; what the app fills stays filled.
        declaration = replace(declaration, only=None, hidden=(), name=name, relations={})
        schema = build_schema([declaration], store.dialect)
        self.resource = _settable(next(iter(schema)), options)
        self.schema = Schema(MappingProxyType({self.resource.name: self.resource}))
        _check(self.resource, options)
        rules = Rules(everyone, create=everyone, update=everyone, delete=everyone)
        policy = Policy(self.schema, {self.resource.name: rules})
        self.engine = Engine(self.schema, policy, store, settings, hooks)
        self.key = self.resource.columns[self.resource.key[0]]
        self.login = options.login
        self._reader = RowReader(self.resource, self.resource.columns, store.dialect)
        own = {
            name: self.resource.columns[name]
            for name in dict.fromkeys((options.login, *options.profile))
        }
        self._own_reader = RowReader(self.resource, own, store.dialect, readable=own)
        self.shown = tuple(dict.fromkeys((self.key.name, *own)))
        """The columns that a user is told of themselves."""
        self._by_key = self._selection(self.key.name)
        self._by_login = self._selection(self.login)

    def _selection(self, column: str) -> Callable[[Any], Any]:
        def question(value: Any) -> Any:
            where = Compare(column, "exact", value)
            return parameterize(Select(self.resource.name, where=where, limit=2))

        return question

    # Keys

    def parse_id(self, text: str) -> UserId:
        """The key that ``text`` stands for; ValueError if it cannot be one."""
        value = self.key.type.parse(text)
        return value if isinstance(value, int) and not isinstance(value, bool) else str(value)

    async def find(self, user_id: UserId) -> Found | None:
        """The user of a key."""
        try:
            key = self.key.type.parse(str(user_id))
        except ValueError:
            return None
        return await self._find(self._by_key(key))

    def normal(self, login: str) -> str:
        """A login in the form in which tries are counted: that of no user, too."""
        return normal_login(login[:LONGEST_LOGIN])

    async def find_login(self, login: str) -> Found | None:
        """The user who signs in with ``login``, however it is written."""
        normal = normal_login(login)
        if not normal or len(normal) > LONGEST_LOGIN or _CONTROL.search(normal):
            return None
        return await self._find(self._by_login(normal))

    async def select(self, question: Any) -> list[Found]:
        """The users that a question of their resource finds."""
        answer = await self.engine.read(question, ANONYMOUS)
        return (
            [] if answer is None else [self._found(row) for row in msgspec.json.decode(answer.body)]
        )

    async def _find(self, question: Any) -> Found | None:
        answer = await self.engine.read(question, ANONYMOUS)
        assert answer is not None
        rows = msgspec.json.decode(answer.body)
        # Two of one login is none: nobody knows who is meant.
        return self._found(rows[0]) if len(rows) == 1 else None

    def _found(self, row: dict[str, Any]) -> Found:
        return Found(self.parse_id(str(row[self.key.name])), str(row[self.login]), row)

    def actor(
        self,
        found: Found,
        roles: frozenset[str],
        claims: Mapping[str, Any] | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Actor:
        """The user as whoever asks: with their tenant and what else rules shall know of them."""
        options, row = self.options, found.row
        tenant = row[options.tenant] if options.tenant is not None else None
        own = {name: row[name] for name in options.claims}
        return Actor(found.id, roles, tenant, {**own, **(claims or {})}, scopes)

    # Changes

    def read_new(self, document: Mapping[str, Any], *, own: bool = False) -> Create:
        """A new user as a document says; Problem ``validation_failed`` with every fault.

        ``own``: the user wrote it, so only the login and the profile can be set by it.
        """
        reader = self._own_reader if own else self._reader
        return Create(self.resource.name, reader.create(self._normal(document)))

    def read_change(
        self, user_id: UserId, document: Mapping[str, Any], *, own: bool = False
    ) -> Update:
        """A change of a user as a document says; Problem ``validation_failed``."""
        reader = self._own_reader if own else self._reader
        row = reader.update(self._normal(document))
        return Update(self.resource.name, self._which(user_id), row)

    def read_texts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What texts, such as fields of a CSV file, stand for in a document, column by column.

        Raises Problem ``validation_failed``.
        """
        faults, document = [], {}
        for name, text in given.items():
            column = self.resource.columns.get(name)
            if column is None:
                faults.append(Fault(f"/{name}", "there is no such column"))
            elif isinstance(text, str) and not (text == "" and column.nullable):
                try:
                    column.type.accept_text(text)
                except ValueError as error:
                    faults.append(Fault(f"/{name}", str(error)))
                document[name] = _json_of(column, text)
            elif text not in (None, ""):
                document[name] = text
        if faults:
            said = "; ".join(f"{fault.location} {fault.message}" for fault in faults)
            raise Problem(VALIDATION_FAILED, f"{said}.", errors=faults)
        return document

    def _normal(self, document: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(document)
        if isinstance(given.get(self.login), str):
            given[self.login] = normal_login(given[self.login])
        return given

    def _which(self, user_id: UserId) -> Any:
        return which(Compare(self.key.name, "exact", self.key.type.parse(str(user_id))))

    async def create(
        self,
        new: Create,
        then: Callable[[Work, UserId], Coroutine[Any, Any, None]],
        *,
        actor: Actor = ANONYMOUS,
        request: str | None = None,
    ) -> UserId:
        """Make a user, and do ``then`` in the same transaction; the user's key.

        Raises Problem ``already_exists``, or what a hook of the application refuses.
        """

        async def steps(work: Work) -> list[Written]:
            written = await work.run(new)
            await then(work, self._id_of(written))
            return [written]

        (written,) = await self.engine.writer.transact(steps, actor, request=request)
        return self._id_of(written)

    async def change(
        self,
        change: Update | Delete,
        then: Callable[[Work], Coroutine[Any, Any, None]] | None = None,
        *,
        actor: Actor,
        request: str | None = None,
    ) -> None:
        """Change or delete a user, and do ``then`` in the same transaction."""

        async def steps(work: Work) -> list[Written]:
            written = [await work.run(change)]
            if then is not None:
                await then(work)
            return written

        await self.engine.writer.transact(steps, actor, request=request)

    async def delete(
        self,
        user_id: UserId,
        then: Callable[[Work], Coroutine[Any, Any, None]],
        *,
        actor: Actor,
        request: str | None = None,
    ) -> None:
        """Delete a user, and do ``then`` in the same transaction."""
        await self.change(
            Delete(self.resource.name, self._which(user_id)), then, actor=actor, request=request
        )

    def _id_of(self, written: Written) -> UserId:
        shown = written.shown or written.key
        return self.parse_id(str(shown[0]))

    def is_taken(self, problem: Problem) -> bool:
        """Whether a Problem says that there is such a user already."""
        return problem.code is ALREADY_EXISTS


def _json_of(column: Column, text: str) -> Any:
    """The JSON value that a text stands for in a column."""
    kind = column.type.schema().get("type")
    if kind in ("integer", "number", "boolean"):
        try:
            return msgspec.json.decode(text.strip().lower())
        except msgspec.DecodeError:
            return text
    return text


def _lacking(resource: Resource, options: Options) -> list[str]:
    """The columns that a new user needs, and that nobody who registers can give."""
    given = {options.login, *options.profile}
    return [
        name for name, column in resource.columns.items() if column.required and name not in given
    ]


def _settable(resource: Resource, options: Options) -> Resource:
    """The resource with its login and profile open to Hekla, whatever the API lets others set."""
    open_ = {options.login, *options.profile}
    columns = {
        name: replace(column, read_only=False, write_once=False) if name in open_ else column
        for name, column in resource.columns.items()
    }
    return replace(resource, columns=MappingProxyType(columns))


def _check(resource: Resource, options: Options) -> None:
    """Raise OperatorError unless the model has what Hekla needs of a user."""
    name = getattr(options.user, "__name__", None) or resource.name
    if len(resource.key) != 1:
        raise OperatorError(f"{name}: a user needs a primary key of one column")
    wanted: Sequence[str] = [options.login, *options.profile, *options.claims]
    if options.tenant is not None:
        wanted = [*wanted, options.tenant]
    for column in wanted:
        if column not in resource.columns:
            raise OperatorError(f"{name} has no column {column!r}, which app.auth() speaks of")
    if (options.login,) not in resource.uniques and options.login != resource.key[0]:
        raise OperatorError(
            f"{name}.{options.login} is not unique: two users could sign in with the same"
        )
    lacking = _lacking(resource, options) if options.registration else []
    if lacking:
        raise OperatorError(
            f"{name}: whoever registers cannot give {', '.join(lacking)}: give app.auth() a "
            f"profile= with it, or the column a default"
        )
