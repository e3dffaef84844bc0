"""Figures about the tasks of the example application, and about columns of every type.

``tests/scenarios/test_lists.py`` tells what is in the tables. Of the 30 priorities 0 to 4 each
stands there six times, so their sum is 60; of the ten completed tasks each stands there twice.
"""

from __future__ import annotations

import pytest

from hekla import Hekla
from tests.scenarios.client import Scenario, ask, check

EXAMPLE = [
    Scenario("/tasks/aggregate?count", json=[{"count": 30}]),
    Scenario("/tasks/aggregate?count=", json=[{"count": 30}]),
    Scenario("/tasks/aggregate/?count", json=[{"count": 30}]),
    Scenario("/tasks/aggregate?count=due_date", json=[{"count_due_date": 24}]),
    Scenario(
        "/tasks/aggregate?count&sum=priority&avg=priority&min=priority&max=priority",
        json=[
            {
                "count": 30,
                "sum_priority": 60,
                "avg_priority": 2.0,
                "min_priority": 0,
                "max_priority": 4,
            }
        ],
    ),
    Scenario(
        "/tasks/aggregate?count_distinct=priority,owner_id",
        json=[{"count_distinct_priority": 5, "count_distinct_owner_id": 5}],
    ),
    Scenario(
        "/tasks/aggregate?min=due_date,title&max=due_date",
        json=[
            {
                "min_due_date": "2026-01-13",
                "min_title": "Check page 10",
                "max_due_date": "2026-02-10",
            }
        ],
    ),
    Scenario(
        "/tasks/aggregate?group_by=completed&count&avg=priority",
        json=[
            {"completed": False, "count": 20, "avg_priority": 2.0},
            {"completed": True, "count": 10, "avg_priority": 2.0},
        ],
    ),
    Scenario(
        "/tasks/aggregate?group_by=owner.name&count&order_by=-count,owner.name&limit=3",
        # Nobody owns four tasks; users 1, 4 and 5 own six each, and users 2 and 3 one or none
        # less: of their tasks 21 (user 2), 7 (user 3), 28 (user 4) and 14 (user 5) are nobody's.
        json=[
            {"owner.name": "user 1", "count": 6},
            {"owner.name": "user 2", "count": 5},
            {"owner.name": "user 3", "count": 5},
        ],
    ),
    Scenario(
        "/tasks/aggregate?group_by=owner_id&count&owner_id__isnull=true",
        json=[{"owner_id": None, "count": 4}],
    ),
    Scenario(
        "/tasks/aggregate?group_by=priority&limit=2&skip=1", json=[{"priority": 1}, {"priority": 2}]
    ),
    Scenario(
        "/tasks/aggregate?group_by=priority,completed&count&having=(count__gte=4)&limit=1",
        json=[{"priority": 0, "completed": False, "count": 4}],
    ),
    Scenario(
        "/tasks/aggregate?group_by=project.name&sum=priority&having=(sum_priority__gt=1000)",
        json=[],
    ),
    Scenario(
        "/tasks/aggregate?group_by=completed&max=owner.name&having=(max_owner.name=user+5,count=3)"
        "&count",
        json=[],
    ),
    Scenario("/tasks/aggregate?count&id__gt=1000", json=[{"count": 0}]),
    Scenario(
        "/tasks/aggregate?sum=priority&avg=priority&id__gt=1000",
        json=[{"sum_priority": None, "avg_priority": None}],
    ),
    Scenario("/tasks/aggregate?group_by=completed&count&id__gt=1000", json=[]),
    # The filters of a list
    Scenario("/tasks/aggregate?count&completed=true&priority__gte=3", json=[{"count": 4}]),
    Scenario("/tasks/aggregate?count&comments.author_id=2", json=[{"count": 7}]),
    Scenario("/tasks/aggregate?count&or=(id=1,id=2)&not=(id=2)", json=[{"count": 1}]),
    Scenario("/tasks/aggregate?count&search=plan", json=[{"count": 7}]),
    Scenario("/tasks/aggregate?count&search=", json=[{"count": 30}]),
    # What cannot be said
    Scenario("/tasks/aggregate", 400, code="invalid_value", location="query"),
    Scenario("/tasks/aggregate?completed=true", 400, code="invalid_value"),
    Scenario("/tasks/aggregate?sum=title", 400, code="unsupported", location="query.sum"),
    Scenario("/tasks/aggregate?avg=completed", 400, code="unsupported", says="no avg"),
    Scenario(
        "/tasks/aggregate?sum=priorty",
        400,
        code="unknown_column",
        location="query.sum",
        says="Did you mean “priority”?",
    ),
    Scenario("/tasks/aggregate?sum=", 400, code="invalid_syntax", location="query.sum"),
    Scenario("/tasks/aggregate?group_by=comments.id&count", 400, code="unsupported"),
    Scenario("/tasks/aggregate?group_by=titel", 400, code="unknown_column"),
    Scenario("/tasks/aggregate?grup_by=title", 400, code="unknown_parameter", says="“group_by”"),
    Scenario(
        "/tasks/aggregate?count&having=(sum_priority=3)",
        400,
        code="unknown_column",
        location="query.having",
    ),
    Scenario("/tasks/aggregate?count&having=(count__contains=3)", 400, code="unknown_lookup"),
    Scenario("/tasks/aggregate?count&having=(count=x)", 400, code="invalid_value"),
    Scenario("/tasks/aggregate?count&having=count__gt=1", 400, code="invalid_syntax"),
    Scenario(
        "/tasks/aggregate?count&order_by=title",
        400,
        code="unknown_column",
        says="group or a measure",
    ),
    Scenario("/tasks/aggregate?count&limit=1001", 400, code="limit_exceeded"),
    Scenario("/tasks/aggregate?count&group_by=title&group_by=id", 400, code="invalid_syntax"),
    Scenario("/tasks/aggregate?count&include=owner", 400),
    Scenario("/tasks/aggregate?count&cursor=", 400),
    Scenario("/tasks/aggregate?count", 406, code="not_acceptable", sent={"Accept": "text/csv"}),
]

