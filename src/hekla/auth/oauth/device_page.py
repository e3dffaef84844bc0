"""``/oauth/device``: where somebody types the code that a device shows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hekla.auth.cross_site import check_same_origin
from hekla.auth.oauth.authorize import browser_of
from hekla.auth.oauth.device import normal_user_code
from hekla.auth.oauth.form import read_pairs
from hekla.auth.origin import origin_of
from hekla.errors import TOO_MANY_ATTEMPTS, Problem
from hekla.web.query_string import split_query

if TYPE_CHECKING:
    from hekla.auth.oauth.authorize import Authorize
    from hekla.auth.oauth.device import Waiting
    from hekla.auth.oauth.provider import Provider
    from hekla.auth.sessions import Live
    from hekla.web.request import Request
    from hekla.web.response import Response

__all__ = ["DevicePage"]


class DevicePage:
    """Asks for a code, shows who waits with it, and asks whether they shall come in.

    A code in the address is only filled in: to look it up takes a form of this page, and each
    look counts, so that nobody finds the codes of others by trying.
    """

    def __init__(self, provider: Provider, authorize: Authorize) -> None:
        self._provider = provider
        self._authorize = authorize
        self._pages = provider.pages

    async def show(self, request: Request) -> Response:
        """The page, for whoever has signed in."""
        given = dict(split_query(request.query)).get("user_code", "")[:20]
        browser = await browser_of(self._provider, request)
        if browser is None:
            query = f"?{urlencode({'user_code': given})}" if given else ""
            back = f"{self._provider.prefix}/oauth/device{query}"
            return self._authorize.sign_in_first(request, back)
        return await self._ask(request, browser, given)

    async def _ask(
        self, request: Request, browser: Live, given: str, fault: str = "", status: int = 200
    ) -> Response:
        return self._pages.page(
            request,
            "device.html",
            status=status,
            login=await self._login(browser),
            user_code=given,
            fault=fault,
        )

    async def _login(self, browser: Live) -> str:
        users = self._provider.auth.users
        user = await users.find(users.parse_id(browser.session.user_id))
        return "" if user is None else user.login

    async def decide(self, request: Request) -> Response:
        """Look a code up, and let its device in if that was decided."""
        provider = self._provider
        check_same_origin(request, provider.auth.authenticate.trusted_origins)
        form = dict(await read_pairs(request))
        given = form.get("user_code", "")[:20]
        browser = await browser_of(provider, request)
        if browser is None:
            return self._authorize.sign_in_first(request, f"{provider.prefix}/oauth/device")
        language = self._pages.language(request)
        try:
            waiting = await self._look_up(request, browser, given)
        except Problem as problem:
            if problem.code is not TOO_MANY_ATTEMPTS:
                raise
            seconds = problem.headers.get("retry-after", "60")
            fault = self._pages.say(language, "too_many", seconds=seconds)
            return await self._ask(request, browser, given, fault, problem.status)
        if waiting is None:
            fault = self._pages.say(language, "bad_code")
            return await self._ask(request, browser, given, fault, 400)
        decision = form.get("decision")
        same_user = form.get("user") == browser.session.user_id
        if decision not in ("allow", "deny") or not same_user:
            return await self._confirm(request, browser, waiting, given)
        allow = decision == "allow"
        origin = origin_of(request)
        if not await provider.devices.decide(waiting, browser, origin, allow=allow):
            fault = self._pages.say(language, "bad_code")
            return await self._ask(request, browser, given, fault, 400)
        word = "allowed" if allow else "denied"
        say = self._pages.say
        return self._pages.message(request, say(language, word), say(language, f"{word}_text"))

    async def _look_up(self, request: Request, browser: Live, given: str) -> Waiting | None:
        """The device that waits with a code. Raises Problem ``too_many_attempts``."""
        auth = self._provider.auth
        attempt = await auth.throttle.begin(
            browser.session.user_id,
            origin_of(request).address or "",
            purpose="user_code",
            known=False,
        )
        letters = normal_user_code(given)
        waiting = None if letters is None else await self._provider.devices.find(letters)
        if waiting is not None:
            await auth.store.write(lambda tx: auth.throttle.succeed(tx, attempt))
        return waiting

    async def _confirm(
        self, request: Request, browser: Live, waiting: Waiting, given: str
    ) -> Response:
        client = await self._provider.clients.find(waiting.client_id)
        assert client is not None, "a device code goes with its client"
        language = self._pages.language(request)
        letters = normal_user_code(given) or ""
        return self._pages.page(
            request,
            "consent.html",
            client=client,
            login=await self._login(browser),
            scopes=[self._pages.scope_text(language, scope) for scope in waiting.scopes],
            returns_to=None,
            action="/oauth/device",
            hidden=[("user_code", given), ("user", browser.session.user_id)],
            user_code=f"{letters[:4]}-{letters[4:]}",
        )
