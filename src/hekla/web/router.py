"""From a path to an endpoint, by its first segment: one split and one look into a dictionary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from hekla.errors import METHOD_NOT_ALLOWED, NOT_FOUND, NOT_IMPLEMENTED, Problem
from hekla.web.path import decode_segment
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["READ", "Endpoint", "Handler", "Route", "Router", "method_not_allowed"]

Handler = Callable[[Request], Awaitable[Response]]
# What need not wait for anything is answered at once.
Endpoint = Callable[[Request, str], Response | Awaitable[Response]]

READ = frozenset({"GET"})
# Methods somebody has defined; another one is answered with 501, not 405 (RFC 9110 section 9.1).
_KNOWN = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
)


class Route:
    """An endpoint and the methods it takes.

    ``methods_of`` answers the methods by the rest of the path, where they are not the same
    everywhere under the segment; GET is then allowed for every rest, or for none. HEAD comes
    with GET, and OPTIONS is answered for every route. ``serves`` is the endpoint itself, whatever
    was put around it; ``name`` is the segment, or the path of a page.
    """

    __slots__ = ("endpoint", "methods", "methods_of", "name", "serves")

    def __init__(
        self,
        endpoint: Endpoint,
        methods: Iterable[str] = READ,
        methods_of: Callable[[str], Iterable[str]] | None = None,
        name: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.serves = endpoint
        self.name = name
        self.methods = frozenset(methods)
        self.methods_of = methods_of

    def allows(self, method: str, rest: str) -> bool:
        """Whether the endpoint takes the method for this rest of the path."""
        if self.methods_of is None:
            return method in self.methods
        return method in self.methods_of(rest)

    def allow(self, rest: str) -> str:
        """The value of the ``Allow`` header for this rest of the path."""
        methods = set(self.methods if self.methods_of is None else self.methods_of(rest))
        if "GET" in methods:
            methods.add("HEAD")
        methods.add("OPTIONS")
        return ", ".join(sorted(methods))


class Router:
    """All routes of an application, below an optional prefix such as ``/api``."""

    __slots__ = ("_pages", "_routes", "by_path", "count", "prefix")

    def __init__(self, prefix: str = "") -> None:
        prefix = prefix.rstrip("/")
        if prefix and not prefix.startswith("/"):
            raise ValueError(f'A prefix begins with "/", unlike {prefix!r}.')
        self.prefix = prefix
        self._routes: dict[str, Route] = {}
        self._pages: dict[str, Route] = {}
        # Counts what a request does at a route besides its own, as a batch does: (request, route,
        # method, how often). None where nothing is counted.
        self.count: Callable[[Request, str, str, int], Awaitable[None]] | None = None
        # The routes by the path of their segment, prefix and all, where it is spelled in one
        # way only: what a request can look up at once.
        self.by_path: dict[str, Route] = {}

    def add(
        self,
        segment: str,
        endpoint: Endpoint,
        methods: Iterable[str] = READ,
        methods_of: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        """Route every path whose first segment, decoded, is ``segment`` to ``endpoint``.

        The endpoint is called with what follows the segment and its slash, still encoded.
        Raises ValueError if the segment is taken.
        """
        if not segment:
            raise ValueError("A segment cannot be empty; use add_page for the root.")
        if segment in self:
            raise ValueError(f"There is a route for {segment!r} already.")
        route = self._routes[segment] = Route(endpoint, methods, methods_of, segment)
        if "/" not in segment and "%" not in segment:
            self.by_path[f"{self.prefix}/{segment}"] = route

    def add_page(self, path: str, handlers: Mapping[str, Handler]) -> None:
        """Route exactly one path to a handler per method.

        Raises ValueError if the path is taken, or lies below a segment that is.
        """
        name = path.strip("/")
        segment = name.partition("/")[0]
        if name in self._pages or segment in self._routes:
            raise ValueError(f"There is a route for {path!r} already.")
        table = dict(handlers)

        async def page(request: Request, rest: str) -> Response:
            return await table[request.method](request)

        self._pages[name] = Route(page, table, name=name)

    def __contains__(self, segment: str) -> bool:
        """Whether a segment is taken, by an endpoint or by a page at it or below it."""
        return segment in self._routes or any(
            name.partition("/")[0] == segment for name in self._pages
        )

    @property
    def names(self) -> frozenset[str]:
        """The first segments there are, and the paths of pages."""
        pages = {name.partition("/")[0] for name in self._pages}
        return frozenset({*self._routes, *self._pages, *pages})

    def around(self, put_around: Callable[[str, Endpoint], Endpoint]) -> None:
        """Put something around every endpoint, which is told by the name of its route."""
        for route in (*self._routes.values(), *self._pages.values()):
            route.endpoint = put_around(route.name, route.endpoint)

    def find(self, path: str) -> tuple[Route, str]:
        """The route of a path, and what the path holds below it.

        Raises Problem ``not_found``, or ``invalid_syntax`` for a path that cannot be read.
        """
        prefix = self.prefix
        if prefix:
            if not path.startswith(prefix):
                raise _not_found()
            path = path[len(prefix) :]
            if path and path[0] != "/":
                raise _not_found()
        end = path.find("/", 1)
        if end < 0:
            route = self._routes.get(path[1:])
            if route is not None:
                return route, ""
        else:
            route = self._routes.get(path[1:end])
            if route is not None:
                return route, path[end + 1 :]
        return self._find_slowly(path)

    def _find_slowly(self, path: str) -> tuple[Route, str]:
        """Pages, and segments whose name has to be decoded first or holds a slash itself."""
        if path == "*":
            # OPTIONS asks it of the server as a whole (RFC 9110 section 9.3.7).
            routes = [*self._routes.values(), *self._pages.values()]
            return Route(_nowhere, frozenset().union(*[route.methods for route in routes])), ""
        if path and path[0] != "/":
            raise _not_found()
        name = path[1:]
        # "/docs/" is "/docs", but "//" is not "/".
        page = self._pages.get(name[:-1] if len(name) > 1 and name[-1] == "/" else name)
        if page is not None:
            return page, ""
        segment, _, rest = path[1:].partition("/")
        name = decode_segment(segment)
        route = self._routes.get(name)
        if route is not None:
            return route, rest
        # A server that decodes the path itself makes a slash of %2F.
        while rest:
            segment, _, rest = rest.partition("/")
            name = f"{name}/{decode_segment(segment)}"
            route = self._routes.get(name)
            if route is not None:
                return route, rest
            if len(name) > 200:
                break
        raise _not_found()


def method_not_allowed(method: str, allow: str) -> Problem:
    """The answer to a method that a route does not take: 405, or 501 if nobody knows it."""
    if method in _KNOWN:
        return Problem(
            METHOD_NOT_ALLOWED,
            f"{method} is not allowed here; allowed are {allow}.",
            headers={"allow": allow},
        )
    return Problem(NOT_IMPLEMENTED, "The server does not know this method.")


async def _nowhere(request: Request, rest: str) -> Response:
    raise _not_found()


def _not_found() -> Problem:
    return Problem(NOT_FOUND, "There is nothing at this address.")
