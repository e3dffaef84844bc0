"""A database that exists is read as it is, and one bad table takes no other away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa

from hekla.schema.resource import Schema
from hekla.schema.sources.reflect import reflect
from hekla.schema.types import Dynamic
from hekla.settings import Settings
from hekla.store.apsw_dialect import engine_for
from tests.oddities import ODD_COLUMNS, ODD_TABLES, PARAMETER_COLUMNS, build_oddities

DATA = Path(__file__).parents[3] / "shared" / "data"


def reflect_file(path: Path) -> Schema:
    engine = engine_for(f"sqlite:///{path}", Settings())
    try:
        return reflect(engine)
    finally:
        engine.dispose()


def reflect_script(folder: Path, script: str) -> Schema:
    db = apsw.Connection(str(folder / "scratch.sqlite"))
    db.execute(script)
    db.close()
    return reflect_file(folder / "scratch.sqlite")


def copy_of(name: str, folder: Path) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"needs the sample database {name} beside the repository")
    return Path(shutil.copy(DATA / name, folder / name))


def relations(schema: Schema, resource: str) -> dict[str, tuple[str, bool]]:
    return {name: (r.target, r.many) for name, r in schema[resource].relations.items()}


@pytest.fixture(scope="module")
def oddities_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oddities") / "oddities.sqlite"
    build_oddities(path)
    return path


@pytest.fixture(scope="module")
def oddities(oddities_file: Path) -> Schema:
    return reflect_file(oddities_file)


@pytest.fixture
def connection(oddities_file: Path) -> Iterator[sa.Connection]:
    engine = engine_for(f"sqlite:///{oddities_file}", Settings())
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_chinook(tmp_path: Path) -> None:
    """Chinook's relations are called what its columns are about."""
    schema = reflect_file(copy_of("chinook.sqlite", tmp_path))
    assert {resource.name: relations(schema, resource.name) for resource in schema} == {
        "Album": {"Artist": ("Artist", False), "Track": ("Track", True)},
        "Artist": {"Album": ("Album", True)},
        "Customer": {"SupportRep": ("Employee", False), "Invoice": ("Invoice", True)},
        "Employee": {
            "ReportsTo_Employee": ("Employee", False),
            "Employee_by_ReportsTo": ("Employee", True),
            "Customer": ("Customer", True),
        },
        "Genre": {"Track": ("Track", True)},
        "Invoice": {"Customer": ("Customer", False), "InvoiceLine": ("InvoiceLine", True)},
        "InvoiceLine": {"Invoice": ("Invoice", False), "Track": ("Track", False)},
        "MediaType": {"Track": ("Track", True)},
        "Playlist": {"PlaylistTrack": ("PlaylistTrack", True), "Track": ("Track", True)},
        "PlaylistTrack": {"Playlist": ("Playlist", False), "Track": ("Track", False)},
        "Track": {
            "Album": ("Album", False),
            "MediaType": ("MediaType", False),
            "Genre": ("Genre", False),
            "InvoiceLine": ("InvoiceLine", True),
            "PlaylistTrack": ("PlaylistTrack", True),
            "Playlist": ("Playlist", True),
        },
    }
    assert schema["PlaylistTrack"].key == ("PlaylistId", "TrackId")
    assert schema.warnings == ()


def test_chinook_many_to_many(tmp_path: Path) -> None:
    """A many-to-many goes by the association table's two foreign keys, one step each."""
    schema = reflect_file(copy_of("chinook.sqlite", tmp_path))
    near, far = schema["Playlist"].relations["Track"].links
    playlist, between, track = (
        schema[name].table.c for name in ("Playlist", "PlaylistTrack", "Track")
    )
    assert near.table is schema["PlaylistTrack"].table
    assert far.table is schema["Track"].table
    assert [(a is playlist["PlaylistId"], b is between["PlaylistId"]) for a, b in near.pairs] == [
        (True, True)
    ]
    assert [(a is between["TrackId"], b is track["TrackId"]) for a, b in far.pairs] == [
        (True, True)
    ]


