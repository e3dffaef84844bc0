"""The pages that a user comes to: authorization, consent, sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import msgspec

from hekla.auth.cookies import DEVICE, SESSION, cookie_value
from hekla.auth.cross_site import check_same_origin
from hekla.auth.moments import parse_moment
from hekla.auth.oauth.authorization import (
    AuthorizationRequest,
    Refusal,
    UnsafeRequest,
    answer_uri,
    named_client,
    parse_authorization,
)
from hekla.auth.oauth.form import read_pairs, redirect
from hekla.auth.oauth.redirects import is_impersonable, origin_of_redirect
from hekla.auth.origin import origin_of
from hekla.auth.random_secret import digest
from hekla.errors import INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS, Problem
from hekla.web.query_string import split_query

if TYPE_CHECKING:
    from hekla.auth.oauth.provider import Provider
    from hekla.auth.sessions import Live
    from hekla.web.request import Request
    from hekla.web.response import Response

__all__ = ["Authorize", "browser_of"]

Pairs = Sequence[tuple[str, str]]
# What the pages add to the parameters of a request.
_OWN: Final = frozenset({"decision", "user"})
_NEXT: Final = ("/oauth/authorize?", "/oauth/device")
_LONGEST_NEXT: Final = 12_000


async def browser_of(provider: Provider, request: Request) -> Live | None:
    """The session that a browser shows by its cookie, if it is its user's own; a token is none."""
    secret = cookie_value(request, SESSION)
    if secret is None:
        return None
    auth = provider.auth
    live = await auth.sessions.find_secret(digest(secret))
    if live is None or live.session.kind != "cookie":
        return None
    if live.session.behind is not None:
        # Whoever acts as a user for a while must not let anybody in who stays.
        return None
    return None if await auth.authenticate.actor(live) is None else live