SAMPLES = [
    Scenario(
        "/samples/aggregate?sum=whole,big,real,amount&id__lte=3",
        json=[
            {
                "sum_whole": 2,
                "sum_big": "-9214364837600034815",
                "sum_real": -2.4,
                "sum_amount": "19.98",
            }
        ],
    ),
    Scenario(
        "/samples/aggregate?min=whole,big,amount,text,day,clock,at,span",
        json=[
            {
                "min_whole": -5,
                "min_big": "-9223372036854775808",
                "min_amount": "-0.01",
                "min_text": "",
                "min_day": "2025-12-31",
                "min_clock": "00:00:00.000000",
                "min_at": "2025-12-31T23:59:59.999999Z",
                "min_span": "-P1D",
            }
        ],
    ),
    Scenario(
        "/samples/aggregate?count=flag&count_distinct=flag,token,raw,kind",
        json=[
            {
                "count_flag": 4,
                "count_distinct_flag": 2,
                "count_distinct_token": 4,
                "count_distinct_raw": 4,
                "count_distinct_kind": 3,
            }
        ],
    ),
    Scenario(
        "/samples/aggregate?group_by=flag&count&max=big",
        json=[
            {"flag": None, "count": 1, "max_big": None},
            {"flag": False, "count": 2, "max_big": "9223372036854775807"},
            {"flag": True, "count": 2, "max_big": "9007199254740993"},
        ],
    ),
    Scenario(
        "/samples/aggregate?group_by=kind&max=amount&having=(max_amount__gte=19.99)"
        "&order_by=max_amount",
        json=[
            {"kind": "large", "max_amount": "19.99"},
            {"kind": "small", "max_amount": "12345678.90"},
        ],
    ),
    Scenario("/samples/aggregate?count_distinct=document", 400, code="unsupported"),
    Scenario("/samples/aggregate?group_by=document&count", 400, code="unsupported"),
    Scenario("/samples/aggregate?max=flag", 400, code="unsupported"),
]

CLASHES = [
    # Columns called like figures and parameters.
    Scenario("/clashes/aggregate?sum=count&count", json=[{"sum_count": 6, "count": 3}]),
    Scenario("/clashes/aggregate?count&count__exact=2", json=[{"count": 1}]),
    Scenario("/clashes/aggregate?group_by=count&count&limit=1", json=[{"count": 1, "count_": 1}]),
    Scenario("/clashes/aggregate?max=limit,or", json=[{"max_limit": 30, "max_or": 3}]),
    Scenario('/clashes/aggregate?max="unit.price"', json=[{"max_unit.price": 300}]),
]


@pytest.mark.parametrize("scenario", EXAMPLE, ids=str)
async def test_tasks(example: Hekla, scenario: Scenario) -> None:
    """Figures are those of the rows that the filters let through."""
    check(scenario, await ask(example, scenario.target, scenario.sent))


@pytest.mark.parametrize("scenario", SAMPLES + CLASHES, ids=str)
async def test_types_and_names(samples: Hekla, scenario: Scenario) -> None:
    """A figure has the type of its column; a count is a number."""
    check(scenario, await ask(samples, scenario.target, scenario.sent))


async def test_the_order_of_an_enumeration(samples: Hekla) -> None:
    """Its members are in the order of their names, or in their own where the database knows it."""
    answer = await ask(samples, "/samples/aggregate?min=kind&max=kind")
    own = samples.store.dialect != "sqlite"
    ends = ("small", "large") if own else ("large", "small")
    assert answer.json() == [{"min_kind": ends[0], "max_kind": ends[1]}]