def test_northwind(tmp_path: Path) -> None:
    """Northwind's tables, with spaces in their names, are related as people would say it."""
    schema = reflect_file(copy_of("northwind.sqlite", tmp_path))
    tables = {resource.name for resource in schema if resource.writable}
    assert {name: relations(schema, name) for name in sorted(tables)} == {
        "Categories": {"Products": ("Products", True)},
        "CustomerCustomerDemo": {
            "Customer": ("Customers", False),
            "CustomerType": ("CustomerDemographics", False),
        },
        "CustomerDemographics": {
            "CustomerCustomerDemo": ("CustomerCustomerDemo", True),
            "Customers": ("Customers", True),
        },
        "Customers": {
            "CustomerCustomerDemo": ("CustomerCustomerDemo", True),
            "Orders": ("Orders", True),
            "CustomerDemographics": ("CustomerDemographics", True),
        },
        "EmployeeTerritories": {
            "Employee": ("Employees", False),
            "Territory": ("Territories", False),
        },
        "Employees": {
            "ReportsTo_Employee": ("Employees", False),
            "Employees_by_ReportsTo": ("Employees", True),
            "EmployeeTerritories": ("EmployeeTerritories", True),
            "Orders": ("Orders", True),
            "Territories": ("Territories", True),
        },
        "Order Details": {"Order": ("Orders", False), "Product": ("Products", False)},
        "Orders": {
            "Customer": ("Customers", False),
            "Employee": ("Employees", False),
            "ShipVia_Shipper": ("Shippers", False),
            "Order Details": ("Order Details", True),
            "Products": ("Products", True),
        },
        "Products": {
            "Supplier": ("Suppliers", False),
            "Category": ("Categories", False),
            "Order Details": ("Order Details", True),
            "Orders": ("Orders", True),
        },
        "Regions": {"Territories": ("Territories", True)},
        "Shippers": {"Orders": ("Orders", True)},
        "Suppliers": {"Products": ("Products", True)},
        "Territories": {
            "Region": ("Regions", False),
            "EmployeeTerritories": ("EmployeeTerritories", True),
            "Employees": ("Employees", True),
        },
    }
    assert schema.warnings == ()


def test_northwind_views(tmp_path: Path) -> None:
    """All 16 views are served, without a key, not to be written, each value looked at."""
    schema = reflect_file(copy_of("northwind.sqlite", tmp_path))
    views = [resource for resource in schema if not resource.writable]
    assert len(views) == 16
    assert all(view.key == () and view.relations == {} for view in views)
    assert all(column.guarded for view in views for column in view.columns.values())
    assert isinstance(schema["Order Subtotals"].columns["Subtotal"].type, Dynamic)


def test_northwind_is_read_quickly(tmp_path: Path) -> None:
    """29 tables and views take less than a tenth of a second."""
    path = copy_of("northwind.sqlite", tmp_path)
    reflect_file(path)
    taken = []
    for _ in range(3):
        start = time.process_time()
        reflect_file(path)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.1


def test_oddities_served(oddities: Schema, oddities_file: Path) -> None:
    """Every table and view is served, save internal ones, full-text ones and those warned of."""
    db = apsw.Connection(str(oddities_file))
    there = {
        name
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    }
    db.close()
    full_text = {
        f"{name}_fts{part}"
        for name in ("articles", "letters", "notes", "contentless")
        for part in ("", "_data", "_idx", "_content", "_docsize", "_config")
    } | {"boxes", "boxes_node", "boxes_parent", "boxes_rowid"}
    internal = {
        "sqlite_sequence",
        "sqlite_stat1",
        "sqlite_stat4",
        "alembic_version",
        "hekla_changes",
    }
    bad = {
        "lost_module",
        "lost_module_content",
        "unknown_collation",
        "view_broken",
        "view_half_broken",
        "view_circular_a",
        "view_circular_b",
        "view_unknown_function",
    }
    served = {str(resource.table.description) for resource in oddities}
    assert served == there - full_text - internal - bad


