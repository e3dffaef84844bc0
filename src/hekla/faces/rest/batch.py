"""``POST /batch``: several operations in one transaction, all of them or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from hekla.actor import Actor
from hekla.engine import Engine, Unit, Written
from hekla.errors import (
    LIMIT_EXCEEDED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    VALIDATION_FAILED,
    Fault,
    Problem,
)
from hekla.faces.rest.batch_document import Asked, read_batch
from hekla.faces.rest.documents import read_document
from hekla.faces.rest.endpoint import ResourceEndpoint
from hekla.faces.rest.idempotency import once
from hekla.faces.rest.operation import Write
from hekla.faces.rest.preconditions import wants_nothing_back
from hekla.faces.rest.references import fill_body, fill_path, fill_query
from hekla.query.mutation import Delete, Update, size
from hekla.web.conditional import entity_tag
from hekla.web.headers import Headers
from hekla.web.limits import check_address
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Route, Router

__all__ = ["Batch", "OperationFailed"]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder().encode
_JSON_HEADER = ("content-type", "application/json")
_MINIMAL = ("preference-applied", "return=minimal")


class OperationFailed(Problem):
    """The Problem of one operation, as the answer to the whole batch."""

    def __init__(self, problem: Problem, operation: int, errors: Sequence[Fault]) -> None:
        super().__init__(problem.code, problem.detail, errors=errors, headers=problem.headers)
        self.operation = operation

    def body(self) -> dict[str, Any]:
        return {**super().body(), "operation": self.operation}


class _NotYet(Exception):
    """An operation speaks of what another one makes."""


class _Done:
    """What became of an operation."""

    def __init__(self, response: Response, key: dict[str, Any] | None, total: int | None) -> None:
        self.response = response
        self.total = total
        self._key = key
        self._row: Any = None

    def member(self, name: str) -> Any:
        """A member of the row that was answered. Raises KeyError if there is none."""
        body = self.response.body
        if self._row is None and body:
            self._row = _decode(body)  # type: ignore[arg-type]
        if type(self._row) is dict and name in self._row:
            return self._row[name]
        # Who may create rows without reading them still knows their keys.
        return (self._key or {})[name]

    def result(self, minimal: bool) -> bytes:
        """What the answer says of it; the body is put in as the database wrote it."""
        response = self.response
        told: dict[str, Any] = {"status": response.status}
        for name in ("location", "etag"):
            value = response.header(name)
            if value is not None:
                told[name] = value
        if self.total is not None:
            told["total"] = self.total
        text = _encode(told)
        body = response.body
        if minimal or not body:
            return text
        assert isinstance(body, bytes)
        return text[:-1] + b',"body":' + body + b"}"


class Batch:
    """The endpoint of batches."""

    def __init__(self, engine: Engine, router: Router) -> None:
        self.engine = engine
        self._router = router

    async def __call__(self, request: Request) -> Response:
        asked = read_batch(await read_document(request), self.engine.settings)
        if self._router.count is not None:
            await self._count(request, asked)
        minimal = wants_nothing_back(request.headers)
        prepared = [self._prepare(request, each) for each in asked]

        async def steps(unit: Unit) -> list[Written]:
            done: list[_Done] = []
            budget = _Budget(self.engine.settings.max_write_rows)
            for place, each in enumerate(asked):
                with _blamed(place, each):
                    ready = prepared[place]
                    if isinstance(ready, Problem):
                        raise ready
                    step = ready or self._step(request, each, _lookup(done))
                    done.append(await step(unit, budget))
            # As they are told, since that is what is kept for a request that is sent again.
            return [Written("updated", body=each.result(minimal)) for each in done]

        rows = sum(each.rows for each in prepared if isinstance(each, _Step))
        name = request.id if request.has_id else None
        try:
            told = await self.engine.transact(
                steps, request.actor, rows=rows, request=name, once=await once(request)
            )
        except OperationFailed:
            raise
        except Problem as problem:
            # A hook is asked outside of the transaction, and knows only the place.
            raise _claimed(problem, asked) from problem
        body = b"[" + b",".join([each.body or b"" for each in told]) + b"]"
        headers = [_JSON_HEADER]
        if minimal:
            headers.append(_MINIMAL)
        return Response(200, body, headers)

    async def _count(self, request: Request, asked: Sequence[Asked]) -> None:
        """Count each operation as the request of its own that it stands for."""
        counts: Counter[tuple[str, str]] = Counter()
        for each in asked:
            try:
                route = self._route(request, each.path.partition("?")[0])[0]
            except Problem:
                # It is said later, in its turn.
                continue
            counts[route.name, each.method] += 1
        assert self._router.count is not None
        for (name, method), times in counts.items():
            await self._router.count(request, name, method, times)

    def _prepare(self, request: Request, asked: Asked) -> _Step | Problem | None:
        """The step of an operation, or what is wrong with it; None if others have to come first.

        What is wrong is said when its turn comes: one before it may fail first.
        """
        try:
            return self._step(request, asked, _not_yet)
        except Problem as problem:
            return problem
        except _NotYet:
            return None

    def _step(
        self, request: Request, asked: Asked, lookup: Callable[[int, str, str], Any]
    ) -> _Step:
        """What an operation comes to, as the request of its own that it stands for would."""
        path, _, query = asked.path.partition("?")
        path = fill_path(path, lookup, f"{asked.at}/path")
        query = fill_query(query, lookup, f"{asked.at}/path")
        check_address(path, query, self.engine.settings)
        endpoint, rest = self._find(request, asked, path)
        if asked.method == "GET":
            return _read(endpoint, rest, query, request.actor)
        headers = Headers.of_lower(
            [
                (name, value)
                for name, value in (
                    ("if-match", asked.if_match),
                    ("if-none-match", asked.if_none_match),
                )
                if value is not None
            ]
        )
        access = self.engine.policy.access(request.actor)
        operation = endpoint.writes.operation(asked.method, rest, query, access, headers)
        at = f"{asked.at}/body"
        return _write(endpoint, operation.read(fill_body(asked.body, lookup, at), at), request.base)

    def _find(self, request: Request, asked: Asked, path: str) -> tuple[ResourceEndpoint, str]:
        """The resource at an address, with or without the prefix that it has elsewhere."""
        try:
            route, rest = self._route(request, path)
        except Problem as problem:
            raise Problem(
                problem.code, problem.detail, errors=[Fault(f"{asked.at}/path", problem.detail)]
            ) from None
        if self._router.count is not None and path != asked.path.partition("?")[0]:
            self._check_counted(request, asked, route)
        endpoint = route.serves
        if not isinstance(endpoint, ResourceEndpoint):
            raise _no_such("only rows, lists and aggregates can be in a batch", f"{asked.at}/path")
        if not route.allows(asked.method, rest):
            allowed = ", ".join(
                method for method in route.allow(rest).split(", ") if method not in _OF_NO_USE
            )
            message = f"{asked.method} is not allowed at this address; allowed are {allowed}"
            raise _no_such(message, f"{asked.at}/method")
        return endpoint, rest

    def _check_counted(self, request: Request, asked: Asked, route: Route) -> None:
        """Refuse an operation whose resource is a reference: it was counted for none."""
        try:
            counted = self._route(request, asked.path.partition("?")[0])[0]
        except Problem:
            counted = None
        if counted is not route:
            raise _no_such("the resource itself cannot be a reference", f"{asked.at}/path")

    def _route(self, request: Request, path: str) -> tuple[Route, str]:
        prefix = self._router.prefix
        if request.base and path.startswith(f"{request.base}/"):
            path = path.removeprefix(request.base)
        if prefix and not path.startswith(f"{prefix}/"):
            path = prefix + path
        return self._router.find(path)


_OF_NO_USE = ("HEAD", "OPTIONS")


class _Budget:
    """How many rows the batch may still write."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most

    def spend(self, rows: int) -> None:
        self.left -= rows
        if self.left < 0:
            raise Problem(
                LIMIT_EXCEEDED,
                f"One batch may write {self.most} rows (setting max_write_rows).",
            )


