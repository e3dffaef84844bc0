"""All addresses of the REST face, put on a router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hekla.cache import Cache
from hekla.engine import Engine
from hekla.errors import METHOD_NOT_ALLOWED, NOT_FOUND, OperatorError, Problem
from hekla.faces.rest.batch import Batch
from hekla.faces.rest.changes import AllChanges
from hekla.faces.rest.components import readable_relations
from hekla.faces.rest.cursor import CursorCodec
from hekla.faces.rest.endpoint import ResourceEndpoint
from hekla.faces.rest.import_ import IMPORT, Imports
from hekla.faces.rest.pages import ASSETS, asset, index_page, reference_page
from hekla.faces.rest.prepared import ASKED, Asked, Prepared
from hekla.faces.rest.row_documents import Documents
from hekla.query.shape import Question
from hekla.schema.describe import describe
from hekla.schema.names import path_segment
from hekla.web.negotiate import negotiate
from hekla.web.request import Request
from hekla.web.response import Response, json_response
from hekla.web.router import Router

__all__ = ["Listed", "RestFace"]

_READ = ("GET", "HEAD", "OPTIONS")
_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _listed(methods: Collection[str]) -> tuple[str, ...]:
    """Methods of an endpoint with those that every one has, in the usual order."""
    return tuple(method for method in _ORDER if method in methods or method in _READ)


def _asset(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        return asset(name)

    return handler


@dataclass(frozen=True, slots=True)
class Listed:
    """One address, for ``hekla routes``."""

    methods: tuple[str, ...]
    path: str
    description: str


class RestFace:
    """The lists and rows of every resource, and the pages that describe them."""

    def __init__(
        self,
        engine: Engine,
        router: Router,
        secret: str,
        *,
        describe: Callable[[], Mapping[str, Any]],
        title: str,
    ) -> None:
        self.engine = engine
        self._router = router
        self._describe = describe
        self._title = title
        self._document: tuple[str, Response] | None = None
        cursors = CursorCodec(secret)
        prepared: Cache[tuple[Any, ...], Prepared] = Cache(engine.settings.plan_cache_size)
        asked: Cache[tuple[Any, ...], Asked] = Cache(ASKED)
        documents = Documents(engine)
        imports = Imports(engine)
        self._endpoints: dict[str, ResourceEndpoint] = {}
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/": self._index,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        pages |= {f"/docs/{name}": _asset(name) for name in ASSETS}
        if engine.changes.tables:
            pages["/changes"] = AllChanges(engine)
        for path, handler in pages.items():
            router.add_page(path, {"GET": handler})
        if engine.policy.writable:
            router.add_page("/batch", {"POST": Batch(engine, router)})
        for resource in engine.schema:
            endpoint = ResourceEndpoint(
                engine, resource, cursors, prepared, asked, documents, imports, router.prefix
            )
            methods = endpoint.methods("") | endpoint.methods("1")
            try:
                router.add(resource.name, endpoint, methods, endpoint.methods)
            except ValueError as error:
                raise OperatorError(f"{resource.name}: {error}; give it another name=") from error
            self._endpoints[resource.name] = endpoint

    def question(self, request: Request) -> Question:
        """The question that a request asks; Problem ``not_found`` if it asks none."""
        if request.method not in ("GET", "HEAD"):
            raise Problem(METHOD_NOT_ALLOWED, "Only GET and HEAD can be explained.")
        route, rest = self._router.find(request.path)
        endpoint = route.serves
        if not isinstance(endpoint, ResourceEndpoint):
            raise Problem(NOT_FOUND, "No rows are read at this address.")
        return endpoint.question(request, rest)

    def routes(self) -> list[Listed]:
        prefix = self._router.prefix
        listed = []
        for resource in self.engine.schema:
            path = f"{prefix}/{path_segment(resource.name)}"
            endpoint = self._endpoints[resource.name]
            methods = _listed(endpoint.methods(""))
            listed.append(Listed(methods, path, f"the rows of {resource.name}"))
            if resource.key:
                key = ",".join(f"{{{name}}}" for name in resource.key)
                methods = _listed(endpoint.methods("1"))
                listed.append(Listed(methods, f"{path}/{key}", f"one row of {resource.name}"))
                if self.engine.changes.holds(resource):
                    told = f"what happened to one row of {resource.name}"
                    listed.append(Listed(_READ, f"{path}/{key}/history", told))
            if resource.writable:
                told = f"rows of {resource.name} from a file"
                listed.append(Listed(("POST", "OPTIONS"), f"{path}/{IMPORT}", told))
            listed.append(Listed(_READ, f"{path}/aggregate", f"figures about {resource.name}"))
            if self.engine.changes.holds(resource):
                told = f"what happened to the rows of {resource.name}"
                listed.append(Listed(_READ, f"{path}/changes", told))
        if self.engine.changes.tables:
            told = "what happened to everything, for administrators"
            listed.append(Listed(_READ, f"{prefix}/changes", told))
        if self.engine.policy.writable:
            told = "several operations, all of them or none"
            listed.append(Listed(("POST", "OPTIONS"), f"{prefix}/batch", told))
        for path, description in (
            ("/", "the list of resources"),
            ("/docs", "the reference, for people"),
            ("/openapi.json", "the reference, for programs"),
            ("/healthz", "whether the process lives"),
            ("/readyz", "whether the database answers"),
        ):
            listed.append(Listed(_READ, f"{prefix}{path}", description))
        return listed

    async def _index(self, request: Request) -> Response:
        access = self.engine.policy.access(request.actor)
        resources = []
        for resource, entry in zip(self.engine.schema, describe(self.engine.schema), strict=True):
            if access.rows(resource) is False:
                continue
            entry["writable"] = access.writable(resource)
            entry["url"] = self._router.prefix + entry["url"]
            entry["relations"] = [each.name for each in readable_relations(resource, access)]
            if not all(name in access.columns(resource) for name in resource.key):
                entry["key"] = []
            resources.append(entry)
        form = negotiate(request, ("application/json", "text/html; charset=utf-8"))
        if form == "application/json":
            return json_response({"resources": resources}, headers=[("vary", "Accept")])
        columns, links = {}, {}
        for resource in self.engine.schema:
            columns[resource.name] = len(access.columns(resource))
            links[resource.name] = {
                relation.name: relation.target
                for relation in access.relations(resource).values()
                if access.rows(self.engine.schema[relation.target]) is not False
            }
        return index_page(self._title, resources, columns, links, self._base(request))

    async def _openapi(self, request: Request) -> Response:
        # Where the application is mounted is the same in every request, as a rule.
        base = self._base(request)
        if self._document is None or self._document[0] != base:
            document = {**self._describe(), "servers": [{"url": base or "/"}]}
            self._document = (base, json_response(document))
        return self._document[1]

    async def _docs(self, request: Request) -> Response:
        return reference_page(self._title, self._base(request))

    def _base(self, request: Request) -> str:
        """The path under which everything is, mounted in another application too."""
        return request.base + self._router.prefix

    async def _healthz(self, request: Request) -> Response:
        return json_response({"status": "ok"}, headers=[("cache-control", "no-store")])

    async def _readyz(self, request: Request) -> Response:
        await self.engine.store.ping()
        return json_response({"status": "ok"}, headers=[("cache-control", "no-store")])