def test_oddities_warnings(oddities: Schema) -> None:
    """Each thing that is not as it should be is named once, with the reason, in one line."""
    assert oddities.warnings == (
        'the virtual table "lost_module" is not served: no such module: module_that_is_gone',
        (
            'the table "unknown_collation" is not served: '
            "no such collation sequence: collation_that_is_gone"
        ),
        'the view "view_broken" is not served: no such table: main.table_that_is_gone',
        'the view "view_circular_a" is not served: view view_circular_a is circularly defined',
        'the view "view_circular_b" is not served: view view_circular_b is circularly defined',
        'the view "view_half_broken" is not served: no such column: column_that_is_gone',
        'the view "view_unknown_function" is not served: no such function: function_that_is_gone',
        'the foreign key gone_id of "dangling" is left out: there is no table "gone" to refer to',
        (
            'the foreign key column_id of "dangling" is left out: '
            '"teams" has no column "no_such_column"'
        ),
        'the foreign key name_id of "dangling" is left out: name of "teams" is not unique',
        'the foreign key pair_id of "dangling" is left out: the key of "members" has 2 columns',
        'the foreign key view_id of "dangling" is left out: id of "view_plain" is not unique',
        '"" is served as "_": Hekla uses that path itself',
        '"." is served as "._": Hekla uses that path itself',
        '".." is served as ".._": Hekla uses that path itself',
        '".well-known" is served as ".well-known_": Hekla uses that path itself',
        '"auth" is served as "auth_": Hekla uses that path itself',
        '"docs" is served as "docs__": Hekla uses that path itself',
        '"graphql" is served as "graphql_": Hekla uses that path itself',
        '"openapi.json" is served as "openapi.json_": Hekla uses that path itself',
        (
            'books: the relation to authors by author_id is named "author_id_author", '
            'because "author" is not free'
        ),
        (
            "shelves: the relation to books through book_shelves is named "
            '"books_via_book_shelves", because "books" is not free'
        ),
        (
            'two_targets: the relation to authors by thing_id is named "thing_id_author", '
            'because "thing" is not free'
        ),
        (
            'two_targets: the relation to teams by thing_id is named "thing_id_team", '
            'because "thing" is not free'
        ),
    )


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            "people",
            {
                "parent": ("people", False),
                "best_friend_person": ("people", False),
                "children": ("people", True),
                "people_by_best_friend": ("people", True),
                "friendships_by_person": ("friendships", True),
                "friendships_by_friend": ("friendships", True),
                "profile": ("profiles", False),
                "friendships_friend": ("people", True),
                "friendships_person": ("people", True),
            },
        ),
        ("profiles", {"person": ("people", False)}),
        (
            "matches",
            {"home": ("teams", False), "away": ("teams", False), "winner_team": ("teams", False)},
        ),
        (
            "teams",
            {
                "Länder Liste": ("Länder Liste", True),
                "dangling": ("dangling", True),
                "matches_by_home": ("matches", True),
                "matches_by_away": ("matches", True),
                "matches_by_winner": ("matches", True),
                "two_targets": ("two_targets", True),
            },
        ),
        ("chickens", {"egg": ("eggs", False), "eggs": ("eggs", True)}),
        (
            "books",
            {
                "author_id_author": ("authors", False),
                "editor": ("authors", False),
                "book_authors": ("book_authors", True),
                "book_shelves": ("book_shelves", True),
                "book_tags": ("book_tags", True),
                "authors": ("authors", True),
                "shelves": ("shelves", True),
                "tags": ("tags", True),
            },
        ),
        (
            "authors",
            {
                "books_by_author": ("books", True),
                "books_by_editor": ("books", True),
                "book_authors": ("book_authors", True),
                "two_targets": ("two_targets", True),
                "books": ("books", True),
            },
        ),
        (
            "shelves",
            {
                "book_shelves": ("book_shelves", True),
                "books_via_book_shelves": ("books", True),
            },
        ),
        ("members", {"tenant": ("tenants", False), "invoices": ("invoices", True)}),
        ("invoices", {"owner": ("members", False), "invoice_lines": ("invoice_lines", True)}),
        ("invoice_lines", {"invoice": ("invoices", False)}),
        ("dangling", {"kept": ("teams", False)}),
        (
            "Länder Liste",
            {
                "Nächstes Land_Länder Liste": ("Länder Liste", False),
                "a_b_ _c__team": ("teams", False),
                "Länder Liste_by_Nächstes Land": ("Länder Liste", True),
            },
        ),
    ],
)
def test_oddities_relations(
    oddities: Schema, resource: str, expected: dict[str, tuple[str, bool]]
) -> None:
    """Relations are called what people expect, and told apart where two would clash."""
    assert relations(oddities, resource) == expected


