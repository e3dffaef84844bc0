"""From paths to endpoints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hekla.errors import Problem
from hekla.web.request import Request
from hekla.web.response import Response
from hekla.web.router import Router, method_not_allowed


async def endpoint(request: Request, rest: str) -> Response:
    return Response(200, rest.encode())


async def page(request: Request) -> Response:
    return Response(200, b"page")


def router(prefix: str = "") -> Router:
    routes = Router(prefix)
    for segment in ("tasks", "order details", "a/b", "Ünï", "100%"):
        routes.add(segment, endpoint)
    routes.add_page("/", {"GET": page})
    routes.add_page("/healthz", {"GET": page, "POST": page})
    routes.add_page("/docs/style.css", {"GET": page})
    return routes


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/tasks", ""),
        ("/tasks/", ""),
        ("/tasks/17", "17"),
        ("/tasks/17/", "17/"),
        ("/tasks//", "/"),
        ("/tasks/1/comments", "1/comments"),
        ("/tasks/a%2Fb", "a%2Fb"),
        ("/order%20details/1", "1"),
        ("/order details/1", "1"),
        ("/a%2Fb/1", "1"),
        ("/a/b/1", "1"),
        ("/a/b", ""),
        ("/%C3%9Cn%C3%AF/x", "x"),
        ("/Ünï/x", "x"),
        ("/100%25/x", "x"),
        ("/%74asks/1", "1"),
        ("/", ""),
        ("/healthz", ""),
        ("/healthz/", ""),
        ("/docs/style.css", ""),
    ],
)
def test_a_path_that_leads_somewhere(path: str, rest: str) -> None:
    """The first segment decides; what follows it is handed over as it is."""
    assert router().find(path)[1] == rest
    assert router("/api").find("/api" + path)[1] == rest


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/Tasks",
        "/task",
        "//",
        "//tasks",
        "/./tasks",
        "/../tasks",
        "/healthz/x",
        "/docs",
        "/docs/",
        "/a",
        "tasks",
    ],
)
def test_a_path_that_leads_nowhere(path: str) -> None:
    """No path is tidied up, guessed or shortened until it fits: it is not found."""
    with pytest.raises(Problem) as caught:
        router().find(path)
    assert caught.value.status == 404


@pytest.mark.parametrize("path", ["/ta%sks", "/%", "/%ff", "/%00", "/a\0b"])
def test_a_path_that_cannot_be_read(path: str) -> None:
    """A segment that is no text is the client's fault."""
    with pytest.raises(Problem) as caught:
        router().find(path)
    assert caught.value.code.code == "invalid_syntax"


@pytest.mark.parametrize("path", ["/", "/tasks", "/ap", "/apis/tasks", "/apitasks", "", "*x"])
def test_nothing_is_found_outside_the_prefix(path: str) -> None:
    """Below a prefix nothing is served beside it."""
    with pytest.raises(Problem) as caught:
        router("/api").find(path)
    assert caught.value.status == 404


def test_a_prefix_alone_is_the_root() -> None:
    """The prefix with and without a slash is the root of the application."""
    for path in ("/api", "/api/"):
        assert router("/api/").find(path)[0].allow("") == "GET, HEAD, OPTIONS"
    with pytest.raises(ValueError, match="prefix begins"):
        Router("api")


def test_no_place_is_taken_twice() -> None:
    """A segment belongs to one endpoint, or to pages; the caller is told of a clash."""
    routes = router()
    with pytest.raises(ValueError, match="'tasks'"):
        routes.add("tasks", endpoint)
    with pytest.raises(ValueError, match="'docs'"):
        routes.add("docs", endpoint)
    with pytest.raises(ValueError, match="'/tasks/about'"):
        routes.add_page("/tasks/about", {"GET": page})
    with pytest.raises(ValueError, match="'/healthz'"):
        routes.add_page("/healthz", {"GET": page})
    with pytest.raises(ValueError, match="empty"):
        routes.add("", endpoint)
    assert "docs" in routes
    assert "doc" not in routes


def test_methods_may_depend_on_the_rest() -> None:
    """What may be done with a list is not what may be done with a row."""
    routes = Router()
    routes.add("tasks", endpoint, methods_of=lambda rest: ["GET", "DELETE"] if rest else ["POST"])
    route, rest = routes.find("/tasks/1")
    assert route.allow(rest) == "DELETE, GET, HEAD, OPTIONS"
    assert (route.allows("DELETE", rest), route.allows("POST", rest)) == (True, False)
    assert route.allow("") == "OPTIONS, POST"
    assert (route.allows("GET", ""), route.allows("POST", "")) == (False, True)


@pytest.mark.parametrize(
    ("method", "status"),
    [("PUT", 405), ("TRACE", 405), ("CONNECT", 405), ("QUERY", 405), ("FOO", 501), ("get", 501)],
)
def test_a_method_that_is_not_taken(method: str, status: int) -> None:
    """A method that somebody has defined is not allowed; another one is not implemented."""
    problem = method_not_allowed(method, "GET, HEAD")
    assert problem.status == status
    assert problem.headers == ({"allow": "GET, HEAD"} if status == 405 else {})


@given(st.text(st.sampled_from("/.%2Fa0tsk \0é*"), max_size=20), st.sampled_from(["", "/a"]))
def test_no_path_is_an_accident(path: str, prefix: str) -> None:
    """Whatever the path, there is a route or a Problem of the client's."""
    try:
        router(prefix).find(path)
        status = 200
    except Problem as problem:
        status = problem.status
    assert status in (200, 400, 404)
