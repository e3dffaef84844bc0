"""The example under every server: the same answers as in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from hekla import Hekla
from tests.http1 import Connection, exchange, request_bytes
from tests.scenarios.client import Answer as Directly
from tests.scenarios.client import ask
from tests.scenarios.example import FOLDER, load_example
from tests.servers import SERVERS, Server, running

# What belongs to the connection or to the server, not to the answer.
OF_THE_SERVER = {"date", "server", "connection", "keep-alive", "transfer-encoding"}
CSV = {"Accept": "text/csv"}
NDJSON = {"Accept": "application/x-ndjson"}
GZIP = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Asked:
    target: str
    status: int = 200
    sent: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"

    def headers(self, number: int) -> list[tuple[str, str]]:
        """What is sent: an id of its own beside the rest, so that problems are equal too."""
        return [*self.sent.items(), ("X-Request-ID", f"request-{number}")]


REQUESTS = [
    Asked("/"),
    Asked("/", sent={"Accept": "text/html"}),
    Asked("/docs"),
    Asked("/openapi.json"),
    Asked("/healthz"),
    Asked("/readyz"),
    Asked("/readyz", method="HEAD"),
    Asked("/tasks"),
    Asked("/tasks/?skip=0&limit=10"),
    Asked("/tasks", method="HEAD"),
    Asked("/tasks", 204, method="OPTIONS"),
    Asked("/tasks", sent=GZIP),
    Asked("/tasks", sent={"Accept-Encoding": "zstd"}),
    Asked("/tasks?limit=3&count=exact"),
    Asked("/tasks?limit=3&skip=3"),
    Asked("/tasks?limit=3&cursor=&order_by=-priority,owner.name"),
    Asked("/tasks?title=Plan+page+8"),
    Asked("/tasks?title=Plan%20page%208"),
    Asked("/tasks?title__icontains=%C3%A9"),
    Asked("/tasks?completed=true&due_date__isnull=false&fields=id,due_date"),
    Asked("/tasks?owner.name__endswith=1&comments.author_id=2"),
    Asked("/tasks?or=(priority__gte=4,and=(owner.name=user%202,not=(completed=true)))"),
    Asked("/tasks?or=(title=%22Plan%20page%208%22,id__in=(1,2))"),
    Asked("/tasks?search=plan%20page"),
    Asked("/tasks?fields=priority&distinct=true"),
    Asked("/tasks?include=owner,labels,comments(limit:1,order_by:-id).author&limit=5"),
    Asked("/tasks?order_by=due_date:nulls_last,-id"),
    Asked("/tasks?&&limit=1&"),
    Asked("/tasks?", sent=CSV),
    Asked("/tasks?include=owner&limit=4", sent=CSV),
    Asked("/tasks?fields=id,title", sent=NDJSON),
    Asked("/tasks", sent={**NDJSON, **GZIP}),
    Asked("/tasks", method="HEAD", sent=CSV),
    Asked("/tasks/7"),
    Asked("/tasks/7?include=comments,owner"),
    Asked("/tasks/7", method="HEAD"),
    Asked("/tasks/=7"),
    Asked("/tasks/%37"),
    Asked("/tasks/aggregate?group_by=completed&count&avg=priority"),
    Asked("/tasks/aggregate?count&sum=priority&having=(count__gt=1)"),
    Asked("/users/1", 304, sent={"If-None-Match": "*"}),
    Asked("/users/1", sent={"If-None-Match": '"other"'}),
    Asked("/tasks/999999", 404),
    Asked("/tasks/999999", 404, method="HEAD"),
    Asked("/tasks/one", 404),
    Asked("/tasks/%2F", 404),
    Asked("/tasks/1%2C2", 404),
    Asked("/tasks/%F0%9F%8E%BB", 404),
    Asked("/nothing", 404),
    Asked("/tasks?titel=x", 400),
    Asked("/tasks?title=%FF", 400),
    Asked("/tasks?limit=1001", 400),
    Asked("/tasks?cursor=x", 400),
    Asked("/tasks?or=(id=1", 400),
    Asked("/tasks", 415, method="POST"),
    Asked("/tasks/aggregate", 405, method="DELETE"),
    Asked("/tasks/1", 405, method="POST"),
    Asked("/tasks", 406, sent={"Accept": "image/png"}),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Every server in turn, with a database of its own."""
    folder = tmp_path_factory.mktemp("served")
    with running(request.param, "tests.scenarios.example:app", {FOLDER: str(folder)}) as started:
        yield started


@pytest.fixture(scope="module")
async def example(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hekla]:
    """The example as it is, with its own relative database, from which its cursors are signed."""
    app = load_example(tmp_path_factory.mktemp("example"))
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture(scope="module")
async def expected(example: Hekla) -> list[Directly]:
    """What the application answers in this process."""
    answers = []
    for number, asked in enumerate(REQUESTS):
        headers = [("host", "test.example"), *asked.headers(number)]
        answers.append(await ask(example, asked.target, headers, method=asked.method))
    return answers


async def test_answers_are_the_same(server: Server, expected: list[Directly]) -> None:
    """Status, headers and body are what the application said, under whichever server."""
    for number, (asked, directly) in enumerate(zip(REQUESTS, expected, strict=True)):
        over_http = exchange(server.port, asked.method, asked.target, asked.headers(number))
        assert over_http.status == directly.status == asked.status, asked
        assert over_http.body == directly.body, asked
        assert over_http.complete
        got, said = dict(over_http.headers), dict(directly.headers)
        if "content-length" in got and asked.method != "HEAD":
            assert got.pop("content-length") == str(len(directly.body))
        assert {name: got[name] for name in got.keys() - OF_THE_SERVER} == said, asked


async def test_a_walk_by_cursor(server: Server, example: Hekla) -> None:
    """The link of each page leads to the next, and the pages hold every task once."""
    following: str | None = "/tasks?order_by=-due_date,title&limit=7&cursor=&fields=id"
    found: list[int] = []
    with Connection(server.port) as connection:
        read = connection.reader()
        while following is not None:
            connection.send(request_bytes("GET", following))
            answer = read()
            found += [row["id"] for row in answer.json()]
            link = answer.headers.get("link", "")
            following = link[1 : link.index(">")] if link else None
    assert found == (await ask(example, "/tasks?order_by=-due_date,title&fields=id")).ids
    assert len(found) == 30
