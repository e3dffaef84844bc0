"""The addresses of signing in with others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from hekla.auth.cookies import SESSION, clear_cookie, cookie_value, set_cookie
from hekla.auth.cross_site import check_same_origin
from hekla.auth.federation.exchange import Exchange, exchange_for
from hekla.auth.federation.fetch import Fetch, UpstreamFailed
from hekla.auth.federation.flow import Expected, Identity
from hekla.auth.federation.identities import Identities, LastIdentity
from hekla.auth.jose import InvalidToken
from hekla.auth.oauth.form import read_pairs, redirect
from hekla.auth.operations import private_json, sign_in_first
from hekla.auth.origin import origin_of
from hekla.auth.proof import check_proof
from hekla.auth.random_secret import digest
from hekla.errors import FORBIDDEN, INVALID_CREDENTIALS, NOT_FOUND, OperatorError, Problem
from hekla.web.query_string import split_query
from hekla.web.response import Response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.face import AuthFace
    from hekla.auth.federation.upstream import Upstream
    from hekla.auth.oauth.pages import Pages
    from hekla.auth.users import Found, UserId
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request
    from hekla.web.router import Router
    from hekla.writing.work import Work

__all__ = ["Federation", "local_path"]

logger = logging.getLogger("hekla.auth")

_COOKIE: Final = "hekla-with"
# Seconds that one may take at the other provider.
_PATIENCE: Final = 900
_METHOD: Final = "fed"
_LONGEST_NEXT: Final = 12_000


def local_path(given: str) -> str:
    """A path of this origin, whatever was given; never an address elsewhere."""
    fine = (
        given.startswith("/")
        and not given.startswith(("//", "/\\"))
        and len(given) <= _LONGEST_NEXT
        and given.isascii()
        and given.isprintable()
        and not set(given) & set("\\<>\"'` ")
    )
    return given if fine else "/"


class Federation:
    """Lets users sign in with other providers, and say which of them they are.

    Raises OperatorError if it is not said under which address this application is.
    """

    def __init__(
        self,
        auth: Auth,
        face: AuthFace,
        router: Router,
        upstreams: Iterable[Upstream],
        pages: Pages,
    ) -> None:
        self.auth = auth
        self._face = face
        self._pages = pages
        self._prefix = router.prefix
        if not auth.settings.public_url:
            raise OperatorError(
                "app.sign_in_with() has to know under which address the application is: set "
                "HEKLA_PUBLIC_URL=https://…"
            )
        if not auth.options.cookies:
            raise OperatorError("app.sign_in_with() needs the cookies of app.auth()")
        base = auth.settings.public_url + router.prefix
        self.fetch = Fetch()
        self.identities = Identities(auth.store, auth.clock)
        self.exchanges: dict[str, Exchange] = {}
        for upstream in upstreams:
            uri = f"{base}/oauth/callback/{upstream.name}"
            self.exchanges[upstream.name] = exchange_for(upstream, self.fetch, auth.clock, uri)
        self._route(router)

    def _route(self, router: Router) -> None:
        router.add_page("/oauth/providers", {"GET": self._providers})
        router.add_page("/oauth/identities", {"GET": self._own})
        router.add_page("/oauth/second", {"POST": self._second})
        for name, exchange in self.exchanges.items():
            router.add_page(f"/oauth/with/{name}", {"GET": self._starts(exchange)})
            router.add_page(f"/oauth/link/{name}", {"POST": self._links(exchange)})
            router.add_page(f"/oauth/callback/{name}", {"GET": self._returns(exchange)})
            router.add_page(f"/oauth/identities/{name}", {"DELETE": self._unlinks(name)})

    def listed(self) -> list[tuple[tuple[str, ...], str, str]]:
        """The methods, path and description of each address."""
        get, told = ("GET", "HEAD", "OPTIONS"), "signing in with others"
        found: list[tuple[tuple[str, ...], str, str]] = [
            (get, "providers", told),
            (get, "identities", "what one has connected"),
        ]
        for name, exchange in self.exchanges.items():
            title = exchange.upstream.title
            found += [
                (get, f"with/{name}", f"sign in with {title}"),
                (get, f"callback/{name}", f"back from {title}"),
                (("POST", "OPTIONS"), f"link/{name}", f"connect an account at {title}"),
                (("DELETE", "OPTIONS"), f"identities/{name}", f"let go of one at {title}"),
            ]
        return [(methods, f"{self._prefix}/oauth/{path}", said) for methods, path, said in found]

    def choices(self, back: str = "") -> list[dict[str, str]]:
        """The providers, each with the address where signing in with it begins."""
        query = f"?next={quote(back, safe='')}" if back else ""
        return [
            {
                "name": name,
                "title": exchange.upstream.title,
                "url": f"{self._prefix}/oauth/with/{name}{query}",
            }
            for name, exchange in self.exchanges.items()
        ]

    async def _providers(self, request: Request) -> Response:
        return private_json(msgspec.json.encode(self.choices()))

    # To the other provider, and back

    def _starts(self, exchange: Exchange) -> Callable[[Request], Awaitable[Response]]:
        async def start(request: Request) -> Response:
            back = dict(split_query(request.query)).get("next", "")
            return await self._leave(request, exchange, local_path(back), None)

        return start

    def _links(self, exchange: Exchange) -> Callable[[Request], Awaitable[Response]]:
        async def link(request: Request) -> Response:
            """Say, signed in and on a page of this origin, that one is somebody there too."""
            check_same_origin(request, self.auth.authenticate.trusted_origins)
            user_id = self._whoever_asks(request)
            check_proof(request, self.auth)
            back = dict(await read_pairs(request)).get("next", "")
            return await self._leave(request, exchange, local_path(back), user_id)

        return link

    async def _leave(
        self, request: Request, exchange: Exchange, back: str, user_id: str | None
    ) -> Response:
        auth, secret = self.auth, self.auth.codes.new()
        name = exchange.upstream.name
        try:
            url = await exchange.url(Expected.of(secret, name))
        except UpstreamFailed as failed:
            return self._failed(request, exchange, failed)
        data = {"provider": name, "next": back, "sid": self._session(request) if user_id else None}

        async def work(tx: Transaction) -> None:
            await auth.codes.add(tx, secret, "upstream", _PATIENCE, user_id=user_id, data=data)

        await auth.store.write(work)
        response = redirect(url)
        response.headers.append(set_cookie(request, _COOKIE, secret, _PATIENCE))
        return response

    def _session(self, request: Request) -> str | None:
        sid = request.actor.claims.get("sid")
        return None if sid is None else str(sid)

    def _returns(self, exchange: Exchange) -> Callable[[Request], Awaitable[Response]]:
        async def come_back(request: Request) -> Response:
            try:
                return await self._arrive(request, exchange)
            except (InvalidToken, UpstreamFailed) as failed:
                return self._failed(request, exchange, failed)

        return come_back

    async def _arrive(self, request: Request, exchange: Exchange) -> Response:
        auth, name = self.auth, exchange.upstream.name
        secret = cookie_value(request, _COOKIE)
        if secret is None:
            raise InvalidToken("the browser began nothing")
        code = await auth.store.write(lambda tx: auth.codes.take(tx, secret, "upstream"))
        if code is None or code.told()["provider"] != name:
            # Began with another provider, or came back twice: mix-up, or a button pressed again.
            raise InvalidToken("the browser began something else, or is back already")
        pairs = split_query(request.query)
        parameters = dict(pairs)
        if len(parameters) != len(pairs):
            raise InvalidToken("a parameter is there more than once")
        identity = await exchange.identify(parameters, Expected.of(secret, name))
        told = code.told()
        if code.user_id is not None:
            response = await self._link(request, exchange, identity, code.user_id, told)
        else:
            user = await self._user_of(request, exchange, identity)
            response = await self._finish(request, user, told["next"])
        response.headers.append(clear_cookie(request, _COOKIE))
        return response

    async def _link(
        self,
        request: Request,
        exchange: Exchange,
        identity: Identity,
        user_id: str,
        told: dict[str, Any],
    ) -> Response:
        """Keep that the user who began this is somebody at the other provider."""
        auth, name = self.auth, exchange.upstream.name
        cookie = cookie_value(request, SESSION)
        live = None if cookie is None else await auth.sessions.find_secret(digest(cookie))
        # The same browser session: who signs in meanwhile as another links nothing.
        if (
            live is None
            or live.session.id != told["sid"]
            or live.session.user_id != user_id
            or await auth.authenticate.actor(live) is None
        ):
            raise InvalidToken("who began it is not signed in any more")
        origin = origin_of(request)

        async def work(tx: Transaction) -> str:
            owner = await self.identities.link(tx, name, identity, user_id)
            if owner == user_id:
                await auth.audit.write(
                    tx, "identity_linked", origin, user_id=user_id, provider=name
                )
            return owner

        if await auth.store.write(work) != user_id:
            raise InvalidToken("it is another user's already")
        return redirect(request.base + told["next"])

    # Who it is

    async def _user_of(self, request: Request, exchange: Exchange, identity: Identity) -> Found:
        """The user of an identity: known, known by a verified address, or new.

        Raises InvalidToken if it is none of these.
        """
        auth, name = self.auth, exchange.upstream.name
        known = await self.identities.find(name, identity.subject)
        if known is not None:
            user = await auth.users.find(auth.users.parse_id(known))
            if user is None or (await auth.accounts.find(known)).disabled:
                raise InvalidToken("its user is gone, or shut out")
            return user
        email = identity.email if exchange.upstream.trusts_email else None
        if email is None or auth.options.login != "email":
            raise InvalidToken("nobody is known by it, and it has no address that is verified")
        user = await auth.users.find_login(email)
        if user is None:
            return await self._new_user(request, name, identity, email)
        account = await auth.accounts.find(user.text)
        # Whoever registered with an address that is not theirs must not share its owner's account.
        if account.disabled or account.confirmed != user.login:
            raise InvalidToken("a user has that address, and has not shown that it is theirs")
        found, origin = user, origin_of(request)

        async def work(tx: Transaction) -> None:
            await self.identities.link(tx, name, identity, found.text)
            await auth.audit.write(tx, "identity_linked", origin, user_id=found.text, provider=name)

        await auth.store.write(work)
        return user

    async def _new_user(
        self, request: Request, provider: str, identity: Identity, email: str
    ) -> Found:
        auth = self.auth
        if not auth.options.registration:
            raise InvalidToken("nobody is known by it, and nobody can register")
        document: dict[str, Any] = {auth.users.login: email}
        if identity.name is not None and "name" in auth.users.shown:
            document["name"] = identity.name
        try:
            new = auth.users.read_new(document, own=True)
        except Problem as problem:
            raise InvalidToken(f"what it says makes no user: {problem.detail}") from None
        origin = origin_of(request)

        async def then(work: Work, user_id: UserId) -> None:
            key = str(user_id)
            address = auth.users.normal(email)
            await auth.accounts.create(work.tx, key, None, confirmed=address)
            await self.identities.link(work.tx, provider, identity, key)
            await auth.audit.write(work.tx, "registered", origin, user_id=key, provider=provider)

        user_id = await auth.users.create(new, then, request=request.id)
        user = await auth.users.find(user_id)
        assert user is not None
        return user

    async def _finish(self, request: Request, user: Found, back: str) -> Response:
        """Sign a user in and go on, by the second factor that they may have set up here."""
        answer = await self._face.sign_in.finish(request, user, _METHOD, "cookie")
        if answer.status == 202:
            assert isinstance(answer.body, bytes)
            challenge = msgspec.json.decode(answer.body)["challenge"]
            return self._ask_second(request, challenge, back)
        return self._go_on(request, answer, back)

    def _go_on(self, request: Request, answer: Response, back: str) -> Response:
        response = redirect(request.base + local_path(back))
        response.headers.extend(pair for pair in answer.headers if pair[0] == "set-cookie")
        return response

    def _ask_second(
        self, request: Request, challenge: str, back: str, fault: str = "", status: int = 200
    ) -> Response:
        return self._pages.page(
            request,
            "sign_in.html",
            status=status,
            action="/oauth/second",
            challenge=challenge,
            next=back,
            login="",
            login_name="login",
            fault=fault,
            client=None,
        )

    async def _second(self, request: Request) -> Response:
        check_same_origin(request, self.auth.authenticate.trusted_origins)
        form = dict(await read_pairs(request))
        back, challenge = local_path(form.get("next", "")), form.get("challenge", "")[:200]
        document = {"challenge": challenge, "code": form.get("code", "")[:100]}
        try:
            answer = await self._face.second.second(request, document)
        except Problem as problem:
            if problem.code is not INVALID_CREDENTIALS:
                raise
            fault = self._pages.say(self._pages.language(request), "bad_credentials")
            return self._ask_second(request, challenge, back, fault, problem.status)
        return self._go_on(request, answer, back)

    def _failed(self, request: Request, exchange: Exchange, failed: Exception) -> Response:
        """A page that says no more than that it did not work; the rest is in the log."""
        logger.warning(
            "Request %s: signing in with %s failed: %s",
            request.id,
            exchange.upstream.name,
            failed,
        )
        say, language = self._pages.say, self._pages.language(request)
        status = 502 if isinstance(failed, UpstreamFailed) else 400
        text = say(language, "with_failed", provider=exchange.upstream.title)
        headers = [clear_cookie(request, _COOKIE)]
        return self._pages.message(
            request, say(language, "error"), text, status=status, headers=headers
        )

    # One's own

    def _whoever_asks(self, request: Request) -> str:
        if not request.actor.signed_in:
            raise sign_in_first()
        if request.actor.scopes is not None or "behind" in request.actor.claims:
            raise Problem(FORBIDDEN, "Only the user can do this: sign in.")
        return str(request.actor.id)

    async def _own(self, request: Request) -> Response:
        """What one is to other providers."""
        user_id = self._whoever_asks(request)
        return private_json(msgspec.json.encode(await self.identities.list(user_id)))

    def _unlinks(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def unlink(request: Request) -> Response:
            auth, user_id = self.auth, self._whoever_asks(request)
            check_proof(request, auth)
            has_password = (await auth.accounts.find(user_id)).password is not None
            origin = origin_of(request)

            async def work(tx: Transaction) -> bool:
                if not await self.identities.unlink(tx, name, user_id, last=has_password):
                    return False
                await auth.audit.write(
                    tx, "identity_unlinked", origin, user_id=user_id, provider=name
                )
                return True

            try:
                done = await auth.store.write(work)
            except LastIdentity:
                raise Problem(
                    FORBIDDEN, "You could not sign in any more: set a password first."
                ) from None
            if not done:
                raise Problem(NOT_FOUND, "You are nobody there, as far as is known.")
            return Response(204, b"", [("cache-control", "no-store")])

        return unlink
