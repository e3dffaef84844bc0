"""The second factor: setting it up, showing it, and doing without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.api.schemas import array_of, object_of, text
from hekla.auth.cookies import DEVICE, cookie_value
from hekla.auth.documents import Fields, invalid, read_fields
from hekla.auth.operations import Operation, private_json
from hekla.auth.origin import origin_of
from hekla.auth.proof import check_proof
from hekla.auth.sign_in import invalid_credentials
from hekla.errors import Fault
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.sign_in import SignIn
    from hekla.auth.users import Found
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["Second"]

_NO_STORE = [("cache-control", "no-store")]


class Second:
    """One-time passwords of an app, recovery codes, and showing again that it is oneself."""

    def __init__(self, auth: Auth, sign_in: SignIn, signed_in: dict[str, Any]) -> None:
        self._auth = auth
        self._sign_in = sign_in
        self._signed_in = signed_in
        self._use = Fields({"challenge": str, "code": str}, {"device": str})
        self._code = Fields({"code": str})
        self._prove = Fields({}, {"password": str, "code": str})

    def operations(self) -> list[Operation]:
        state = object_of({"totp": {"type": "boolean"}, "recovery_codes": {"type": "integer"}})
        codes = object_of({"recovery_codes": array_of(text)})
        found = [
            Operation(
                "POST",
                "prove",
                self.prove,
                "Show once more that it is oneself",
                self._prove,
                status=204,
                signed_in=True,
                problems=(401, 422, 429),
                description="By `password`, or by `code` of the second factor where there is one.",
            )
        ]
        if not self._auth.options.totp:
            return found
        return [
            *found,
            Operation(
                "POST",
                "totp/login",
                self.login,
                "Sign in by the second factor",
                self._use,
                self._signed_in,
                problems=(401, 422, 429),
                description="`challenge` is what the first step answered, with the status 202.",
            ),
            Operation(
                "GET",
                "totp",
                self.state,
                "Whether there is a second factor",
                None,
                state,
                signed_in=True,
            ),
            Operation(
                "POST",
                "totp",
                self.begin,
                "Set up one-time passwords",
                Fields(),
                object_of({"secret": text, "uri": text}),
                signed_in=True,
                problems=(403,),
                description="They count once `totp/confirm` was shown one of them.",
            ),
            Operation(
                "POST",
                "totp/confirm",
                self.confirm,
                "Show that the app is set up",
                self._code,
                codes,
                signed_in=True,
                problems=(401, 403, 422, 429),
                description="The recovery codes are shown this once.",
            ),
            Operation(
                "POST",
                "totp/recovery",
                self.recovery,
                "Make new recovery codes",
                Fields(),
                codes,
                signed_in=True,
                problems=(403,),
            ),
            Operation(
                "DELETE",
                "totp",
                self.remove,
                "Do without the second factor",
                None,
                status=204,
                signed_in=True,
                problems=(403,),
            ),
        ]

    async def _own(self, request: Request) -> Found:
        assert request.actor.id is not None
        user = await self._auth.users.find(request.actor.id)
        if user is None:
            raise invalid_credentials()
        return user

    async def login(self, request: Request) -> Response:
        return await self.second(request, await read_fields(request, self._use))

    async def second(self, request: Request, document: dict[str, Any]) -> Response:
        """Go on with a sign-in whose second factor is shown."""
        auth, challenge = self._auth, document["challenge"]
        code = await auth.codes.peek(challenge, "second")
        if code is None or code.user_id is None:
            raise invalid_credentials()
        told, user = code.told(), await auth.users.find(code.user_id)
        if user is None or (await auth.accounts.find(user.text)).disabled:
            raise invalid_credentials()
        kind = told["kind"]
        self._sign_in.check_page(request, kind)
        method = await self._checked(request, user, document["code"], challenge=challenge)
        device = document.get("device") or told["device"] or cookie_value(request, DEVICE)
        methods = f"{told['methods']} {method}"
        return await self._sign_in.finish(request, user, methods, kind, device=device)

    async def _checked(
        self,
        request: Request,
        user: Found,
        code: str,
        *,
        challenge: str | None = None,
        pending: bool = False,
    ) -> str:
        """How a code proves who a user is; Problem if it does not."""
        auth, origin = self._auth, origin_of(request)
        attempt = await auth.throttle.begin(
            user.text, origin.address or "", purpose="second", known=True
        )

        async def work(tx: Transaction) -> str | None:
            method = await auth.factors.check(tx, user.text, code, pending=pending)
            if method is None:
                return None
            if challenge is not None and await auth.codes.take(tx, challenge, "second") is None:
                return None
            await auth.throttle.succeed(tx, attempt)
            if method == "recovery":
                await auth.audit.write(tx, "recovery_code_used", origin, user_id=user.text)
            return method

        method: str | None = await auth.store.write(work)
        if method is None:
            await auth.audit.note("second_factor_failed", origin, user_id=user.text)
            raise invalid_credentials()
        return method

    async def prove(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        document = await read_fields(request, self._prove)
        user = await self._own(request)
        if document.get("code") is not None:
            method = await self._checked(request, user, document["code"])
        elif document.get("password") is not None:
            if await auth.factors.has_totp(user.text):
                raise invalid(Fault("/code", "is required: there is a second factor"))
            attempt = await auth.throttle.begin(
                user.text, origin.address or "", purpose="change", known=True
            )
            account = await auth.accounts.find(user.text)
            if not (await auth.passwords.verify(document["password"], account.password)).right:
                await auth.audit.note("proof_failed", origin, user_id=user.text)
                raise invalid_credentials()
            await auth.store.write(lambda tx: auth.throttle.succeed(tx, attempt))
            method = "pwd"
        else:
            raise invalid(Fault("/password", "is required, or a code"))
        session_id = origin.session_id
        assert session_id is not None
        methods = dict.fromkeys([*request.actor.claims.get("amr", ()), method])
        await auth.write(lambda tx: auth.sessions.prove(tx, session_id, " ".join(methods)))
        return Response(204, b"", _NO_STORE)

    async def state(self, request: Request) -> Response:
        factors, user_id = self._auth.factors, str(request.actor.id)
        document = {
            "totp": await factors.has_totp(user_id),
            "recovery_codes": await factors.left(user_id),
        }
        return private_json(msgspec.json.encode(document))

    async def begin(self, request: Request) -> Response:
        auth = self._auth
        check_proof(request, auth)
        user = await self._own(request)
        secret, uri = auth.factors.new_totp(user.login)
        await auth.store.write(lambda tx: auth.factors.begin_totp(tx, user.text, secret))
        return private_json(msgspec.json.encode({"secret": secret, "uri": uri}))

    async def confirm(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_proof(request, auth)
        document = await read_fields(request, self._code)
        user = await self._own(request)
        await self._checked(request, user, document["code"], pending=True)
        codes = auth.factors.new_recovery()

        async def work(tx: Transaction) -> None:
            await auth.factors.set_recovery(tx, user.text, codes)
            await auth.audit.write(tx, "second_factor_added", origin, user_id=user.text)

        await auth.store.write(work)
        return private_json(msgspec.json.encode({"recovery_codes": codes}))

    async def recovery(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_proof(request, auth)
        user = await self._own(request)
        codes = auth.factors.new_recovery()

        async def work(tx: Transaction) -> None:
            await auth.factors.set_recovery(tx, user.text, codes)
            await auth.audit.write(tx, "recovery_codes_made", origin, user_id=user.text)

        await auth.store.write(work)
        return private_json(msgspec.json.encode({"recovery_codes": codes}))

    async def remove(self, request: Request) -> Response:
        auth, origin = self._auth, origin_of(request)
        check_proof(request, auth)
        user = await self._own(request)

        async def work(tx: Transaction) -> None:
            await auth.factors.remove(tx, user.text)
            await auth.audit.write(tx, "second_factor_removed", origin, user_id=user.text)

        await auth.write(work)
        return Response(204, b"", _NO_STORE)
