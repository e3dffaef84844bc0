"""Paths: what is encoded comes back, and what cannot be read is refused."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hekla.errors import Problem
from hekla.web.path import (
    decode_segment,
    encode_decoded_path,
    encode_segment,
    normalize_raw_path,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("17", "17"),
        ("a b", "a%20b"),
        ("a/b,c", "a%2Fb%2Cc"),
        ("100%", "100%25"),
        ("é", "%C3%A9"),
        ("a+b:c@d", "a+b:c@d"),
        ("?#", "%3F%23"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_a_segment_is_encoded(text: str, encoded: str) -> None:
    """Everything with a meaning in an address is escaped, the comma of a key included."""
    assert encode_segment(text) == encoded
    assert decode_segment(encoded) == text


@pytest.mark.parametrize("segment", ["%", "a%2", "%zz", "%ff", "%c3", "%00", "a\0"])
def test_a_segment_that_cannot_be_read(segment: str) -> None:
    """A broken escape, bytes that are no text and NUL are a Problem."""
    with pytest.raises(Problem) as caught:
        decode_segment(segment)
    assert caught.value.code.code == "invalid_syntax"


@given(TEXT)
def test_every_text_survives_in_a_segment(text: str) -> None:
    """Encoding and decoding give back the same text, and the standard library agrees."""
    encoded = encode_segment(text)
    assert encoded.isascii()
    assert not set(encoded) & set("/,?# ")
    assert decode_segment(encoded) == unquote(encoded) == text


@given(TEXT)
def test_both_kinds_of_servers_mean_the_same(text: str) -> None:
    """A server that decodes the path and one that does not give the same segment."""
    sent = quote(text, safe="")
    assert decode_segment(encode_decoded_path(unquote(sent))) == text
    assert decode_segment(normalize_raw_path(sent.encode())) == text


@given(st.binary())
def test_a_raw_path_is_never_an_accident(raw: bytes) -> None:
    """Whatever bytes a client sends, reading them ends in a text or in a Problem."""
    try:
        text = decode_segment(normalize_raw_path(raw))
    except Problem as problem:
        text = problem.code.code
    assert text == "invalid_syntax" or "\0" not in text
