"""One resource over HTTP, written: ``POST``, ``PUT``, ``PATCH`` and ``DELETE``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hekla.engine import Engine, Written
from hekla.errors import METHOD_NOT_ALLOWED, Problem
from hekla.faces.rest import write_list, write_row
from hekla.faces.rest.documents import check_type, decode
from hekla.faces.rest.idempotency import once
from hekla.faces.rest.operation import Operation, Write
from hekla.faces.rest.row_documents import Documents
from hekla.faces.rest.writable import Writable
from hekla.policy.access import Access
from hekla.query.mutation import Mutation
from hekla.schema.resource import Resource
from hekla.web.headers import HeaderView
from hekla.web.request import Request
from hekla.web.response import Response

__all__ = ["WriteEndpoint"]


class WriteEndpoint:
    """``POST /tasks``, ``PATCH /tasks?…``, ``PUT /tasks/7`` and their like."""

    def __init__(
        self, engine: Engine, resource: Resource, prefix: str, documents: Documents
    ) -> None:
        self.engine = engine
        self._target = Writable(engine, resource, prefix, documents)

    async def __call__(self, request: Request, rest: str) -> Response:
        engine, actor = self.engine, request.actor
        access = engine.policy.access(actor)
        operation = self.operation(request.method, rest, request.query, access, request.headers)
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
        written = await engine.write_all(
            [_always(mutation) for mutation in mutations],
            actor,
            [write.answer] * len(mutations),
            request=name,
            once=key,
        )
        return write.tell(written, request.base)

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


def _always(mutation: Mutation) -> Callable[[Sequence[Written]], Mutation]:
    return lambda _: mutation
