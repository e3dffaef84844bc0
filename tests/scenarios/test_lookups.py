"""Every lookup on a column of every type, over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from hekla import Hekla
from tests.scenarios.client import Scenario, ask, check

# Filters, written plainly, with the ids of the rows they let through.
FILTERS: list[tuple[str, str, list[int]]] = [
    ("whole", "7", [3]),
    ("whole", "-5", [1]),
    ("whole", "+7", [3]),
    ("whole", "007", [3]),
    ("whole__exact", "7", [3]),
    ("whole__ne", "7", [1, 2, 4]),
    ("whole__gt", "0", [3, 4]),
    ("whole__gte", "0", [2, 3, 4]),
    ("whole__lt", "0", [1]),
    ("whole__lte", "0", [1, 2]),
    ("whole__in", "7,-5,99", [1, 3]),
    ("whole__in", "", []),
    ("whole__not_in", "7,-5,99", [2, 4]),
    ("whole__not_in", "", [1, 2, 3, 4]),
    ("whole__range", "0,7", [2, 3]),
    ("whole__range", "7,0", []),
    ("whole__isnull", "true", [5]),
    ("whole__isnull", "false", [1, 2, 3, 4]),
    ("big", "9007199254740993", [3]),
    ("big", "9007199254740992", []),
    ("big__gt", "9007199254740992", [3, 4]),
    ("big__gt", "9007199254740993", [4]),
    ("big__in", "9223372036854775807,-9223372036854775808", [1, 4]),
    ("big__lte", "-9223372036854775808", [1]),
    ("real", "0.1", [3]),
    ("real", "1e-1", [3]),
    ("real__ne", "0.1", [1, 2, 4]),
    ("real__lt", "0", [1]),
    ("real__gt", "1e299", [4]),
    ("real__lt", "Infinity", [1, 2, 3, 4]),
    ("real__range", "-2.5,0.1", [1, 2, 3]),
    ("real__in", "0,0.1", [2, 3]),
    ("amount", "19.99", [3]),
    ("amount", "19.990", [3]),
    ("amount__gte", "0", [2, 3, 4]),
    ("amount__lt", "0", [1]),
    ("amount__in", "0,12345678.9", [2, 4]),
    ("amount__not_in", "0,12345678.9", [1, 3]),
    ("amount__range", "-0.01,0.00", [1, 2]),
    ("flag", "true", [2, 3]),
    ("flag", "1", [2, 3]),
    ("flag", "False", [1, 4]),
    ("flag__ne", "true", [1, 4]),
    ("flag__in", "true,false", [1, 2, 3, 4]),
    ("flag__not_in", "true", [1, 4]),
    ("flag__isnull", "1", [5]),
    ("text", "", [1]),
    ("text", "a_b%c", [2]),
    ("text", "A_b%c", []),
    ("text__ne", "", [2, 3, 4]),
    ("text__contains", "_b%", [2]),
    ("text__contains", "ärger", []),
    ("text__contains", "", [1, 2, 3, 4]),
    ("text__icontains", "ÄRGER", [3]),
    ("text__icontains", "B%C", [2]),
    ("text__startswith", "say", [4]),
    ("text__startswith", "Say", []),
    ("text__istartswith", "SAY", [4]),
    ("text__istartswith", "äRG", [3]),
    ("text__endswith", "%c", [2]),
    ("text__endswith", "%C", []),
    ("text__iendswith", "%C", [2]),
    ("text__endswith", "🎻", [3]),
    ("text__regex", "^a.b", [2]),
    ("text__regex", "[0-9]", []),
    ("text__regex", "🎻$", [3]),
    ("text__regex", '"hi"', [4]),
    # Texts are compared by code point: Ä (U+00C4) comes after every ASCII letter.
    ("text__gt", "b", [3, 4]),
    ("text__lt", "b", [1, 2]),
    ("text__lte", "", [1]),
    ("text__range", "a,b", [2]),
    ("text__in", '"say ""hi"", (x)",a_b%c', [2, 4]),
    ("text__in", '""', [1]),
    ("text__not_in", "a_b%c", [1, 3, 4]),
    ("day", "2026-01-01", [2]),
    ("day__ne", "2026-01-01", [1, 3, 4]),
    ("day__lt", "2026-01-01", [1]),
    ("day__gte", "2026-02-28", [3, 4]),
    ("day__lte", "9999-12-31", [1, 2, 3, 4]),
    ("day__gt", "9999-12-31", []),
    ("day__range", "2025-12-31,2026-01-01", [1, 2]),
    ("day__in", "2026-01-01,2026-02-28", [2, 3]),
    ("clock", "09:30", [2]),
    ("clock", "09:30:00", [2]),
    ("clock", "09:30:00.5", [3]),
    ("clock__gt", "09:30", [3, 4]),
    ("clock__lte", "09:30", [1, 2]),
    ("clock__range", "00:00,09:30:00.5", [1, 2, 3]),
    ("clock__in", "00:00:00,23:59:59.999999", [1, 4]),
    ("at", "2026-01-01", [2]),
    ("at", "2026-01-01T00:00:00Z", [2]),
    ("at", "2026-01-01 00:00:00", [2]),
    ("at", "2026-01-01T01:00:00+01:00", [2]),
    ("at__lt", "2026-01-01", [1]),
    ("at__gte", "2026-02-28T12:34:56.789012Z", [3, 4]),
    ("at__gt", "2026-02-28T12:34:56.789012Z", [4]),
    ("at__gt", "2026-02-28T12:34:56.789011Z", [3, 4]),
    ("at__range", "2026-01-01,2026-03-01", [2, 3]),
    ("at__in", "2026-01-01,2026-02-28T12:34:56.789012Z", [2, 3]),
    ("zoned", "2026-01-01T05:30:00+05:30", [2]),
    ("zoned__gt", "2025-12-31T23:59:59.999999Z", [2, 3, 4]),
    ("zoned__lt", "2026-01-01T00:00:00-01:00", [1, 2]),
    ("span", "PT0S", [2]),
    ("span", "PT1H30M", [3]),
    ("span", "PT90M", [3]),
    ("span__lt", "PT0S", [1]),
    ("span__gte", "PT1H30M", [3, 4]),
    ("span__in", "-P1D,P1DT2H3.5S", [1, 4]),
    ("span__range", "-P1D,PT0S", [1, 2]),
    ("token", "00000000-0000-0000-0000-0000000000a0", [2]),
    ("token", "00000000-0000-0000-0000-0000000000A0", [2]),
    ("token", "000000000000000000000000000000a0", [2]),
    ("token__gt", "00000000-0000-0000-0000-0000000000a0", [3, 4]),
    (
        "token__in",
        "00000000-0000-0000-0000-000000000001,ffffffff-ffff-ffff-ffff-ffffffffffff",
        [1, 4],
    ),
    ("kind", "small", [1, 4]),
    ("kind__ne", "small", [2, 3]),
    ("kind__in", "small,large", [1, 3, 4]),
    ("kind__not_in", "small", [2, 3]),
    ("kind__startswith", "la", [3]),
    ("kind__icontains", "M", [1, 2, 4]),
    ("kind__regex", "^(small|medium)$", [1, 2, 4]),
    ("document__isnull", "true", [5]),
    ("document__isnull", "false", [1, 2, 3, 4]),
    ("raw", "", [1]),
    ("raw", "AP8=", [2]),
    ("raw", "AP8", [2]),
    ("raw", "++++", [3]),
    ("raw", "----", [3]),
    ("raw__ne", "AP8=", [1, 3, 4]),
    ("raw__in", "AP8=,----", [2, 3]),
]

NO_LOOKUP = [
    "whole__contains",
    "flag__gt",
    "document",
    "document__exact",
    "raw__startswith",
    "kind__range",
    "day__icontains",
]

UNFIT = [
    ("whole", "seven", "must be an integer"),
    ("whole", "", "must be an integer"),
    ("whole", "1.5", "must be an integer"),
    ("whole", "9223372036854775808", "must be between"),
    ("whole__in", "1,,2", "must be an integer"),
    ("whole__range", "1", "expected two values"),
    ("whole__range", "1,2,3", "expected two values"),
    ("whole__isnull", "yes", "expected true or false"),
    ("real", "NaN", "must be a number"),
    ("real", "0x10", "must be a number"),
    ("amount", "1,5", "must be a decimal number"),
    ("flag", "yes", "must be true or false"),
    ("text", "a\0b", "U+0000"),
    ("day", "2026-02-30", "is not in the calendar"),
    ("day", "01/02/2026", "must be a date"),
    ("clock", "24:00", "must be a time of day"),
    ("at", "yesterday", "must be a date and time"),
    ("at", "2026-13-01", "is not in the calendar"),
    ("span", "P1Y", "must be"),
    ("token", "a0", "must be a UUID"),
    ("kind", "huge", "must be one of"),
    ("raw", "!", "must be base64"),
    ("text__regex", "(", ""),
    ("text__regex", "(?=x)", ""),
]


@pytest.mark.parametrize(("name", "value", "ids"), FILTERS)
async def test_a_filter(samples: Hekla, name: str, value: str, ids: list[int]) -> None:
    """A filter lets through the rows it describes; NULL is let through by isnull only."""
    check(Scenario("", ids=ids), await ask(samples, f"/samples?{name}={quote(value, safe='')}"))


@pytest.mark.parametrize(("name", "value", "ids"), FILTERS)
async def test_a_filter_in_a_group(samples: Hekla, name: str, value: str, ids: list[int]) -> None:
    """The same filter, quoted inside not=(…), lets through all other rows, NULLs among them."""
    text = f"({name}={_inside(value)})"
    others = [number for number in range(1, 6) if number not in ids]
    check(Scenario("", ids=others), await ask(samples, f"/samples?not={quote(text, safe='')}"))


def _inside(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


@pytest.mark.parametrize("name", NO_LOOKUP)
async def test_a_lookup_that_the_type_has_not(samples: Hekla, name: str) -> None:
    """A lookup that makes no sense for a type is refused, at the parameter that asks for it."""
    scenario = Scenario("", 400, code="unknown_lookup", location=f"query.{name}", says="no lookup")
    check(scenario, await ask(samples, f"/samples?{name}=1"))


@pytest.mark.parametrize(("name", "value", "says"), UNFIT)
async def test_a_value_that_does_not_fit(samples: Hekla, name: str, value: str, says: str) -> None:
    """A value that is not of the column's type is refused with what would be."""
    scenario = Scenario("", 400, code="invalid_value", location=f"query.{name}", says=says)
    check(scenario, await ask(samples, f"/samples?{name}={quote(value, safe='')}"))


