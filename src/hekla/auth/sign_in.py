"""Signing in: what happens once it is known who somebody is, however that was shown."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hekla.auth.cookies import DEVICE, SESSION, clear_cookie, cookie_value, set_cookie
from hekla.auth.cross_site import is_same_origin
from hekla.auth.devices import DEVICE_SECONDS
from hekla.auth.moments import moment
from hekla.auth.operations import private_json
from hekla.auth.origin import Origin, origin_of
from hekla.auth.random_secret import digest, new_id, new_secret
from hekla.auth.sessions import Session
from hekla.errors import CROSS_SITE, INVALID_CREDENTIALS, NOT_FOUND, Problem

if TYPE_CHECKING:
    from hekla.auth.accounts import Account
    from hekla.auth.core import Auth
    from hekla.auth.sessions import Kind
    from hekla.auth.users import Found
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request
    from hekla.web.response import Response

__all__ = ["Begun", "SignIn", "invalid_credentials"]

# Seconds that one has for the second factor.
_SECOND_SECONDS = 600

Then = Callable[["Transaction"], Coroutine[Any, Any, None]]


class Begun(NamedTuple):
    """A session that was begun, with the secrets that its client is to be given, once."""

    session: Session
    user: Found
    roles: frozenset[str]
    cookie: str | None
    refresh: str | None
    device: str | None


class SignIn:
    """Begins sessions, and says how a client is to keep them."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def begin(
        self,
        request: Request,
        user: Found,
        methods: str,
        kind: Kind,
        *,
        device: str | None = None,
        remember: bool = True,
        behind: str | None = None,
        client_id: str | None = None,
        scope: str | None = None,
        lasts: timedelta | None = None,
        then: Then | None = None,
    ) -> Begun:
        """Begin a session of ``user``, who has shown by ``methods`` that it is them.

        A session that the browser has already ends: nobody goes on with one that somebody else
        may have put there. ``device`` is the secret of a device that is known already; with
        ``remember`` one that is not becomes known. ``lasts`` is how long at most, if not
        as long as the settings say. ``then`` is done in the same transaction.
        """
        auth, at = self._auth, self._auth.clock.now()
        settings = auth.settings
        seconds = settings.session_seconds if kind == "cookie" else settings.token_session_seconds
        origin = origin_of(request)
        cookie = new_secret() if kind == "cookie" else None
        refresh = auth.refresh.new() if kind == "token" else None
        new_device = None
        if remember and not await auth.devices.is_known(device, user.text):
            new_device = auth.devices.new()
        session = Session(
            id=new_id(),
            user_id=user.text,
            kind=kind,
            secret=None if cookie is None else digest(cookie),
            created_at=moment(at),
            used_at=moment(at),
            expires_at=moment(at + (lasts or timedelta(seconds=seconds))),
            proved_at=moment(at),
            methods=methods,
            address=origin.address,
            agent=origin.agent,
            behind=behind,
            client_id=client_id,
            scope=scope,
        )
        old = cookie_value(request, SESSION) if kind == "cookie" else None
        replaced = None if old is None else await auth.sessions.find_secret(digest(old))
        roles = await auth.roles.of(user.text)
        by = Origin(
            origin.address, origin.agent, origin.request, behind or user.text, behind, session.id
        )

        async def work(tx: Transaction) -> None:
            if replaced is not None:
                await auth.sessions.end(tx, replaced.session.id)
            await auth.sessions.begin(tx, session)
            if refresh is not None:
                await auth.refresh.add(tx, session.id, refresh)
            if new_device is not None:
                await auth.devices.add(tx, new_device, user.text)
            if then is not None:
                await then(tx)
            await auth.audit.write(tx, "sign_in", by, user_id=user.text, methods=methods, kind=kind)

        if replaced is None:
            await auth.store.write(work)
        else:
            await auth.write(work)
        return Begun(session, user, roles, cookie, refresh, new_device)

    async def finish(
        self,
        request: Request,
        user: Found,
        methods: str,
        kind: Kind,
        *,
        device: str | None = None,
        then: Then | None = None,
        status: int = 200,
    ) -> Response:
        """Sign a user in, or ask for the second factor that they have set up.

        Whoever has shown a one-time password or a passkey already is not asked again.
        """
        auth = self._auth
        shown = {"otp", "recovery", "passkey"} & set(methods.split())
        if shown or not await auth.factors.has_totp(user.text):
            begun = await self.begin(request, user, methods, kind, device=device, then=then)
            return self.answer(request, begun, status)
        challenge = auth.codes.new()
        data = {"methods": methods, "kind": kind, "device": device}

        async def work(tx: Transaction) -> None:
            if then is not None:
                await then(tx)
            await auth.codes.add(
                tx, challenge, "second", _SECOND_SECONDS, user_id=user.text, data=data
            )

        await auth.store.write(work)
        document = {"challenge": challenge, "second_factors": ["totp", "recovery"]}
        return private_json(msgspec.json.encode(document), 202)

    def answer(self, request: Request, begun: Begun, status: int = 200) -> Response:
        """What a client is told that signed in: tokens, or a cookie and who it is."""
        auth = self._auth
        document: dict[str, Any] = {"user": self.shown(begun.user, begun.roles)}
        headers = []
        if begun.cookie is not None:
            headers.append(self.cookie(request, begun))
            if begun.device is not None:
                headers.append(set_cookie(request, DEVICE, begun.device, DEVICE_SECONDS))
        else:
            document = self.token_answer(begun.session, begun.refresh, begun.roles) | document
            if begun.device is not None:
                document["device"] = begun.device
        assert auth.options.cookies or begun.cookie is None
        return private_json(msgspec.json.encode(document), status, headers)

    def cookie(self, request: Request, begun: Begun) -> tuple[str, str]:
        """The header that has a browser keep the session."""
        assert begun.cookie is not None
        return set_cookie(request, SESSION, begun.cookie, self._auth.settings.session_seconds)

    def token_answer(
        self, session: Session, refresh: str | None, roles: frozenset[str]
    ) -> dict[str, Any]:
        """The members of an answer that gives out tokens (RFC 6749, section 5.1)."""
        document: dict[str, Any] = {
            "access_token": self._auth.tokens.issue(session, session.user_id, roles),
            "token_type": "Bearer",
            "expires_in": int(self._auth.settings.access_seconds),
        }
        if refresh is not None:
            document["refresh_token"] = refresh
        return document

    def shown(self, user: Found, roles: frozenset[str]) -> dict[str, Any]:
        """What a user is told of themselves."""
        document = {name: user.row[name] for name in self._auth.users.shown}
        document["roles"] = sorted(roles)
        return document

    def kind_asked(self, cookie: bool | None) -> Kind:
        """Whether tokens are asked for, or a cookie; Problem for what this app does not have."""
        options = self._auth.options
        kind: Kind = "cookie" if cookie or (cookie is None and not options.tokens) else "token"
        if kind == "cookie" and not options.cookies:
            raise Problem(NOT_FOUND, "This application gives out no cookies.")
        if kind == "token" and not options.tokens:
            raise Problem(NOT_FOUND, "This application gives out no tokens: ask for a cookie.")
        return kind

    def check_page(self, request: Request, kind: Kind) -> None:
        """Raise Problem if a page of another site would have its visitor signed in (login CSRF)."""
        first = request.headers.first
        says = "origin" in first or "sec-fetch-site" in first
        trusted = self._auth.authenticate.trusted_origins
        if kind == "cookie" and says and not is_same_origin(request, trusted):
            raise Problem(CROSS_SITE, "Another site's page may not sign anybody in here.")

    # Passwords

    async def by_password(
        self, request: Request, login: str, password: str, device: str | None
    ) -> tuple[Found, Account, Then]:
        """The user whom ``login`` and ``password`` belong to, and what to do as they sign in.

        Raises Problem ``invalid_credentials``, the same and after the same time whatever is
        wrong, or ``too_many_attempts``.
        """
        auth = self._auth
        origin = origin_of(request)
        user = await auth.users.find_login(login)
        known = user is not None and await auth.devices.is_known(device, user.text)
        attempt = await auth.throttle.begin(
            auth.users.normal(login), origin.address or "", purpose="password", known=known
        )
        account = None if user is None else await auth.accounts.find(user.text)
        kept = None if account is None or account.disabled else account.password
        verdict = await auth.passwords.verify(password, kept)
        if user is None or account is None or not verdict.right:
            await auth.audit.note(
                "sign_in_failed",
                origin,
                user_id=None if user is None else user.text,
                login=auth.users.normal(login),
                methods="pwd",
            )
            raise invalid_credentials()

        async def then(tx: Transaction) -> None:
            await auth.throttle.succeed(tx, attempt)
            if verdict.rehashed is not None and kept is not None:
                await auth.accounts.rehash(tx, user.text, kept, verdict.rehashed)

        return user, account, then

    # Leaving

    def leave(self, request: Request) -> list[tuple[str, str]]:
        """The headers that have a browser forget its session."""
        return [clear_cookie(request, SESSION)]


def invalid_credentials() -> Problem:
    """The answer to whoever could not show who they are; it never says what was wrong."""
    return Problem(
        INVALID_CREDENTIALS,
        "There is no such user, or that is not their password, or they may not sign in.",
    )
