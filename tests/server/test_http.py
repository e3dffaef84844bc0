"""HTTP semantics (RFC 9110), the same under every server."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.http1 import exchange
from tests.server.application import LARGE
from tests.servers import Server

PROBLEM = "application/problem+json"
LIST = b'[{"id":1},{"id":2}]'
NOT_LISTED = "DELETE, GET, HEAD, OPTIONS, PATCH"


@dataclass(frozen=True)
class Scenario:
    """A request, and what of its answer matters; None as a header says that it must be absent."""

    name: str
    method: str
    target: str
    status: int
    sent: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    json: Any = None
    raw: bytes | None = None
    code: str | None = None
    # What a server may answer instead of the application, before the application is asked.
    or_status: tuple[int, ...] = ()


SCENARIOS = [
    # Addresses
    Scenario("a list", "GET", "/tasks", 200, raw=LIST, headers={"content-length": "19"}),
    Scenario("a list with a slash", "GET", "/tasks/", 200, raw=LIST),
    Scenario("the root", "GET", "/", 200, json={"home": True}),
    Scenario("the root with a query", "GET", "/?a=1", 200, json={"home": True}),
    Scenario("a page with a slash", "GET", "/state/", 200),
    Scenario("a key", "GET", "/tasks/17", 200, json={"key": "17", "query": []}),
    Scenario(
        "a key in escapes", "GET", "/tasks/a%2Fb%2C%C3%A9", 200, json={"key": "a/b,é", "query": []}
    ),
    Scenario("a plus in a path", "GET", "/tasks/a+b", 200, json={"key": "a+b", "query": []}),
    Scenario("an escaped %", "GET", "/tasks/100%25", 200, json={"key": "100%", "query": []}),
    Scenario("an escaped escape", "GET", "/tasks/%2541", 200, json={"key": "%41", "query": []}),
    Scenario(
        "a segment with a space", "GET", "/order%20details/1", 200, json={"key": "1", "query": []}
    ),
    Scenario(
        "a query",
        "GET",
        "/tasks/1?a=1&b=&c&&a=%C3%A9+x",
        200,
        json={"key": "1", "query": [["a", "1"], ["b", ""], ["c", ""], ["a", "é x"]]},
    ),
    Scenario("the absolute form of an address", "GET", "http://test.example/tasks", 200, raw=LIST),
    Scenario("two slashes", "GET", "//tasks", 404, code="not_found"),
    Scenario("nothing but slashes", "GET", "//", 404, code="not_found"),
    Scenario("a step up", "GET", "/..", 404, code="not_found", or_status=(400,)),
    Scenario("a step up from below", "GET", "/x/../tasks", 404, code="not_found"),
    Scenario("nothing there", "GET", "/nothing", 404, code="not_found"),
    Scenario("no such row", "GET", "/tasks/999999", 404, code="not_found"),
    Scenario("a NUL", "GET", "/tasks/%00", 400, code="invalid_syntax"),
    Scenario("a NUL in a segment", "GET", "/tas%00ks", 400, code="invalid_syntax"),
    Scenario("a query that is not UTF-8", "GET", "/tasks/1?a=%ff", 400, code="invalid_syntax"),
    Scenario(
        "a query that is no escape",
        "GET",
        "/tasks/1?a=%zz&b=5%",
        200,
        json={"key": "1", "query": [["a", "%zz"], ["b", "5%"]]},
    ),
    # Methods
    Scenario(
        "no such method here", "PUT", "/tasks", 405, headers={"allow": "GET, HEAD, OPTIONS, POST"}
    ),
    Scenario("no such method there", "PUT", "/tasks/1", 405, headers={"allow": NOT_LISTED}),
    Scenario("a method of the row", "DELETE", "/tasks/1", 200),
    Scenario("a method of nobody", "DELETE", "/", 405, headers={"allow": "GET, HEAD, OPTIONS"}),
    Scenario("TRACE", "TRACE", "/tasks", 405, code="method_not_allowed"),
    # uvicorn's parser refuses what it does not know.
    Scenario("an unknown method", "FOO", "/tasks", 501, code="not_implemented", or_status=(400,)),
    Scenario("a method in lower case", "get", "/tasks", 501, or_status=(400, 200)),
    Scenario(
        "OPTIONS of a row",
        "OPTIONS",
        "/tasks/1",
        204,
        raw=b"",
        headers={"allow": NOT_LISTED, "content-type": None},
    ),
    Scenario(
        "OPTIONS of the server",
        "OPTIONS",
        "*",
        204,
        headers={"allow": "DELETE, GET, HEAD, OPTIONS, PATCH, POST"},
    ),
    Scenario("HEAD of a list", "HEAD", "/tasks", 200, raw=b"", headers={"content-length": "19"}),
    Scenario(
        "HEAD of nothing", "HEAD", "/nothing", 404, raw=b"", headers={"content-type": PROBLEM}
    ),
    Scenario(
        "HEAD of a stream", "HEAD", "/export/head", 200, raw=b"", headers={"content-length": None}
    ),
    # Forms
    Scenario("any form", "GET", "/forms", 200, headers={"content-type": "application/json"}),
    Scenario(
        "the form asked for",
        "GET",
        "/forms",
        200,
        sent={"Accept": "text/csv"},
        raw=b"a\r\n",
        headers={"content-type": "text/csv"},
    ),
    Scenario(
        "the better form",
        "GET",
        "/forms",
        200,
        sent={"Accept": "text/*;q=0.5, application/json;q=0.4, */*;q=0.1"},
        headers={"content-type": "text/csv"},
    ),
    Scenario("no form", "GET", "/forms", 406, sent={"Accept": "image/png"}, code="not_acceptable"),
    # Codings
    Scenario(
        "nothing asked, nothing compressed",
        "GET",
        "/large",
        200,
        raw=LARGE,
        headers={"content-encoding": None, "content-length": str(len(LARGE))},
    ),
    Scenario(
        "too small to compress",
        "GET",
        "/tasks",
        200,
        sent={"Accept-Encoding": "gzip"},
        raw=LIST,
        headers={"content-encoding": None},
    ),
    Scenario(
        "every coding refused",
        "GET",
        "/tasks",
        406,
        sent={"Accept-Encoding": "*;q=0"},
        code="not_acceptable",
    ),
    # Limits
    Scenario("the longest path", "GET", "/tasks/" + "x" * 193, 200),
    Scenario("a path too long", "GET", "/tasks/" + "x" * 194, 414, code="uri_too_long"),
    Scenario("the longest query", "GET", "/tasks/1?" + "x" * 100, 200),
    Scenario("a query too long", "GET", "/tasks/1?" + "x" * 101, 414, code="uri_too_long"),
    Scenario(
        "headers too large",
        "GET",
        "/tasks",
        431,
        sent={"X-Large": "x" * 4_000},
        code="headers_too_large",
    ),
    Scenario("the largest body", "POST", "/echo", 200, body=b"x" * 1_000, raw=b"x" * 1_000),
    Scenario("a body too large", "POST", "/echo", 413, body=b"x" * 1_001, code="body_too_large"),
    Scenario("an empty body", "POST", "/echo", 200, raw=b"", headers={"content-length": "0"}),
    Scenario(
        "a body in chunks",
        "POST",
        "/echo",
        200,
        sent={"Transfer-Encoding": "chunked"},
        body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        raw=b"abcde",
    ),
    Scenario(
        "a body in too many chunks",
        "POST",
        "/echo",
        413,
        sent={"Transfer-Encoding": "chunked"},
        body=b"1F4\r\n" + b"x" * 500 + b"\r\n1F5\r\n" + b"x" * 501 + b"\r\n0\r\n\r\n",
        code="body_too_large",
    ),
    # Other origins
    Scenario(
        "an origin that is let in",
        "GET",
        "/tasks",
        200,
        sent={"Origin": "https://app.example.com"},
        headers={
            "access-control-allow-origin": "https://app.example.com",
            "access-control-allow-credentials": None,
            "access-control-expose-headers": (
                "etag, link, location, retry-after, x-next-cursor, x-request-id, x-total-count"
            ),
            "vary": "Origin",
        },
    ),
    Scenario(
        "an origin that is not",
        "GET",
        "/tasks",
        200,
        sent={"Origin": "https://evil.example.com"},
        headers={"access-control-allow-origin": None, "vary": "Origin"},
    ),
    Scenario(
        "a problem for another origin",
        "GET",
        "/nothing",
        404,
        sent={"Origin": "https://app.example.com"},
        headers={"access-control-allow-origin": "https://app.example.com"},
    ),
    Scenario(
        "a preflight",
        "OPTIONS",
        "/tasks/1",
        204,
        sent={
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "content-type, x-mine",
        },
        headers={
            "access-control-allow-origin": "https://app.example.com",
            "access-control-allow-methods": NOT_LISTED,
            "access-control-allow-headers": "content-type, x-mine",
            "access-control-max-age": "600",
        },
    ),
    Scenario(
        "a preflight from nowhere",
        "OPTIONS",
        "/tasks/1",
        204,
        sent={"Origin": "https://evil.example.com", "Access-Control-Request-Method": "PATCH"},
        headers={"access-control-allow-origin": None, "access-control-allow-methods": None},
    ),
    # Ids
    Scenario(
        "an id of the client's",
        "GET",
        "/tasks",
        200,
        sent={"X-Request-ID": "abc-123"},
        headers={"x-request-id": "abc-123"},
    ),
    Scenario("no id without need", "GET", "/tasks", 200, headers={"x-request-id": None}),
    # Streams
    Scenario(
        "a stream",
        "GET",
        "/export/plain",
        200,
        raw=b'{"number":0}\n{"number":1}\n{"number":2}\n',
        headers={"content-length": None, "content-type": "application/x-ndjson"},
    ),
    Scenario(
        "an empty stream", "GET", "/export/empty?0", 200, raw=b"", headers={"content-length": "0"}
    ),
    Scenario("a stream that fails at once", "GET", "/export/fails", 503, code="store_busy"),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(server: Server, scenario: Scenario) -> None:
    """The answer to a request is the same under every server."""
    answer = exchange(server.port, scenario.method, scenario.target, scenario.sent, scenario.body)
    if answer.status in scenario.or_status:
        return
    assert answer.status == scenario.status, answer.body
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.complete
    for name, value in scenario.headers.items():
        assert answer.headers.get(name) == value, name
    if scenario.raw is not None:
        assert answer.body == scenario.raw
    if scenario.json is not None:
        assert answer.json() == scenario.json
    if scenario.code is not None:
        assert answer.headers["content-type"] == PROBLEM
        problem = answer.json()
        assert (problem["code"], problem["status"]) == (scenario.code, scenario.status)
        assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("escape", "stands_for"),
    [("%zz", "%zz"), ("5%", "5%"), ("%ff", "\ufffd"), ("%c3", "\ufffd")],
)
def test_an_escape_that_is_none(server: Server, escape: str, stands_for: str) -> None:
    """An address that cannot be decoded is refused, or read as Granian decodes it: no fault.

    RSGI hands over no path but a decoded one, in which nobody can tell any more.
    """
    answer = exchange(server.port, "GET", f"/tasks/{escape}")
    elsewhere = exchange(server.port, "GET", f"/{escape}")
    if server.name == "hekla":
        assert (answer.status, answer.json()["key"]) == (200, stands_for)
        assert (elsewhere.status, elsewhere.json()["code"]) == (404, "not_found")
    else:
        assert (answer.status, answer.json()["code"]) == (400, "invalid_syntax")
        assert (elsewhere.status, elsewhere.json()["code"]) == (400, "invalid_syntax")


@pytest.mark.parametrize("target", ["/tasks", "/tasks/17", "/large", "/nothing", "/forms"])
def test_head_is_get_without_a_body(server: Server, target: str) -> None:
    """HEAD answers with every header of GET but those of the moment."""
    moment = {"date", "x-request-id", "connection"}
    # A problem holds the id of its request: given, it is as long in both.
    sent = {"X-Request-ID": "the-same"}
    got = exchange(server.port, "GET", target, sent)
    head = exchange(server.port, "HEAD", target, sent)
    assert head.status == got.status
    assert head.body == b""
    assert {name: value for name, value in head.headers.items() if name not in moment} == {
        name: value for name, value in got.headers.items() if name not in moment
    }


def test_what_the_client_has_is_not_sent_again(server: Server) -> None:
    """An entity tag sent back gets a 304 without a body, and another one the whole answer."""
    tag = exchange(server.port, "GET", "/tasks").headers["etag"]
    assert tag.startswith('"')
    again = exchange(server.port, "GET", "/tasks", {"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    assert "content-type" not in again.headers
    other = exchange(server.port, "GET", "/tasks", {"If-None-Match": '"other"'})
    assert (other.status, other.body) == (200, LIST)


def test_a_compressed_answer_has_a_tag_of_its_own(server: Server) -> None:
    """What gzip has packed is the same bytes, under a tag that the plain form does not have."""
    plain = exchange(server.port, "GET", "/large")
    packed = exchange(server.port, "GET", "/large", {"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == LARGE
    assert packed.headers["content-length"] == str(len(packed.body))
    assert len(packed.body) < 200
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    for tag, status in ((packed.headers["etag"], 304), (plain.headers["etag"], 200)):
        sent = {"Accept-Encoding": "gzip", "If-None-Match": tag}
        assert exchange(server.port, "GET", "/large", sent).status == status


def test_a_stream_is_compressed_too(server: Server) -> None:
    """A stream comes as one gzip member of all its pieces."""
    answer = exchange(server.port, "GET", "/export/plain?2000", {"Accept-Encoding": "gzip"})
    lines = b"".join(b'{"number":%d}\n' % number for number in range(2000))
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == lines
    assert len(answer.body) < len(lines) / 2


def test_a_fault_of_the_server_tells_nothing(server: Server) -> None:
    """An exception becomes a 500 with an id; what it says stays in the log, under that id."""
    answer = exchange(server.port, "GET", "/boom")
    assert answer.status == 500
    problem = answer.json()
    assert problem["code"] == "internal"
    assert b"secret" not in answer.body
    assert problem["request_id"] in server.output
    assert "a secret of the server" in server.output


def test_an_id_that_is_not_well_formed_is_replaced(server: Server) -> None:
    """A request id with a space in it would break a log line: it is not taken over."""
    answer = exchange(server.port, "GET", "/tasks", {"X-Request-ID": "a b"})
    assert answer.headers["x-request-id"] != "a b"


def test_a_request_knows_where_it_came_from(server: Server) -> None:
    """Scheme, host, client and repeated headers reach the endpoint as they were sent."""
    answer = exchange(
        server.port, "GET", "/about/x?q=%20", [("X-Several", "one"), ("x-several", "two")]
    )
    assert answer.json() == {
        "path": "/about/x",
        "query": "q=%20",
        "scheme": "http",
        "authority": "test.example",
        "client": "127.0.0.1",
        "host": "test.example",
        "several": ["one", "two"],
    }
