"""Documents become rows, and whatever is wrong with one is told at once, each with its place."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla import Fault, Problem, fields
from hekla.errors import FORBIDDEN
from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Resource
from hekla.writing.rows import RowReader

DECODER = msgspec.json.Decoder(float_hook=Decimal)

counter = itertools.count(100)

tasks = sa.Table(
    "tasks",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(10), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, default=3, info=fields.bounds(ge=1, le=5)),
    sa.Column("done", sa.Boolean, nullable=False, server_default="0"),
    sa.Column("due_at", sa.DateTime),
    sa.Column("price", sa.Numeric(9, 2)),
    sa.Column("serial", sa.Integer, nullable=False, default=lambda: next(counter)),
    sa.Column("list_id", sa.Integer, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("double", sa.Integer, sa.Computed("priority * 2")),
    sa.Column("a/b~c", sa.Text),
    sa.Column("document", sa.JSON),
    sa.Column("inner", sa.Text, default="x"),
    sa.Column("version", sa.Integer, nullable=False),
)


def resource(**options: Any) -> Resource:
    declared: dict[str, Any] = {
        "created": "created_at",
        "version": "version",
        "write_once": ["list_id"],
        "hidden": ["inner"],
        **options,
    }
    (found,) = build_schema([Declaration(tasks, **declared)], "sqlite")
    return found


def reader(
    columns: list[str] | None = None,
    readable: list[str] | None = None,
    relations: list[str] | None = None,
    **options: Any,
) -> RowReader:
    found = resource(**options)
    chosen = found.columns if columns is None else {name: found.columns[name] for name in columns}
    return RowReader(found, chosen, "sqlite", readable=readable, relations=relations or ())


def faults(read: Callable[..., Any], document: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    """The messages of the Problem that reading raises, by their places."""
    with pytest.raises(Problem) as caught:
        read(document, *args, **kwargs)
    problem = caught.value
    assert (problem.code.code, problem.status) == ("validation_failed", 422)
    assert problem.detail.endswith((".", "?"))
    places = [fault.location for fault in problem.errors]
    assert len(set(places)) == len(places)
    return {fault.location: fault.message for fault in problem.errors}


WHOLE = {"title": "Write", "list_id": 1}


def test_a_document_becomes_a_row_of_python_values() -> None:
    """Each value is the type's own, columns in the order of the table."""
    document = DECODER.decode(
        b'{"price": 12.50, "due_at": "2026-01-05T10:00:00+01:00", "title": "Write",'
        b' "list_id": 1, "done": true, "document": {"a": [0.5]}, "priority": 5, "serial": 7}'
    )
    row = reader().create(document)
    assert row == {
        "title": "Write",
        "priority": 5,
        "done": True,
        "due_at": dt.datetime(2026, 1, 5, 9),
        "price": Decimal("12.50"),
        "serial": 7,
        "list_id": 1,
        "document": {"a": [0.5]},
    }
    assert list(row) == [each.name for each in tasks.columns if each.name in row]


def test_what_is_missing_is_filled_by_the_model() -> None:
    """Python's defaults are put in; what the database or Hekla itself fills is left out."""
    first, second = reader().create(WHOLE), reader().create(WHOLE)
    assert second["serial"] == first["serial"] + 1
    assert first == {"title": "Write", "list_id": 1, "priority": 3, "serial": first["serial"]}


def test_null_is_a_value() -> None:
    """Null is kept where the column takes it, and is no call for the default."""
    row = reader().create({**WHOLE, "due_at": None, "price": None, "document": None})
    assert (row["due_at"], row["price"], row["document"]) == (None, None, None)
    assert faults(reader().create, {**WHOLE, "priority": None}) == {"/priority": "must not be null"}


def test_every_fault_is_told_at_once() -> None:
    """One request is enough to learn all that is wrong, with the place of each."""
    document: dict[str, Any] = {
        "id": "x",
        "priority": 9,
        "done": 1,
        "due_at": "tomorrow",
        "price": Decimal("0.125"),
        "list_id": None,
        "created_at": "2026-01-05T09:00:00Z",
        "double": 4,
        "a/b~c": 5,
        "version": 1,
        "titel": "Write",
        "inner": "y",
        "~/": 0,
    }
    assert faults(reader().create, document) == {
        "/id": "must be an integer",
        "/title": "is required",
        "/priority": "must be at most 5",
        "/done": "must be true or false",
        "/due_at": "must be a date and time, such as 2026-01-31T09:30:00Z",
        "/price": "must have at most 2 decimals",
        "/list_id": "must not be null",
        "/created_at": "is read-only",
        "/double": "is computed by the database",
        "/a~1b~0c": "must be a string",
        "/version": "is read-only",
        "/titel": 'there is no such field, did you mean "title"?',
        "/inner": "there is no such field",
        "/~0~1": "there is no such field",
    }