class _Step:
    """One operation that is ready to be done; it names ``rows`` rows."""

    def __init__(self, rows: int, run: Callable[[Unit, _Budget], Any]) -> None:
        self.rows = rows
        self._run = run

    async def __call__(self, unit: Unit, budget: _Budget) -> _Done:
        done: _Done = await self._run(unit, budget)
        return done


def _write(endpoint: ResourceEndpoint, write: Write, base: str) -> _Step:
    rows = sum(map(size, write.mutations))

    async def run(unit: Unit, budget: _Budget) -> _Done:
        budget.spend(rows)
        written: list[Written] = []
        for mutation in write.mutations:
            one = await unit.write(mutation, write.answer, write.precondition)
            if isinstance(mutation, Update | Delete) and mutation.many:
                budget.spend(one.rows)
            written.append(one)
        response = write.tell(written, base)
        return _Done(response, _known_key(endpoint, unit, written), None)

    return _Step(rows, run)


def _known_key(
    endpoint: ResourceEndpoint, unit: Unit, written: Sequence[Written]
) -> dict[str, Any] | None:
    """The key of the one row that was created, as far as the actor may know it."""
    if len(written) != 1 or written[0].outcome != "created":
        return None
    known = unit.access.columns(endpoint.resource)
    pairs = zip(endpoint.resource.key, written[0].shown, strict=True)
    return {name: value for name, value in pairs if name in known}