def test_composite_foreign_key(oddities: Schema) -> None:
    """A composite foreign key joins by all its columns, in both directions."""

    def pairs(resource: str, relation: str) -> list[tuple[str, str]]:
        (link,) = oddities[resource].relations[relation].links
        return [(str(near), str(far)) for near, far in link.pairs]

    assert pairs("invoices", "owner") == [
        ("invoices.tenant_id", "members.tenant_id"),
        ("invoices.owner_id", "members.id"),
    ]
    assert pairs("members", "invoices") == [
        ("members.tenant_id", "invoices.tenant_id"),
        ("members.id", "invoices.owner_id"),
    ]
    # Without columns it refers to the primary key.
    assert pairs("invoice_lines", "invoice") == [
        ("invoice_lines.tenant_id", "invoices.tenant_id"),
        ("invoice_lines.number", "invoices.number"),
    ]


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ("keys_text", ("name",)),
        ("keys_composite", ("region", "number")),
        ("keys_backward", ("b", "a")),
        ("keys_shadowed", ("oid",)),
        ("keys_without_rowid", ("name",)),
        ("keys_none", ()),
        ("keys_unique_only", ()),
        ("view_plain", ()),
        ("Order %(Details)s", ("Order ID", "Line, No")),
    ],
)
def test_keys(oddities: Schema, resource: str, key: tuple[str, ...]) -> None:
    """The key is the primary key in its own order; without one there is none."""
    assert oddities[resource].key == key
    assert [c.name for c in oddities[resource].columns.values() if c.in_key] == [
        name for name in oddities[resource].columns if name in key
    ]


def flags(schema: Schema, resource: str, column: str) -> dict[str, bool]:
    found = schema[resource].columns[column]
    return {
        "nullable": found.nullable,
        "generated": found.generated,
        "guarded": found.guarded,
        "has_default": found.has_default,
    }


@pytest.mark.parametrize(
    ("resource", "column", "true"),
    [
        ("keys_auto", "id", {"has_default"}),
        ("keys_auto", "note", {"nullable", "guarded"}),
        ("keys_text", "name", {"nullable", "guarded"}),
        ("keys_without_rowid", "name", {"guarded"}),
        ("keys_descending", "id", {"nullable", "guarded"}),
        ("keys_misfit", "id", {"nullable", "guarded"}),
        ("generated", "price", {"has_default", "guarded"}),
        ("generated", "amount", {"has_default", "nullable", "guarded"}),
        ("generated", "total", {"generated", "nullable", "guarded"}),
        ("generated", "twice, (virtual)", {"generated", "nullable", "guarded"}),
        ("generated", "label", {"generated", "nullable", "guarded"}),
        ("strict_types", "i", {"nullable"}),
        ("strict_types", "t", {"nullable"}),
        ("strict_types", "a", {"nullable", "guarded"}),
        ("view_plain", "id", {"nullable", "guarded"}),
    ],
)
def test_columns(oddities: Schema, resource: str, column: str, true: set[str]) -> None:
    """What a column may hold, and whether somebody else fills it in, is told."""
    found = flags(oddities, resource, column)
    assert {name for name in found if found[name]} == true


