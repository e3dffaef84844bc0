"""The OpenAPI document says what is served: no more, no less, and in names that tools bear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from openapi_spec_validator import validate

from hekla import Hekla, everyone, nobody
from hekla.errors import CODES, Problem
from hekla.faces.rest.filters import converter
from hekla.faces.rest.identifiers import Identifiers, pascal_case, snake_words
from hekla.faces.rest.values import value_schema
from hekla.schema.resource import Column
from hekla.schema.types import Type
from hekla.schema.types.mapping import type_of
from hekla.settings import Settings
from tests.oddities import build_oddities
from tests.scenarios.example import load_example
from tests.scenarios.samples import samples_app
from tests.servers import ROOT

DATA = ROOT.parent / "shared" / "data"


def reflected(path: Path) -> Hekla:
    app = Hekla(f"sqlite:///{path}")
    app.reflect(read=everyone)
    return app


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return load_example(tmp_path_factory.mktemp("example")).openapi()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = samples_app(f"sqlite:///{tmp_path_factory.mktemp('samples') / 'samples.db'}")
    app.sessions.dispose()
    return app.openapi()


@pytest.fixture(scope="module")
def oddities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("oddities") / "oddities.sqlite"
    build_oddities(path)
    return reflected(path).openapi()


def parameters(document: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    """The parameters of an address by name, with their references followed."""
    shared = document["components"]["parameters"]
    found = [
        shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in document["paths"][path]["get"]["parameters"]
    ]
    assert len({each["name"] for each in found}) == len(found)
    return {each["name"]: each for each in found}


def schema_of(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found = document["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    assert isinstance(found, dict)
    return found


def lookup(document: dict[str, Any], path: str, name: str) -> str | None:
    """What a filter of that name takes, if the object of lookups has it."""
    lookups = schema_of(document, parameters(document, path)["lookups"]["schema"])
    for pattern, schema in lookups["patternProperties"].items():
        if re.search(pattern, name):
            return str(schema.get("$ref", schema)).rpartition("/")[2]
    return None


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


# The document as a whole


@pytest.mark.parametrize("which", ["example", "samples", "oddities"])
def test_document_is_valid(which: str, request: pytest.FixtureRequest) -> None:
    """It is an OpenAPI 3.1 document, every reference in it leads somewhere, and it is JSON."""
    document = request.getfixturevalue(which)
    validate(document)
    assert document["openapi"] == "3.1.0"
    for reference in set(references(document)):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind]
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize("which", ["example", "samples", "oddities"])
def test_components_are_spoken_of(which: str, request: pytest.FixtureRequest) -> None:
    """No component stands there for nothing."""
    document = request.getfixturevalue(which)
    spoken = set(references(document))
    for kind in ("schemas", "parameters", "headers"):
        for name in document["components"][kind]:
            assert f"#/components/{kind}/{name}" in spoken


def test_identifiers_suit_tools(oddities: dict[str, Any]) -> None:
    """Names of components and operations are plain ASCII, and differ by more than case."""
    for kind, components in oddities["components"].items():
        for name in components:
            assert re.fullmatch(r"[A-Za-z0-9._-]+", name), kind
        assert len({name.lower() for name in components}) == len(components)
    operations = [
        operation["operationId"]
        for item in oddities["paths"].values()
        for operation in item.values()
    ]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in operations)
    assert len(set(operations)) == len(operations)
    tags = [tag["name"] for tag in oddities["tags"]]
    assert len(set(tags)) == len(tags)


def test_document_is_always_the_same(tmp_path: Path) -> None:
    """Two applications over the same tables describe themselves in the same words."""
    build_oddities(tmp_path / "oddities.sqlite")
    documents = [json.dumps(reflected(tmp_path / "oddities.sqlite").openapi()) for _ in range(2)]
    assert documents[0] == documents[1]


def test_size_is_bounded() -> None:
    """Of 13 tables and 16 views the document is not larger than a picture."""
    if not (DATA / "northwind.sqlite").exists():
        pytest.skip("needs the sample database northwind.sqlite beside the repository")
    document = reflected(DATA / "northwind.sqlite").openapi()
    assert len(json.dumps(document, separators=(",", ":"))) < 400_000


def test_prefix_is_the_server(tmp_path: Path) -> None:
    """Addresses are given below the prefix."""
    app = Hekla(f"sqlite:///{tmp_path / 'empty.db'}", prefix="/api", title="Shop", version="7")
    document = app.openapi()
    assert document["servers"] == [{"url": "/api"}]
    assert (document["info"]["title"], document["info"]["version"]) == ("Shop", "7")
    assert list(document["paths"]) == ["/", "/openapi.json", "/healthz", "/readyz"]


# Addresses


def test_addresses_of_the_example(example: dict[str, Any]) -> None:
    """Each resource has a list, figures, rows and changes, under names that stay."""
    expected: dict[str, dict[str, str]] = {}
    for many in ("tasks", "users", "projects", "labels", "comments"):
        one = many.removesuffix("s")
        expected |= {
            f"/{many}": {
                "get": f"list_{many}",
                "post": f"create_{one}",
                "put": f"upsert_{one}",
                "patch": f"update_{many}",
                "delete": f"delete_{many}",
            },
            f"/{many}/aggregate": {"get": f"aggregate_{many}"},
            f"/{many}/{{id}}": {
                "get": f"read_{one}",
                "put": f"replace_{one}",
                "patch": f"update_{one}",
                "delete": f"delete_{one}",
            },
            f"/{many}/changes": {"get": f"changes_of_{many}"},
            f"/{many}/{{id}}/history": {"get": f"history_of_{one}"},
        }
    expected |= {
        "/batch": {"post": "service_batch"},
        "/": {"get": "service_index"},
        "/openapi.json": {"get": "service_openapi"},
        "/healthz": {"get": "service_health"},
        "/readyz": {"get": "service_readiness"},
    }
    found = {
        path: {method: operation["operationId"] for method, operation in item.items()}
        for path, item in example["paths"].items()
    }
    assert found == expected


def test_addresses_of_oddities(oddities: dict[str, Any]) -> None:
    """Names are percent-encoded, keys of several columns are joined, no key means no rows."""
    paths = oddities["paths"]
    assert "/a%2Fb/{id}" in paths
    assert "/docs_/{id}" in paths
    assert "/keys_composite/{region},{number}" in paths
    assert "/Order%20%25%28Details%29s/{order_id},{line_no}" in paths
    assert "/keys_none" in paths
    assert not any(path.startswith("/keys_none/{") for path in paths)
    assert "cursor" not in parameters(oddities, "/keys_none")
    assert "cursor" in parameters(oddities, "/keys_text")


@pytest.mark.parametrize(
    ("text", "schema", "operation"),
    [
        ("tasks", "Tasks", "tasks"),
        ("order_details", "OrderDetails", "order_details"),
        ("OrderDetails", "OrderDetails", "order_details"),
        ("HTTPServer2", "HTTPServer2", "http_server_2"),
        ("Länder Liste", "LanderListe", "lander_liste"),
        ("🎻", "U1f3bb", "u1f3bb"),
        ("7 days", "N7Days", "7_days"),
        ("", "Unnamed", "unnamed"),
        ("//", "Unnamed", "unnamed"),
    ],
)
def test_names_become_identifiers(text: str, schema: str, operation: str) -> None:
    """Any text becomes an identifier that can still be read."""
    assert (pascal_case(text), snake_words(text)) == (schema, operation)


def test_identifiers_are_unique() -> None:
    """The second of a name gets a number, and case alone is no difference."""
    identifiers = Identifiers()
    assert [identifiers.give(name) for name in ("Task", "task", "Task", "Task_2")] == [
        "Task",
        "task_2",
        "Task_3",
        "Task_2_2",
    ]


def test_names_of_one_resource_stay_together(tmp_path: Path) -> None:
    """A table that is called like a schema of another keeps apart from it."""
    metadata = sa.MetaData()
    app = Hekla(f"sqlite:///{tmp_path / 'names.db'}")
    for name in ("tasks", "task_lookups", "text", "Task", "text_list"):
        table = sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
        app.resource(table, read=everyone)
    document = app.openapi()
    validate(document)
    rows = {
        path: document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]["items"]["$ref"].rpartition("/")[2]
        for path in ("/tasks", "/task_lookups", "/text", "/Task", "/text_list")
    }
    assert rows == {
        "/tasks": "Task",
        "/task_lookups": "TaskLookup",
        "/text": "Text_2",
        "/Task": "Task_2",
        "/text_list": "TextList_2",
    }
    for name in rows.values():
        assert document["components"]["schemas"][name]["properties"] == {"id": {"type": "integer"}}


# Rows


def test_row_of_the_example(example: dict[str, Any]) -> None:
    """A row has its columns with their types, and the rows that it can embed."""
    assert example["components"]["schemas"]["Task"] == {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "completed": {"type": "boolean"},
            "priority": {"type": "integer"},
            "due_date": {"type": ["string", "null"], "format": "date"},
            "created_at": {"type": "string", "format": "date-time"},
            "owner_id": {"type": ["integer", "null"]},
            "project_id": {"type": ["integer", "null"]},
            "labels": {"type": "array", "items": {"$ref": "#/components/schemas/Label"}},
            "owner": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}]},
            "project": {"anyOf": [{"$ref": "#/components/schemas/Project"}, {"type": "null"}]},
            "comments": {"type": "array", "items": {"$ref": "#/components/schemas/Comment"}},
        },
        "additionalProperties": False,
    }


def test_columns_may_be_null(samples: dict[str, Any]) -> None:
    """NULL is told in every form that a schema has."""
    columns = samples["components"]["schemas"]["Sample"]["properties"]
    assert columns["id"] == {"type": "integer"}
    assert columns["kind"] == {
        "type": ["string", "null"],
        "enum": ["small", "medium", "large", None],
    }
    assert {"type": "null"} in columns["big"]["anyOf"]
    assert "type" not in columns["document"]


def test_unchecked_columns_may_hold_anything(oddities: dict[str, Any]) -> None:
    """Where SQLite need not keep to a declared type, the schema does not promise it."""
    column = oddities["components"]["schemas"]["Misfit"]["properties"]["an_integer"]
    assert column == {"description": "Declared as integer; given as the database holds it."}


def test_links_lead_to_related_rows(example: dict[str, Any]) -> None:
    """From a row to what it refers to, from a list to its first row."""
    answers = example["paths"]["/tasks/{id}"]["get"]["responses"]
    links = dict(answers["200"]["links"])
    for name in ("update", "replace", "delete"):
        itself = {"operationId": f"{name}_task", "parameters": {"id": "$response.body#/id"}}
        assert links.pop(name) == itself
    assert links == {
        "owner": {
            "operationId": "read_user",
            "parameters": {"id": "$response.body#/owner_id"},
        },
        "project": {
            "operationId": "read_project",
            "parameters": {"id": "$response.body#/project_id"},
        },
        "comments": {
            "operationId": "list_comments",
            "parameters": {"task_id": "$response.body#/id"},
        },
    }
    links = example["paths"]["/tasks"]["get"]["responses"]["200"]["links"]
    assert links["first"]["parameters"] == {"id": "$response.body#/0/id"}


# Who may see what


def test_closed_parts_are_absent(tmp_path: Path) -> None:
    """What an anonymous caller may not read leaves no trace: no column, relation, resource."""
    metadata = sa.MetaData()
    vault = sa.Table("vaults", metadata, sa.Column("id", sa.Integer, primary_key=True))
    person = sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("salary", sa.Integer),
        sa.Column("vault_id", sa.ForeignKey(vault.c.id)),
        sa.Column("shared", sa.Boolean),
    )
    app = Hekla(f"sqlite:///{tmp_path / 'rules.db'}")
    app.resource(vault)
    app.resource(
        person, read=everyone, columns={"salary": nobody, "name": person.c.shared == sa.true()}
    )
    document = app.openapi()
    validate(document)
    text = json.dumps(document)
    assert "salary" not in text
    assert "vaults" not in text
    assert "include" not in parameters(document, "/people")
    # A column that shows in some rows only is NULL in the others.
    row = document["components"]["schemas"]["Person"]["properties"]
    assert row["name"] == {"type": ["string", "null"]}
    # A relation over a column that is open is told of, but not where it may not lead.
    assert "vault" not in row


# Parameters


def test_parameters_of_a_list(example: dict[str, Any]) -> None:
    """A list takes its columns, the other comparisons, and what all lists take."""
    found = parameters(example, "/tasks")
    assert list(found) == [
        *("id", "title", "description", "completed", "priority", "due_date", "created_at"),
        *("owner_id", "project_id", "lookups", "search", "order_by", "limit", "skip", "cursor"),
        *("count", "fields", "include", "or", "and", "not"),
    ]
    assert found["limit"]["schema"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 1000,
        "default": 100,
    }
    assert schema_of(example, found["completed"]["schema"]) == {"type": "boolean"}
    assert found["lookups"]["style"] == "form"
    assert found["lookups"]["explode"] is True
    assert found["fields"]["explode"] is False
    assert "search" not in parameters(example, "/users")
    assert list(parameters(example, "/tasks/{id}")) == ["id", "fields", "include"]


def test_settings_bound_the_parameters(tmp_path: Path) -> None:
    """The limits that are told are those that are kept."""
    table = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    settings = Settings(max_page_size=20, default_page_size=5, max_filter_terms=7)
    app = Hekla(f"sqlite:///{tmp_path / 'things.db'}", settings=settings)
    app.resource(table, read=everyone)
    document = app.openapi()
    found = parameters(document, "/things")
    assert found["limit"]["schema"]["maximum"] == 20
    assert found["limit"]["schema"]["default"] == 5
    assert schema_of(document, found["lookups"]["schema"])["maxProperties"] == 7


def test_columns_that_are_called_like_parameters(samples: dict[str, Any]) -> None:
    """Every column has a parameter of its own, with its lookup or in quotes where it must be."""
    found = parameters(samples, "/clashes")
    assert list(found)[:10] == [
        "id",
        "limit__exact",
        "order_by__exact",
        "or__exact",
        "count__exact",
        "due",
        '"due__gte"',
        '"unit.price"',
        '"say ""hi"", (x)=:"',
        '"-minus"',
    ]
    assert list(parameters(samples, "/clashes/aggregate"))[1:11] == list(found)[:10]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title__icontains", "Text"),
        ("title__regex", "Pattern"),
        ("title__in", "TextList"),
        ("priority__range", "IntegerRange"),
        ("due_date__isnull", "Boolean"),
        ("due_date__gte", "Date"),
        ("owner.name", "Text"),
        ("owner.name__startswith", "Text"),
        ("owner__isnull", "Boolean"),
        ("comments:none.author_id", "Integer"),
        ("comments.author_id__in", "IntegerList"),
        ("comments__isnull", "Boolean"),
        # A parameter of its own:
        ("title", None),
        ("title__exact", None),
        # Not there:
        ("completed__gt", None),
        ("priority__icontains", None),
        ("owner:any.name", None),
        ("owner.nonsense", None),
        ("title__nonsense", None),
        ("owner", None),
    ],
)
def test_lookups(example: dict[str, Any], name: str, value: str | None) -> None:
    """The patterns name the lookups of own columns and of related ones, and nothing else."""
    assert lookup(example, "/tasks", name) == value


def test_wide_tables_have_one_parameter_for_all(oddities: dict[str, Any]) -> None:
    """Of 121 columns none is a parameter; all are in the object."""
    assert "c1" not in parameters(oddities, "/wide")
    assert lookup(oddities, "/wide", "c120") == "Integer"
    assert lookup(oddities, "/wide", "c120__in") == "IntegerList"
    assert lookup(oddities, "/wide", "c121") is None


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("()", True),
        ("(id=5)", True),
        ("(id__gte=5,title__icontains=plan,completed=true)", True),
        ("(due_date__lt=2026-01-31)", True),
        ("id=5", False),
        ("(id=five)", False),
        ("(nonsense=1)", False),
        ("(completed__gt=true)", False),
        ("(title=a\0b)", False),
    ],
)
def test_conditions(example: dict[str, Any], text: str, fits: bool) -> None:
    """The pattern of a group holds the simple conditions that there are."""
    schema = schema_of(example, parameters(example, "/tasks")["or"]["schema"])
    assert bool(re.search(schema["pattern"], text)) is fits


def test_included_relations(example: dict[str, Any]) -> None:
    """An include is a relation, or one behind it."""
    pattern = parameters(example, "/tasks")["include"]["schema"]["items"]["pattern"]
    fitting = [
        text
        for text in ("owner", "comments.author", "owner.tasks", "author", "owner.owner", "title")
        if re.search(pattern, text)
    ]
    assert fitting == ["owner", "comments.author", "owner.tasks"]


def test_orders(example: dict[str, Any]) -> None:
    """Rows are ordered by own columns and by those of what there is one of."""
    pattern = parameters(example, "/tasks")["order_by"]["schema"]["items"]["pattern"]
    fitting = [
        text
        for text in ("-priority", "due_date:nulls_last", "owner.name", "comments.id", "owner")
        if re.search(pattern, text)
    ]
    assert fitting == ["-priority", "due_date:nulls_last", "owner.name"]


def test_figures(example: dict[str, Any]) -> None:
    """Figures are of columns that have them, and one has to be asked for."""
    found = parameters(example, "/tasks/aggregate")["figures"]
    schema = schema_of(example, found["schema"])
    assert found["required"] is True
    assert schema["minProperties"] == 1
    taken = {
        name: [
            column
            for column in ("priority", "title", "completed", "due_date")
            if re.search(schema_of(example, each)["pattern"], column)
        ]
        for name, each in schema["properties"].items()
    }
    assert taken == {
        "count": ["priority", "title", "completed", "due_date"],
        "group_by": ["priority", "title", "completed", "due_date"],
        "count_distinct": ["priority", "title", "completed", "due_date"],
        "sum": ["priority"],
        "avg": ["priority"],
        "min": ["priority", "title", "due_date"],
        "max": ["priority", "title", "due_date"],
        "having": [],
        "order_by": [],
    }
    assert re.search(schema["properties"]["count"]["pattern"], "")


SAMPLE_VALUES: list[tuple[sa.types.TypeEngine[Any], str, list[str], list[str]]] = [
    (sa.Integer(), "in", ["", "1", "-5,7"], ["x", "1,", "1.5"]),
    (sa.Integer(), "range", ["1,2"], ["1", "1,2,3"]),
    (sa.Numeric(10, 2), "exact", ["1.50", "-3", ".5", "1e5"], ["", "x", "1,5", "NaN"]),
    (sa.Text(), "exact", ["", "any thing"], ["a\0b"]),
    (sa.Text(), "in", ["", "a,b", '"a,b",c', 'a"b', ",", '""'], ['"a', '"a"b']),
    (sa.Text(), "range", ["a,b", '"a,b",c'], ["a", "a,b,c"]),
    (sa.Text(), "regex", ["^a+$", "a{2,3}"], ["a{0}", "\0"]),
    (sa.Time(), "exact", ["09:30", "23:59:59.999999"], ["24:00", "9:30", "noon"]),
    (sa.Interval(), "exact", ["P1DT2H3.5S", "-PT0.5S", "P2W"], ["P", "PT", "1 day", "P1Y"]),
    (sa.LargeBinary(), "exact", ["", "AP8=", "AP8", "-_-_"], ["A", "a b c d e", "!"]),
    (sa.DateTime(), "in", ["2026-01-31T09:30:00Z"], ["today", "2026-02-30T00:00:00Z"]),
    (sa.Uuid(), "in", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
    (sa.Enum("a", "b,c"), "in", ['a,"b,c"', ""], ["d", "b,c"]),
    (sa.Enum("a", "b,c"), "contains", ["z"], ["\0"]),
    (sa.Boolean(), "in", ["true,false", ""], ["yes"]),
]


@pytest.mark.parametrize(("sql_type", "name", "good", "bad"), SAMPLE_VALUES)
def test_values_are_told_as_they_are_read(
    sql_type: sa.types.TypeEngine[Any], name: str, good: list[str], bad: list[str]
) -> None:
    """What a schema admits the type reads, and what the type refuses no schema admits."""
    type_: Type = type_of(sql_type, "sqlite")
    convert = converter(Column("x", sa.column("x"), type_), name, Settings())
    pattern = value_schema(type_, name)[1]["pattern"]
    for text in good:
        assert re.search(pattern, text), text
        convert(text)
    for text in bad:
        assert not re.search(pattern, text), text
        with pytest.raises((ValueError, Problem)):
            convert(text)


# Answers


def test_answers_of_a_list(example: dict[str, Any]) -> None:
    """Three forms, four headers, and every status that there can be."""
    answers = example["paths"]["/tasks"]["get"]["responses"]
    assert list(answers) == ["200", "304", "400", "406", "414", "431", "5XX"]
    assert list(answers["200"]["content"]) == [
        "application/json",
        "text/csv",
        "application/x-ndjson",
    ]
    assert list(answers["200"]["headers"]) == ["ETag", "Link", "X-Total-Count", "X-Next-Cursor"]
    assert {"404", "409"} <= set(example["paths"]["/tasks/{id}"]["get"]["responses"])


def test_every_code_is_told_with_its_status(example: dict[str, Any]) -> None:
    """A problem's code stands with the answer that has its status."""
    told = {}
    for response in example["components"]["responses"].values():
        problem = response.get("content", {}).get("application/problem+json")
        if problem is not None:
            own = problem["schema"]["allOf"][1]["properties"]
            told.update(dict.fromkeys(own["code"]["enum"], own["status"]["enum"]))
    # What only other methods give, and hosts that are not the application's.
    elsewhere = {405, 421}
    assert told.keys() == {c.code for c in CODES.values() if c.status not in elsewhere}
    for code, statuses in told.items():
        assert CODES[code].status in statuses
