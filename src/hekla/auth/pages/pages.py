"""What the pages do: each asks the same parts as the JSON API, and says what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hekla.auth.cookies import DEVICE, SESSION, clear_cookie, cookie_value
from hekla.auth.cross_site import check_same_origin
from hekla.auth.language import language_of
from hekla.auth.pages.forms import is_own_path, read_form, redirect
from hekla.auth.pages.words import say
from hekla.errors import (
    ALREADY_EXISTS,
    CODE_GONE,
    CROSS_SITE,
    INVALID_CREDENTIALS,
    NOT_FOUND,
    STORE_BUSY,
    TOO_MANY_ATTEMPTS,
    VALIDATION_FAILED,
    Problem,
)
from hekla.web.query_string import split_query

if TYPE_CHECKING:
    from hekla.auth.api.entrance import Entrance
    from hekla.auth.api.mail import Mail
    from hekla.auth.api.own import Own
    from hekla.auth.api.second import Second
    from hekla.auth.core import Auth
    from hekla.auth.pages.render import Renderer
    from hekla.web.request import Request
    from hekla.web.response import Response

__all__ = ["Pages"]

Handler = Callable[["Request"], Awaitable["Response"]]

_SPOKEN = (ALREADY_EXISTS, CODE_GONE, CROSS_SITE, INVALID_CREDENTIALS, STORE_BUSY)


class Pages:
    """The pages below ``/auth/pages``. They need cookies, and work without scripts."""

    def __init__(
        self,
        auth: Auth,
        renderer: Renderer,
        entrance: Entrance,
        second: Second,
        own: Own,
        mail: Mail,
    ) -> None:
        self._auth = auth
        self._render = renderer
        self._entrance = entrance
        self._second = second
        self._own = own
        self._mail = mail

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The pages by their paths, and by method."""
        options = self._auth.options
        found: dict[str, dict[str, Handler]] = {
            "page.css": {"GET": self.stylesheet},
            "account": {"GET": self.account},
            "sign-out": {"POST": self._form(self.sign_out, self.account)},
            "end": {"POST": self._form(self.end, self.account)},
        }
        if options.passwords:
            found |= {
                "sign-in": {"GET": self.sign_in_page, "POST": self._form(self.sign_in)},
                "password": {"POST": self._form(self.password, self.account)},
            }
            if options.registration:
                found["register"] = {
                    "GET": self.register_page,
                    "POST": self._form(self.register),
                }
        if self._auth.mailer is not None:
            found["confirm"] = {"GET": self.confirm_page, "POST": self._form(self.confirm)}
            if options.passwords:
                found["forgot"] = {"GET": self.forgot_page, "POST": self._form(self.forgot)}
                found["reset"] = {"GET": self.reset_page, "POST": self._form(self.reset)}
            if options.links:
                found["link"] = {"GET": self.link_page, "POST": self._form(self.ask_link)}
                found["link/use"] = {"POST": self._form(self.use_link)}
        return found

    def _form(
        self,
        handler: Callable[[Request, dict[str, str]], Awaitable[Response]],
        otherwise: Handler | None = None,
    ) -> Handler:
        """A handler of a form, which a page of this origin has to have sent."""

        async def handle(request: Request) -> Response:
            try:
                check_same_origin(request, self._auth.authenticate.trusted_origins)
                form = await read_form(request)
            except Problem as problem:
                return self._failed(request, problem)
            try:
                return await handler(request, form)
            except Problem as problem:
                if problem.status == 401 and otherwise is not None:
                    return await otherwise(request)
                return self._failed(request, problem)

        return handle

    def _words(self, request: Request, problem: Problem) -> str:
        """What a page says of a Problem; what is no fault of its reader is raised."""
        language = language_of(request)
        if problem.code is TOO_MANY_ATTEMPTS:
            seconds = problem.headers.get("retry-after", "60")
            return say(language, "too_many_attempts", seconds=seconds)
        if problem.code in _SPOKEN:
            return say(language, problem.code.code)
        if problem.code is VALIDATION_FAILED:
            return "; ".join(
                f"{fault.location.removeprefix('/')} {fault.message}" for fault in problem.errors
            )
        raise problem

    def _failed(self, request: Request, problem: Problem) -> Response:
        text = self._words(request, problem)
        return self._render.page(
            request, "message.html", problem.status, title_key="error", text=text
        )

    @property
    def _login_label(self) -> str:
        return "login_email" if self._auth.users.login == "email" else "login_name"

    async def stylesheet(self, request: Request) -> Response:
        return self._render.stylesheet()

    # Signing in

    def _next(self, request: Request, given: str) -> str:
        """Where to go after signing in: a path of this origin, whatever was given."""
        return given if is_own_path(given) else f"{self._render.base(request)}/account"

    def _sign_in_form(
        self, request: Request, form: dict[str, str], status: int = 200, **more: Any
    ) -> Response:
        options = self._auth.options
        mails = self._auth.mailer is not None
        given = {
            "challenge": form.get("challenge", "")[:200],
            "login": form.get("login", "")[:254],
            "login_label": self._login_label,
            "next": form["next"] if is_own_path(form.get("next", "")) else "",
            "mails": mails,
            "links": mails and options.links,
            "registration": options.registration,
        }
        return self._render.page(request, "sign_in.html", status, **{**given, **more})

    async def sign_in_page(self, request: Request) -> Response:
        given = dict(split_query(request.query))
        given.pop("challenge", None)
        if request.actor.signed_in and "sid" in request.actor.claims:
            return redirect(self._next(request, given.get("next", "")))
        return self._sign_in_form(request, given)

    async def sign_in(self, request: Request, form: dict[str, str]) -> Response:
        challenge = form.get("challenge", "")[:200]
        try:
            if challenge:
                document: dict[str, Any] = {"challenge": challenge, "code": form.get("code", "")}
                answer = await self._second.second(request, document)
            else:
                answer = await self._entrance.enter(
                    request,
                    form.get("login", ""),
                    form.get("password", ""),
                    "cookie",
                    cookie_value(request, DEVICE),
                )
        except Problem as problem:
            fault = self._words(request, problem)
            return self._sign_in_form(request, form, problem.status, fault=fault)
        return self._entered(request, answer, form)

    def _entered(self, request: Request, answer: Response, form: dict[str, str]) -> Response:
        """Go on with the cookies of an answer, or by the second factor that it asks for."""
        if answer.status == 202 and isinstance(answer.body, bytes):
            challenge = msgspec.json.decode(answer.body)["challenge"]
            return self._sign_in_form(request, form, challenge=challenge)
        cookies = [pair for pair in answer.headers if pair[0] == "set-cookie"]
        return redirect(self._next(request, form.get("next", "")), cookies)

    async def sign_out(self, request: Request, form: dict[str, str]) -> Response:
        await self._entrance.logout(request)
        target = f"{self._render.base(request)}/sign-in"
        return redirect(target, [clear_cookie(request, SESSION)])

    # Registering

    def _register_form(
        self, request: Request, form: dict[str, str], status: int = 200, fault: str = ""
    ) -> Response:
        users, options = self._auth.users, self._auth.options
        profile = [
            {
                "name": name,
                "title": name.replace("_", " ").capitalize(),
                "required": users.resource.columns[name].required,
            }
            for name in options.profile
        ]
        return self._render.page(
            request,
            "register.html",
            status,
            fault=fault,
            login_label=self._login_label,
            login_name=options.login,
            profile=profile,
            given=form,
            shortest=self._auth.settings.password_min_length,
        )

    async def register_page(self, request: Request) -> Response:
        return self._register_form(request, {})

    async def register(self, request: Request, form: dict[str, str]) -> Response:
        users, options = self._auth.users, self._auth.options
        password = form.pop("password", "")
        try:
            given = {name: form[name] for name in options.profile if form.get(name)}
            document = {**users.read_texts(given), options.login: form.get(options.login, "")}
            answer = await self._entrance.enroll(
                request, document, password, "cookie", cookie_value(request, DEVICE)
            )
        except Problem as problem:
            fault = self._words(request, problem)
            return self._register_form(request, form, problem.status, fault)
        if answer.status == 202 and self._auth.confirms:
            return self._sent(request)
        return self._entered(request, answer, form)

    def _sent(self, request: Request) -> Response:
        text = say(language_of(request), "sent_text")
        return self._render.page(request, "message.html", title_key="sent_title", text=text)

    # Mails

    def _ask(self, request: Request, what: str, form: dict[str, str]) -> Response:
        return self._render.page(
            request,
            "ask.html",
            what=what,
            login=form.get("login", "")[:254],
            login_label=self._login_label,
        )

    async def forgot_page(self, request: Request) -> Response:
        return self._ask(request, "forgot", {})

    async def forgot(self, request: Request, form: dict[str, str]) -> Response:
        await self._mail.ask_reset(request, form.get("login", ""))
        return self._sent(request)

    async def ask_link(self, request: Request, form: dict[str, str]) -> Response:
        await self._mail.ask_sign_in(request, form.get("login", ""))
        return self._sent(request)

    def _token(
        self, request: Request, what: str, password: str, token: str, status: int = 200, **more: Any
    ) -> Response:
        return self._render.page(
            request,
            "token.html",
            status,
            what=what,
            password=password,
            token=token[:200],
            shortest=self._auth.settings.password_min_length,
            **more,
        )

    async def link_page(self, request: Request) -> Response:
        """The page of a link that signs in: only a button does it, not a program that looks."""
        token = dict(split_query(request.query)).get("token")
        if token is None:
            return self._ask(request, "link", {})
        return self._token(request, "link", "", token)

    async def use_link(self, request: Request, form: dict[str, str]) -> Response:
        document = {"token": form.get("token", ""), "cookie": True}
        return self._entered(request, await self._mail.linked(request, document), form)

    async def confirm_page(self, request: Request) -> Response:
        token = dict(split_query(request.query)).get("token", "")
        code = await self._auth.codes.peek(token, "register", "confirm", "email")
        if code is None:
            return self._failed(request, Problem(CODE_GONE))
        password = "again" if code.purpose == "register" else ""
        return self._token(request, "confirm", password, token)

    async def confirm(self, request: Request, form: dict[str, str]) -> Response:
        token = form.get("token", "")
        document: dict[str, Any] = {"token": token, "cookie": True}
        if "password" in form:
            document["password"] = form["password"]
        try:
            answer = await self._mail.confirmed(request, document)
        except Problem as problem:
            if problem.code not in (INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS):
                raise
            fault = self._words(request, problem)
            return self._token(request, "confirm", "again", token, problem.status, fault=fault)
        if answer.status == 204:
            text = say(language_of(request), "confirmed_text")
            return self._render.page(
                request, "message.html", title_key="confirmed_title", text=text
            )
        return self._entered(request, answer, form)

    async def reset_page(self, request: Request) -> Response:
        token = dict(split_query(request.query)).get("token", "")
        if await self._auth.codes.peek(token, "reset") is None:
            return self._failed(request, Problem(CODE_GONE))
        return self._token(request, "reset", "new", token)

    async def reset(self, request: Request, form: dict[str, str]) -> Response:
        token = form.get("token", "")
        try:
            await self._mail.set_password(request, token, form.get("new_password", ""))
        except Problem as problem:
            if problem.code is not VALIDATION_FAILED:
                raise
            fault = self._words(request, problem)
            return self._token(request, "reset", "new", token, problem.status, fault=fault)
        text = say(language_of(request), "reset_done_text")
        return self._render.page(request, "message.html", title_key="reset_done_title", text=text)

    # One's own account

    async def account(self, request: Request) -> Response:
        return await self._account(request)

    async def _account(
        self, request: Request, status: int = 200, fault: str = "", said: str = ""
    ) -> Response:
        auth, actor = self._auth, request.actor
        user = None if actor.id is None else await auth.users.find(actor.id)
        if user is None or "sid" not in actor.claims:
            return redirect(f"{self._render.base(request)}/sign-in")
        account = await auth.accounts.find(user.text)
        return self._render.page(
            request,
            "account.html",
            status,
            fault=fault,
            said=said,
            login=user.login,
            passwords=auth.options.passwords,
            has_password=account.password is not None,
            sessions=await self._own.told(request),
            shortest=auth.settings.password_min_length,
        )

    async def password(self, request: Request, form: dict[str, str]) -> Response:
        self._check_self(request)
        document = {
            "new_password": form.get("new_password", ""),
            "password": form.get("password", ""),
        }
        try:
            await self._own.set_password(request, document)
        except Problem as problem:
            fault = self._words(request, problem)
            return await self._account(request, problem.status, fault)
        return await self._account(request, said=say(language_of(request), "changed"))

    async def end(self, request: Request, form: dict[str, str]) -> Response:
        self._check_self(request)
        session_id = form.get("session")
        if session_id is None:
            await self._own.end_others(request)
        else:
            try:
                await self._own.end_session(request, session_id)
            except Problem as problem:
                # It has ended by itself.
                if problem.code is not NOT_FOUND:
                    raise
        return redirect(f"{self._render.base(request)}/account")

    def _check_self(self, request: Request) -> None:
        """Raise Problem unless the user themselves asks, by a session."""
        claims = request.actor.claims
        if "sid" not in claims or "behind" in claims or request.actor.scopes is not None:
            raise Problem(INVALID_CREDENTIALS)
