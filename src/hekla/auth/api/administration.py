"""What administrators do: users, roles, groups, acting for others, and the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.api.keys import expiry, read_scopes
from hekla.auth.api.schemas import array_of, moment, nullable, object_of, text
from hekla.auth.documents import Fields, invalid, read_fields
from hekla.auth.management import Management
from hekla.auth.operations import Operation, private_json, sign_in_first
from hekla.auth.origin import origin_of
from hekla.auth.proof import check_proof
from hekla.auth.roles import is_role_name
from hekla.errors import FORBIDDEN, INVALID_VALUE, NOT_FOUND, Fault, Problem
from hekla.web.query_string import split_query
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.accounts import Kind
    from hekla.auth.core import Auth
    from hekla.auth.sign_in import SignIn
    from hekla.auth.users import Found
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["Administration", "check_administrator"]

_NO_STORE = [("cache-control", "no-store")]
_MOST = 1000
# Seconds for which an administrator acts as somebody else at most.
_BEHIND_SECONDS = 3600
_ROLES = {"type": "array", "items": text, "maxItems": 100}
_EVENT = object_of(
    {
        "id": {"type": "integer"},
        "at": moment,
        "event": text,
        **{
            name: nullable(text)
            for name in (
                *("user_id", "login", "by", "behind", "session_id", "address", "agent"),
                "request",
            )
        },
        "detail": {"type": ["object", "null"]},
    }
)


def check_administrator(request: Request) -> None:
    """Raise Problem unless an administrator asks."""
    if not request.actor.signed_in:
        raise sign_in_first()
    if "admin" not in request.actor.roles:
        raise Problem(FORBIDDEN, "Only administrators may do this.")


class Administration:
    """The endpoints for administrators."""

    def __init__(self, auth: Auth, sign_in: SignIn, user_schema: dict[str, Any]) -> None:
        self._auth = auth
        self._sign_in = sign_in
        self._management = Management(auth)
        self._user = object_of(
            {
                **user_schema["properties"],
                "kind": {"type": "string", "enum": ["person", "service"]},
                **{
                    name: {"type": "boolean"}
                    for name in ("disabled", "confirmed", "has_password", "second_factor")
                },
                "groups": array_of(text),
            }
        )
        self._new_user = Fields(
            {auth.options.login: str},
            {"password": str, "roles": list, "kind": str},
            others=True,
            schemas={"roles": _ROLES, "kind": {"enum": ["person", "service"]}},
        )
        self._change = Fields({}, {"password": str, "disabled": bool, "second_factor": bool})
        self._roles = Fields(
            {}, {"grant": list, "revoke": list}, schemas={"grant": _ROLES, "revoke": _ROLES}
        )
        self._role = Fields({"name": str}, {"description": str})
        self._group = Fields({}, {"roles": list, "add": list, "remove": list})
        self._key = Fields({"name": str, "scopes": list}, {"expires_at": str})

    def operations(self) -> list[Operation]:
        role = object_of(
            {"name": text, "description": nullable(text), "users": {"type": "integer"}}
        )
        group = object_of({"name": text, "roles": array_of(text), "users": array_of(text)})
        page = ({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},)
        tokens = object_of({}, {"access_token": text, "token_type": text, "user": self._user})

        def operation(method: str, path: str, handler: Any, summary: str, **more: Any) -> Operation:
            problems = (401, 403, *more.pop("problems", ()))
            return Operation(
                method,
                path,
                handler,
                f"{summary} (administrators)",
                signed_in=True,
                by_key=True,
                problems=problems,
                **more,
            )

        after = {"name": "after", "in": "query", "schema": text}
        before = {"name": "before", "in": "query", "schema": {"type": "integer"}}
        whose = {"name": "user", "in": "query", "schema": text}
        return [
            operation(
                "GET",
                "users",
                self.users,
                "Users",
                answers=array_of(self._user),
                parameters=(after, *page),
                problems=(400,),
            ),
            operation(
                "POST",
                "users",
                self.add,
                "Add a user",
                takes=self._new_user,
                answers=self._user,
                status=201,
                problems=(409, 422),
            ),
            operation("GET", "users/{id}", self.user, "A user", answers=self._user),
            operation(
                "PATCH",
                "users/{id}",
                self.change,
                "Shut out, or give a password",
                takes=self._change,
                answers=self._user,
                problems=(422,),
            ),
            operation(
                "DELETE", "users/{id}", self.delete, "Delete a user", status=204, problems=(409,)
            ),
            operation(
                "POST",
                "users/{id}/roles",
                self.change_roles,
                "Grant and revoke roles",
                takes=self._roles,
                answers=self._user,
                problems=(422,),
            ),
            operation(
                "DELETE", "users/{id}/sessions", self.end_sessions, "End all sign-ins", status=204
            ),
            operation(
                "POST",
                "users/{id}/keys",
                self.add_key,
                "Make a key of a service",
                takes=self._key,
                answers=object_of({"id": text, "key": text}),
                status=201,
                problems=(422,),
            ),
            operation(
                "POST",
                "users/{id}/impersonate",
                self.impersonate,
                "Act as a user",
                takes=Fields({}, {"cookie": bool}),
                answers=tokens,
            ),
            operation("GET", "roles", self.roles, "Roles", answers=array_of(role)),
            operation(
                "POST",
                "roles",
                self.add_role,
                "Make a role",
                takes=self._role,
                status=204,
                problems=(422,),
            ),
            operation("DELETE", "roles/{name}", self.delete_role, "Delete a role", status=204),
            operation("GET", "groups", self.groups, "Groups", answers=array_of(group)),
            operation(
                "PUT",
                "groups/{name}",
                self.change_group,
                "Make or change a group",
                takes=self._group,
                status=204,
                problems=(422,),
            ),
            operation("DELETE", "groups/{name}", self.delete_group, "Delete a group", status=204),
            operation(
                "GET",
                "audit",
                self.audit,
                "What happened to accounts, newest first",
                answers=array_of(_EVENT),
                parameters=(before, whose, *page),
                problems=(400,),
                description="With `Accept: application/x-ndjson` all of it.",
            ),
        ]

    async def _found(self, request: Request, name: str) -> Found:
        check_administrator(request)
        # By key only: somebody may sign in with what is the key of another.
        user = await self._auth.users.find(name)
        if user is None:
            raise Problem(NOT_FOUND, "There is no such user.")
        return user

    async def _answer(self, user: Found, status: int = 200) -> Response:
        return private_json(msgspec.json.encode(await self._management.shown(user)), status)

    # Users

    async def users(self, request: Request) -> Response:
        check_administrator(request)
        given = _given(request, "after", "limit")
        limit = _whole(given, "limit", 100, _MOST)
        try:
            found = await self._management.list(given.get("after"), limit)
        except ValueError as error:
            raise Problem(INVALID_VALUE, f"after: {error}.") from None
        rows = [await self._management.shown(user) for user in found]
        return private_json(msgspec.json.encode(rows))

    async def user(self, request: Request, name: str) -> Response:
        return await self._answer(await self._found(request, name))

    async def add(self, request: Request) -> Response:
        check_administrator(request)
        document = await read_fields(request, self._new_user)
        password = document.pop("password", None)
        kind: Kind = document.pop("kind", None) or "person"
        roles = _names(document.pop("roles", None) or [], "/roles")
        if kind not in ("person", "service"):
            raise invalid(Fault("/kind", "must be person or service"))
        user_id = await self._management.add(
            document,
            origin_of(request),
            password=password,
            roles=roles,
            kind=kind,
            actor=request.actor,
            request=request.id,
        )
        return await self._answer(await self._found(request, str(user_id)), 201)

    async def change(self, request: Request, name: str) -> Response:
        user = await self._found(request, name)
        document, origin = await read_fields(request, self._change), origin_of(request)
        if document.get("second_factor"):
            raise invalid(Fault("/second_factor", "can only be taken away"))
        if document.get("password") is not None:
            await self._management.set_password(user, document["password"], origin)
        if document.get("disabled") is not None:
            if document["disabled"] and user.id == request.actor.id:
                raise Problem(FORBIDDEN, "You would shut yourself out.")
            await self._management.disable(user, document["disabled"], origin)
        if document.get("second_factor") is False:
            await self._management.remove_second_factor(user, origin)
        return await self._answer(user)

    async def delete(self, request: Request, name: str) -> Response:
        user = await self._found(request, name)
        if user.id == request.actor.id:
            raise Problem(FORBIDDEN, "You would delete yourself.")
        await self._management.delete(
            user, origin_of(request), actor=request.actor, request=request.id
        )
        return Response(204, b"", _NO_STORE)

    async def change_roles(self, request: Request, name: str) -> Response:
        user = await self._found(request, name)
        document = await read_fields(request, self._roles)
        grant = _names(document.get("grant") or [], "/grant")
        revoke = _names(document.get("revoke") or [], "/revoke")
        if user.id == request.actor.id and "admin" in revoke:
            raise Problem(FORBIDDEN, "You would take the role from yourself.")
        await self._management.change_roles(user, grant, revoke, origin_of(request))
        return await self._answer(user)

    async def end_sessions(self, request: Request, name: str) -> Response:
        user = await self._found(request, name)
        await self._management.end_sessions(user, origin_of(request))
        return Response(204, b"", _NO_STORE)

    async def add_key(self, request: Request, name: str) -> Response:
        auth, origin = self._auth, origin_of(request)
        user = await self._found(request, name)
        document = await read_fields(request, self._key)
        if (await auth.accounts.find(user.text)).kind != "service":
            raise Problem(FORBIDDEN, "People make their keys themselves: this is no service.")
        scopes = read_scopes(document["scopes"], frozenset(auth.resources))
        expires_at = expiry(document.get("expires_at"), auth.clock.now())
        label = document["name"].strip()
        if not label or len(label) > 200 or not label.isprintable():
            raise invalid(Fault("/name", "must be a text of 1 to 200 characters"))
        new = auth.api_keys.new()

        async def work(tx: Transaction) -> None:
            await auth.api_keys.add(tx, new, user.text, label, scopes, expires_at, origin.by)
            await auth.audit.write(
                tx, "key_created", origin, user_id=user.text, key=new.id, scopes=scopes
            )

        await auth.store.write(work)
        return private_json(msgspec.json.encode({"id": new.id, "key": new.key}), 201)

    async def impersonate(self, request: Request, name: str) -> Response:
        """Begin a session of somebody else, for an hour, with both names on all it does."""
        auth, origin = self._auth, origin_of(request)
        user = await self._found(request, name)
        if request.actor.scopes is not None or origin.behind is not None:
            raise Problem(FORBIDDEN, "Sign in yourself to act as somebody else.")
        check_proof(request, auth)
        document = await read_fields(request, Fields({}, {"cookie": bool}))
        kind = self._sign_in.kind_asked(document.get("cookie"))
        if "admin" in await auth.roles.of(user.text):
            raise Problem(FORBIDDEN, "Nobody acts as an administrator.")
        if (await auth.accounts.find(user.text)).disabled:
            raise Problem(FORBIDDEN, "The user is shut out.")
        begun = await self._sign_in.begin(
            request,
            user,
            "impersonation",
            kind,
            remember=False,
            behind=origin.by,
            lasts=timedelta(seconds=_BEHIND_SECONDS),
        )
        return self._sign_in.answer(request, begun._replace(refresh=None))

    # Roles and groups

    async def roles(self, request: Request) -> Response:
        check_administrator(request)
        return private_json(msgspec.json.encode(await self._auth.roles.all()))

    async def add_role(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_administrator(request)
        document = await read_fields(request, self._role)
        (name,) = _names([document["name"]], "/name")

        async def work(tx: Transaction) -> None:
            if await auth.roles.create(tx, name, document.get("description")):
                await auth.audit.write(tx, "role_added", origin, role=name)

        await auth.store.write(work)
        return Response(204, b"", _NO_STORE)

    async def delete_role(self, request: Request, name: str) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_administrator(request)
        if name == "admin":
            raise Problem(FORBIDDEN, "Nobody would be an administrator any more.")

        async def work(tx: Transaction) -> bool:
            if not await auth.roles.delete(tx, name):
                return False
            await auth.audit.write(tx, "role_deleted", origin, role=name)
            return True

        if not await auth.write(work):
            raise Problem(NOT_FOUND, "There is no such role.")
        return Response(204, b"", _NO_STORE)

    async def groups(self, request: Request) -> Response:
        check_administrator(request)
        roles = self._auth.roles
        found = [
            {"name": name, "roles": given, "users": await roles.in_group(name)}
            for name, given in (await roles.groups()).items()
        ]
        return private_json(msgspec.json.encode(found))

    async def change_group(self, request: Request, name: str) -> Response:
        check_administrator(request)
        document = await read_fields(request, self._group)
        (name,) = _names([name], "")
        given = document.get("roles")
        roles = None if given is None else _names(given, "/roles")
        if roles == []:
            raise invalid(Fault("/roles", "must hold a role: a group is what it gives"))
        if roles is None and name not in await self._auth.roles.groups():
            raise invalid(Fault("/roles", "is required for a new group"))
        people: dict[str, list[Found]] = {"add": [], "remove": []}
        for what, users in people.items():
            for place, each in enumerate(document.get(what) or []):
                user = await self._auth.users.find(str(each))
                if user is None:
                    raise invalid(Fault(f"/{what}/{place}", "there is no such user"))
                users.append(user)
        await self._management.change_group(
            name, origin_of(request), roles=roles, add=people["add"], remove=people["remove"]
        )
        return Response(204, b"", _NO_STORE)

    async def delete_group(self, request: Request, name: str) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_administrator(request)
        if name not in await auth.roles.groups():
            raise Problem(NOT_FOUND, "There is no such group.")

        async def work(tx: Transaction) -> None:
            await auth.roles.delete_group(tx, name)
            await auth.audit.write(tx, "group_deleted", origin, group=name)

        await auth.write(work)
        return Response(204, b"", _NO_STORE)

    # The audit

    async def audit(self, request: Request) -> Response:
        check_administrator(request)
        given = _given(request, "before", "limit", "user")
        user_id = given.get("user")
        if "application/x-ndjson" in (request.headers.first.get("accept") or ""):
            headers = [("content-type", "application/x-ndjson"), *_NO_STORE]
            return Response(200, self._lines(user_id), headers)
        limit = _whole(given, "limit", 100, _MOST)
        before = _whole(given, "before", None, 1 << 62)
        rows = await self._auth.audit.read(before=before, limit=limit, user_id=user_id)
        return private_json(msgspec.json.encode(rows))

    async def _lines(self, user_id: str | None) -> AsyncIterator[bytes]:
        before = None
        while rows := await self._auth.audit.read(before=before, limit=_MOST, user_id=user_id):
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
            before = rows[-1]["id"]


def _given(request: Request, *names: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in split_query(request.query):
        if name not in names:
            raise Problem(INVALID_VALUE, f"There is no parameter {name!r} here.")
        given[name] = value
    return given


def _whole(given: dict[str, str], name: str, default: Any, most: int) -> Any:
    said = given.get(name)
    if said is None:
        return default
    if not said.isascii() or not said.isdigit() or len(said) > 18 or not 1 <= int(said) <= most:
        raise Problem(INVALID_VALUE, f"{name} has to be a whole number from 1 to {most}.")
    return int(said)


def _names(given: list[Any], place: str) -> list[str]:
    faults = [
        Fault(f"{place}/{number}", "must consist of letters, digits and _ . : -")
        for number, name in enumerate(given[:101])
        if not isinstance(name, str) or not is_role_name(name)
    ]
    if len(given) > 100:
        faults.append(Fault(place, "must hold at most 100"))
    if faults:
        raise invalid(*faults)
    return given