def test_a_length_is_not_promised(oddities: Schema) -> None:
    """SQLite keeps longer texts than a column declares, so no length is told to clients."""
    assert "maxLength" not in oddities["texts"].columns["short"].type.schema()


def test_odd_names_are_json_keys(oddities: Schema) -> None:
    """Columns keep their names, also the empty one and those of query parameters."""
    assert tuple(oddities["odd_columns"].columns) == ("id", *ODD_COLUMNS)
    assert tuple(oddities["parameters"].columns) == ("id", *PARAMETER_COLUMNS)
    assert len(oddities["wide"].columns) == 121


def test_odd_tables_are_all_there(oddities: Schema) -> None:
    """Each oddly named table is served once, under its own name unless that is Hekla's."""
    by_table = {str(r.table.description): r.name for r in oddities}
    assert {by_table[name] for name in ODD_TABLES if by_table[name] != name} == {
        "_",
        "._",
        ".._",
        "docs__",
        "auth_",
        "graphql_",
        "openapi.json_",
        ".well-known_",
    }


def test_search_index(oddities: Schema) -> None:
    """An FTS5 table over a resource's own rows, told by its integer key, is its search index."""
    articles = oddities["articles"]
    assert articles.search_index == "articles_fts"
    # author_note is in the index but marked UNINDEXED.
    assert articles.search == ("title", "body")
    assert (oddities["letters"].search_index, oddities["letters"].search) == (None, ())


def test_every_table_can_be_read(oddities: Schema, connection: sa.Connection) -> None:
    """SQL made from the resource returns what SQLite itself has, under any name."""
    for resource in oddities:
        # In hexadecimal digits, since some texts are none.
        names = ['"' + name.replace('"', '""') + '"' for name in resource.columns]
        table = '"' + str(resource.table.description).replace('"', '""') + '"'
        digits = ", ".join(f"typeof({name}) || hex({name})" for name in names)
        expected = connection.exec_driver_sql(f"SELECT {digits} FROM {table}").all()
        found = connection.execute(
            sa.select(
                *(
                    sa.func.typeof(column.source).concat(sa.func.hex(column.source))
                    for column in resource.columns.values()
                )
            ).select_from(resource.table)
        ).all()
        assert sorted(map(tuple, found)) == sorted(map(tuple, expected)), resource.name


@pytest.mark.parametrize("name", [*ODD_COLUMNS, *PARAMETER_COLUMNS])
def test_odd_columns_can_be_filtered(
    oddities: Schema, connection: sa.Connection, name: str
) -> None:
    """A column of any name can be compared with a bound value, under an alias too."""
    resource = oddities["odd_columns" if name in ODD_COLUMNS else "parameters"]
    source = resource.columns[name].source
    assert connection.execute(
        sa.select(resource.columns["id"].source, source).where(source == f"2 {name}")
    ).all() == [(2, f"2 {name}")]
    alias = resource.table.alias("t1")
    assert isinstance(source, sa.Column)
    query = sa.select(alias.c.id).where(alias.c[source.key].in_([f"1 {name}"]))
    assert connection.scalars(query).all() == [1]


def test_odd_names_can_be_written(oddities: Schema, connection: sa.Connection) -> None:
    """INSERT and UPDATE bind one parameter a column, whatever the columns are called."""
    table = oddities["odd_columns"].table
    assert isinstance(table, sa.Table)
    sources = {name: oddities["odd_columns"].columns[name].source for name in ODD_COLUMNS}
    values = {source: f"new {name}" for name, source in sources.items()}
    connection.execute(table.insert().values({table.c.id: 3, **values}))
    connection.execute(table.update().where(table.c.id == 1).values(values))
    query = sa.select(*sources.values()).where(table.c.id.in_([1, 3]))
    assert [tuple(row) for row in connection.execute(query)] == [tuple(values.values())] * 2
    connection.rollback()


