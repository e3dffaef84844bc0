"""Entity tags, and what a client has already."""

from __future__ import annotations

import pytest

from hekla.web.conditional import coded_tag, entity_tag, matches, not_modified


def test_a_tag_depends_on_nothing_but_the_bytes() -> None:
    """Equal bodies have equal tags in every process; a tag in a coding is another one."""
    # XXH3 of 128 bits of nothing, from the test vectors of its authors.
    assert entity_tag(b"") == '"99aa06d3014798d86001c324468d497f"'
    assert entity_tag(b"[1]") == entity_tag(bytes(bytearray(b"[1]")))
    assert entity_tag(b"[1]") != entity_tag(b"[2]")
    assert coded_tag('"abc"', "gzip") == '"abc-gzip"'


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x",W/"abc","y"', True),
        ("*", True),
        (" * ", True),
        ('"ab"', False),
        ('"abcd"', False),
        ("abc", False),
        ('"x, abc"', False),
        ('"a"bc"', False),
        ("", False),
    ],
)
def test_which_headers_name_a_tag(header: str, match: bool) -> None:
    """If-None-Match compares weakly (RFC 9110 section 13.1.2), and whole tags only."""
    assert matches(header, '"abc"') is match
    assert matches(header, 'W/"abc"') is match


def test_a_304_keeps_what_is_not_about_the_body() -> None:
    """Paging and caching headers go with a 304, those of the content do not."""
    headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("etag", '"a"'),
        ("vary", "Accept"),
        ("link", "</next>; rel=next"),
        ("x-total-count", "7"),
    ]
    response = not_modified(headers)
    assert (response.status, response.body) == (304, b"")
    assert [name for name, _ in response.headers] == ["etag", "vary", "link", "x-total-count"]
