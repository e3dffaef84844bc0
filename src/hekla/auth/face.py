"""All addresses of sign-in, put on a router."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hekla.auth.api.administration import Administration
from hekla.auth.api.entrance import Entrance
from hekla.auth.api.keys import Keys
from hekla.auth.api.mail import Mail
from hekla.auth.api.own import Own
from hekla.auth.api.schemas import array_of, object_of, text
from hekla.auth.api.second import Second
from hekla.auth.operations import Dispatcher, Operation
from hekla.auth.post import Letters
from hekla.auth.sign_in import SignIn
from hekla.errors import OperatorError
from hekla.web.request import Request
from hekla.web.response import Response, json_response

if TYPE_CHECKING:
    from hekla.auth.core import Auth
    from hekla.auth.pages.pages import Pages
    from hekla.web.router import Router

__all__ = ["AuthFace"]

_LENIENT = (
    "login",
    "register",
    "refresh",
    "logout",
    "confirm",
    "forgot",
    "reset",
    "link",
    "link/login",
    "code",
    "code/login",
    "totp/login",
)


class AuthFace:
    """The endpoints below ``/auth``, and the keys that tokens are verified with."""

    def __init__(self, auth: Auth, router: Router) -> None:
        self.auth = auth
        self.sign_in = SignIn(auth)
        self.prefix = router.prefix
        user = self._user_schema()
        operations: list[Operation] = []
        self.letters = Letters(auth, router.prefix)
        entrance = Entrance(auth, self.sign_in, self.letters, user)
        self.second = Second(auth, self.sign_in, entrance.answer)
        self.mail = Mail(auth, self.sign_in, self.letters, entrance.answer)
        operations += entrance.operations()
        own = Own(auth, self.sign_in, user)
        operations += own.operations()
        operations += self.second.operations()
        operations += Administration(auth, self.sign_in, user).operations()
        if auth.mailer is not None:
            operations += self.mail.operations()
        if auth.options.keys:
            operations += Keys(auth).operations()
        pages: dict[str, dict[str, Any]] = {}
        if auth.options.pages:
            pages = self._pages(entrance, own).handlers()
        self._pages_there = {path: tuple(table) for path, table in pages.items()}
        self.dispatcher = Dispatcher(operations, pages)
        router.add("auth", self.dispatcher, self.dispatcher.methods, self.dispatcher.methods_of)
        if auth.options.tokens:
            router.add_page("/.well-known/jwks.json", {"GET": self._keys})
        paths = [f"auth/pages/{name}" for name in pages]
        paths += [f"auth/{name}" for name in _LENIENT] + [".well-known/jwks.json"]
        auth.authenticate.lenient |= {f"{self.prefix}/{path}" for path in paths}

    def _pages(self, entrance: Entrance, own: Own) -> Pages:
        from hekla.auth.pages.pages import Pages
        from hekla.auth.pages.render import Renderer

        options = self.auth.options
        folder = None if options.templates is None else Path(options.templates)
        if folder is not None and not folder.is_dir():
            raise OperatorError(f"templates: there is no folder {folder}")
        renderer = Renderer(options.title or "Hekla", self.prefix, folder)
        return Pages(self.auth, renderer, entrance, self.second, own, self.mail)

    def listed(self) -> list[tuple[tuple[str, ...], str, str]]:
        """The methods, the path and a description of every address, for ``hekla routes``."""
        found: dict[str, list[Operation]] = {}
        for operation in self.dispatcher.operations:
            found.setdefault(operation.path, []).append(operation)
        listed = []
        for path, operations in found.items():
            methods = [operation.method for operation in operations]
            if "GET" in methods:
                methods.append("HEAD")
            told = "; ".join(each.summary[0].lower() + each.summary[1:] for each in operations)
            listed.append(((*methods, "OPTIONS"), f"{self.prefix}/auth/{path}", told))
        for page, its in self._pages_there.items():
            more = ("HEAD",) if "GET" in its else ()
            path = f"{self.prefix}/auth/pages/{page}"
            listed.append(((*its, *more, "OPTIONS"), path, "a page for people"))
        if self.auth.options.tokens:
            told = "the keys that tokens are signed with"
            path = f"{self.prefix}/.well-known/jwks.json"
            listed.append((("GET", "HEAD", "OPTIONS"), path, told))
        return listed

    def _user_schema(self) -> dict[str, Any]:
        users = self.auth.users
        shown = {}
        for name in users.shown:
            column = users.resource.columns[name]
            schema = dict(column.type.schema())
            shown[name] = {"anyOf": [schema, {"type": "null"}]} if column.nullable else schema
        return object_of({**shown, "roles": array_of(text)})

    async def _keys(self, request: Request) -> Response:
        # Whoever keeps them has an hour to learn of a new one.
        return json_response(
            self.auth.keys.public(), headers=[("cache-control", "public, max-age=900")]
        )
