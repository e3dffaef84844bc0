"""Lists of the example application: filters, groups, order, fields, distinct, names that clash.

Of its 30 tasks number n is called ``Plan``, ``Write``, ``Check`` or ``Test`` page n (by the
remainder of n / 4: 0, 1, 2, 3), is completed if 3 divides n, and has the priority 3n mod 5. User
n mod 5 + 1 owns it, nobody if 7 divides n; its project is n mod 3 + 1; it is due n days after
12 January 2026, never if 5 divides n. Its labels are bug and idea, idea and text, text and urgent,
or urgent alone; a remainder of 2 gives it a comment by user 1, one of 3 comments by users 1 and 2.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from hekla import Hekla
from tests.scenarios.client import Scenario, ask, check

ALL = range(1, 31)
OF_USER_1 = [5, 10, 15, 20, 25, 30]
NOBODYS = [7, 14, 21, 28]
NEVER_DUE = [5, 10, 15, 20, 25, 30]
TESTS = [3, 7, 11, 15, 19, 23, 27]
CHECKS = [2, 6, 10, 14, 18, 22, 26, 30]
PLANS = [4, 8, 12, 16, 20, 24, 28]


def but(*numbers: int) -> list[int]:
    """All tasks but these."""
    return [number for number in ALL if number not in numbers]


# What follows /tasks?, written plainly, with the ids of the tasks in their order.
TASKS: list[tuple[str, list[int]]] = [
    ("", list(ALL)),
    ("limit=10&skip=0", list(range(1, 11))),
    ("limit=10&skip=25", [26, 27, 28, 29, 30]),
    ("skip=30", []),
    ("limit=0", []),
    ("skip=9223372036854775807", []),
    # One filter after another
    ("completed=true", [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]),
    ("completed=true&priority=0", [15, 30]),
    ("priority__gte=1&priority__gte=4", [3, 8, 13, 18, 23, 28]),
    ("priority=1&priority=2", []),
    ("title=Plan page 8", [8]),
    ("title__endswith=page 1&id__lt=2", [1]),
    ("due_date=2026-01-15", [3]),
    ("due_date__lte=2026-01-15", [1, 2, 3]),
    ("due_date__isnull=true", NEVER_DUE),
    # Through relations to one
    ("owner.name=user 1", OF_USER_1),
    ("owner.name__ne=user 1", but(*OF_USER_1, *NOBODYS)),
    ("owner:any.name=user 1", OF_USER_1),
    ("owner:none.name=user 1", but(*OF_USER_1)),
    ("owner:all.name=user 1", sorted(OF_USER_1 + NOBODYS)),
    ("owner__isnull=true", NOBODYS),
    ("owner__isnull=false", but(*NOBODYS)),
    ("owner.name__isnull=true", []),
    ("owner.id__in=1,2&project.name=project 1", [6, 15, 30]),
    # Through relations to many
    ("comments.author_id=2", TESTS),
    ("comments.author.name=user 2", TESTS),
    ("comments:none.author_id=2", but(*TESTS)),
    ("comments:all.author_id=1", but(*TESTS)),
    ("comments:all.author_id=2", but(*TESTS, *CHECKS)),
    ("comments__isnull=false", sorted(TESTS + CHECKS)),
    ("comments__isnull=true", but(*TESTS, *CHECKS)),
    ("comments.author_id=1&comments.author_id=2", TESTS),
    ("labels.name=bug", PLANS),
    ("labels.name=urgent", sorted(CHECKS + TESTS)),
    ("labels:all.name=urgent", TESTS),
    ("labels:none.name=urgent", but(*CHECKS, *TESTS)),
    # Groups
    ("and=(comments:any(author_id=1,author_id=2))", []),
    ("and=(comments:any(author_id=2,id__gt=15))", [23, 27]),
    ("and=(comments(author_id=2,id__gt=15))", [23, 27]),
    ("and=(comments:none(author_id=2,id__gt=15))", but(23, 27)),
    ("and=(owner:all(name=user 1))", sorted(OF_USER_1 + NOBODYS)),
    ("or=(id=1,id=30)", [1, 30]),
    ("or=(id:1,id:30)", [1, 30]),
    ("or=()", []),
    ("and=()", list(ALL)),
    ("not=()", []),
    ("not=(completed=true,priority=0)", but(15, 30)),
    ("not=(owner.name=user 1)", but(*OF_USER_1)),
    ("not=(owner.name__ne=user 1)", sorted(OF_USER_1 + NOBODYS)),
    ("not=(due_date__gte=2026-01-15)", [1, 2, *NEVER_DUE]),
    ("not=(not=(due_date__gte=2026-01-15))", but(1, 2, *NEVER_DUE)),
    ("or=(id=1,id=2)&or=(id=2,id=3)", [2]),
    (
        "or=(priority__gte=4,and=(owner.name=user 2,not=(completed=true)))",
        [1, 3, 8, 11, 13, 16, 18, 23, 26, 28],
    ),
    ('or=(title="Plan page 8",id__in=(1,2))', [1, 2, 8]),
    ('or=(title__in=("Plan page 8","Test page 7"))', [7, 8]),
    ("and=(or=(id=1,id=2),not=(or=(id=2,id=3)))", [1]),
    ("or=(id=1,id=2,)", [1, 2]),
    # Order
    ("order_by=-id&limit=3", [30, 29, 28]),
    ("order_by=-priority,id&limit=3", [3, 8, 13]),
    ("order_by=-priority&limit=3", [3, 8, 13]),
    ("order_by=priority,-id&limit=3", [30, 25, 20]),
    ("order_by=due_date&limit=7", [*NEVER_DUE, 1]),
    ("order_by=-due_date&limit=1", [29]),
    ("order_by=due_date:nulls_last&limit=2", [1, 2]),
    ("order_by=-due_date:nulls_first&limit=7", [*NEVER_DUE, 29]),
    ("order_by=-due_date:nulls_last,-id&skip=23", [1, 30, 25, 20, 15, 10, 5]),
    ("order_by=owner.name,-id&limit=5", [28, 21, 14, 7, 30]),
    ("order_by=owner.name:nulls_last,id&limit=2", [5, 10]),
    ("order_by=-owner.name,id&limit=2", [4, 9]),
    ("order_by=project.name,-owner.name,id&limit=3", [9, 24, 3]),
    ("order_by=completed,-id&limit=2", [29, 28]),
    ("order_by=id,-id&limit=2", [1, 2]),
    # Search
    ("search=plan page 8", [8, 28]),
    ("search=WRITE page 1", [1, 13, 17, 21]),
    ("search=step 30", [30]),
    ("search=", list(ALL)),
    ("search=  ", list(ALL)),
    ("search=nothing", []),
    ("search=%25", []),
    ("search=_", []),
    ("search=page&priority=0&completed=true", [15, 30]),
]

OTHERS: list[tuple[str, list[int]]] = [
    ("/users?tasks.id=3", [4]),
    ("/users?tasks:none.priority=0", [2, 3, 4, 5]),
    ("/users?tasks:all.completed=false", []),
    ("/users?tasks.comments.author_id=2&tasks.labels.name=bug", [1, 2, 3, 4, 5]),
    ("/users?and=(tasks(comments.author_id=2,labels.name=bug))", []),
    ("/users?and=(tasks(comments.author_id=2,id__gt=20))", [3, 4]),
    ("/users?comments__isnull=false", [1, 2]),
    ("/projects?tasks.owner.name=user 2&tasks.id__lt=2", [2]),
    ("/comments?task.owner__isnull=true", [5, 6, 10]),
    ("/comments?task.project.name=project 1&author_id=2", [3, 12, 21]),
    ("/comments?order_by=-task.owner.name:nulls_last,-id&limit=2", [15, 14]),
]

CLASHES: list[tuple[str, list[int]]] = [
    ("limit=2", [1, 2]),
    ("limit__exact=20", [2]),
    ("limit__gt=10&limit=1", [2]),
    ("order_by__exact=text 3", [3]),
    ("order_by=-order_by", [3, 2, 1]),
    ("or__exact=2", [2]),
    ("or=(or__exact=2,or=(or__exact=3))", [2, 3]),
    ("or=(or=3)", [3]),
    ("count__gte=2&count=exact", [2, 3]),
    # Unless it is quoted, a name that ends like a lookup of another column is that lookup.
    ("due__gte=2", [2, 3]),
    ("due__gte__exact=-2", [2]),
    ("due__gte__gte=-2", [1, 2]),
    ('"due"__gte=2', [2, 3]),
    ('"due__gte"=-3', [3]),
    ('"unit.price"__gte=200', [2, 3]),
    ('"unit.price"=300', [3]),
    ('order_by=-"unit.price"&limit=1', [3]),
    ('"say ""hi"", (x)%3D:"=2000', [2]),
    ('or=("say ""hi"", (x)%3D:"__in=(1000,3000))', [1, 3]),
    ('order_by=-"say ""hi"", (x)=:"', [3, 2, 1]),
    ("-minus=-2", [2]),
    ('order_by="-minus"', [3, 2, 1]),
    ('order_by=-"-minus"', [1, 2, 3]),
]


def encoded(target: str) -> str:
    """An address whose query was written plainly; what parts the query stays."""
    return quote(target, safe="/?&=,():.\"'-_%")


@pytest.mark.parametrize(("query", "ids"), TASKS)
async def test_tasks(example: Hekla, query: str, ids: list[int]) -> None:
    """A list holds the tasks that its parameters describe, in their order."""
    check(Scenario("", ids=ids), await ask(example, encoded(f"/tasks?{query}")))


@pytest.mark.parametrize(("query", "ids"), TASKS)
async def test_a_list_that_is_counted(example: Hekla, query: str, ids: list[int]) -> None:
    """With count=exact the same rows come, and how many there are without paging."""
    answer = await ask(example, encoded(f"/tasks?{query}&count=exact"))
    assert answer.ids == ids
    whole = [part for part in query.split("&") if part.partition("=")[0] not in ("limit", "skip")]
    every = await ask(example, encoded(f"/tasks?{'&'.join(whole)}"))
    assert answer.headers["x-total-count"] == str(len(every.ids))


@pytest.mark.parametrize(("target", "ids"), OTHERS)
async def test_other_resources(example: Hekla, target: str, ids: list[int]) -> None:
    """A filter goes through several relations, to one and to many."""
    check(Scenario("", ids=ids), await ask(example, encoded(target)))


@pytest.mark.parametrize(("query", "ids"), CLASHES)
async def test_names_that_clash(samples: Hekla, query: str, ids: list[int]) -> None:
    """A column of any name can be filtered and ordered by."""
    check(Scenario("", ids=ids), await ask(samples, encoded(f"/clashes?{query}")))


async def test_fields(example: Hekla) -> None:
    """The columns come in the order of fields, each once."""
    answer = await ask(example, "/tasks?fields=title,id,title&limit=2")
    # PostgreSQL puts a blank between the rows of an array.
    assert (
        answer.body.replace(b"}, {", b"},{")
        == b'[{"title":"Write page 1","id":1},{"title":"Check page 2","id":2}]'
    )


async def test_fields_with_odd_names(samples: Hekla) -> None:
    """A name with commas and quotes in it stands in quotes, as in any list of names."""
    answer = await ask(samples, encoded('/clashes?fields="say ""hi"", (x)=:",unit.price&limit=1'))
    assert answer.json() == [{'say "hi", (x)=:': 1000, "unit.price": 100}]


async def test_a_row_has_all_columns_in_their_order(example: Hekla) -> None:
    """Without fields a row holds every column, and nothing of the rows it refers to."""
    answer = await ask(example, "/tasks?id=7")
    assert answer.body == (
        b'[{"id":7,"title":"Test page 7","description":"Step 7.","completed":false,"priority":1,'
        b'"due_date":"2026-01-19","created_at":"2026-01-12T09:00:00.000000Z","owner_id":null,'
        b'"project_id":2}]'
    )


async def test_distinct(example: Hekla) -> None:
    """Rows that are equal in all fields come once, and are counted once."""
    answer = await ask(example, "/tasks?fields=priority&distinct=true&order_by=-priority&limit=2")
    assert answer.json() == [{"priority": 4}, {"priority": 3}]
    answer = await ask(
        example, "/tasks?fields=completed,priority&distinct=true&count=exact&skip=8&id__lte=30"
    )
    assert answer.headers["x-total-count"] == "10"
    assert answer.json() == [
        {"completed": True, "priority": 3},
        {"completed": True, "priority": 4},
    ]
    same = await ask(example, "/tasks?fields=priority&distinct=false&limit=6")
    assert [row["priority"] for row in same.json()] == [3, 1, 4, 2, 0, 3]


async def test_a_count_is_only_made_on_request(example: Hekla) -> None:
    """A list that was not asked to count says nothing of the total."""
    assert "x-total-count" not in (await ask(example, "/tasks?limit=1")).headers


async def test_a_slash_at_the_end_changes_nothing(example: Hekla) -> None:
    """/tasks/ is /tasks: an array of ten for the ten rows that were asked for."""
    answer = await ask(example, "/tasks/?skip=0&limit=10")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.ids == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert answer.body == (await ask(example, "/tasks?skip=0&limit=10")).body
