"""Mails with secrets in them: who is sent which, aside from whoever asked.

All of it happens after the answer was made, so that neither the answer nor its time says whether
there is an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hekla.auth.language import Language, language_of
from hekla.auth.letters import Occasion, letter
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.codes import Purpose
    from hekla.auth.core import Auth
    from hekla.auth.users import Found
    from hekla.store.protocol import Transaction
    from hekla.web.request import Request

__all__ = ["Letters"]

_CODE_SECONDS = 600
_DEVELOPMENT = "http://localhost:8000"


class Letters:
    """Sends what an occasion asks for."""

    def __init__(self, auth: Auth, prefix: str) -> None:
        self._auth = auth
        url = auth.settings.public_url
        if auth.mailer is not None and not url:
            if not auth.settings.mail_url.startswith(("console:", "file:")):
                # What a request says of itself would send secrets to whoever wrote it.
                raise OperatorError("mail_url needs public_url: links have to lead somewhere")
            url = _DEVELOPMENT
        self._base = f"{url}{prefix}/auth/pages"

    def link(self, page: str, token: str | None = None) -> str:
        """The address of a page, with a secret for it."""
        address = f"{self._base}/{page}"
        return address if token is None else f"{address}?token={quote(token)}"

    def _send(
        self, to: str, occasion: Occasion, language: Language, seconds: float = 0, **words: str
    ) -> None:
        auth = self._auth
        assert auth.mailer is not None
        given = {"title": auth.options.title, "minutes": str(round(seconds / 60)), **words}
        subject, text = letter(occasion, language, **given)
        auth.mailer.send(to, subject, text)

    async def _user(self, login: str) -> Found | None:
        """The user of a login who may be written to."""
        user = await self._auth.users.find_login(login)
        if user is None or (await self._auth.accounts.find(user.text)).disabled:
            return None
        return user

    async def _secret(
        self,
        purpose: Purpose,
        seconds: float,
        *,
        user_id: str | None = None,
        address: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> str:
        """A new secret, in place of those that the user was sent for the same."""
        auth, secret = self._auth, self._auth.codes.new()

        async def work(tx: Transaction) -> None:
            if user_id is not None:
                await auth.codes.forget(tx, user_id, purpose)
            await auth.codes.add(
                tx, secret, purpose, seconds, user_id=user_id, address=address, data=data
            )

        await auth.store.write(work)
        return secret

    # Occasions

    def register(self, request: Request, document: dict[str, Any], login: str, hashed: str) -> None:
        """Have whoever registers confirm the address; who has an account is told so."""
        auth, language = self._auth, language_of(request)
        address = auth.users.normal(login)
        seconds = auth.settings.mail_link_seconds
        kept = {"document": {**document, auth.options.login: address}, "password": hashed}

        async def work() -> None:
            if await auth.users.find_login(address) is not None:
                self._send(address, "taken", language, link=self.link("forgot"))
                return
            secret = await self._secret("register", seconds, address=address, data=kept)
            link = self.link("confirm", secret)
            self._send(address, "register", language, seconds, link=link)

        auth.aside(work())

    def confirm(self, request: Request, user: Found) -> None:
        """Have a user confirm the address that they sign in with."""
        auth, language = self._auth, language_of(request)
        seconds = auth.settings.mail_link_seconds

        async def work() -> None:
            secret = await self._secret("confirm", seconds, user_id=user.text, address=user.login)
            link = self.link("confirm", secret)
            self._send(user.login, "confirm", language, seconds, link=link)

        auth.aside(work())

    def change(self, request: Request, user: Found, address: str) -> None:
        """Have a user confirm a new address; whose it is already, if anybody's, is not said."""
        auth, language = self._auth, language_of(request)
        seconds = auth.settings.mail_link_seconds

        async def work() -> None:
            if await auth.users.find_login(address) is not None:
                return
            secret = await self._secret("email", seconds, user_id=user.text, address=address)
            link = self.link("confirm", secret)
            self._send(address, "email", language, seconds, link=link)

        auth.aside(work())

    def changed(self, request: Request, old: str) -> None:
        """Tell the old address that it is not the one any more."""
        self._send(old, "email_changed", language_of(request))

    def reset(self, request: Request, login: str) -> None:
        """Have a user set a new password."""
        auth, language = self._auth, language_of(request)
        seconds = auth.settings.mail_link_seconds

        async def work() -> None:
            user = await self._user(login)
            if user is None:
                return
            secret = await self._secret("reset", seconds, user_id=user.text, address=user.login)
            link = self.link("reset", secret)
            self._send(user.login, "reset", language, seconds, link=link)

        auth.aside(work())

    def sign_in(self, request: Request, login: str) -> None:
        """Send a user a link that signs them in."""
        auth, language = self._auth, language_of(request)
        seconds = min(auth.settings.mail_link_seconds, 900)

        async def work() -> None:
            user = await self._user(login)
            if user is None:
                return
            secret = await self._secret("link", seconds, user_id=user.text, address=user.login)
            link = self.link("link", secret)
            self._send(user.login, "link", language, seconds, link=link)

        auth.aside(work())

    def code(self, request: Request, login: str) -> str:
        """Send a user six digits that sign them in; what these have to be shown with.

        There is such a thing for an unknown user too; it is good for nothing.
        """
        auth, language = self._auth, language_of(request)
        challenge, digits = auth.codes.new(), auth.codes.new_digits()

        async def work() -> None:
            user = await self._user(login)
            if user is None:
                return

            async def keep(tx: Transaction) -> None:
                await auth.codes.forget(tx, user.text, "code")
                await auth.codes.add(
                    tx,
                    challenge,
                    "code",
                    _CODE_SECONDS,
                    user_id=user.text,
                    address=user.login,
                    digits=digits,
                )

            await auth.store.write(keep)
            self._send(user.login, "code", language, _CODE_SECONDS, code=digits)

        auth.aside(work())
        return challenge
