"""The way of every request through the web layer: limits, route, endpoint, form of the answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

from hekla.actor import ANONYMOUS, Actor
from hekla.errors import INTERNAL, Problem
from hekla.settings import Settings
from hekla.web.body import begin_stream, close_stream
from hekla.web.compress import SMALLEST, pays
from hekla.web.conditional import entity_tag
from hekla.web.cors import Cors
from hekla.web.limits import HEADER_OVERHEAD, check_address, check_headers
from hekla.web.representation import VARY, represent
from hekla.web.request import ClientLeft, Request
from hekla.web.response import Response, problem_response
from hekla.web.router import Route, Router, method_not_allowed

__all__ = ["Authenticate", "WebApplication"]

Authenticate = Callable[[Request], Actor | Awaitable[Actor]]
Recall = Callable[[str], Actor | None]
Pairs = list[tuple[str, str]]
Shortcut = Callable[[str, str, Pairs], Response | None]
AtOnce = Callable[[str, str, str, Actor], Response | None]

logger = logging.getLogger("hekla")

_NO_SNIFFING = ("x-content-type-options", "nosniff")
# The headers on which the form of an answer depends, or whether it is one of HTTP at all.
_NEGOTIATED = frozenset({"accept", "accept-encoding", "if-none-match", "upgrade", "x-request-id"})
_CREDENTIALS = frozenset({"authorization", "cookie"})


@runtime_checkable
class _Prompt(Protocol):
    """An endpoint that may have an answer at once."""

    def at_once(self, path: str, rest: str, query: str, actor: Actor) -> Response | None: ...


class WebApplication:
    """One HTTP application: a router, its limits, and what holds for every answer.

    ``authenticate`` answers who asks, at once where it knows without waiting; without it
    everybody is anonymous. ``recall`` knows whom an ``Authorization`` header that was seen
    before stands for. Where the server itself bounds the headers, ``checks_headers`` may be set
    to False.
    """

    def __init__(
        self,
        router: Router,
        settings: Settings,
        *,
        authenticate: Authenticate | None = None,
        recall: Recall | None = None,
    ) -> None:
        self.router = router
        self.settings = settings
        self.authenticate = authenticate
        self._recall = recall
        self.checks_headers = True
        self._find = router.find
        self._by_path = router.by_path
        self._longest_path = settings.max_path_bytes
        self._longest_query = settings.max_query_bytes
        self._largest_headers = settings.max_header_bytes
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None

    @property
    def shortcut(self) -> Shortcut | None:
        """What answers a GET by path, query and headers, if nothing is to be negotiated.

        It gives the answer that :meth:`answer` gives, or None where that takes more than to find
        an endpoint and a body. An endpoint offers it by a method ``at_once``; one that something
        was put around does not.
        """
        at_once: dict[str, AtOnce] = {}
        for path, route in self._by_path.items():
            endpoint: object = route.endpoint
            if isinstance(endpoint, _Prompt):
                at_once[path] = endpoint.at_once
        if self._cors is not None or not at_once:
            return None
        deciding = _NEGOTIATED if self.authenticate is None else _NEGOTIATED | _CREDENTIALS
        recall = self._recall
        # Not more than either may be: longer ones are measured on the whole way.
        longest = min(self._longest_path, self._longest_query)
        largest = self._largest_headers if self.checks_headers else None

        def answer(path: str, query: str, pairs: Pairs) -> Response | None:
            rest = ""
            offered = at_once.get(path)
            if offered is None:
                above, _, rest = path.rpartition("/")
                offered = at_once.get(above) if rest else None
            if offered is None or len(path) + len(query) > longest:
                return None
            actor, size = ANONYMOUS, 0
            for name, value in pairs:
                if name in deciding:
                    known = recall(value) if recall and name in _CREDENTIALS else None
                    if known is None or actor is not ANONYMOUS:
                        return None
                    actor = known
                size += len(name) + len(value) + HEADER_OVERHEAD
            if largest is not None and size > largest:
                return None
            response = offered(path, rest, query, actor)
            if response is None:
                return None
            body, own = response.body, response.headers
            if not isinstance(body, bytes) or own[0][0] != "content-type":
                return None
            tag = ("etag", entity_tag(body))
            if len(body) >= SMALLEST and pays(own[0][1]):
                return Response(200, body, [*own, VARY, tag, _NO_SNIFFING])
            return Response(200, body, [*own, tag, _NO_SNIFFING])

        return answer

    async def handle(self, request: Request) -> Response:
        """Answer a request; see :meth:`answer`."""
        response = self.answer(request)
        return response if isinstance(response, Response) else await response

    def answer(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer a request: at once where nothing has to be waited for, else once awaited.

        Only ClientLeft and the cancellation of the task come out of it. The first piece of a
        body that streams is there already, so what fails before it is answered as a Problem.

        Every call on this way is paid for by every request, and dearly, after a statement has
        filled the processor's caches: so what most requests need stands here in one piece.
        """
        request.settings = self.settings
        method = request.method
        if method == "HEAD":
            method, request.is_head = "GET", True
            request.method = method
        try:
            path = request.path
            if len(path) > self._longest_path or len(request.query) > self._longest_query:
                check_address(path, request.query, self.settings)
            if self.checks_headers:
                size = 0
                for name, value in request.headers.pairs:
                    size += len(name) + len(value) + HEADER_OVERHEAD
                if size > self._largest_headers:
                    check_headers(request.headers, self.settings)
            rest = ""
            route = self._by_path.get(path)
            if route is None:
                above, _, rest = path.rpartition("/")
                route = self._by_path.get(above)
                if route is None:
                    route, rest = self._find(path)
            if method in route.methods and (method == "GET" or route.allows(method, rest)):
                if self.authenticate is not None:
                    actor = self.authenticate(request)
                    if not isinstance(actor, Actor):
                        return self._go_on(request, self._as_whom(request, actor, route, rest))
                    request.actor = actor
                response = route.endpoint(request, rest)
            else:
                response = self._other_method(request, route, rest)
            if not isinstance(response, Response) or request.is_head:
                return self._go_on(request, response)
            if response.status == 200 and method == "GET" and isinstance(response.body, bytes):
                response = represent(request, response)
                if (
                    isinstance(response, Response)
                    and self._cors is None
                    and request._id is None
                    and "x-request-id" not in request.headers.first
                ):
                    # It is a new one, which nobody else has.
                    response.headers.append(_NO_SNIFFING)
                    return response
            else:
                response = self._form(request, response)
            if not isinstance(response, Response):
                return self._go_on(request, response, formed=True)
        except ClientLeft:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged, and told as what it is
            response = _refusal(request, error)
            if request.is_head:
                return self._go_on(request, response)
        return Response(response.status, response.body, self._headers(request, response))

    async def _as_whom(
        self, request: Request, actor: Awaitable[Actor], route: Route, rest: str
    ) -> Response:
        """Answer a request once it is known who asks."""
        request.actor = await actor
        response = route.endpoint(request, rest)
        return response if isinstance(response, Response) else await response

    async def _go_on(
        self, request: Request, pending: Response | Awaitable[Response], *, formed: bool = False
    ) -> Response:
        """Answer a request that has to wait for something; ``formed``: only for its form."""
        try:
            response = pending if isinstance(pending, Response) else await pending
            if not formed:
                found = self._form(request, response)
                response = found if isinstance(found, Response) else await found
        except ClientLeft:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged, and told as what it is
            response = _refusal(request, error)
        headers = self._headers(request, response)
        if request.is_head:
            return Response(response.status, await _without_body(response, headers), headers)
        return Response(response.status, response.body, headers)

    def refuse(self, request: Request, problem: Problem) -> Response:
        """The answer to a request that does not even come in; nothing of the application is run."""
        request.settings = self.settings
        request.is_head = request.method == "HEAD"
        response = problem_response(problem, request)
        headers = [*response.headers, _NO_SNIFFING, ("x-request-id", request.id)]
        if self._cors is not None:
            headers += self._cors.headers(request)
        return Response(response.status, b"" if request.is_head else response.body, headers)

    def _form(
        self, request: Request, response: Response
    ) -> Response | Coroutine[Any, Any, Response]:
        """The answer in the form that the client wants, its stream begun."""
        body = response.body
        if not isinstance(body, bytes) and not request.is_head:
            return _begun(request, response, body)
        if response.status == 200 and request.method == "GET":
            return represent(request, response)
        return response

    def _headers(self, request: Request, response: Response) -> list[tuple[str, str]]:
        """The headers of the answer, with those that hold for every one."""
        headers = [*response.headers, _NO_SNIFFING]
        if request._id is not None or "x-request-id" in request.headers.first:
            headers.append(("x-request-id", request.id))
        if self._cors is not None:
            headers += self._cors.headers(request)
        return headers

    def _other_method(self, request: Request, route: Route, rest: str) -> Response:
        """OPTIONS, which every route has, or the Problem that there is no such method."""
        allow = route.allow(rest)
        if request.method != "OPTIONS":
            raise method_not_allowed(request.method, allow)
        headers = [("allow", allow)]
        if self._cors is not None:
            headers += self._cors.preflight(request, allow)
        return Response(204, b"", headers)


async def _begun(request: Request, response: Response, body: AsyncIterator[bytes]) -> Response:
    begun = await begin_stream(body)
    response = Response(response.status, begun, response.headers)
    if response.status == 200 and request.method == "GET":
        found = represent(request, response)
        return found if isinstance(found, Response) else await found
    return response


def _refusal(request: Request, error: Exception) -> Response:
    """The answer to a request that came to nothing; only a Problem is told to the client."""
    if not isinstance(error, Problem):
        logger.error(
            "Request %s failed: %s %s", request.id, request.method, request.path, exc_info=error
        )
        error = Problem(INTERNAL, "The error was logged under the id of the request.")
    return problem_response(error, request)


async def _without_body(response: Response, headers: list[tuple[str, str]]) -> bytes:
    """Make an answer to HEAD: it says what GET would say about its body, and has none."""
    body = response.body
    if not isinstance(body, bytes):
        await close_stream(body)
    elif response.status not in (204, 304):
        headers.append(("content-length", str(len(body))))
    return b""
