"""One resource over HTTP, written: ``POST``, ``PUT``, ``PATCH`` and ``DELETE``."""

from __future__ import annotations

from hekla.cache import Cache
from hekla.engine import Engine
from hekla.errors import METHOD_NOT_ALLOWED, Problem
from hekla.faces.rest import write_list, write_row
from hekla.faces.rest.documents import check_type, decode
from hekla.faces.rest.idempotency import once
from hekla.faces.rest.operation import Operation, Write
from hekla.faces.rest.row_documents import Documents
from hekla.faces.rest.writable import Writable
from hekla.policy.access import Access
from hekla.schema.resource import Resource
from hekla.web.headers import Headers, HeaderView
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["WriteEndpoint"]

_NO_HEADERS = Headers.of_lower([])
# The headers that an operation is asked for with.
_ASKING = frozenset({"if-match", "if-none-match", "prefer"})


class WriteEndpoint:
    """``POST /tasks``, ``PATCH /tasks?…``, ``PUT /tasks/7`` and their like."""

    def __init__(
        self, engine: Engine, resource: Resource, prefix: str, documents: Documents
    ) -> None:
        self.engine = engine
        self._target = Writable(engine, resource, prefix, documents)
        self._creates: Cache[tuple[Access, str], Operation] = Cache(256)

    async def __call__(self, request: Request, rest: str) -> Response:
        engine, actor = self.engine, request.actor
        access = engine.policy.access(actor)
        operation = self._asked(request, rest, access)
        if operation.types:
            check_type(request, operation.types)
            write = _write(operation, await request.body())
        else:
            write = operation.read(None)
        mutations = write.mutations
        name = request.id if request.has_id else None
        key = None
        if "idempotency-key" in request.headers.first:
            key = await once(request)
        if len(mutations) == 1:
            one = await engine.write(
                mutations[0], actor, write.answer, write.precondition, name, key
            )
            return write.tell((one,), request.base)
        written = await engine.write_each(mutations, actor, write.answer, name, key)
        return write.tell(written, request.base)

    def _asked(self, request: Request, rest: str, access: Access) -> Operation:
        """What a request asks for, which for new rows is the same again and again."""
        method, query, headers = request.method, request.query, request.headers
        if rest or method != "POST" or not _ASKING.isdisjoint(headers.first):
            return self.operation(method, rest, query, access, headers)
        operation = self._creates.get((access, query))
        if operation is None:
            operation = self.operation(method, rest, query, access, _NO_HEADERS)
            self._creates.put((access, query), operation)
        return operation

    def operation(
        self, method: str, rest: str, query: str, access: Access, headers: HeaderView
    ) -> Operation:
        """What is asked for at the rest of an address; Problem if it cannot be, or may not."""
        target = self._target
        match method, rest:
            case "POST", "":
                return write_list.create(target, query, access, headers)
            case "PUT", "":
                return write_list.upsert(target, query, access, headers)
            case "PATCH", "":
                return write_list.update_many(target, query, access, headers)
            case "DELETE", "":
                return write_list.delete_many(target, query, access, headers)
            case "PUT", _:
                return write_row.replace(target, rest, query, access, headers)
            case "PATCH", _:
                return write_row.update(target, rest, query, access, headers)
            case "DELETE", _:
                return write_row.delete(target, rest, query, access, headers)
        raise Problem(METHOD_NOT_ALLOWED, f"{method} is not allowed here.")


def _write(operation: Operation, body: bytes) -> Write:
    """What is to be done by a body."""
    write = None if operation.read_json is None else operation.read_json(body)
    return operation.read(decode(body)) if write is None else write
