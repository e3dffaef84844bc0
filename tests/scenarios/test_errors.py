"""Every error that reading can meet: its code, its status, its place and its advice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.errors import CODES
from hekla.settings import Settings
from tests.databases import NewUrl
from tests.scenarios.client import Scenario, ask, check

TASKS = [
    # Names
    Scenario(
        "/tasks?titel=x",
        400,
        code="unknown_column",
        location="query.titel",
        says="tasks has no column “titel”. Did you mean “title”?",
    ),
    Scenario(
        "/tasks?titel__icontains=x",
        400,
        code="unknown_column",
        location="query.titel__icontains",
        says="“title”",
    ),
    Scenario("/tasks?Title=x", 400, code="unknown_column", says="Did you mean “title”?"),
    Scenario("/tasks?zzz=x", 400, code="unknown_column", says="tasks has no column “zzz”."),
    Scenario(
        "/tasks?ordr_by=id",
        400,
        code="unknown_parameter",
        location="query.ordr_by",
        says="Did you mean “order_by”?",
    ),
    Scenario("/tasks?Limit=3", 400, code="unknown_parameter", says="Did you mean “limit”?"),
    Scenario(
        "/tasks?title__icontain=x",
        400,
        code="unknown_lookup",
        location="query.title__icontain",
        says="Did you mean “icontains”?",
    ),
    Scenario("/tasks?completed__gt=true", 400, code="unknown_lookup", says="tasks.completed"),
    Scenario(
        "/tasks?owner.nam=x", 400, code="unknown_column", says="users has no column “nam”. Did you"
    ),
    Scenario(
        "/tasks?ownr.name=x",
        400,
        code="unknown_relation",
        location="query.ownr.name",
        says="Did you mean “owner”?",
    ),
    Scenario("/tasks?owner=1", 400, code="unknown_column", says="owner.column=…"),
    Scenario("/tasks?owner__gt=1", 400, code="unknown_column", says="is a relation"),
    Scenario("/tasks?title.x=1", 400, code="unknown_relation"),
    Scenario("/tasks?comments:some.id=1", 400, code="invalid_syntax"),
    Scenario("/tasks?fields=id,titel", 400, code="unknown_column", location="query.fields"),
    Scenario("/tasks?fields=owner", 400, code="unknown_column", location="query.fields"),
    Scenario("/tasks?fields=", 400, code="invalid_value", location="query.fields"),
    Scenario("/tasks?fields=id,", 400, code="unknown_column", location="query.fields"),
    Scenario(
        "/tasks?order_by=-priorty",
        400,
        code="unknown_column",
        location="query.order_by",
        says="Did you mean “priority”?",
    ),
    Scenario("/tasks?order_by=comments.id", 400, code="unsupported", location="query.order_by"),
    Scenario("/tasks?order_by=id:nulls", 400, code="invalid_syntax", location="query.order_by"),
    Scenario("/tasks?order_by=", 400, code="invalid_syntax", location="query.order_by"),
    Scenario("/tasks?order_by=id,", 400, code="invalid_syntax", location="query.order_by"),
    Scenario("/tasks?order_by=id asc", 400, code="unknown_column", says="Did you mean “id”?"),
    Scenario("/users?search=x", 400, code="unsupported", location="query.search"),
    # Syntax and values
    Scenario("/tasks?or=id=1", 400, code="invalid_syntax", location="query.or"),
    Scenario("/tasks?or=(id=1", 400, code="invalid_syntax", location="query.or"),
    Scenario("/tasks?or=(id=1))", 400, code="invalid_syntax", location="query.or"),
    Scenario("/tasks?or=(id)", 400, code="invalid_syntax", location="query.or"),
    Scenario('/tasks?or=(title="x)', 400, code="invalid_syntax", says="a closing quote"),
    Scenario("/tasks?or=(titel=x)", 400, code="unknown_column", location="query.or"),
    Scenario("/tasks?or=(id=x)", 400, code="invalid_value", location="query.or"),
    Scenario('/tasks?"title=x', 400, code="invalid_syntax"),
    Scenario("/tasks?count=yes", 400, code="invalid_value", location="query.count"),
    Scenario("/tasks?distinct=maybe", 400, code="invalid_value", location="query.distinct"),
    Scenario("/tasks?limit=1&limit=2", 400, code="invalid_syntax", says="given twice"),
    Scenario("/tasks?title=%FF", 400, code="invalid_syntax", location="query", says="UTF-8"),
    Scenario("/tasks?=x", 400, code="invalid_syntax"),
    Scenario("/tasks?fields=priority&distinct=true&order_by=id", 400, code="unsupported"),
    # Several faults: the first counts, and nothing is answered in part.
    Scenario("/tasks?titel=x&zzz=1", 400, code="unknown_column", location="query.titel"),
    # Addresses and methods
    Scenario("/task", 404, code="not_found", says="nothing at this address"),
    Scenario("/Tasks", 404, code="not_found"),
    Scenario("//", 404, code="not_found"),
    Scenario("/tasks/%FF", 404, code="not_found"),
    Scenario("/tasks/1%2C2", 404, code="not_found"),
    Scenario("/tasks/999999", 404, code="not_found", method="HEAD"),
    Scenario(
        "/tasks/aggregate",
        405,
        code="method_not_allowed",
        method="POST",
        headers={"allow": "GET, HEAD, OPTIONS"},
    ),
    Scenario("/tasks/changes", 405, method="DELETE", headers={"allow": "GET, HEAD, OPTIONS"}),
    Scenario("/", 405, method="PATCH", headers={"allow": "GET, HEAD, OPTIONS"}),
    Scenario("/tasks", 501, code="not_implemented", method="BREW"),
    Scenario("/tasks", 406, code="not_acceptable", sent={"Accept": "image/png"}, says="text/csv"),
    Scenario("/tasks/1", 406, code="not_acceptable", sent={"Accept": "text/csv"}),
    Scenario("/tasks", 406, code="not_acceptable", sent={"Accept-Encoding": "identity;q=0, *;q=0"}),
    Scenario("/tasks?title=" + "x" * 16379, 414, code="uri_too_long", says="max_query_bytes"),
    Scenario("/tasks/" + "1" * 8186, 414, code="uri_too_long", says="max_path_bytes"),
    Scenario("/tasks", 431, code="headers_too_large", sent={"X-Large": "x" * 65536}),
]

SMALL = Settings(
    default_page_size=3,
    max_page_size=5,
    max_embed_depth=2,
    max_embedded_rows=2,
    max_filter_depth=2,
    max_filter_terms=6,
    max_in_values=3,
    max_query_bytes=400,
    max_path_bytes=50,
    max_header_bytes=500,
)
# What each setting lets through, and what it does not.
LIMITS: list[tuple[str, str, str]] = [
    ("max_page_size", "/nodes?limit=5", "/nodes?limit=6"),
    ("max_page_size", "/nodes/aggregate?count&limit=5", "/nodes/aggregate?count&limit=6"),
    (
        "max_page_size",
        "/nodes?include=children(limit:5)",
        "/nodes?include=children(limit:6)",
    ),
    (
        "max_embed_depth",
        "/nodes?include=children.children",
        "/nodes?include=children.children.children",
    ),
    (
        "max_embed_depth",
        "/nodes/1?include=parent(include:parent)",
        "/nodes/1?include=parent(include:(parent(include:parent)))",
    ),
    (
        "max_filter_depth",
        "/nodes?parent.parent.id=1",
        "/nodes?parent.parent.parent.id=1",
    ),
    (
        "max_filter_depth",
        "/nodes?order_by=parent.parent.id",
        "/nodes?order_by=parent.parent.parent.id",
    ),
    ("max_filter_depth", "/nodes?or=(or=(or=(id=1)))", "/nodes?or=(or=(or=(or=(id=1))))"),
    (
        "max_filter_terms",
        "/nodes?id__gt=1&id__gt=1&id__gt=1&id__gt=1&id__gt=1&id__gt=1",
        "/nodes?id__gt=1&id__gt=1&id__gt=1&id__gt=1&id__gt=1&id__gt=1&id__gt=1",
    ),
    (
        "max_filter_terms",
        "/nodes?or=(id=1,id=2,id=3)&order_by=id&include=parent,children",
        "/nodes?or=(id=1,id=2,id=3,id=4)&order_by=id&include=parent,children",
    ),
    ("max_filter_terms", "/nodes?search=a b c d e f", "/nodes?search=a b c d e f g"),
    (
        "max_filter_terms",
        "/nodes/aggregate?count&min=id,name&max=id,name&id__gt=1",
        "/nodes/aggregate?count&min=id,name&max=id,name&id__gt=1&id__gt=2",
    ),
    ("max_in_values", "/nodes?id__in=1,2,3", "/nodes?id__in=1,2,3,4"),
    ("max_in_values", "/nodes?id__not_in=1,2,3", "/nodes?id__not_in=1,2,3,4"),
    ("max_in_values", "/nodes?or=(id__in=(1,2,3))", "/nodes?or=(id__in=(1,2,3,4))"),
]


@pytest.mark.parametrize("scenario", TASKS, ids=str)
async def test_scenario(example: Hekla, scenario: Scenario) -> None:
    """A request that cannot be answered says why, where, and what to do about it."""
    target = scenario.target.replace(" ", "+")
    answer = await ask(example, target, scenario.sent, method=scenario.method)
    if scenario.method == "HEAD":
        assert (answer.status, answer.body) == (scenario.status, b"")
        return
    check(scenario, answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.fixture(scope="module")
async def small(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """A chain of ten nodes under limits that are soon reached."""
    nodes = sa.Table(
        "nodes",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("parent_id", sa.ForeignKey("nodes.id")),
    )
    app = Hekla(new_url(), settings=SMALL)
    app.resource(nodes, read=everyone, search=["name"])
    app.create_tables()
    with app.session() as session, session.begin():
        rows = [{"id": n, "name": f"node {n}", "parent_id": n // 4 or None} for n in range(1, 11)]
        session.execute(sa.insert(nodes), rows)
    await app.startup()
    yield app
    await app.shutdown()


@pytest.mark.parametrize(("setting", "within", "over"), LIMITS)
async def test_a_limit(small: Hekla, setting: str, within: str, over: str) -> None:
    """What is within a limit is answered; over it a Problem names the limit and the setting."""
    answer = await ask(small, within.replace(" ", "+"))
    assert answer.status == 200, answer.body
    refused = await ask(small, over.replace(" ", "+"))
    check(Scenario(over, 400, code="limit_exceeded", says=f"(setting {setting})"), refused)
    most = getattr(SMALL, setting)
    assert str(most) in refused.json()["detail"]


@pytest.mark.parametrize(
    ("target", "headers", "status", "setting"),
    [
        ("/nodes?name=" + "x" * 395, {}, 200, ""),
        ("/nodes?name=" + "x" * 396, {}, 414, "max_query_bytes"),
        ("/nodes/" + "1" * 43, {}, 404, ""),
        ("/nodes/" + "1" * 44, {}, 414, "max_path_bytes"),
        # Name, value and four bytes between and behind them.
        ("/nodes", {"x-y": "z" * 493}, 200, ""),
        ("/nodes", {"x-y": "z" * 494}, 431, "max_header_bytes"),
    ],
)
async def test_a_size(
    small: Hekla, target: str, headers: Mapping[str, str], status: int, setting: str
) -> None:
    """Sizes are bounded to the byte, and the setting is named."""
    answer = await ask(small, target, headers)
    assert answer.status == status, answer.body
    if setting:
        assert f"(setting {setting})" in answer.json()["detail"]


async def test_defaults(small: Hekla) -> None:
    """Without a limit a page and an included list are cut where the settings say."""
    assert (await ask(small, "/nodes")).ids == [1, 2, 3]
    answer = await ask(small, "/nodes/1?fields=id&include=children(fields:id)")
    assert answer.json() == {"id": 1, "children": [{"id": 4}, {"id": 5}]}
    export = await ask(small, "/nodes?fields=id", {"Accept": "application/x-ndjson"})
    assert export.body.count(b"\n") == 10


async def test_a_database_that_goes_away(new_url: NewUrl) -> None:
    """A table that is gone is a 503 that says nothing of the database."""
    url = new_url()
    things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    app = Hekla(url)
    app.resource(things, read=everyone)
    app.create_tables()
    await app.startup()
    with app.session() as session, session.begin():
        session.execute(sa.text("DROP TABLE things"))
    answer = await ask(app, "/things")
    await app.shutdown()
    assert answer.status in (500, 503)
    assert b"data.db" not in answer.body
    assert b"5432" not in answer.body
    assert b"no such table" not in answer.body
    assert b"does not exist" not in answer.body


def test_every_code_is_met_somewhere() -> None:
    """The codes that no test here can meet are met by others, which stand beside them."""
    met = {scenario.code for scenario in TASKS} | {"limit_exceeded"}
    elsewhere = {
        # tests/scenarios: test_paging.py, test_keys_over_http.py, test_rules.py
        *("invalid_cursor", "ambiguous_key", "forbidden"),
        # tests/server, tests/web: bodies and what cannot be read at all
        *("request_timeout", "body_too_large", "internal", "bad_request"),
        # tests/store: what a database does
        *("store_unavailable", "store_busy", "statement_timeout", "store_full"),
        # tests/scenarios, tests/faces, tests/writing, tests/changes: what only writes are told
        *("invalid_body", "unsupported_media_type", "validation_failed", "check_failed"),
        *("already_exists", "missing_reference", "still_referenced", "too_many_rows"),
        *("precondition_failed", "idempotency_key_reused", "refused", "changes_gone"),
        # tests/auth: who asks
        *("unauthenticated", "invalid_credentials", "invalid_token", "proof_needed"),
        *("cross_site", "code_gone", "too_many_attempts"),
        # tests/web, tests/server, tests/scenarios/test_rate_limits.py: what stands before it all
        *("rate_limited", "unknown_host"),
    }
    assert set(CODES) - met == elsewhere
