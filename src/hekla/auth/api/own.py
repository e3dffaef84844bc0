"""``me``, ``password`` and ``sessions``: one's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.api.schemas import array_of, moment, nullable, object_of, text
from hekla.auth.documents import Fields, invalid, read_fields, read_json
from hekla.auth.operations import Operation, private_json
from hekla.auth.origin import origin_of
from hekla.errors import INVALID_CREDENTIALS, NOT_FOUND, Fault, Problem
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.sign_in import SignIn
    from hekla.auth.users import Found
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["Own"]

_SESSION = object_of(
    {
        "id": text,
        "kind": {"type": "string", "enum": ["cookie", "token"]},
        "created_at": moment,
        "used_at": moment,
        "expires_at": moment,
        "methods": array_of(text),
        "address": nullable(text),
        "agent": nullable(text),
        "current": {"type": "boolean"},
    },
    {"behind": text, "client_id": text},
)


class Own:
    """What somebody who signed in does with their own account."""

    def __init__(self, auth: Auth, sign_in: SignIn, user_schema: dict[str, Any]) -> None:
        self._auth = auth
        self._sign_in = sign_in
        self._user_schema = user_schema
        self._password_fields = Fields(
            {"new_password": str}, {"password": str, "keep_sessions": bool}
        )

    def operations(self) -> list[Operation]:
        found = [
            Operation(
                "GET",
                "me",
                self.me,
                "Who is asking",
                None,
                self._user_schema,
                signed_in=True,
                by_key=True,
            ),
            Operation(
                "GET",
                "sessions",
                self.sessions,
                "One's own sign-ins",
                None,
                array_of(_SESSION),
                signed_in=True,
            ),
            Operation(
                "DELETE",
                "sessions",
                self.end_others,
                "End all of one's own sign-ins but this",
                None,
                status=204,
                signed_in=True,
            ),
            Operation(
                "DELETE",
                "sessions/{id}",
                self.end_session,
                "End one of one's own sign-ins",
                None,
                status=204,
                signed_in=True,
                problems=(404,),
            ),
        ]
        if self._auth.options.profile:
            found.append(
                Operation(
                    "PATCH",
                    "me",
                    self.change_profile,
                    "Change one's own profile",
                    Fields(others=True),
                    self._user_schema,
                    signed_in=True,
                    problems=(409, 422),
                )
            )
        if self._auth.options.passwords:
            found.append(
                Operation(
                    "POST",
                    "password",
                    self.change_password,
                    "Change one's own password",
                    self._password_fields,
                    status=204,
                    signed_in=True,
                    problems=(401, 422, 429),
                    description="`password` is the one until now. All other sign-ins end, unless "
                    "`keep_sessions` says otherwise.",
                )
            )
        return found

    async def _user(self, request: Request) -> Found:
        actor_id = request.actor.id
        user = None if actor_id is None else await self._auth.users.find(actor_id)
        if user is None:
            raise Problem(NOT_FOUND, "The user is gone.")
        return user

    async def _shown(self, request: Request) -> Response:
        user = await self._user(request)
        document = self._sign_in.shown(user, request.actor.roles)
        return private_json(msgspec.json.encode(document))

    async def me(self, request: Request) -> Response:
        return await self._shown(request)

    async def change_profile(self, request: Request) -> Response:
        auth, actor = self._auth, request.actor
        document = await read_json(request)
        if auth.options.login in document:
            raise invalid(Fault(f"/{auth.options.login}", "cannot be changed here"))
        user = await self._user(request)
        change = auth.users.read_change(user.id, document, own=True)
        await auth.users.change(change, actor=actor, request=request.id)
        return await self._shown(request)

    async def change_password(self, request: Request) -> Response:
        await self.set_password(request, await read_fields(request, self._password_fields))
        return Response(204, b"", [("cache-control", "no-store")])

    async def set_password(self, request: Request, document: dict[str, Any]) -> None:
        """Give whoever asks another password, if they know the one until now."""
        auth, origin = self._auth, origin_of(request)
        user = await self._user(request)
        account = await auth.accounts.find(user.text)
        attempt = None
        if account.password is not None:
            # Somebody at a screen that was left alone does not know it.
            attempt = await auth.throttle.begin(
                user.text, origin.address or "", purpose="change", known=True
            )
            verdict = await auth.passwords.verify(document.get("password") or "", account.password)
            if not verdict.right:
                await auth.audit.note("password_change_failed", origin, user_id=user.text)
                raise Problem(INVALID_CREDENTIALS, "That is not the password until now.")
        new = document["new_password"]
        about = [str(user.row[name]) for name in auth.users.shown if user.row[name]]
        fault = auth.strength.fault(new, about)
        if fault is None and new == document.get("password"):
            fault = "is the one until now"
        if fault is not None:
            raise invalid(Fault("/new_password", fault))
        hashed = await auth.passwords.hash(new)
        keep = document.get("keep_sessions") or False

        async def work(tx: Transaction) -> None:
            if attempt is not None:
                await auth.throttle.succeed(tx, attempt)
            await auth.accounts.set_password(tx, user.text, hashed)
            if not keep:
                await auth.sessions.end_all(tx, user.text, origin.session_id)
            await auth.audit.write(tx, "password_changed", origin, user_id=user.text)

        await auth.write(work)

    async def sessions(self, request: Request) -> Response:
        return private_json(msgspec.json.encode(await self.told(request)))

    async def told(self, request: Request) -> list[dict[str, Any]]:
        """What whoever asks is told of their sign-ins."""
        origin = origin_of(request)
        rows = await self._auth.sessions.list(str(request.actor.id))
        for row in rows:
            row["methods"] = row["methods"].split()
            row["current"] = row["id"] == origin.session_id
            for name in ("behind", "client_id"):
                if row[name] is None:
                    del row[name]
        return rows

    async def end_others(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        user_id = str(request.actor.id)

        async def work(tx: Transaction) -> None:
            await auth.sessions.end_all(tx, user_id, origin.session_id)
            await auth.audit.write(tx, "sessions_ended", origin, user_id=user_id)

        await auth.write(work)
        return Response(204, b"", [("cache-control", "no-store")])

    async def end_session(self, request: Request, session_id: str) -> Response:
        auth, origin = self._auth, origin_of(request)
        user_id = str(request.actor.id)

        async def work(tx: Transaction) -> bool:
            if not await auth.sessions.end(tx, session_id, user_id):
                return False
            await auth.audit.write(tx, "session_ended", origin, user_id=user_id, ended=session_id)
            return True

        if not await auth.write(work):
            raise Problem(NOT_FOUND, "There is no such session.")
        return Response(204, b"", [("cache-control", "no-store")])
