"""The templates of the pages, those of the application in place of Hekla's of the same name."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hekla.auth.language import language_of
from hekla.auth.pages.words import say
from hekla.web.pages import page_headers
from hekla.web.response import Response

if TYPE_CHECKING:
    from jinja2 import Environment

    from hekla.web.request import Request

__all__ = ["Renderer"]

_HERE = Path(__file__).with_name("templates")


class Renderer:
    """Makes pages. ``folder`` holds templates, and a ``page.css``, of the application's own."""

    def __init__(self, title: str, prefix: str, folder: Path | None) -> None:
        self._title = title
        self._prefix = prefix
        self._folder = folder

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        folders = [str(folder) for folder in (self._folder, _HERE) if folder is not None]
        return Environment(
            loader=FileSystemLoader(folders),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            undefined=StrictUndefined,
        )

    def base(self, request: Request) -> str:
        """The path below which the pages are, mounted in another application too."""
        return f"{request.base}{self._prefix}/auth/pages"

    def page(self, request: Request, template: str, status: int = 200, **given: Any) -> Response:
        """A page in the language that is asked for; nobody keeps it, and nobody frames it."""
        language = language_of(request)

        def speak(key: str, **more: object) -> str:
            return say(language, key, **more)

        body = self._environment.get_template(template).render(
            language="en" if language == "en" else "zh-Hans",
            application=self._title,
            base=self.base(request),
            say=speak,
            **{"fault": "", **given},
        )
        headers = dict(page_headers(forms=("'self'",), private=True))
        # A browser that may name no page as the one it comes from sends "Origin: null".
        headers["referrer-policy"] = "same-origin"
        headers["vary"] = "Accept-Language"
        return Response(status, body.encode(), list(headers.items()))

    def stylesheet(self) -> Response:
        own = None if self._folder is None else self._folder / "page.css"
        path = own if own is not None and own.is_file() else _HERE / "page.css"
        headers = [
            ("content-type", "text/css; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("content-security-policy", "default-src 'none'"),
        ]
        return Response(200, path.read_bytes(), headers)
