"""What goes by mail: confirming an address, a new password, and signing in without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hekla.auth.api.schemas import object_of, text
from hekla.auth.cookies import DEVICE, cookie_value
from hekla.auth.documents import Fields, invalid, read_fields
from hekla.auth.operations import Operation, private_json
from hekla.auth.origin import origin_of
from hekla.auth.proof import check_proof
from hekla.auth.sign_in import invalid_credentials
from hekla.errors import CODE_GONE, VALIDATION_FAILED, Fault, Problem
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.codes import Code, Purpose
    from hekla.auth.core import Auth
    from hekla.auth.post import Letters
    from hekla.auth.sign_in import SignIn
    from hekla.auth.users import Found, UserId
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request
    from hekla.writing.work import Work

__all__ = ["Mail"]

_SENT = b'{"status":"sent"}'
_STATUS = object_of({"status": text})


class Mail:
    """The endpoints that send mails, and those that take what stands in them."""

    def __init__(
        self, auth: Auth, sign_in: SignIn, letters: Letters, signed_in: dict[str, Any]
    ) -> None:
        self._auth = auth
        self._sign_in = sign_in
        self._letters = letters
        self._signed_in = signed_in
        self._login = Fields({auth.options.login: str})
        stay = {"cookie": bool, "device": str}
        self._confirm = Fields({"token": str}, {"password": str, **stay})
        self._reset = Fields({"token": str, "new_password": str})
        self._use_link = Fields({"token": str}, stay)
        self._use_code = Fields({"challenge": str, "code": str}, stay)

    def operations(self) -> list[Operation]:
        options = self._auth.options
        found = [
            Operation(
                "POST",
                "confirm",
                self.confirm,
                "Confirm an address by what was mailed to it",
                self._confirm,
                self._signed_in,
                problems=(401, 409, 410, 422, 429),
                description="Whoever registered is signed in by it, and shows `password` again.",
            ),
            Operation(
                "POST",
                "confirmation",
                self.ask_confirmation,
                "Have a mail sent that confirms one's own address",
                Fields(),
                _STATUS,
                status=202,
                signed_in=True,
                problems=(429,),
            ),
            Operation(
                "POST",
                "email",
                self.change,
                "Change the address that one signs in with",
                self._login,
                _STATUS,
                status=202,
                signed_in=True,
                problems=(403, 422, 429),
                description="It is changed once it is confirmed by what is mailed to it.",
            ),
        ]
        if options.passwords:
            found += [
                Operation(
                    "POST",
                    "forgot",
                    self.forgot,
                    "Have a mail sent that lets one set a new password",
                    self._login,
                    _STATUS,
                    status=202,
                    problems=(422, 429),
                    description="The answer is the same whether there is such a user or not.",
                ),
                Operation(
                    "POST",
                    "reset",
                    self.reset,
                    "Set a new password by what was mailed",
                    self._reset,
                    status=204,
                    problems=(410, 422),
                    description="All sign-ins end.",
                ),
            ]
        if options.links:
            found += [
                Operation(
                    "POST",
                    "link",
                    self.ask_link,
                    "Have a mail sent whose link signs one in",
                    self._login,
                    _STATUS,
                    status=202,
                    problems=(422, 429),
                ),
                Operation(
                    "POST",
                    "link/login",
                    self.use_link,
                    "Sign in by a link that was mailed",
                    self._use_link,
                    self._signed_in,
                    problems=(410, 422),
                ),
            ]
        if options.codes:
            found += [
                Operation(
                    "POST",
                    "code",
                    self.ask_code,
                    "Have a mail sent with six digits that sign one in",
                    self._login,
                    object_of({"challenge": text}),
                    status=202,
                    problems=(422, 429),
                ),
                Operation(
                    "POST",
                    "code/login",
                    self.use_code,
                    "Sign in by six digits that were mailed",
                    self._use_code,
                    self._signed_in,
                    problems=(401, 422, 429),
                ),
            ]
        return found

    async def _asked(self, request: Request) -> str:
        """The login of a document, counted: nobody is to be buried in mails."""
        auth = self._auth
        document = await read_fields(request, self._login)
        login: str = document[auth.options.login]
        await self._count(request, login)
        return login

    async def _count(self, request: Request, login: str) -> None:
        auth, origin = self._auth, origin_of(request)
        await auth.throttle.begin(
            auth.users.normal(login), origin.address or "", purpose="mail", known=False
        )

    async def _own(self, request: Request) -> Found:
        assert request.actor.id is not None
        user = await self._auth.users.find(request.actor.id)
        if user is None:
            raise invalid_credentials()
        return user

    # Addresses

    async def ask_confirmation(self, request: Request) -> Response:
        user = await self._own(request)
        await self._count(request, user.login)
        self._letters.confirm(request, user)
        return private_json(_SENT, 202)

    async def change(self, request: Request) -> Response:
        check_proof(request, self._auth)
        user = await self._own(request)
        login = await self._asked(request)
        name = self._auth.options.login
        # As a change of the row would be: what is no address is told at its place.
        change = self._auth.users.read_change(user.id, {name: login}, own=True)
        self._letters.change(request, user, str(change.row[name]))
        return private_json(_SENT, 202)

    async def confirm(self, request: Request) -> Response:
        document = await read_fields(request, self._confirm)
        return await self.confirmed(request, document)

    async def confirmed(self, request: Request, document: dict[str, Any]) -> Response:
        """Do what a link to confirm an address is for."""
        code = await self._peek(document["token"], "register", "confirm", "email")
        if code.purpose == "register":
            return await self._registered(request, code, document)
        assert code.user_id is not None
        user = await self._auth.users.find(code.user_id)
        if user is None:
            raise gone()
        if code.purpose == "confirm":
            await self._keep_confirmed(request, user, document["token"])
        else:
            await self._changed(request, user, code, document["token"])
        return Response(204, b"", [("cache-control", "no-store")])

    async def _keep_confirmed(self, request: Request, user: Found, token: str) -> None:
        auth, origin = self._auth, origin_of(request)

        async def work(tx: Transaction) -> bool:
            taken = await auth.codes.take(tx, token, "confirm")
            if taken is None or taken.address != user.login:
                return False
            await auth.accounts.confirm(tx, user.text, user.login)
            await auth.audit.write(tx, "address_confirmed", origin, user_id=user.text)
            return True

        if not await auth.store.write(work):
            raise gone()

    async def _changed(self, request: Request, user: Found, code: Code, token: str) -> None:
        auth, origin = self._auth, origin_of(request)
        name, address = auth.options.login, code.address
        change = auth.users.read_change(user.id, {name: address}, own=True)

        async def then(work: Work) -> None:
            if await auth.codes.take(work.tx, token, "email") is None:
                raise gone()
            await auth.accounts.confirm(work.tx, user.text, address)
            await auth.codes.forget(work.tx, user.text)
            await auth.audit.write(
                work.tx, "address_changed", origin, user_id=user.text, before=user.login
            )

        actor = auth.users.actor(user, frozenset())
        await auth.users.change(change, then, actor=actor, request=request.id)
        auth.beacon.light()
        self._letters.changed(request, user.login)

    async def _registered(self, request: Request, code: Code, document: dict[str, Any]) -> Response:
        """Make the user who registered, if it is they who have the mail: they know the password.

        Else whoever registers with somebody else's address would have a way into the account
        that its owner confirms.
        """
        auth, origin = self._auth, origin_of(request)
        kind = self._sign_in.kind_asked(document.get("cookie"))
        self._sign_in.check_page(request, kind)
        password, kept = document.get("password"), code.told()
        if password is None:
            raise invalid(Fault("/password", "is required"))
        attempt = await auth.throttle.begin(
            code.digest, origin.address or "", purpose="confirm", known=True
        )
        if not (await auth.passwords.verify(password, kept["password"])).right:
            raise invalid_credentials()
        new = auth.users.read_new(kept["document"], own=True)
        token = document["token"]

        async def then(work: Work, user_id: UserId) -> None:
            if await auth.codes.take(work.tx, token, "register") is None:
                raise gone()
            await auth.throttle.succeed(work.tx, attempt)
            key = str(user_id)
            await auth.accounts.create(work.tx, key, kept["password"], confirmed=code.address)
            await auth.audit.write(work.tx, "registered", origin, user_id=key)

        user_id = await auth.users.create(new, then, request=request.id)
        user = await auth.users.find(user_id)
        assert user is not None
        device = document.get("device") or cookie_value(request, DEVICE)
        return await self._sign_in.finish(
            request, user, "pwd mail", kind, device=device, status=201
        )

    async def _peek(self, token: str, *purposes: Purpose) -> Code:
        code = await self._auth.codes.peek(token, *purposes)
        if code is None:
            raise gone()
        return code

    # Passwords

    async def forgot(self, request: Request) -> Response:
        self._letters.reset(request, await self._asked(request))
        return private_json(_SENT, 202)

    async def ask_reset(self, request: Request, login: str) -> None:
        """Have a mail sent by which a password is set."""
        await self._count(request, login)
        self._letters.reset(request, login)

    async def ask_sign_in(self, request: Request, login: str) -> None:
        """Have a mail sent whose link signs in."""
        await self._count(request, login)
        self._letters.sign_in(request, login)

    async def reset(self, request: Request) -> Response:
        document = await read_fields(request, self._reset)
        await self.set_password(request, document["token"], document["new_password"])
        return Response(204, b"", [("cache-control", "no-store")])

    async def set_password(self, request: Request, token: str, new: str) -> None:
        """Set a new password by what was mailed: it is good once, and ends all sign-ins."""
        auth, origin = self._auth, origin_of(request)
        code = await self._peek(token, "reset")
        assert code.user_id is not None
        user = await auth.users.find(code.user_id)
        if user is None or user.login != code.address:
            raise gone()
        about = [str(user.row[name]) for name in auth.users.shown if user.row[name]]
        fault = auth.strength.fault(new, about)
        if fault is not None:
            raise Problem(
                VALIDATION_FAILED,
                f"The password {fault}.",
                errors=[Fault("/new_password", fault)],
            )
        hashed = await auth.passwords.hash(new)

        async def work(tx: Transaction) -> bool:
            if await auth.codes.take(tx, token, "reset") is None:
                return False
            await auth.accounts.set_password(tx, user.text, hashed)
            await auth.accounts.confirm(tx, user.text, user.login)
            await auth.sessions.end_all(tx, user.text)
            await auth.devices.forget_all(tx, user.text)
            await auth.codes.forget(tx, user.text)
            await auth.audit.write(tx, "password_reset", origin, user_id=user.text)
            return True

        if not await auth.write(work):
            raise gone()

    # Signing in

    async def ask_link(self, request: Request) -> Response:
        self._letters.sign_in(request, await self._asked(request))
        return private_json(_SENT, 202)

    async def use_link(self, request: Request) -> Response:
        return await self.linked(request, await read_fields(request, self._use_link))

    async def linked(self, request: Request, document: dict[str, Any]) -> Response:
        """Sign a user in by a link that was mailed to them."""
        auth, token = self._auth, document["token"]
        kind = self._sign_in.kind_asked(document.get("cookie"))
        self._sign_in.check_page(request, kind)
        code = await self._peek(token, "link")
        user = await self._mailed(code)

        async def then(tx: Transaction) -> None:
            if await auth.codes.take(tx, token, "link") is None:
                raise gone()
            await auth.accounts.confirm(tx, user.text, user.login)

        device = document.get("device") or cookie_value(request, DEVICE)
        return await self._sign_in.finish(request, user, "mail", kind, device=device, then=then)

    async def ask_code(self, request: Request) -> Response:
        challenge = self._letters.code(request, await self._asked(request))
        return private_json(b'{"challenge":"' + challenge.encode() + b'"}', 202)

    async def use_code(self, request: Request) -> Response:
        auth = self._auth
        document = await read_fields(request, self._use_code)
        kind = self._sign_in.kind_asked(document.get("cookie"))
        self._sign_in.check_page(request, kind)
        challenge, digits = document["challenge"], document["code"].strip()

        async def use(tx: Transaction) -> Code | None:
            return await auth.codes.take(tx, challenge, "code", digits=digits)

        code = await auth.store.write(use)
        if code is None:
            raise invalid_credentials()
        user = await self._mailed(code)

        async def then(tx: Transaction) -> None:
            await auth.accounts.confirm(tx, user.text, user.login)

        device = document.get("device") or cookie_value(request, DEVICE)
        return await self._sign_in.finish(request, user, "mail", kind, device=device, then=then)

    async def _mailed(self, code: Code) -> Found:
        """The user whom a secret was mailed to, if that is still their address."""
        assert code.user_id is not None
        user = await self._auth.users.find(code.user_id)
        if user is None or user.login != code.address:
            raise gone()
        if (await self._auth.accounts.find(user.text)).disabled:
            raise gone()
        return user


def gone() -> Problem:
    """The answer to a secret that is good for nothing, or not any more."""
    return Problem(
        CODE_GONE, "The link or the code was used, has expired, or never was. Ask for a new one."
    )