def test_places_begin_where_the_document_stands() -> None:
    """Documents inside others are located from the outermost one."""
    assert faults(reader().create, {"list_id": "x"}, "/3/tasks/0") == {
        "/3/tasks/0/title": "is required",
        "/3/tasks/0/list_id": "must be an integer",
    }
    wrong: list[Any] = [None, [], "text", 5]
    for document in wrong:
        assert faults(reader().create, document, "/3") == {"/3": "must be an object"}
        assert faults(reader().update, document) == {"": "must be an object"}


def test_a_patch_changes_what_it_names() -> None:
    """Nothing is filled in and nothing is required; what only a new row may have is refused."""
    found = reader()
    assert found.update({}) == {}
    assert found.update({"done": True, "due_at": None}) == {"done": True, "due_at": None}
    assert faults(found.update, {"list_id": 2, "title": None, "created_at": None}) == {
        "/title": "must not be null",
        "/list_id": "may be given only when the row is created",
        "/created_at": "is read-only",
    }


def test_a_replacement_says_something_of_every_column() -> None:
    """What is not given gets its default or NULL, save what the database gives or keeps."""
    found = reader(write_once=["list_id", "price"])
    row = found.replace({"title": "Write", "list_id": 1, "serial": 1})
    assert row == {
        "title": "Write",
        "list_id": 1,
        "serial": 1,
        "priority": 3,
        "due_at": None,
        "a/b~c": None,
        "document": None,
    }
    assert found.write_once == ("price", "list_id")
    assert faults(found.replace, {"title": "Write"}) == {"/list_id": "is required"}


def test_what_is_given_elsewhere_is_not_asked_for() -> None:
    """A foreign key that comes from the place of the document is neither required nor taken."""
    found = reader()
    assert "list_id" not in found.create({"title": "Write"}, given=["list_id"])
    assert "serial" not in found.create(WHOLE, given=["serial"])
    assert faults(found.create, WHOLE, given=["list_id"]) == {
        "/list_id": "is set by where the row is written"
    }


def test_columns_that_may_not_be_written_are_refused() -> None:
    """One that may be read is named as such; one that may not be is as unknown as any other."""
    found = reader(
        columns=["title", "list_id", "price"], readable=["id", "title", "list_id", "priority"]
    )
    document = {**WHOLE, "priority": 1, "done": True, "dome": True, "pric": 1}
    assert faults(found.create, document) == {
        "/priority": "may not be written by you",
        "/done": "there is no such field",
        "/dome": "there is no such field",
        # A column that may be written but not read is not proposed to anybody.
        "/pric": "there is no such field",
    }
    assert found.create({**WHOLE, "price": 1})["price"] == 1


def test_what_the_actor_may_not_write_is_not_required() -> None:
    """Nobody is asked for what they cannot give."""
    assert reader(columns=["title"]).create({"title": "Write"}) == {"title": "Write"}


def test_relations_are_handed_over_as_they_are() -> None:
    """What a document says of relations comes back apart, for whoever knows them."""
    found = reader(relations=["comments", "labels"])
    document = {**WHOLE, "serial": 1, "labels": [{"id": 7}]}
    row, nested = found.create_nested(document)
    assert nested == {"labels": [{"id": 7}]}
    assert row == {"title": "Write", "list_id": 1, "serial": 1, "priority": 3}
    assert found.update_nested({"comments": None}) == ({}, {"comments": None})
    row, nested = found.replace_nested({**document, "comments": []})
    assert nested == {"comments": [], "labels": [{"id": 7}]}
    assert row["document"] is None
    assert faults(found.create_nested, {**document, "comment": []}) == {
        "/comment": 'there is no such field, did you mean "comments"?'
    }
    assert faults(found.create, document) == {
        "/labels": "is a relation, which cannot be written here"
    }
    assert faults(found.create_nested, [], "/1") == {"/1": "must be an object"}


def strip(value: str) -> str:
    return value.strip()


def not_empty(value: str) -> str:
    if not value:
        raise ValueError("must say something")
    return value


def test_validators_of_a_column_give_the_value_to_store() -> None:
    """They run one after the other, on values that passed the type and the checks."""
    found = reader(validators={"title": [strip, not_empty], "a/b~c": strip})
    assert found.create({**WHOLE, "title": " Write "})["title"] == "Write"
    assert found.update({"title": " x "}) == {"title": "x"}
    assert found.create({**WHOLE, "a/b~c": None})["a/b~c"] is None
    assert faults(found.create, {**WHOLE, "title": "  ", "priority": 0, "a/b~c": 5}) == {
        "/title": "must say something",
        "/priority": "must be at least 1",
        "/a~1b~0c": "must be a string",
    }