@pytest.mark.parametrize(
    ("dialect", "name", "quoted"),
    [
        ("sqlite", 'quo"te', '"quo""te"'),
        ("sqlite", "%(name)s", '"%(name)s"'),
        ("sqlite", "", '""'),
        ("sqlite", ":name", '":name"'),
        ("sqlite", "select", '"select"'),
        ("postgresql", 'quo"te', '"quo""te"'),
        ("postgresql", "%s", '"%s"'),
        ("postgresql", "clo]se", '"clo]se"'),
        ("mysql", "back`tick", "`back``tick`"),
        # asyncmy's parameters are %s, so a percent sign stands twice in its statements.
        ("mysql", "100%", "`100%%`"),
        ("mysql", 'quo"te', '`quo"te`'),
    ],
)
def test_quoting(oddities: Schema, dialect: str, name: str, quoted: str) -> None:
    """Names are always quoted, in the way of each database."""
    drivers = {
        "sqlite": "sqlite+apsw",
        "postgresql": "postgresql+asyncpg",
        "mysql": "mysql+asyncmy",
    }
    compiled = sa.select(oddities["odd_columns"].columns[name].source).compile(
        dialect=sa.make_url(f"{drivers[dialect]}://").get_dialect()()
    )
    mark = "`" if dialect == "mysql" else '"'
    table = f"{mark}odd_columns{mark}"
    assert str(compiled) == f"SELECT {table}.{quoted} \nFROM {table}"


def test_a_connection_will_do(connection: sa.Connection) -> None:
    """A connection that is open already is used as it is."""
    assert "books" in reflect(connection).resources


def test_two_foreign_keys_over_the_same_columns_are_one(tmp_path: Path) -> None:
    """A foreign key that is written twice makes one relation."""
    schema = reflect_script(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id),"
        " FOREIGN KEY (a_id) REFERENCES a (id));",
    )
    assert relations(schema, "b") == {"a": ("a", False)}
    assert schema.warnings == ()


def test_a_partial_unique_index_does_not_make_one_row(tmp_path: Path) -> None:
    """Only an index over all rows says that at most one row can be at the other end."""
    script = (
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id), x);"
        "CREATE UNIQUE INDEX whole ON b (a_id, x);"
        "CREATE UNIQUE INDEX partial ON b (a_id) WHERE x;"
        "CREATE UNIQUE INDEX computed ON b (a_id, abs(x));"
    )
    schema = reflect_script(tmp_path, script)
    assert relations(schema, "a") == {"b": ("b", True)}


def test_three_foreign_keys_make_no_many_to_many(tmp_path: Path) -> None:
    """A key of three foreign keys ties three rows: no two of them are many-to-many."""
    schema = reflect_script(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY);"
        "CREATE TABLE abc (a_id REFERENCES a, b_id REFERENCES b, c_id REFERENCES c,"
        " PRIMARY KEY (a_id, b_id, c_id));",
    )
    assert relations(schema, "a") == {"abc": ("abc", True)}


def test_an_association_with_a_key_of_its_own(tmp_path: Path) -> None:
    """With a surrogate key it is one if the two are unique and nothing else is in it."""
    script = (
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY);"
        "CREATE TABLE ab (id INTEGER PRIMARY KEY, a_id NOT NULL REFERENCES a,"
        " b_id NOT NULL REFERENCES b{} );"
    )
    (tmp_path / "plain").mkdir()
    (tmp_path / "payload").mkdir()
    plain = reflect_script(tmp_path / "plain", script.format(", UNIQUE (a_id, b_id)"))
    payload = reflect_script(tmp_path / "payload", script.format(", x, UNIQUE (a_id, b_id)"))
    assert relations(plain, "a") == {"ab": ("ab", True), "b": ("b", True)}
    assert relations(payload, "a") == {"ab": ("ab", True)}


def test_the_same_database_gives_the_same_schema(oddities_file: Path) -> None:
    """Names and their order do not change from one start to the next."""

    def outline(schema: Schema) -> list[tuple[str, list[str], list[str]]]:
        return [(r.name, list(r.columns), list(r.relations)) for r in schema]

    assert outline(reflect_file(oddities_file)) == outline(reflect_file(oddities_file))