class Authorize:
    """``/oauth/authorize``, ``/oauth/consent`` and ``/oauth/sign-in``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._pages = provider.pages

    async def authorize(self, request: Request) -> Response:
        """Ask the user who is there, or send the browser back with an answer."""
        pairs = split_query(request.query) if request.method == "GET" else await read_pairs(request)
        try:
            asked = await self._judge(pairs)
            browser = await self._fit_browser(request, asked)
            if browser is None:
                return self._to_sign_in(request, asked, pairs)
            if await self._has_to_ask(asked, browser):
                if "none" in asked.prompts:
                    raise asked.refuse("consent_required", "The user has to agree first.")
                return await self._consent_page(request, asked, pairs, browser)
            return await self._send_back(request, asked, browser, consent=False)
        except UnsafeRequest as unsafe:
            return self._unsafe(request, unsafe)
        except Refusal as refusal:
            return self._refuse(refusal)

    async def consent(self, request: Request) -> Response:
        """What the user has decided, on a page of this origin."""
        check_same_origin(request, self._provider.auth.authenticate.trusted_origins)
        form = await read_pairs(request)
        pairs = [(name, value) for name, value in form if name not in _OWN]
        given = dict(form)
        try:
            asked = await self._judge(pairs)
            browser = await browser_of(self._provider, request)
            if browser is None:
                return self._to_sign_in(request, asked, pairs)
            if given.get("user") != browser.session.user_id:
                # Somebody else has signed in meanwhile: they have not been asked.
                return await self._consent_page(request, asked, pairs, browser)
            if given.get("decision") == "allow":
                return await self._send_back(request, asked, browser, consent=True)
            raise asked.refuse("access_denied", "The user did not agree.")
        except UnsafeRequest as unsafe:
            return self._unsafe(request, unsafe)
        except Refusal as refusal:
            return self._refuse(refusal)

    async def _judge(self, pairs: Pairs) -> AuthorizationRequest:
        client = await self._provider.clients.find(named_client(pairs))
        return parse_authorization(pairs, client)

    async def _fit_browser(self, request: Request, asked: AuthorizationRequest) -> Live | None:
        """The browser's session, if its user need not sign in first. Raises Refusal."""
        provider = self._provider
        browser = await browser_of(provider, request)
        fits = browser is not None and not {"login", "select_account"} & asked.prompts
        if browser is not None and fits:
            session = browser.session
            if asked.max_age is not None:
                age = provider.auth.clock.now() - parse_moment(session.proved_at)
                fits = 0 < asked.max_age >= age.total_seconds()
            if asked.id_token_hint is not None:
                hint = asked.id_token_hint
                fits = fits and await provider.tokens.is_about(hint, asked.client, session.user_id)
        if fits:
            return browser
        if "none" in asked.prompts:
            raise asked.refuse("login_required", "The user has to sign in first.")
        return None

    async def _has_to_ask(self, asked: AuthorizationRequest, browser: Live) -> bool:
        """Whether the user has to agree, now."""
        client = asked.client
        if "consent" in asked.prompts:
            return True
        if client.public and is_impersonable(asked.redirect_uri):
            # Anything on the user's machine could say that it is this client.
            return True
        if client.trusted:
            return False
        agreed = await self._provider.grants.agreed(browser.session.user_id, client)
        return not set(asked.scopes) <= agreed

    async def _consent_page(
        self, request: Request, asked: AuthorizationRequest, pairs: Pairs, browser: Live
    ) -> Response:
        wanted = dict(pairs).get("ui_locales", "")
        language = self._pages.language(request, wanted)
        return self._pages.page(
            request,
            "consent.html",
            wanted=wanted,
            # Browsers hold the redirect that answers a form to the policy of its page, too.
            forms=("'self'", origin_of_redirect(asked.redirect_uri)),
            client=asked.client,
            login=await self._login(browser),
            scopes=[self._pages.scope_text(language, scope) for scope in asked.scopes],
            returns_to=origin_of_redirect(asked.redirect_uri),
            action="/oauth/consent",
            hidden=[*pairs, ("user", browser.session.user_id)],
            user_code=None,
        )

    async def _login(self, browser: Live) -> str:
        users = self._provider.auth.users
        user = await users.find(users.parse_id(browser.session.user_id))
        return "" if user is None else user.login

    async def _send_back(
        self, request: Request, asked: AuthorizationRequest, browser: Live, *, consent: bool
    ) -> Response:
        provider = self._provider
        origin = origin_of(request)
        code = await provider.grants.give_code(asked, browser, origin, consent=consent)
        return redirect(answer_uri(asked.redirect_uri, provider.issuer, asked.state, code=code))

    def _refuse(self, refusal: Refusal) -> Response:
        uri = answer_uri(
            refusal.redirect_uri, self._provider.issuer, refusal.state, **refusal.error.body()
        )
        return redirect(uri)

    def _unsafe(self, request: Request, unsafe: UnsafeRequest) -> Response:
        language = self._pages.language(request)
        return self._pages.message(
            request, self._pages.say(language, "error"), str(unsafe), status=400
        )

    # Sign-in

    def _to_sign_in(self, request: Request, asked: AuthorizationRequest, pairs: Pairs) -> Response:
        """Have the user sign in, and come back with what then has been done left out."""
        left = []
        for name, value in pairs:
            if name == "prompt":
                value = " ".join(p for p in value.split() if p not in ("login", "select_account"))
            if name == "id_token_hint" or (name == "max_age" and asked.max_age == 0):
                continue
            left.append((name, value))
        back = f"{self._provider.prefix}/oauth/authorize?{urlencode(left)}"
        return self.sign_in_first(request, back, asked.login_hint)

    def sign_in_first(self, request: Request, back: str, login: str | None = None) -> Response:
        """Send the browser to the page where one signs in, and from there ``back``."""
        uri = f"{request.base}{self._provider.sign_in_path}?next={quote(back, safe='')}"
        return redirect(uri if login is None else f"{uri}&login={quote(login, safe='')}")

    def _next(self, given: str) -> str:
        """Where to go on to: an address of these pages, whatever was given."""
        prefix = self._provider.prefix
        fine = given.startswith(tuple(prefix + start for start in _NEXT))
        if fine and len(given) <= _LONGEST_NEXT and given.isascii() and given.isprintable():
            return given
        return f"{prefix}/oauth/device"

    async def sign_in_page(self, request: Request) -> Response:
        """The page where one signs in."""
        given = dict(split_query(request.query))
        return await self._sign_in(request, given.get("next", ""), given.get("login", "")[:254])

    async def _sign_in(
        self,
        request: Request,
        back: str,
        login: str,
        fault: str = "",
        status: int = 200,
        challenge: str = "",
    ) -> Response:
        provider = self._provider
        back = self._next(back)
        asked = dict(split_query(back.partition("?")[2]))
        client = await provider.clients.find(asked.get("client_id", ""))
        return self._pages.page(
            request,
            "sign_in.html",
            status=status,
            wanted=asked.get("ui_locales", ""),
            # The redirects after it lead to the client, where the user has agreed before.
            forms=("'self'", *sorted(set(map(origin_of_redirect, client.redirect_uris))))
            if client is not None
            else ("'self'",),
            client=client,
            next=back,
            login=login,
            login_name="email" if provider.auth.users.login == "email" else "login",
            fault=fault,
            challenge=challenge,
            base_path=request.base,
            others=[]
            if provider.federation is None or challenge
            else provider.federation.choices(back),
        )

    async def sign_in(self, request: Request) -> Response:
        """Sign in, by a form of this origin, and go on; by a second factor where there is one."""
        provider = self._provider
        check_same_origin(request, provider.auth.authenticate.trusted_origins)
        form = dict(await read_pairs(request))
        login, back = form.get("login", "")[:254], form.get("next", "")
        challenge = form.get("challenge", "")[:200]
        try:
            if challenge:
                document = {"challenge": challenge, "code": form.get("code", "")[:100]}
                answer = await provider.second.second(request, document)
            else:
                device = cookie_value(request, DEVICE)
                user, _, then = await provider.sign_in.by_password(
                    request, login, form.get("password", "")[:4096], device
                )
                answer = await provider.sign_in.finish(
                    request, user, "pwd", "cookie", device=device, then=then
                )
        except Problem as problem:
            fault = self._fault(request, problem)
            return await self._sign_in(request, back, login, fault, problem.status, challenge)
        if answer.status == 202:
            assert isinstance(answer.body, bytes)
            challenge = msgspec.json.decode(answer.body)["challenge"]
            return await self._sign_in(request, back, login, challenge=challenge)
        response = redirect(request.base + self._next(back))
        response.headers.extend(pair for pair in answer.headers if pair[0] == "set-cookie")
        return response

    def _fault(self, request: Request, problem: Problem) -> str:
        """What the page says of a try that failed; what is no such thing is raised."""
        language = self._pages.language(request)
        if problem.code is INVALID_CREDENTIALS:
            return self._pages.say(language, "bad_credentials")
        if problem.code is TOO_MANY_ATTEMPTS:
            seconds = problem.headers.get("retry-after", "60")
            return self._pages.say(language, "too_many", seconds=seconds)
        raise problem
