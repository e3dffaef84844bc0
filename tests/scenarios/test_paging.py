"""Pages by cursor and by number, with rows that come and go between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from hekla import Hekla, everyone
from hekla.settings import Settings
from tests.databases import NewUrl
from tests.scenarios.client import Answer, Scenario, ask, check

metadata = sa.MetaData()
owners = sa.Table(
    "owners", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
)
# Ranks tie, and some are NULL.
items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rank", sa.Integer),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price", sa.Float),
    sa.Column("owner_id", sa.ForeignKey("owners.id")),
)
# Of every value that is hard to take along in a cursor one.
hard = sa.Table(
    "hard",
    metadata,
    sa.Column("raw", sa.LargeBinary, primary_key=True),
    sa.Column("big", sa.BigInteger),
    sa.Column("at", sa.DateTime(True)),
    sa.Column("amount", sa.Numeric(10, 2)),
)
RANKS = [3, None, 1, 3, 2, None, 1, 3, 2, 1, None, 3]
PRICES = [0.1, None, -1.5, 1e300, 0.30000000000000004, 0.3, 5e-324, None, 2.5, 7, 7, 0.1]
SECRET = "a secret of the tests"


@asynccontextmanager
async def paged(url: str, secret: str = SECRET) -> AsyncIterator[Hekla]:
    """Twelve items; every third belongs to owner 1, every third to owner 2, the rest to nobody."""
    app = Hekla(url, settings=Settings(secret=secret))
    for table in (owners, items, hard):
        app.resource(table, read=everyone, search=["name"] if table is items else ())
    app.create_tables()
    with app.session() as session, session.begin():
        session.execute(sa.insert(owners), [{"id": 1, "name": "b"}, {"id": 2, "name": "a"}])
        session.execute(
            sa.insert(items),
            [
                {
                    "id": n,
                    "rank": RANKS[n - 1],
                    "name": f"item {n}",
                    "price": PRICES[n - 1],
                    "owner_id": n % 3 or None,
                }
                for n in range(1, 13)
            ],
        )
        session.execute(
            sa.insert(hard),
            [
                {"raw": b"", "big": 2**63 - 1, "amount": "0.10"},
                {"raw": b"\x00\xff", "big": -(2**63), "amount": "0.20"},
                {"raw": b"\xff", "big": 2**53 + 1, "amount": None},
                {"raw": b"text", "big": 2**53 + 2, "amount": "99999999.99"},
            ],
        )
    await app.startup()
    yield app
    await app.shutdown()


@pytest.fixture(scope="module")
async def app(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """The items for tests that only read."""
    async with paged(new_url()) as app:
        yield app


@pytest.fixture
async def own(new_url: NewUrl) -> AsyncIterator[Hekla]:
    """The items for one test that writes."""
    async with paged(new_url()) as app:
        yield app


async def pages(app: Hekla, target: str) -> list[list[Any]]:
    """The ids of each page, along ``Link: rel="next"``."""
    found = []
    following: str | None = target
    while following is not None:
        answer = await ask(app, following)
        assert answer.status == 200, answer.body
        found.append(answer.ids)
        following = answer.link("next")
        assert len(found) < 50
    return found


def flat(found: list[list[Any]]) -> list[Any]:
    return [number for page in found for number in page]


ORDERS = [
    ("id", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("-id", [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("rank", [2, 6, 11, 3, 7, 10, 5, 9, 1, 4, 8, 12]),
    ("-rank", [1, 4, 8, 12, 5, 9, 3, 7, 10, 2, 6, 11]),
    ("rank:nulls_last,-id", [10, 7, 3, 9, 5, 12, 8, 4, 1, 11, 6, 2]),
    ("-rank:nulls_first,-id", [11, 6, 2, 12, 8, 4, 1, 9, 5, 10, 7, 3]),
    ("price", [2, 8, 3, 7, 1, 12, 6, 5, 9, 10, 11, 4]),
    ("-price,-id", [4, 11, 10, 9, 5, 6, 12, 1, 7, 3, 8, 2]),
    ("owner.name,-id", [12, 9, 6, 3, 11, 8, 5, 2, 10, 7, 4, 1]),
    ("-owner.name,rank", [7, 10, 1, 4, 2, 11, 5, 8, 6, 3, 9, 12]),
    ("name", [1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9]),
]


@pytest.mark.parametrize("limit", [1, 5, 12, 13])
@pytest.mark.parametrize(("order", "ids"), ORDERS)
async def test_pages_by_cursor(app: Hekla, order: str, ids: list[int], limit: int) -> None:
    """Whatever the order, with ties and NULLs, the pages are the list cut into pieces."""
    found = await pages(app, f"/items?order_by={order}&limit={limit}&cursor=")
    assert flat(found) == ids
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize(("order", "ids"), ORDERS)
async def test_pages_by_number(app: Hekla, order: str, ids: list[int]) -> None:
    """The same pages, found by leaving out rows."""
    assert flat(await pages(app, f"/items?order_by={order}&limit=5")) == ids


@pytest.mark.parametrize("order", ["raw", "-raw", "big", "-big", "amount", "-at,raw"])
async def test_values_that_are_hard_to_take_along(app: Hekla, order: str) -> None:
    """A cursor keeps bytes, 19 digits and decimals exactly: no row is lost or given twice."""
    whole = (await ask(app, f"/hard?order_by={order}")).json()
    found: list[Any] = []
    following: str | None = f"/hard?order_by={order}&limit=1&cursor="
    while following is not None:
        answer = await ask(app, following)
        found += answer.json()
        following = answer.link("next")
    assert found == whole
    assert len(found) == 4


async def test_rows_that_come_between_pages(own: Hekla) -> None:
    """A walk by cursor meets what is inserted after its place, and gives no row twice.

    A row that was deleted, even the last of a page, does not stop it.
    """
    first = await ask(own, "/items?order_by=-rank&limit=5&cursor=")
    assert first.ids == [1, 4, 8, 12, 5]
    with own.session() as session, session.begin():
        session.execute(
            sa.insert(items),
            [
                {"id": 20, "rank": 9, "name": "before"},
                {"id": 21, "rank": 2, "name": "after"},
                {"id": 22, "rank": None, "name": "at the end"},
            ],
        )
        session.execute(sa.delete(items).where(items.c.id.in_([5, 3])))
    rest = await pages(own, first.link("next") or "")
    assert flat(rest) == [9, 21, 7, 10, 2, 6, 11, 22]


async def test_a_page_by_number_shifts(own: Hekla) -> None:
    """Paging by number gives a row again when one came before it: that is what cursors are for."""
    first = await ask(own, "/items?limit=5")
    with own.session() as session, session.begin():
        session.execute(sa.insert(items), [{"id": 0, "name": "before"}])
    second = await ask(own, first.link("next") or "")
    assert (first.ids[-1], second.ids[0]) == (5, 5)


async def test_links(app: Hekla) -> None:
    """Link names the next page while the page is full, and the one before by number only."""
    first = await ask(app, "/items?limit=5&rank__isnull=false")
    assert first.headers["link"] == '</items?limit=5&rank__isnull=false&skip=5>; rel="next"'
    last = await ask(app, "/items?limit=5&skip=10")
    assert last.headers["link"] == '</items?limit=5&skip=5>; rel="prev"'
    middle = await ask(app, "/items?skip=3&limit=5")
    assert middle.link("prev") == "/items?limit=5&skip=0"
    assert middle.link("next") == "/items?limit=5&skip=8"
    assert "link" not in (await ask(app, "/items")).headers
    assert "link" not in (await ask(app, "/items?limit=0")).headers
    by_cursor = await ask(app, "/items?limit=5&cursor=")
    assert by_cursor.link("next") == f"/items?limit=5&cursor={by_cursor.headers['x-next-cursor']}"
    ended = await ask(app, "/items?limit=50&cursor=")
    assert not {"link", "x-next-cursor"} & set(ended.headers)


async def test_a_walk_by_cursor_may_begin_further_on(app: Hekla) -> None:
    """Rows are skipped before the first page only; the next begins where that one ended."""
    assert await pages(app, "/items?skip=3&limit=4&cursor=") == [[4, 5, 6, 7], [8, 9, 10, 11], [12]]


async def test_a_cursor_goes_with_filters_and_a_count(app: Hekla) -> None:
    """Filters, search, fields and include hold on every page; the count is of all pages."""
    target = (
        "/items?rank__gte=1&search=item&fields=id,name&include=owner&count=exact&limit=4&cursor="
    )
    sizes = []
    following: str | None = target
    while following is not None:
        answer = await ask(app, following)
        sizes.append((len(answer.ids), answer.headers["x-total-count"]))
        assert all(list(row) == ["id", "name", "owner"] for row in answer.json())
        following = answer.link("next")
    assert sizes == [(4, "9"), (4, "9"), (1, "9")]


async def cursor_of(app: Hekla, target: str) -> str:
    answer: Answer = await ask(app, target)
    return answer.headers["x-next-cursor"]


async def test_cursors_that_are_refused(app: Hekla, new_url: NewUrl) -> None:
    """A cursor that was changed, made elsewhere, or made for another list or order is a 400."""
    own = await cursor_of(app, "/items?order_by=rank&limit=2&cursor=")
    async with paged(new_url(), secret="other") as other_app:
        foreign = await cursor_of(other_app, "/items?order_by=rank&limit=2&cursor=")
    middle = len(own) // 2
    changed = own[:middle] + ("A" if own[middle] != "A" else "B") + own[middle + 1 :]
    targets = [
        f"/items?order_by=rank&cursor={changed}",
        f"/items?order_by=rank&cursor={own[:-1]}",
        f"/items?order_by=rank&cursor={own}A",
        f"/items?order_by=rank&cursor={own}=",
        f"/items?order_by=rank&cursor={foreign}",
        "/items?order_by=rank&cursor=1",
        "/items?order_by=rank&cursor=%F0%9F%8E%BB",
        f"/items?cursor={own}",
        f"/items?order_by=-rank&cursor={own}",
        f"/items?order_by=rank:nulls_last&cursor={own}",
        f"/items?order_by=rank,name&cursor={own}",
        f"/owners?cursor={own}",
    ]
    for target in targets:
        answer = await ask(app, target)
        check(Scenario(target, 400, code="invalid_cursor", location="query.cursor"), answer)
    assert (await ask(app, f"/items?order_by=rank&limit=1&cursor={own}")).ids == [11]


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("/items?cursor=&cursor=", 400, code="invalid_syntax", location="query.cursor"),
        Scenario("/items?cursor=&fields=name&distinct=true", 400, code="unsupported", says="skip"),
        Scenario("/items?limit=-1", 400, code="invalid_value", location="query.limit"),
        Scenario("/items?limit=ten", 400, code="invalid_value", location="query.limit"),
        Scenario("/items?limit=", 400, code="invalid_value", location="query.limit"),
        Scenario("/items?limit=1.5", 400, code="invalid_value", location="query.limit"),
        Scenario("/items?limit=%D9%A3", 400, code="invalid_value", location="query.limit"),
        Scenario("/items?skip=-1", 400, code="invalid_value", location="query.skip"),
        Scenario("/items?skip=9223372036854775808", 400, code="invalid_value"),
        Scenario("/items?limit=1001", 400, code="limit_exceeded", says="max_page_size"),
    ],
    ids=str,
)
async def test_pages_that_cannot_be(app: Hekla, scenario: Scenario) -> None:
    """A page that makes no sense is refused with its reason."""
    check(scenario, await ask(app, scenario.target))


async def test_an_export_is_not_cut_into_pages(own: Hekla) -> None:
    """More rows than a page may hold come in one export."""
    with own.session() as session, session.begin():
        more = [{"id": number, "name": "x"} for number in range(100, 3100)]
        session.execute(sa.insert(items), more)
    answer = await ask(own, "/items?fields=id", {"Accept": "application/x-ndjson"})
    assert answer.body.count(b"\n") == 3012
    assert answer.body.endswith(b'{"id":3099}\n')