def test_a_validator_that_forgets_to_give_the_value_is_a_mistake_of_the_program() -> None:
    """Nothing is stored as NULL because a function has no return."""
    found = reader(validators={"title": lambda value: None})
    with pytest.raises(TypeError, match="of title gave None"):
        found.create(WHOLE)


def due_after_start(row: Mapping[str, Any]) -> None:
    if row["price"] is not None and row["due_at"] is None:
        raise fields.Invalid({"due_at": "is needed where there is a price", "a/b~c": "too"})


def short(row: Mapping[str, Any]) -> None:
    if row["title"] == "no":
        raise ValueError("is not what we do")


def closed(row: Mapping[str, Any]) -> None:
    if row["title"] == "closed":
        raise Problem(FORBIDDEN, "The list is closed.")


def test_validators_of_a_row_see_it_whole() -> None:
    """They are asked when every column is right, and may name columns, or nothing."""
    found = reader(validate=[due_after_start, short, closed])
    assert found.create(WHOLE)["title"] == "Write"
    priced = {**WHOLE, "title": "no", "price": 1}
    assert faults(found.create, priced, "/2") == {
        "/2/due_at": "is needed where there is a price",
        "/2/a~1b~0c": "too",
        "/2": "is not what we do",
    }
    # With a fault of a column they are not asked at all.
    assert faults(found.replace, {**priced, "priority": 0}) == {"/priority": "must be at least 1"}
    with pytest.raises(Problem) as caught:
        found.create({**WHOLE, "title": "closed"})
    assert caught.value.code.code == "forbidden"


def test_validators_of_a_row_are_asked_about_a_change_apart() -> None:
    """A patch is no row: whoever puts both together asks."""
    found = reader(validate=short)
    assert found.update({"title": "no"}) == {"title": "no"}
    assert faults(found.check, {"id": 1, "title": "no"}) == {"": "is not what we do"}
    found.check({"id": 1, "title": "yes"})


def test_a_validator_cannot_change_the_row() -> None:
    """What it is given is a copy."""

    def meddle(row: Any) -> None:
        row["title"] = "changed"

    assert reader(validate=meddle).create(WHOLE)["title"] == "Write"


def test_records_of_texts_are_read_as_their_types() -> None:
    """A line of a CSV file becomes the row that a document of the same values becomes."""
    found = reader()
    record = {
        "title": "5",
        "list_id": "1",
        "priority": "2",
        "done": "true",
        "due_at": "2026-01-05T09:00:00Z",
        "price": "12.50",
        "serial": "9",
        "document": '{"a": 1}',
        "a/b~c": None,
    }
    assert found.texts(record) == {
        "title": "5",
        "list_id": 1,
        "priority": 2,
        "done": True,
        "due_at": dt.datetime(2026, 1, 5, 9),
        "price": Decimal("12.50"),
        "serial": 9,
        "document": {"a": 1},
        "a/b~c": None,
    }
    assert found.texts({"priority": "4"}, partial=True) == {"priority": 4}
    assert faults(found.texts, {"title": "x", "priority": "nine", "done": ""}, "/17") == {
        "/17/priority": "must be an integer, such as 42",
        "/17/done": "must be true or false",
        "/17/list_id": "is required",
    }


def test_a_flood_of_unknown_fields_is_refused_quickly_and_briefly() -> None:
    """Neither the time nor the answer grows with what a client makes up."""
    document = {f"titl{number}": 1 for number in range(100_000)}
    before = time.process_time()
    found = faults(reader().create, {**WHOLE, **document})
    assert time.process_time() - before < 2
    assert len(found) == 101
    assert found[""] == "has 99900 more fields that it may not have"


def test_the_problem_says_the_first_fault_in_a_sentence() -> None:
    """Who sees the detail only knows where to begin."""
    with pytest.raises(Problem) as caught:
        reader().create({"list_id": 1, "priority": 9})
    assert caught.value.detail == "/title: is required (and 1 more)."
    assert caught.value.errors == (
        Fault("/title", "is required"),
        Fault("/priority", "must be at most 5"),
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


PLAIN = reader()


def outcome(
    read: Callable[[Any], dict[str, Any]], document: Any
) -> tuple[dict[str, Any], Problem | None]:
    try:
        return read(document), None
    except Problem as problem:
        return {}, problem


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([str(each.name) for each in tasks.columns]) | st.text(), ANYTHING
    )
)
def test_no_document_ends_in_anything_but_a_row_or_a_problem(document: dict[str, Any]) -> None:
    """Whatever a client sends is read or refused, and faults point into the document."""
    for read in (PLAIN.create, PLAIN.update, PLAIN.replace):
        row, problem = outcome(read, document)
        if problem is None:
            assert row.keys() >= document.keys()
            continue
        assert problem.code.code == "validation_failed"
        for fault in problem.errors:
            name = fault.location[1:].replace("~1", "/").replace("~0", "~")
            assert name in document or fault.message == "is required"
