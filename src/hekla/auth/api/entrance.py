"""``register``, ``login``, ``refresh`` and ``logout``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.api.schemas import object_of, text
from hekla.auth.cookies import DEVICE, cookie_value
from hekla.auth.documents import Fields, invalid, read_fields
from hekla.auth.operations import Operation, private_json
from hekla.auth.origin import origin_of
from hekla.errors import INVALID_TOKEN, Fault, Problem
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.post import Letters
    from hekla.auth.refresh import Refreshed
    from hekla.auth.sessions import Kind
    from hekla.auth.sign_in import SignIn
    from hekla.auth.users import UserId
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request
    from hekla.writing.work import Work

__all__ = ["Entrance"]


class Entrance:
    """The ways in and out."""

    def __init__(
        self, auth: Auth, sign_in: SignIn, letters: Letters, user_schema: dict[str, Any]
    ) -> None:
        self._auth = auth
        self._letters = letters
        self._sign_in = sign_in
        self._login_name = auth.options.login
        # A login is a text, whatever is signed in with; so is a password.
        credentials = {self._login_name: str, "password": str}
        self._login_fields = Fields(credentials, {"cookie": bool, "device": str})
        self._register_fields = Fields(credentials, {"cookie": bool, "device": str}, others=True)
        self._refresh_fields = Fields({"refresh_token": str})
        tokens = {
            "access_token": text,
            "token_type": {"type": "string", "const": "Bearer"},
            "expires_in": {"type": "integer"},
            "refresh_token": text,
        }
        self._tokens = tokens
        self.answer = object_of(
            {}, {"user": user_schema, **tokens, "device": text, "challenge": text}
        )
        """What whoever signed in is told, in JSON Schema."""

    def operations(self) -> list[Operation]:
        options = self._auth.options
        tokens, answer = self._tokens, self.answer
        found = []
        if options.passwords:
            found.append(
                Operation(
                    "POST",
                    "login",
                    self.login,
                    "Sign in with a password",
                    self._login_fields,
                    answer,
                    problems=(401, 403, 422, 429),
                    description="Answers tokens, or with `cookie` sets a session cookie. `device` "
                    "is what an earlier answer gave: who shows it is not kept waiting by others.",
                )
            )
        if options.passwords and options.registration:
            found.append(
                Operation(
                    "POST",
                    "register",
                    self.register,
                    "Become a user, and sign in",
                    Fields(
                        self._register_fields.required,
                        self._register_fields.optional,
                        others=True,
                    ),
                    object_of({"status": text}) if self._auth.confirms else answer,
                    status=202 if self._auth.confirms else 201,
                    problems=(403, 409, 422, 429),
                    description="Further members are the columns of one's profile. Where mails "
                    "are sent, the address has to be confirmed first.",
                )
            )
        if options.tokens:
            found.append(
                Operation(
                    "POST",
                    "refresh",
                    self.refresh,
                    "Exchange a refresh token for new tokens",
                    self._refresh_fields,
                    object_of(tokens),
                    problems=(401, 422),
                    description="Each refresh token is good once. To use one again ends the "
                    "sign-in.",
                )
            )
        found.append(
            Operation("POST", "logout", self.logout, "End this sign-in", Fields(), status=204)
        )
        return found

    async def login(self, request: Request) -> Response:
        document = await read_fields(request, self._login_fields)
        kind = self._sign_in.kind_asked(document.get("cookie"))
        device = document.get("device") or cookie_value(request, DEVICE)
        return await self.enter(
            request, document[self._login_name], document["password"], kind, device
        )

    async def enter(
        self, request: Request, login: str, password: str, kind: Kind, device: str | None
    ) -> Response:
        """Sign in with a password, or go on to the second factor."""
        self._sign_in.check_page(request, kind)
        user, _, then = await self._sign_in.by_password(request, login, password, device)
        return await self._sign_in.finish(request, user, "pwd", kind, device=device, then=then)

    async def register(self, request: Request) -> Response:
        document = await read_fields(request, self._register_fields)
        kind = self._sign_in.kind_asked(document.pop("cookie", None))
        device = document.pop("device", None) or cookie_value(request, DEVICE)
        password = document.pop("password")
        return await self.enroll(request, document, password, kind, device)

    async def enroll(
        self,
        request: Request,
        document: dict[str, Any],
        password: str,
        kind: Kind,
        device: str | None,
    ) -> Response:
        """Make a user who signs in with a password, once the address is confirmed if it can be."""
        auth = self._auth
        self._sign_in.check_page(request, kind)
        new = auth.users.read_new(document, own=True)
        about = [str(value) for value in new.row.values() if isinstance(value, str)]
        fault = auth.strength.fault(password, about)
        if fault is not None:
            raise invalid(Fault("/password", fault))
        origin = origin_of(request)
        await auth.throttle.begin(
            auth.users.normal(document[self._login_name]),
            origin.address or "",
            purpose="register",
            known=False,
        )
        hashed = await auth.passwords.hash(password)
        if auth.confirms:
            self._letters.register(request, document, document[self._login_name], hashed)
            return private_json(b'{"status":"confirmation_sent"}', 202)

        async def then(work: Work, user_id: UserId) -> None:
            key = str(user_id)
            await auth.accounts.create(work.tx, key, hashed)
            await auth.audit.write(work.tx, "registered", origin, user_id=key)

        user_id = await auth.users.create(new, then, request=request.id)
        user = await auth.users.find(user_id)
        assert user is not None
        begun = await self._sign_in.begin(request, user, "pwd", kind, device=device)
        return self._sign_in.answer(request, begun, 201)

    async def refresh(self, request: Request) -> Response:
        auth = self._auth
        document = await read_fields(request, self._refresh_fields)
        token, successor = document["refresh_token"], auth.refresh.new()
        origin = origin_of(request)

        async def work(tx: Transaction) -> tuple[Refreshed, bool]:
            found = await auth.refresh.exchange(tx, token, successor)
            if found.outcome == "reused":
                live = await auth.sessions.find_in(tx, found.session_id)
                await auth.sessions.end(tx, found.session_id)
                await auth.audit.write(
                    tx,
                    "refresh_reused",
                    origin,
                    user_id=None if live is None else live.session.user_id,
                    session_id=found.session_id,
                )
            return found, found.outcome == "reused"

        found, ended = await auth.store.write(work)
        if ended:
            auth.beacon.light()
        live = None if found.outcome != "good" else await auth.sessions.find(found.session_id)
        actor = None if live is None else await auth.authenticate.actor(live)
        if live is None or actor is None:
            raise Problem(
                INVALID_TOKEN, "The refresh token has expired, was used, or was revoked. Sign in."
            )
        answer = self._sign_in.token_answer(live.session, successor, live.roles)
        return private_json(msgspec.json.encode(answer))

    async def logout(self, request: Request) -> Response:
        """End the session of whoever asks; to leave twice is no fault."""
        auth, origin = self._auth, origin_of(request)
        if origin.session_id is not None:
            session_id = origin.session_id

            async def work(tx: Transaction) -> None:
                if await auth.sessions.end(tx, session_id):
                    await auth.audit.write(tx, "sign_out", origin, user_id=origin.by)

            await auth.write(work)
        headers = self._sign_in.leave(request) if auth.options.cookies else []
        return Response(204, b"", [("cache-control", "no-store"), *headers])
