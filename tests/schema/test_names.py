"""Names of resources, relations and rows are worked out from names alone."""

from __future__ import annotations

import pytest

from hekla.schema.names import (
    RESERVED_PATHS,
    child_name,
    give_names,
    nearest,
    path_segment,
    plural,
    relation_name,
    singular,
    snake_case,
    stem,
    title,
)


@pytest.mark.parametrize(
    ("column", "target", "target_column", "expected"),
    [
        ("owner_id", "users", "id", "owner"),
        ("ownerId", "users", "id", "owner"),
        ("OwnerID", "Users", "ID", "Owner"),
        ("owner_uuid", "users", "id", "owner"),
        ("OwnerUUID", "Users", "Id", "Owner"),
        ("OWNER_ID", "USERS", "ID", "OWNER"),
        ("Owner ID", "Users", "ID", "Owner"),
        ("owner-id", "users", "id", "owner"),
        ("AlbumId", "Album", "AlbumId", "Album"),
        ("albumid", "album", "albumid", "album"),
        ("albumid", "albums", "id", "album"),
        ("paid", "users", "id", None),
        ("grid", "cells", "id", None),
        ("fk_owner", "users", "id", "owner"),
        ("id_owner", "users", "id", "owner"),
        ("fk_owner_id", "users", "id", "owner"),
        ("idOwner", "users", "id", "Owner"),
        ("ideal", "users", "id", None),
        ("country_code", "countries", "code", "country"),
        ("country_code", "countries", "country_code", "country"),
        ("CountryCode", "Country", "Code", "Country"),
        ("sender_email", "users", "email", "sender"),
        ("id", "people", "id", ""),
        ("ID", "people", "ID", ""),
        ("player1_id", "players", "id", "player1"),
        ("ReportsTo", "Employee", "EmployeeId", None),
        ("ShipVia", "Shippers", "ShipperID", None),
        ("owner", "users", "id", None),
        ("größe_id", "größen", "id", "größe"),
        ("", "users", "id", None),
    ],
)
def test_stem(column: str, target: str, target_column: str, expected: str | None) -> None:
    """The word for a key is taken off a foreign key's column, in whatever style it is written."""
    assert stem(column, target, target_column) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tasks", "task"),
        ("Task", "Task"),
        ("Categories", "Category"),
        ("COMPANIES", "COMPANY"),
        ("Order Details", "Order Detail"),
        ("task_lists", "task_list"),
        ("EmployeeTerritories", "EmployeeTerritory"),
        ("addresses", "address"),
        ("address", "address"),
        ("statuses", "status"),
        ("status", "status"),
        ("buses", "bus"),
        ("houses", "house"),
        ("databases", "database"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("caches", "cache"),
        ("heroes", "hero"),
        ("people", "person"),
        ("ChildPeople", "ChildPerson"),
        ("children", "child"),
        ("series", "series"),
        ("ties", "tie"),
        ("movies", "movie"),
        ("analysis", "analysis"),
        ("quizzes", "quiz"),
        ("sizes", "size"),
        ("gas", "gas"),
        ("t1", "t1"),
        ("", ""),
        ("É", "É"),
    ],
)
def test_singular(name: str, expected: str) -> None:
    """The last word of a name is put in the singular, in its own case."""
    assert singular(name) == expected


def test_plural_and_snake_case() -> None:
    """A class without a table gets a name in the style of tables."""
    assert plural("manager") == "managers"
    assert plural("company") == "companies"
    assert plural("box") == "boxes"
    assert plural("day") == "days"
    assert snake_case("HTTPServerError") == "http_server_error"
    assert snake_case("Task2Label") == "task2_label"


def test_title() -> None:
    """A row is called by its table's name in the singular, with a capital."""
    assert title("tasks") == "Task"
    assert title("task_lists") == "Task list"
    assert title("PlaylistTrack") == "PlaylistTrack"
    assert title("Order Details") == "Order Detail"
    assert title("_") == "_"


def test_path_segment() -> None:
    """A name is one segment of a path, whatever is in it."""
    assert path_segment("Order Details") == "Order%20Details"
    assert path_segment("a/b,c%") == "a%2Fb%2Cc%25"
    assert path_segment("É") == "%C3%89"
    assert path_segment("tasks-1_2.3~4") == "tasks-1_2.3~4"


def test_relation_name() -> None:
    """What separates names in include= and in paths does not get into a relation's name."""
    assert relation_name("a.b, (c):d") == "a_b_ _c__d"
    assert relation_name("Order Details") == "Order Details"
    assert relation_name("") == "_"


def test_child_name() -> None:
    """The way back of a parent is its children, in the same case."""
    assert child_name("parent") == "children"
    assert child_name("Parent") == "Children"
    assert child_name("PARENT") == "CHILDREN"
    assert child_name("boss") is None


def test_names_are_kept_where_they_can_be() -> None:
    """A name that is free and not reserved is not touched, however odd it is."""
    wanted = ["tasks", "Tasks", "Order Details", "a/b", "É", "é", "Docs"]
    assert give_names([(name, None) for name in wanted]) == (wanted, [])


def test_reserved_names_get_an_underscore() -> None:
    """A table called like one of Hekla's own paths is served beside it, and said so."""
    for name in RESERVED_PATHS:
        given, warnings = give_names([(name, None)])
        assert given == [f"{name}_"]
        assert warnings == [f'"{name}" is served as "{name}_": Hekla uses that path itself']


def test_unusable_names_give_way_to_usable_ones() -> None:
    """A table that has the name which a reserved one would get keeps it."""
    given, _ = give_names([("docs", None), ("docs_", None), ("", None), (".", None), ("..", None)])
    assert given == ["docs__", "docs_", "_", "._", ".._"]


def test_equal_names_are_told_apart() -> None:
    """The first keeps the name; the others take their schema's in front, or a number behind."""
    given, warnings = give_names(
        [("tasks", None), ("tasks", None), ("tasks", "archive"), ("tasks", None), ("tasks_2", None)]
    )
    assert given == ["tasks", "tasks_3", "archive_tasks", "tasks_4", "tasks_2"]
    assert warnings[0] == '"tasks" is served as "tasks_3": that name is taken'


def test_nearest() -> None:
    """An error message names what was probably meant, if anything is near."""
    assert nearest("titel", ["title", "id"]) == ', did you mean "title"?'
    assert nearest("zzz", ["title", "id"]) == ""
