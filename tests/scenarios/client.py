"""Asking an application in this process, as a server would: a request in, an answer out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hekla import Hekla
from hekla.actor import ANONYMOUS, Actor
from hekla.web.request import Request

__all__ = ["Answer", "Scenario", "ask", "authenticate_by_header", "check"]


@dataclass(frozen=True)
class Answer:
    """A response whose body was read to its end; ``headers`` of one name joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[Any]:
        """The ``id`` of each row of a list."""
        return [row["id"] for row in self.json()]

    def link(self, relation: str) -> str | None:
        """The target of the Link header with this relation (RFC 8288)."""
        for part in self.headers.get("link", "").split(", "):
            target, _, rest = part.partition("; ")
            if rest == f'rel="{relation}"':
                return target.removeprefix("<").removesuffix(">")
        return None


@dataclass(frozen=True)
class Scenario:
    """A request and what is expected of its answer; what is left out is not looked at.

    ``json`` is the whole body, ``ids`` the ids of a list. Of a Problem ``code`` is the code,
    ``location`` the place of its one fault and ``says`` what its detail holds. ``never`` are
    texts that may stand nowhere in the answer. A header of None must be absent.
    """

    target: str
    status: int = 200
    json: Any = ...
    ids: list[int] | None = None
    code: str | None = None
    location: str | None = None
    says: str | None = None
    never: tuple[str, ...] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes | None = None

    def __str__(self) -> str:
        sent = ", ".join(f"{name}: {value}" for name, value in self.sent.items())
        return f"{self.method} {self.target[:100]}" + (f" ({sent[:60]})" if sent else "")


async def ask(
    app: Hekla,
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    actor: Actor = ANONYMOUS,
    document: Any = ...,
) -> Answer:
    """One request, from ``actor`` where the application itself does not find out who asks.

    ``document`` is sent as JSON.
    """
    path, _, query = target.partition("?")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    body = b""
    if document is not ...:
        body = json.dumps(document).encode()
        if not any(name == "content-type" for name, _ in pairs):
            pairs.append(("content-type", "application/json"))
    request = Request(method, path, query, pairs, actor=actor, body=body)
    response = await app.handle(request)
    answer = response.body
    if not isinstance(answer, bytes):
        answer = b"".join([piece async for piece in answer])
    joined: dict[str, str] = {}
    for name, value in response.headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return Answer(response.status, joined, answer)


def check(scenario: Scenario, answer: Any) -> None:
    """Compare an answer with what is expected of it."""
    assert answer.status == scenario.status, answer.body
    for name, value in scenario.headers.items():
        assert answer.headers.get(name) == value, name
    if scenario.body is not None:
        assert answer.body == scenario.body
    if scenario.json is not ...:
        assert json.loads(answer.body) == scenario.json
    if scenario.ids is not None:
        assert [row["id"] for row in json.loads(answer.body)] == scenario.ids
    if scenario.code is not None:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert (problem["code"], problem["status"]) == (scenario.code, scenario.status)
        assert problem["detail"].endswith((".", "?")) or problem["code"] == "not_found"
        if scenario.says is not None:
            assert scenario.says in problem["detail"]
        if scenario.location is not None:
            assert [fault["location"] for fault in problem["errors"]] == [scenario.location]
    everything = answer.body.decode() + repr(answer.headers)
    for text in scenario.never:
        assert text not in everything, text


async def authenticate_by_header(request: Request) -> Actor:
    """Who asks, as ``X-User: 7``, ``X-Roles: a,b``, ``X-Tenant: 1`` say: for tests only."""
    get = request.headers.get
    user, roles, tenant = get("x-user"), get("x-roles"), get("x-tenant")
    return Actor(
        int(user) if user else None,
        frozenset(roles.split(",")) if roles else frozenset(),
        int(tenant) if tenant else None,
        {"team": get("x-team")},
    )
