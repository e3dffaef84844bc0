"""What stands before an application: that it is there where it is declared, and only there."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any

import pytest

from hekla.actor import Actor
from hekla.errors import FORBIDDEN, Problem
from hekla.rates.memory import MemoryMeter
from hekla.rates.rate import Rate, rates_of
from hekla.settings import Settings
from hekla.web.application import WebApplication
from hekla.web.edge import Edge, over_tls
from hekla.web.rate_limits import RateLimits
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Router

JSON = [("content-type", "application/json")]


async def waited(answer: Response | Coroutine[Any, Any, Response]) -> Response:
    return answer if isinstance(answer, Response) else await answer


async def tell(request: Request, rest: str) -> Response:
    if rest == "closed":
        raise Problem(FORBIDDEN, "Not this one.")
    told = [request.address, request.scheme, request.authority]
    return Response(200, json.dumps(told).encode(), JSON)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def edge(
    everywhere: tuple[str | Rate, ...] = (),
    by_route: dict[str, tuple[Rate, ...]] | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> Edge:
    router = Router()
    router.add("tasks", tell, ["GET", "POST"])
    router.add("users", tell)

    async def page(request: Request) -> Response:
        return await tell(request, "")

    router.add_page("/healthz", {"GET": page})
    router.add_page("/auth/login", {"GET": page, "POST": page})
    web = WebApplication(router, Settings(**settings))
    rates = RateLimits(MemoryMeter(clock=clock or Clock()), rates_of(everywhere), by_route)
    router.around(rates.around)

    async def authenticate(request: Request) -> Actor:
        user = request.headers.get("x-user")
        key = request.headers.get("x-key")
        return Actor(
            int(user) if user else None,
            tenant=request.headers.get("x-tenant"),
            claims={"key_id": key} if key else {},
        )

    web.authenticate = authenticate
    return Edge(web, web.settings, rates)


def get(
    path: str = "/tasks", peer: str = "203.0.113.1:9", method: str = "GET", **headers: str
) -> Request:
    pairs = [("host", "a.example")]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, path, headers=pairs, client=peer)


async def statuses(made: Edge, *requests: Request) -> list[int]:
    return [(await made.answer(request)).status for request in requests]


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, False),
        ({"hsts_seconds": 60}, False),
        ({"public_url": "http://a.example"}, False),
        ({"public_url": "https://a.example"}, True),
        ({"public_url": "https://a.example", "hsts_seconds": 0}, False),
        ({"trusted_proxies": ("10.0.0.1",)}, True),
        ({"allowed_hosts": ("a.example",)}, True),
    ],
)
def test_it_is_there_only_where_something_is_declared(
    settings: dict[str, Any], needed: bool
) -> None:
    """An application that declares nothing is asked as if there were no edge."""
    assert edge(**settings).needed is needed


def test_rates_by_address_are_counted_at_the_edge_and_others_at_the_route() -> None:
    """A rate that needs to know who asks leaves the way of requests before that as it is."""
    assert edge(("1/second by address",)).needed
    assert edge(("1/second in all",)).needed
    assert not edge(("1/second by actor",)).needed
    assert not edge(by_route={"tasks": rates_of("1/second by address")}).needed


async def test_an_endpoint_without_a_rate_stays_as_it_is() -> None:
    """What is put around a route is put around no other."""
    router = Router()
    router.add("tasks", tell)
    router.add("users", tell)
    rates = RateLimits(MemoryMeter(), (), {"tasks": rates_of("1/second")})
    router.around(rates.around)
    assert router.find("/users")[0].endpoint is tell
    assert router.find("/tasks")[0].endpoint is not tell
    assert router.find("/tasks")[0].serves is tell


async def test_the_client_behind_a_proxy_is_whom_everything_is_about() -> None:
    """Endpoints see the client's address, scheme and host, as the proxy told them."""
    made = edge(
        trusted_proxies=("10.0.0.1",),
        forwarded_headers=("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
    )
    told = {"x_forwarded_for": "203.0.113.7", "x_forwarded_proto": "https"}
    response = await made.answer(get(peer="10.0.0.1:9", x_forwarded_host="b.example", **told))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == ["203.0.113.7", "https", "b.example"]
    response = await made.answer(get(peer="203.0.113.9:9", x_forwarded_host="b.example", **told))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == ["203.0.113.9", "http", "a.example"]


async def test_a_host_that_is_not_served() -> None:
    """It is refused with a Problem, wherever it goes, and probes of health are not."""
    made = edge(allowed_hosts=("b.example",))
    response = await made.answer(get())
    assert (response.status, response.header("content-type")) == (421, "application/problem+json")
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["code"] == "unknown_host"
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("x-request-id")
    assert await statuses(made, get("/nothing"), get("/healthz")) == [421, 200]


async def test_a_refusal_of_head_has_no_body() -> None:
    """HEAD is answered by headers alone, here too."""
    response = await edge(allowed_hosts=("b.example",)).answer(get(method="HEAD"))
    assert (response.status, response.body) == (421, b"")


async def test_a_forwarded_host_has_to_be_served_too() -> None:
    """A proxy that is believed does not lead around the check."""
    made = edge(
        trusted_proxies=("10.0.0.1",),
        forwarded_headers=("x-forwarded-host",),
        allowed_hosts=("a.example",),
    )
    requests = [
        get(peer="10.0.0.1:1", x_forwarded_host=host) for host in ("b.example", "a.example")
    ]
    assert await statuses(made, *requests) == [421, 200]


async def test_who_comes_too_often_is_told_when_to_come_again() -> None:
    """429 with the fields of the IETF draft, Retry-After, and CORS, so that scripts can read it."""
    clock = Clock()
    made = edge(("2/10s by address",), clock=clock, cors_origins=("*",))
    first = await made.answer(get())
    assert first.header("ratelimit-policy") == '"2-per-10s-address";q=2;w=10'
    assert first.header("ratelimit") == '"2-per-10s-address";r=1;t=5'
    second = await made.answer(get())
    assert second.header("ratelimit") == '"2-per-10s-address";r=0;t=10'
    third = await made.answer(get(origin="https://app.example"))
    assert third.status == 429
    assert third.header("retry-after") == "5"
    assert third.header("ratelimit") == '"2-per-10s-address";r=0;t=5'
    assert third.header("access-control-allow-origin") == "*"
    assert "retry-after" in (third.header("access-control-expose-headers") or "")
    assert isinstance(third.body, bytes)
    problem = json.loads(third.body)
    assert (problem["code"], problem["detail"]) == (
        "rate_limited",
        "Too many requests; try again in 5 seconds.",
    )
    clock.now += 5
    assert await statuses(made, get(), get()) == [200, 429]


async def test_addresses_are_counted_apart_and_cannot_be_made_up() -> None:
    """Behind a proxy it is the client's address that counts, whatever the client itself says."""
    made = edge(("1/minute by address",), trusted_proxies=("10.0.0.1",))
    by_proxy = [
        get(peer="10.0.0.1:9", x_forwarded_for=chain)
        for chain in ("203.0.113.7", "6.6.6.6, 203.0.113.7", "7.7.7.7, 203.0.113.7", "203.0.113.8")
    ]
    assert await statuses(made, *by_proxy) == [200, 429, 429, 200]
    strangers = [get(peer="203.0.113.9:1", x_forwarded_for=f"1.1.1.{n}") for n in range(3)]
    assert await statuses(made, *strangers) == [200, 429, 429]


async def test_one_ipv6_network_is_one_address() -> None:
    """Another address of the same customer does not help; another port does not either."""
    made = edge(("1/minute by address",))
    requests = [get(peer=f"[2001:db8:1:2::{n}]:{n}") for n in range(1, 4)]
    assert await statuses(made, *requests, get(peer="[2001:db8:1:3::1]:1")) == [200, 429, 429, 200]


async def test_health_is_asked_as_often_as_anybody_likes() -> None:
    """A balancer that is refused would take the machine away."""
    made = edge(("1/minute in all", "1/minute by actor"))
    assert await statuses(made, *[get("/healthz") for _ in range(3)]) == [200] * 3


async def test_an_actor_is_counted_wherever_it_comes_from() -> None:
    """Who is signed in is one, from all addresses; nobody in particular is an address."""
    made = edge(("1/minute by actor",))
    requests = [
        get(peer="203.0.113.1:1", x_user="7"),
        get(peer="203.0.113.2:1", x_user="7"),
        get(peer="203.0.113.2:1", x_user="8"),
        get(peer="203.0.113.2:1"),
        get(peer="203.0.113.2:2"),
        get(peer="203.0.113.3:1"),
    ]
    assert await statuses(made, *requests) == [200, 429, 200, 200, 429, 200]


async def test_keys_tenants_and_routes() -> None:
    """Each of them apart, and together."""
    by_key = edge(("1/minute by key",))
    requests = [get(x_user="7", x_key="a"), get(x_user="7", x_key="b"), get(x_user="8", x_key="a")]
    assert await statuses(by_key, *requests) == [200, 200, 429]
    by_tenant = edge(("1/minute by tenant",))
    requests = [get(x_user="7", x_tenant="a"), get(x_user="8", x_tenant="a"), get(x_user="9")]
    assert await statuses(by_tenant, *requests) == [200, 429, 200]
    by_route = edge(("1/minute by actor and route",))
    requests = [get("/tasks"), get("/tasks/1"), get("/users"), get("/users")]
    assert await statuses(by_route, *requests) == [200, 429, 200, 429]


async def test_no_value_can_pass_for_another() -> None:
    """A user whose id looks like an address, or like two values, is nobody else."""
    made = edge(("1/minute by tenant and actor",))
    requests = [
        get(x_user="1", x_tenant="a"),
        get(x_user="1", x_tenant="a\nu=1"),
        get(x_tenant="u=1"),
    ]
    assert await statuses(made, *requests) == [200, 200, 200]


async def test_a_rate_of_one_route_and_of_single_methods() -> None:
    """A page below a segment has the rates of the segment; reading costs nothing here."""
    posts = Rate.parse("1/minute by address", methods=frozenset({"POST"}))
    made = edge(by_route={"auth": (posts,)})
    requests = [get("/auth/login"), get("/auth/login", method="POST")]
    requests += [
        get("/auth/login", method="POST"),
        get("/auth/login"),
        get("/tasks", method="POST"),
    ]
    assert await statuses(made, *requests) == [200, 200, 429, 200, 200]


async def test_what_an_endpoint_refuses_counts_and_tells_its_rate() -> None:
    """A Problem of the endpoint carries the fields too: else one could try for nothing."""
    made = edge(by_route={"tasks": rates_of("2/minute by actor")})
    response = await made.answer(get("/tasks/closed"))
    assert response.status == 403
    assert response.header("ratelimit") == '"2-per-60s-actor";r=1;t=30'


async def test_several_rates_are_told_each() -> None:
    """The fields of both stand in the answer; the narrower one ends it."""
    made = edge(("5/second by address",), {"tasks": rates_of(["1/second", "3/minute"])})
    response = await made.answer(get())
    policies = [value for name, value in response.headers if name == "ratelimit-policy"]
    assert policies == [
        '"1-per-1s-actor";q=1;w=1, "3-per-60s-actor";q=3;w=60',
        '"5-per-1s-address";q=5;w=1',
    ]


async def test_strict_transport_security_where_tls_is() -> None:
    """It is told to clients that came by TLS (RFC 6797 section 7.2), and can be left out."""
    behind = edge(trusted_proxies=("10.0.0.1",), hsts_seconds=60)
    for scheme, expected in (("https", "max-age=60"), ("http", None)):
        response = await behind.answer(get(peer="10.0.0.1:1", x_forwarded_proto=scheme))
        assert response.header("strict-transport-security") == expected
    declared = edge(public_url="https://a.example", hsts_seconds=60, hsts_subdomains=True)
    response = await declared.answer(get())
    assert response.header("strict-transport-security") == "max-age=60; includeSubDomains"
    # Once, where the server speaks TLS as well.
    again = await waited(over_tls(declared.answer, Settings(hsts_seconds=60))(get()))
    assert [name for name, _ in again.headers].count("strict-transport-security") == 1
    plain = await waited(over_tls(edge().answer, Settings())(get()))
    at_once = over_tls(lambda _: Response(204), Settings())(get())
    assert isinstance(at_once, Response)
    assert at_once.header("strict-transport-security") == "max-age=15552000"
    assert plain.header("strict-transport-security") == "max-age=15552000"
    off = edge().answer
    assert over_tls(off, Settings(hsts_seconds=0)) == off
