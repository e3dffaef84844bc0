"""Accept and Accept-Encoding, by the rules and examples of RFC 9110 section 12.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hekla.errors import Problem
from hekla.web.negotiate import choose_coding, choose_media_type, negotiate
from hekla.web.request import Request

JSON, CSV, LINES = "application/json", "text/csv", "application/x-ndjson"
OFFERED = (JSON, CSV, LINES)
LONG = ", ".join(f"application/x-{number}" for number in range(40))


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/*", CSV),
        ("text/html, text/csv;q=0.1", CSV),
        ("application/json;q=0.5, text/csv;q=0.6", CSV),
        ("application/json;q=0.5,text/csv;q=0.5", JSON),
        ("application/*;q=0.5, application/json;q=0.1", LINES),
        ("*/*, application/json;q=0", CSV),
        ("*/*;q=0.1, application/x-ndjson", LINES),
        ("application/json;charset=utf-8", JSON),
        ('application/json ; charset="UTF-8" ; q=1', JSON),
        ("application/json;version=2", None),
        ("text/csv;header=absent, */*;q=0.1", JSON),
        ("image/png", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        # What cannot be read is passed over; if nothing is left, the header is.
        ("text/csv;q=2, application/x-ndjson", LINES),
        ("text/csv;q=high", JSON),
        ("json", JSON),
        ("*/csv", JSON),
        (",,, text/csv ,", CSV),
        ('text/csv;x="a,b";q=1, application/x-ndjson', LINES),
        ('text/csv;x="', JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        (f"{LONG}, text/csv", CSV),
        (LONG, None),
    ],
)
def test_the_form_that_a_client_likes_best(accept: str, chosen: str | None) -> None:
    """The most specific range decides on a form, the weight between forms, the order at last."""
    assert choose_media_type(accept, OFFERED) == chosen


def test_the_example_of_the_rfc() -> None:
    """The weights of section 12.5.1: the most specific range that names a type is its weight."""
    accept = (
        "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
        "text/plain;format=fixed;q=0.4, */*;q=0.5"
    )
    order = [
        "text/plain;format=flowed",  # 1
        "text/plain",  # 0.7
        "image/jpeg",  # 0.5
        "text/plain;format=fixed",  # 0.4
        "text/html",  # 0.3
    ]
    for place in range(len(order)):
        left = tuple(reversed(order[place:]))
        assert choose_media_type(accept, left) == order[place]


def test_no_form_is_a_problem_that_names_the_forms() -> None:
    """A client that takes none of the forms is told which ones there are."""
    request = Request("GET", "/", headers=[("Accept", "image/png")])
    with pytest.raises(Problem) as caught:
        negotiate(request, OFFERED)
    assert caught.value.status == 406
    assert caught.value.detail == (
        "The answer can be had as application/json, text/csv, application/x-ndjson; "
        "ask for one of these."
    )


def test_several_headers_are_one_list() -> None:
    """A list may be spread over several lines of one name."""
    request = Request("GET", "/", headers=[("Accept", "text/csv;q=0.5"), ("accept", LINES)])
    assert negotiate(request, OFFERED) == LINES
    assert negotiate(Request("GET", "/"), OFFERED) == JSON


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.9", "gzip"),
        ("br", "identity"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("identity", "identity"),
        ("identity;q=0.5, gzip;q=0.4", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0, identity;q=0.1", "identity"),
        ("gzip;q=nonsense", "identity"),
        ("GZIP", "gzip"),
        ("gz ip", "identity"),
    ],
)
def test_the_coding_that_a_client_likes_best(accepted: str, chosen: str | None) -> None:
    """Identity is what remains, unless it is refused."""
    assert choose_coding(accepted, ("zstd", "gzip")) == chosen


WORDS = st.sampled_from(
    ["text", "/", "*", ";", ",", "q", "=", "0", ".", "5", '"', "\\", " ", "csv", "json", "é", "\0"]
)


@given(st.lists(WORDS, max_size=40).map("".join), st.booleans())
def test_no_header_is_an_accident(value: str, long: bool) -> None:
    """Any header ends in one of the offers or in none."""
    value += " " * 300 if long else ""
    assert choose_media_type(value, OFFERED) in (*OFFERED, None)
    assert choose_coding(value, ("zstd", "gzip")) in ("zstd", "gzip", "identity", None)


@given(
    st.dictionaries(st.sampled_from(OFFERED), st.integers(0, 10), min_size=1),
    st.none() | st.integers(0, 10),
)
def test_the_heaviest_form_wins(weights: dict[str, int], others: int | None) -> None:
    """Of forms named by their full type, the one with the greatest weight is sent."""
    members = [f"{kind};q={weight / 10:.1f}" for kind, weight in weights.items()]
    if others is not None:
        members.append(f"*/*;q={others / 10:.1f}")
    order = {kind: weights.get(kind, others or 0) for kind in OFFERED}
    best = max(order.values())
    expected = next(kind for kind in OFFERED if order[kind] == best) if best else None
    assert choose_media_type(", ".join(members), OFFERED) == expected