def _read(endpoint: ResourceEndpoint, rest: str, query: str, actor: Actor) -> _Step:
    question = endpoint.question(Request("GET", "", query, actor=actor), rest)

    async def run(unit: Unit, budget: _Budget) -> _Done:
        answer = await unit.read(question)
        if answer is None:
            resource = endpoint.resource
            raise Problem(NOT_FOUND, f"{resource.title or resource.name} not found")
        response = Response(200, answer.body, [("etag", entity_tag(answer.body))])
        return _Done(response, None, answer.total)

    return _Step(1, run)


def _not_yet(operation: int, member: str, at: str) -> Any:
    raise _NotYet


def _lookup(done: Sequence[_Done]) -> Callable[[int, str, str], Any]:
    """Finds what references stand for, among the operations that are done."""

    def lookup(operation: int, member: str, at: str) -> Any:
        if operation >= len(done):
            raise _no_such(f"there is no operation {operation} before this one", at)
        try:
            return done[operation].member(member)
        except KeyError:
            raise _no_such(f'operation {operation} answered no row with "{member}"', at) from None

    return lookup


def _no_such(message: str, at: str) -> Problem:
    return Problem(VALIDATION_FAILED, f"{at}: {message}.", errors=[Fault(at, message)])


def _claimed(problem: Problem, asked: Sequence[Asked]) -> Problem:
    for place, each in enumerate(asked):
        if any(fault.location.startswith(f"{each.at}/") for fault in problem.errors):
            return OperationFailed(problem, place, problem.errors)
    return problem


@contextmanager
def _blamed(place: int, asked: Asked) -> Iterator[None]:
    """Say of a Problem which operation it is about, and where in the document it is."""
    try:
        yield
    except Problem as problem:
        if problem.status >= 500:
            raise
        at = asked.at
        errors = []
        for fault in problem.errors or [Fault("", problem.detail)]:
            if fault.location == at or fault.location.startswith(f"{at}/"):
                errors.append(fault)
            elif fault.location.startswith("header."):
                name = fault.location.removeprefix("header.").replace("-", "_")
                errors.append(Fault(f"{at}/{name}", fault.message))
            elif fault.location:
                # A parameter, which is part of the path here.
                errors.append(Fault(f"{at}/path", f"{fault.location}: {fault.message}"))
            elif problem.code is PRECONDITION_FAILED and (asked.if_match or asked.if_none_match):
                name = "if_match" if asked.if_match is not None else "if_none_match"
                errors.append(Fault(f"{at}/{name}", fault.message))
            else:
                errors.append(Fault(at, fault.message))
        raise OperationFailed(problem, place, errors) from problem
