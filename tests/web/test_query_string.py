"""Splitting query strings, compared with the standard library."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hekla.errors import Problem
from hekla.web.query_string import split_query

PIECES = st.sampled_from(
    [
        "&",
        "=",
        "+",
        "%",
        "a",
        "b",
        ".",
        ",",
        "(",
        ":",
        "%41",
        "%2B",
        "%26",
        "%C3%A9",
        "%zz",
        "é",
        "ÿ",
    ]
)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", []),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=a", [("", "a")]),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("&&a=1&", [("a", "1")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=1+2%2B3", [("a", "1 2+3")]),
        ("n%C3%A4me=%E4%B8%96", [("näme", "世")]),
        ("limit=10&q=50%", [("limit", "10"), ("q", "50%")]),
        ("a=%4", [("a", "%4")]),
        ("a;b=1", [("a;b", "1")]),
        ("a=%00", [("a", "\0")]),
    ],
)
def test_pairs(raw: str, pairs: list[tuple[str, str]]) -> None:
    """Pairs keep their order and their repeats; only what is escaped is decoded."""
    assert split_query(raw) == pairs


@pytest.mark.parametrize("raw", ["a=%ff", "%c3=1", "a=%ed%a0%80", "a=\ud800%41"])
def test_what_is_not_utf8(raw: str) -> None:
    """Bytes that are not UTF-8 are a Problem that says where they are."""
    with pytest.raises(Problem) as caught:
        split_query(raw)
    assert caught.value.code.code == "invalid_syntax"
    assert caught.value.errors[0].location == "query"


@given(st.lists(PIECES, max_size=30).map("".join))
@example("a=%C3&b=%A9")
def test_it_reads_as_the_standard_library_does(raw: str) -> None:
    """Every query string is split as parse_qsl does it, or is refused where it would guess."""
    try:
        expected = parse_qsl(raw, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(Problem):
            split_query(raw)
    else:
        assert split_query(raw) == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_what_was_encoded_comes_back(pairs: list[tuple[str, str]]) -> None:
    """Any text survives the way through a query string, unless it is not text at all."""
    try:
        raw = urlencode(pairs)
    except UnicodeEncodeError:
        return
    assert split_query(raw) == pairs
