"""The pages of the provider: made on the server, without scripts, to be restyled at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hekla.auth.oauth.words import choose_language, words_of
from hekla.web.pages import page_headers
from hekla.web.response import Response

if TYPE_CHECKING:
    from jinja2 import Environment

    from hekla.web.request import Request
    from hekla.web.router import Router

__all__ = ["Pages"]

_HERE = Path(__file__).with_name("templates")


class Pages:
    """Renders the templates, those in ``folder`` in place of Hekla's own of the same name."""

    def __init__(self, title: str, prefix: str, folder: Path | None, scopes: Mapping[str, str]):
        self._title = title
        self._prefix = prefix
        self._folder = folder
        self._scopes = dict(scopes)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader

        folders = [str(folder) for folder in (self._folder, _HERE) if folder is not None]
        return Environment(
            loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, auto_reload=False
        )

    def language(self, request: Request, wanted: str = "") -> str:
        return choose_language(wanted, request.headers.get("accept-language") or "")

    def say(self, language: str, key: str, **given: object) -> str:
        """A text in a language; what is put into it is shown as it is."""
        return words_of(language)[key].format(**given)

    def scope_text(self, language: str, scope: str) -> str:
        """What a user is told of a scope."""
        words = words_of(language)
        if f"scope_{scope}" in words:
            return words[f"scope_{scope}"]
        if scope in self._scopes:
            return self._scopes[scope]
        resource, _, action = scope.rpartition(":")
        key = f"scope_{action}_one"
        return words[key].format(resource=resource) if resource and key in words else scope

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        wanted: str = "",
        forms: Sequence[str] = ("'self'",),
        headers: Sequence[tuple[str, str]] = (),
        **given: Any,
    ) -> Response:
        """A page. ``forms`` are where its forms may lead to, redirects included."""
        language = self.language(request, wanted)

        def say(key: str, **more: object) -> str:
            return self.say(language, key, **more)

        body = self._environment.get_template(template).render(
            language=language,
            application=self._title,
            base=request.base + self._prefix,
            say=say,
            **given,
        )
        own = page_headers(forms=forms, private=True)
        return Response(status, body.encode(), [*own, ("vary", "Accept-Language"), *headers])

    def message(
        self, request: Request, title: str, text: str, status: int = 200, **more: Any
    ) -> Response:
        """A page that only says something."""
        return self.page(
            request,
            "message.html",
            status=status,
            forms=(),
            title=title,
            text=text,
            grave=status >= 400,
            **more,
        )

    def route(self, router: Router) -> None:
        """Put what all pages need on a router."""

        async def stylesheet(request: Request) -> Response:
            return self.stylesheet()

        router.add_page("/oauth/page.css", {"GET": stylesheet})

    def stylesheet(self) -> Response:
        own = None if self._folder is None else self._folder / "page.css"
        path = own if own is not None and own.is_file() else _HERE / "page.css"
        headers = [
            ("content-type", "text/css; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("content-security-policy", "default-src 'none'"),
        ]
        return Response(200, path.read_bytes(), headers)
