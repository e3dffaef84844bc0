"""A form reads a document as the reader of rows does, or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla import Problem, fields
from hekla.schema.build import Declaration, build_schema
from hekla.writing.rows import RowReader

DECODER = msgspec.json.Decoder(float_hook=Decimal)


def no_spaces(value: str) -> str:
    if " " in value:
        raise ValueError("must have no spaces")
    return value.lower()


table = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(6), nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("count", sa.Integer, nullable=False, default=3, info=fields.bounds(ge=1, le=5)),
    sa.Column("big", sa.BigInteger),
    sa.Column("done", sa.Boolean, nullable=False, server_default="0"),
    sa.Column("due", sa.DateTime),
    sa.Column("day", sa.Date),
    sa.Column("price", sa.Numeric(9, 2)),
    sa.Column("weight", sa.Float),
    sa.Column("kind", sa.Enum("a", "b", name="kind")),
    sa.Column("slug", sa.String(6)),
    sa.Column("data", sa.JSON),
    sa.Column("once", sa.Integer, nullable=False),
    sa.Column("a/b", sa.Uuid),
    sa.Column("made", sa.DateTime),
)
(resource,) = build_schema(
    [
        Declaration(
            table,
            read_only=["made"],
            write_once=["once"],
            validators={"slug": no_spaces},
        )
    ],
    "sqlite",
)
READER = RowReader(resource, resource.columns, "sqlite")

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "\0",
            "a\0b",
            "é€😀",
            "2026-01-31",
            "2026-01-31T09:30:00Z",
            "2026-01-31T09:30:00.123456+01:00",
            "2026-02-30T09:30:00Z",
            "9007199254740993",
            "12.50",
            "a",
            "Two words",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-3, 9),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1]),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("xy"), inner, max_size=2)
    ),
    max_leaves=4,
)
SOUND: dict[str, st.SearchStrategy[Any]] = {
    "title": st.text("aé😀", max_size=6),
    "note": st.none() | st.text("aé\n", max_size=9),
    "count": st.integers(1, 5),
    "big": st.none() | st.integers(-(2**63), 2**63 - 1),
    "done": st.booleans(),
    "due": st.none() | st.sampled_from(["2026-01-31T09:30:00Z", "2026-01-31T09:30:00+01:00"]),
    "day": st.none() | st.just("2026-01-31"),
    "price": st.none() | st.sampled_from([1, 1.5, "2.25"]),
    "weight": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "kind": st.none() | st.sampled_from("ab"),
    "slug": st.none() | st.sampled_from(["Slug", "x"]),
    "data": st.none() | st.just({"x": [1.5, None]}),
    "once": st.integers(0, 9),
    "a/b": st.none() | st.just("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
}
NEEDED = ("title", "once")
SOMETHING = st.fixed_dictionaries(
    {}, optional={name: st.one_of(sound, VALUES) for name, sound in SOUND.items()}
)
WHOLE = st.fixed_dictionaries(
    {name: SOUND[name] for name in NEEDED},
    optional={name: each for name, each in SOUND.items() if name not in NEEDED},
)


def read(method: Any, document: Any, **more: Any) -> Any:
    """The row with the types of its values, or the faults."""
    try:
        row = method(document, **more)
    except Problem as problem:
        return problem.errors
    return None if row is None else {name: (type(value), value) for name, value in row.items()}


@pytest.mark.parametrize("ascii_only", [True, False])
@given(document=st.one_of(SOMETHING, WHOLE), stranger=st.sampled_from(["", "", "", "id", "made"]))
@settings(max_examples=150, derandomize=True, database=None, deadline=None)
def test_a_form_never_says_anything_else(
    ascii_only: bool, document: dict[str, Any], stranger: str
) -> None:
    """Whatever a form reads is the row, value by value and type by type, that field by field is."""
    if stranger:
        document = {**document, stranger: 1}
    text = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for quick, slow, more in (
        (READER.create_json, READER.create, {}),
        (READER.update_json, READER.update, {"merges": True}),
    ):
        found = read(quick, text)
        if found is None:
            continue
        assert found == read(slow, DECODER.decode(text), **more)
        assert list(found) == list(read(slow, DECODER.decode(text), **more))


@given(documents=st.lists(WHOLE, max_size=3))
@settings(max_examples=100, derandomize=True, database=None, deadline=None)
def test_a_form_reads_all_that_is_sound(documents: list[dict[str, Any]]) -> None:
    """Nothing that is right is left to be read field by field, one by one or together."""
    text = json.dumps(documents).encode()
    rows = READER.create_all_json(text)
    assert rows == [READER.create(document) for document in DECODER.decode(text)]
    for document, row in zip(documents, rows or (), strict=True):
        assert READER.create_json(json.dumps(document).encode()) == row
        change = {name: value for name, value in document.items() if name != "once"}
        body = json.dumps(change).encode()
        assert READER.update_json(body) == READER.update(DECODER.decode(body), merges=True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"title":"a","once":1',
        b'{"title":"a","once":1}x',
        b'{"title":"a"}',
        b'{"title":"a","once":null}',
        b'{"title":"sevenths","once":1}',
        b'{"title":"a\\u0000b","once":1}',
        b'{"title":"\\ud800","once":1}',
        b'{"title":"a\xff","once":1}',
        b'{"title":"a","once":1.5}',
        b'{"title":"a","once":true}',
        b'{"title":"a","once":1,"count":6}',
        b'{"title":"a","once":1,"slug":"two words"}',
        b'{"title":"a","once":1,"made":"2026-01-31T09:30:00Z"}',
        b'{"title":"a","once":1,"data":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_form_does_not_read_what_is_faulty(text: bytes) -> None:
    """What is wrong is for somebody else to say."""
    assert READER.create_json(text) is None


def test_the_last_of_two_members_counts() -> None:
    """As it does where the document is read as a whole."""
    text = b'{"title":"a","once":1,"title":"b"}'
    assert READER.create_json(text) == {"title": "b", "once": 1, "count": 3}
    assert READER.create(DECODER.decode(text)) == {"title": "b", "once": 1, "count": 3}