async def test_rows_in_json(samples: Hekla) -> None:
    """Every type comes as the conventions say, to the last digit."""
    rows = (await ask(samples, "/samples")).json()
    assert rows[0] == {
        "id": 1,
        "whole": -5,
        "big": "-9223372036854775808",
        "real": -2.5,
        "amount": "-0.01",
        "flag": False,
        "text": "",
        "day": "2025-12-31",
        "clock": "00:00:00.000000",
        "at": "2025-12-31T23:59:59.999999Z",
        "zoned": "2025-12-31T23:59:59.999999Z",
        "span": "-P1D",
        "token": "00000000-0000-0000-0000-000000000001",
        "kind": "small",
        "document": {"b": [1, 2.5, None], "a": "ä"},
        "raw": "",
    }
    assert rows[2] == {
        "id": 3,
        "whole": 7,
        "big": "9007199254740993",
        "real": 0.1,
        "amount": "19.99",
        "flag": True,
        "text": "Ärger 🎻",
        "day": "2026-02-28",
        "clock": "09:30:00.500000",
        "at": "2026-02-28T12:34:56.789012Z",
        "zoned": "2026-02-28T12:34:56.789012Z",
        "span": "PT1H30M",
        "token": "00000000-0000-0000-0000-0000000000b0",
        "kind": "large",
        "document": "text",
        "raw": "++++",
    }
    assert rows[3]["span"] == "P1DT2H3.5S"
    assert rows[3]["amount"] == "12345678.90"
    assert set(rows[4].values()) == {5, None}


async def test_every_row_is_found_by_each_of_its_values(samples: Hekla) -> None:
    """What stands in the JSON of a row can be sent back as a filter, and finds the row."""
    for row in (await ask(samples, "/samples")).json()[:4]:
        for name, value in row.items():
            if name in ("id", "document"):
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            answer = await ask(samples, f"/samples?{name}={quote(text, safe='')}")
            assert row["id"] in answer.ids, name
