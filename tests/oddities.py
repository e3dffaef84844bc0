"""A SQLite database that holds every oddity that a database may have, with rows.

:func:`build_oddities` writes it. Each family of tables is described where it is made:

* ``KEYS``: text keys (empty, NULL, with ``/ , % =``, an emoji, a line break), composite, real,
  blob, date, case-insensitive keys, keys that do not fit their type, no key at all, WITHOUT
  ROWID, a descending integer key, columns that take the names of the rowid.
* ``RELATIONS``: self-references, cycles, several foreign keys to one table, one column that
  refers to two, one-to-one, composite and tenant keys, many-to-many with and without payload
  and to itself, names that clash with columns, foreign keys written in another case and
  without columns, and such that lead nowhere; rows whose parent is not there.
* ``VALUES_``: integers of 19 digits, decimals beyond a float, infinities, denormals; text with
  NUL, controls, broken UTF-8, 100 kB; JSON that is none; dates that are none; values of every
  storage class in columns of every declared type; STRICT; generated columns; 120 columns.
* ``NAMES``: tables and columns with spaces, quotes, percent signs, slashes, dots, commas, line
  breaks, an empty name, keywords, the names of built-in paths and of query parameters, and
  two names that differ in the case of a letter that SQLite does not fold.
* ``VIEWS``: with known and unknown types, with twin columns, broken, circular, of an unknown
  function.
* ``SEARCH``: FTS5 over a table's own rows, over another column than the key, with content of
  its own and with none; a virtual table whose module is not there, a collation that is not.
* ``INTERNAL``: tables of SQLite's, Alembic's and Hekla's own.

Nothing here may be mended: tests say what Hekla makes of each.
"""

from __future__ import annotations

import os

import apsw

__all__ = ["ODD_COLUMNS", "ODD_KEYS", "ODD_TABLES", "PARAMETER_COLUMNS", "build_oddities"]

ODD_KEYS = (
    "",
    " ",
    "plain",
    "a/b",
    "a,b",
    "100%",
    "%2F",
    "a=b",
    "a&b=c#d?e",
    "a+b",
    "..",
    ".",
    "a.b",
    "aggregate",
    "🎻",
    "line\nbreak",
    "tab\tstop",
    "É",
    "é",
    "e\u0301",
    '"quoted"',
    "back\\slash",
    "'; DROP TABLE keys_text; --",
    "x" * 300,
)

PARAMETER_COLUMNS = (
    "limit",
    "skip",
    "offset",
    "order_by",
    "fields",
    "include",
    "search",
    "cursor",
    "count",
    "or",
    "and",
    "not",
    "due",
    "due__gte",
    "due__isnull",
    "group_by",
    "format",
)

ODD_COLUMNS = (
    "",
    " ",
    "a b",
    "a.b",
    "a,b",
    "a/b",
    "a=b",
    "a&b",
    "a+b",
    "a;b",
    "a(b)",
    "100%",
    "%(name)s",
    "%s",
    ":name",
    "?",
    "$1",
    "@name",
    "#hash",
    'quo"te',
    "apo'strophe",
    "[bracket]",
    "clo]se",
    "back`tick",
    "back\\slash",
    "tab\tstop",
    "line\nbreak",
    "née",
    "É",
    "é",
    "🎻",
    "-minus",
    "__",
    "_private",
    "exact__exact",
    "select",
    "Order",
    "null",
    "x" * 200,
)

ODD_TABLES = (
    "",
    ".",
    "..",
    " ",
    "docs",
    "docs_",
    "auth",
    "graphql",
    "openapi.json",
    ".well-known",
    "order",
    "select",
    "a b",
    "a/b",
    "a.b",
    "a,b",
    "100%",
    "%(name)s",
    ":name",
    'quo"te',
    "apo'strophe",
    "[bracket]",
    "back`tick",
    "line\nbreak",
    "?query",
    "#hash",
    "É",
    "é",
    "🎻",
)

KEYS = """
CREATE TABLE keys_text (name TEXT PRIMARY KEY, note TEXT);
CREATE TABLE keys_composite (region TEXT, number INTEGER, note TEXT, PRIMARY KEY (region, number));
INSERT INTO keys_composite VALUES
  ('', 1, 'empty'), ('a,b', 2, 'comma'), ('a/b', 3, 'slash'), ('100%', 4, 'percent'),
  ('🎻', -5, 'emoji'), (NULL, 6, 'no region'), ('north', NULL, 'no number'), (NULL, NULL, 'none'),
  ('north', 9223372036854775807, 'largest');
CREATE TABLE keys_backward (
  a TEXT NOT NULL, b TEXT NOT NULL, note TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
INSERT INTO keys_backward VALUES ('1', '2', 'key is 2,1'), ('2', '1', 'key is 1,2');
CREATE TABLE keys_big (id INTEGER PRIMARY KEY, note TEXT);
INSERT INTO keys_big VALUES
  (-9223372036854775808, 'smallest'), (-1, 'minus one'), (0, 'zero'),
  (1234567890123456789, 'nineteen digits'), (9007199254740993, 'beyond a float'),
  (9223372036854775807, 'largest');
CREATE TABLE keys_real (id REAL PRIMARY KEY, note TEXT);
INSERT INTO keys_real VALUES
  (0.1, 'a tenth'), (1e300, 'huge'), (-2.5, 'negative'), (3, 'whole'), (9e999, 'infinite');
CREATE TABLE keys_blob (id BLOB PRIMARY KEY, note TEXT);
INSERT INTO keys_blob VALUES (x'', 'empty'), (x'00ff', 'two bytes'), (x'fbefbe', 'of ++++');
CREATE TABLE keys_date (day DATE PRIMARY KEY, note TEXT);
INSERT INTO keys_date VALUES
  ('2026-01-31', 'a date'), ('someday', 'not a date'), (20260131, 'a number');
CREATE TABLE keys_nocase (name TEXT COLLATE NOCASE PRIMARY KEY, note TEXT);
INSERT INTO keys_nocase VALUES ('Ann', 'upper'), ('bob', 'lower');
CREATE TABLE keys_misfit (id INT PRIMARY KEY, note TEXT);
INSERT INTO keys_misfit VALUES
  (1, 'fits'), ('one', 'a text'), (1.5, 'a real'), (x'01', 'a blob'), (NULL, 'null'),
  (NULL, 'null again');
CREATE TABLE keys_descending (id INTEGER PRIMARY KEY DESC, note TEXT);
INSERT INTO keys_descending VALUES (1, 'one'), (2, 'two'), (NULL, 'null');
CREATE TABLE keys_none (a INTEGER, b TEXT);
INSERT INTO keys_none VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, NULL), (NULL, NULL);
CREATE TABLE keys_unique_only (code TEXT NOT NULL UNIQUE, note TEXT);
INSERT INTO keys_unique_only VALUES ('a', 'first'), ('b', 'second');
CREATE TABLE keys_without_rowid (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
INSERT INTO keys_without_rowid VALUES ('', 0), ('a/b', 1), ('z', 2);
CREATE TABLE keys_shadowed (rowid TEXT, oid TEXT, _rowid_ TEXT, PRIMARY KEY (oid));
INSERT INTO keys_shadowed VALUES ('r1', 'o1', 'u1'), ('r2', 'o2', 'u2');
CREATE TABLE keys_auto (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT);
INSERT INTO keys_auto (note) VALUES ('one'), ('two');
"""

RELATIONS = """
CREATE TABLE people (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, parent_id INTEGER REFERENCES people (id),
  best_friend INTEGER REFERENCES people (id));
INSERT INTO people VALUES
  (1, 'root', NULL, 2), (2, 'child', 1, 1), (3, 'child', 1, 3), (4, 'grandchild', 2, NULL),
  (5, 'orphan', 99, 99);
CREATE TABLE profiles (
  id INTEGER PRIMARY KEY, person_id INTEGER UNIQUE REFERENCES people (id), bio TEXT);
INSERT INTO profiles VALUES (1, 1, 'of the root'), (2, NULL, 'of nobody'), (3, NULL, 'of nobody');
CREATE TABLE friendships (
  person_id INTEGER REFERENCES people (id), friend_id INTEGER REFERENCES people (id), since DATE,
  PRIMARY KEY (person_id, friend_id));
INSERT INTO friendships VALUES (1, 2, '2020-01-01'), (2, 1, NULL), (1, 1, NULL), (3, 99, NULL);
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO teams VALUES (1, 'Reds'), (2, 'Blues'), (3, 'Greens');
CREATE TABLE matches (
  id INTEGER PRIMARY KEY, home_id INTEGER REFERENCES teams (id),
  away_id INTEGER REFERENCES teams (id), winner INTEGER REFERENCES teams (id));
INSERT INTO matches VALUES (1, 1, 2, 1), (2, 2, 1, NULL), (3, 1, 3, 3), (4, NULL, NULL, NULL);
CREATE TABLE chickens (id INTEGER PRIMARY KEY, egg_id INTEGER REFERENCES eggs (id));
CREATE TABLE eggs (id INTEGER PRIMARY KEY, chicken_id INTEGER REFERENCES chickens (id));
INSERT INTO chickens VALUES (1, 1), (2, 1), (3, NULL);
INSERT INTO eggs VALUES (1, 1), (2, 2), (3, 3);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO authors VALUES (1, 'A'), (2, 'B'), (3, 'C');
CREATE TABLE books (
  id INTEGER PRIMARY KEY, title TEXT, author TEXT, author_id INTEGER REFERENCES AUTHORS (ID),
  editor_id INTEGER REFERENCES authors);
INSERT INTO books VALUES
  (1, 'One', 'as printed', 1, 2), (2, 'Two', NULL, NULL, 2), (3, 'Three', 'x', 42, NULL);
CREATE TABLE book_authors (
  book_id INTEGER REFERENCES books (id), author_id INTEGER REFERENCES authors (id),
  royalty NUMERIC(5, 2), PRIMARY KEY (book_id, author_id));
INSERT INTO book_authors VALUES (1, 1, 12.50), (1, 2, 7.25), (2, 2, NULL), (3, 42, 1);
CREATE TABLE tags (name TEXT PRIMARY KEY);
INSERT INTO tags VALUES ('a/b'), (''), ('c,d'), ('unused');
CREATE TABLE book_tags (
  book_id INTEGER NOT NULL REFERENCES books (id), tag TEXT NOT NULL REFERENCES tags (name),
  PRIMARY KEY (book_id, tag)) WITHOUT ROWID;
INSERT INTO book_tags VALUES (1, 'a/b'), (1, ''), (2, 'c,d'), (2, 'gone');
CREATE TABLE book_shelves (
  id INTEGER PRIMARY KEY, book_id INTEGER NOT NULL REFERENCES books (id),
  shelf_id INTEGER NOT NULL REFERENCES shelves (id), UNIQUE (book_id, shelf_id));
CREATE TABLE shelves (id INTEGER PRIMARY KEY, books TEXT);
INSERT INTO shelves VALUES (1, 'ten'), (2, NULL);
INSERT INTO book_shelves VALUES (1, 1, 1), (2, 2, 1), (3, 1, 2);
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE members (
  tenant_id INTEGER REFERENCES tenants (id), id INTEGER, name TEXT, PRIMARY KEY (tenant_id, id));
CREATE TABLE invoices (
  tenant_id INTEGER, number INTEGER, owner_id INTEGER, PRIMARY KEY (tenant_id, number),
  FOREIGN KEY (tenant_id, owner_id) REFERENCES members (tenant_id, id));
CREATE TABLE invoice_lines (
  tenant_id INTEGER, number INTEGER, line INTEGER, PRIMARY KEY (tenant_id, number, line),
  FOREIGN KEY (tenant_id, number) REFERENCES invoices);
INSERT INTO tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO members VALUES (1, 1, 'of one'), (2, 1, 'of two');
INSERT INTO invoices VALUES (1, 1, 1), (1, 2, NULL), (2, 1, 1), (2, 2, 7);
INSERT INTO invoice_lines VALUES (1, 1, 1), (1, 1, 2), (2, 1, 1), (3, 3, 3);
CREATE TABLE two_targets (
  id INTEGER PRIMARY KEY,
  thing_id INTEGER REFERENCES teams (id) REFERENCES authors (id));
INSERT INTO two_targets VALUES (1, 1), (2, 3);
CREATE TABLE "Länder Liste" ("Länder ID" INTEGER PRIMARY KEY, "Nächstes Land" INTEGER
  REFERENCES "Länder Liste" ("Länder ID"), "a.b, (c)" INTEGER REFERENCES teams);
INSERT INTO "Länder Liste" VALUES (1, 2, 3), (2, 1, NULL);
CREATE TABLE dangling (
  id INTEGER PRIMARY KEY, gone_id INTEGER REFERENCES gone (id),
  column_id INTEGER REFERENCES teams (no_such_column), name_id TEXT REFERENCES teams (name),
  pair_id INTEGER REFERENCES members, view_id INTEGER REFERENCES view_plain (id),
  kept_id INTEGER REFERENCES teams (id));
INSERT INTO dangling VALUES (1, 1, 1, 'Reds', 1, 1, 1), (2, NULL, NULL, NULL, NULL, NULL, 7);
"""

VALUES_ = """
CREATE TABLE numbers (
  id INTEGER PRIMARY KEY, whole INTEGER, big BIGINT, real REAL, decimal NUMERIC(20, 4),
  money DECIMAL(10, 2), truth BOOLEAN);
INSERT INTO numbers VALUES
  (1, 9223372036854775807, 9007199254740993, 0.1, 1234567890123456.7891, 19.99, 1),
  (2, -9223372036854775808, -9007199254740993, 9e999, '1234567890123456.7891', 0, 0),
  (3, 0, 0, -9e999, 1e400, -0.005, 2),
  (4, 1234567890123456789, 9007199254740992, 5e-324, 100000000000000000000, 1e20, -1),
  (5, NULL, NULL, -0.0, NULL, NULL, NULL),
  (6, 1, 1, 1.7976931348623157e308, 12345678901234567890.1234, 0.1, TRUE);
CREATE TABLE texts (id INTEGER PRIMARY KEY, body TEXT, short VARCHAR(3));
CREATE TABLE documents (id INTEGER PRIMARY KEY, body JSON);
INSERT INTO documents VALUES
  (1, '{"a": [1, 2.50, null, true], "ä": "🎻"}'), (2, '[]'), (3, '"text"'), (4, '12'), (5, 'null'),
  (6, '{broken'), (7, ''), (8, '{a: 1, /* json5 */ b: +2,}'), (9, 'NaN'), (10, '1e400'),
  (11, '{"a": 1, "a": 2}'), (12, '12345678901234567890123'), (13, x'00ff'), (14, 12), (15, 1.5),
  (16, NULL), (17, jsonb('{"binary": [1, 2]}')), (18, '"\\ud800"'), (19, ' [1 ,  2 ] '),
  (20, '9007199254740993');
CREATE TABLE times (
  id INTEGER PRIMARY KEY, at DATETIME, day DATE, clock TIME, stamp TIMESTAMP);
INSERT INTO times VALUES
  (1, '2026-01-31 12:34:56.789012', '2026-01-31', '12:34:56.789012', '2026-01-31 12:34:56'),
  (2, '2026-01-31T12:34:56Z', '2026-01-31T00:00:00', '12:34', '2026-01-31T12:34:56+05:30'),
  (3, 'yesterday', 'someday', 'noon', 'now'),
  (4, 1769862896, 1769862896, 45296, 1769862896000),
  (5, 2461072.02426, 2461071.5, 0.5, 2461072.02426),
  (6, '2026-02-30 25:61:61', '2026-02-30', '24:00:00', '10000-01-01 00:00:00'),
  (7, '', '', '', ''),
  (8, x'32303236', x'32303236', x'3132', x'32303236'),
  (9, NULL, NULL, NULL, NULL),
  (10, '0001-01-01 00:00:00', '0001-01-01', '00:00:00', '9999-12-31 23:59:59.999999'),
  (11, '2026-01-31', '31.01.2026', '12:34:56 PM', '2026-01-31 12:34:56.1');
CREATE TABLE misfits (
  id INTEGER PRIMARY KEY, an_integer INTEGER, a_text TEXT, a_real REAL, a_numeric NUMERIC,
  a_boolean BOOLEAN, a_blob BLOB, a_date DATE, a_datetime DATETIME, a_json JSON, a_uuid UUID,
  untyped, made_up FANTASY(3), a_float FLOAT, a_char CHAR(2));
CREATE TABLE strict_types (
  id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
INSERT INTO strict_types VALUES
  (1, 1234567890123456789, 0.1, 'text', x'00ff', 'any'), (2, NULL, 9e999, '', x'', 7),
  (3, 0, 0.0, CAST(x'ff61' AS TEXT), NULL, x'00'), (4, 1, 1, '🎻', NULL, 1.5);
CREATE TABLE generated (
  id INTEGER PRIMARY KEY, price REAL NOT NULL DEFAULT 1.5, amount INTEGER DEFAULT (1 + 1),
  total REAL GENERATED ALWAYS AS (price * amount) STORED, "twice, (virtual)" AS (total * 2),
  label TEXT GENERATED ALWAYS AS ('#' || id) VIRTUAL, CHECK (price >= 0));
INSERT INTO generated (id, price, amount) VALUES (1, 2.5, 2), (2, 0, NULL);
INSERT INTO generated (id) VALUES (3);
CREATE TABLE empty_table (id INTEGER PRIMARY KEY, note TEXT);
"""

VIEWS = """
CREATE VIEW view_plain AS SELECT id, name, parent_id FROM people;
CREATE VIEW view_computed AS
  SELECT id AS id, name || '!' AS loud, count(*) OVER () AS many, 1.5 * id AS half, NULL AS nil,
    x'00ff' AS bytes, json_object('a', id) AS doc, typeof(id) FROM people;
CREATE VIEW view_twins AS SELECT people.id, teams.id, people.name, teams.name FROM people, teams;
CREATE VIEW view_of_view AS SELECT loud FROM view_computed WHERE half > 2;
CREATE VIEW view_ordered AS SELECT id FROM people ORDER BY id DESC LIMIT 3;
CREATE VIEW view_triggered AS SELECT id, name FROM teams;
CREATE TRIGGER view_triggered_insert INSTEAD OF INSERT ON view_triggered
  BEGIN INSERT INTO teams (name) VALUES (new.name); END;
CREATE VIEW view_broken AS SELECT * FROM table_that_is_gone;
CREATE VIEW view_half_broken AS SELECT id, column_that_is_gone FROM teams;
CREATE VIEW view_circular_a AS SELECT * FROM view_circular_b;
CREATE VIEW view_circular_b AS SELECT * FROM view_circular_a;
CREATE VIEW view_unknown_function AS SELECT function_that_is_gone(id) AS x FROM teams;
"""

SEARCH = """
CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT, body TEXT, author_note TEXT);
INSERT INTO articles VALUES
  (1, 'The volcano', 'Hekla erupted in 1947.', 'x'),
  (2, 'The glacier', 'Ice covers the volcano.', 'y'),
  (3, NULL, 'Nothing to do with it', NULL), (4, 'Ärger', 'naïve café', 'z');
CREATE VIRTUAL TABLE articles_fts USING fts5(
  title, body, author_note UNINDEXED, content='articles', content_rowid='id', prefix='2 3');
INSERT INTO articles_fts (articles_fts) VALUES ('rebuild');
CREATE TABLE letters (code TEXT PRIMARY KEY, number INTEGER UNIQUE, body TEXT);
INSERT INTO letters VALUES ('a', 1, 'one letter');
CREATE VIRTUAL TABLE letters_fts USING fts5(body, content="letters", content_rowid="number");
CREATE VIRTUAL TABLE notes_fts USING fts5(body);
INSERT INTO notes_fts VALUES ('kept in the index itself');
CREATE VIRTUAL TABLE contentless_fts USING fts5(body, content='');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
CREATE TABLE unknown_collation (id INTEGER PRIMARY KEY, name TEXT COLLATE collation_that_is_gone);
INSERT INTO unknown_collation VALUES (1, 'b'), (2, 'a');
"""

INTERNAL = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('abc');
CREATE TABLE hekla_changes (sequence INTEGER PRIMARY KEY);
ANALYZE;
"""


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fill_names(db: apsw.Connection) -> None:
    """Tables and columns of odd names; each row says which column it is in."""
    columns = ", ".join(f"{_quote(name)} TEXT" for name in ODD_COLUMNS)
    db.execute(f"CREATE TABLE odd_columns (id INTEGER PRIMARY KEY, {columns})")
    marks = ", ".join("?" * (len(ODD_COLUMNS) + 1))
    for row in (1, 2):
        values = [row, *(f"{row} {name}" for name in ODD_COLUMNS)]
        db.execute(f"INSERT INTO odd_columns VALUES ({marks})", values)
    columns = ", ".join(f"{_quote(name)} TEXT" for name in PARAMETER_COLUMNS)
    db.execute(f"CREATE TABLE parameters (id INTEGER PRIMARY KEY, {columns})")
    marks = ", ".join("?" * (len(PARAMETER_COLUMNS) + 1))
    for row in (1, 2, 3):
        db.execute(
            f"INSERT INTO parameters VALUES ({marks})",
            [row, *(f"{row} {name}" for name in PARAMETER_COLUMNS)],
        )
    for name in ODD_TABLES:
        db.execute(f"CREATE TABLE {_quote(name)} (id INTEGER PRIMARY KEY, value TEXT)")
        db.execute(f"INSERT INTO {_quote(name)} VALUES (1, ?), (2, NULL)", (name,))
    # A key, and a foreign key, whose names need quoting everywhere.
    db.execute(
        'CREATE TABLE "Order %(Details)s" ("Order ID" INTEGER, "Line, No" TEXT, "order" INTEGER '
        'REFERENCES "order" (id), PRIMARY KEY ("Order ID", "Line, No"))'
    )
    db.execute("""INSERT INTO "Order %(Details)s" VALUES (1, 'a,b', 1), (1, '', 2), (2, '/', 9)""")
    wide = ", ".join(f"c{number} INTEGER" for number in range(1, 121))
    db.execute(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {wide})")
    for row in (1, 2):
        marks = ", ".join("?" * 121)
        db.execute(
            f"INSERT INTO wide VALUES ({marks})",
            [row, *(row * 1000 + number for number in range(1, 121))],
        )


def _fill_values(db: apsw.Connection) -> None:
    for key in ODD_KEYS:
        db.execute("INSERT INTO keys_text VALUES (?, ?)", (key, f"key of {len(key)}"))
    # SQLite lets NULL into a primary key, and more than once.
    db.execute("INSERT INTO keys_text VALUES (NULL, 'no key'), (NULL, 'no key either')")
    texts: list[str | bytes | int | None] = [
        "",
        "plain",
        "🎻 e\u0301 ﷽ 漢字",
        "nul\0inside",
        "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\u2029\ufeff",
        '"quotes" \\ / \' `',
        "<script>alert(1)</script>",
        "=1+1",
        "a,b;c\r\nd",
        "long " * 20_000,
        b"a blob in a text column",
        42,
        None,
        " \t padded \n",
        "\ufffe\uffff\U0010ffff",
    ]
    for number, text in enumerate(texts, 1):
        db.execute("INSERT INTO texts VALUES (?, ?, ?)", (number, text, text))
    # Bytes that are not UTF-8: cut short, a surrogate, overlong, Latin-1.
    for number, broken in enumerate(("ff", "f09f8e", "eda080", "c080", "6e6165ef7665"), 101):
        db.execute(f"INSERT INTO texts VALUES (?, CAST(x'{broken}' AS TEXT), 'x')", (number,))
    width = 14
    misfits = (
        "NULL",
        "0",
        "1",
        "-9223372036854775808",
        "1.5",
        "9e999",
        "-9e999",
        "''",
        "'text'",
        "'12'",
        "'1.50'",
        "' 7 '",
        "'true'",
        "'2026-01-31'",
        "'2026-01-31 12:34:56'",
        "'{\"a\": 1}'",
        "'0f8fad5b-d9cb-469f-a165-70867728950e'",
        "x''",
        "x'00ff'",
        "x'74657874'",
        "CAST(x'ff61' AS TEXT)",
        "'a' || char(0) || 'b'",
    )
    for number, value in enumerate(misfits, 1):
        db.execute(f"INSERT INTO misfits VALUES ({number}, {', '.join([value] * width)})")


def _lose_module(db: apsw.Connection) -> None:
    """A virtual table whose module this process does not have, with one of its own tables."""
    db.execute("CREATE TABLE lost_module_content (id INTEGER PRIMARY KEY, c0)")
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', "
        "'lost_module', 'lost_module', 0, "
        "'CREATE VIRTUAL TABLE lost_module USING module_that_is_gone(x)')"
    )
    db.execute("PRAGMA writable_schema = OFF")


def build_oddities(path: str | os.PathLike[str]) -> None:
    """Write the database to ``path``, where no file may be yet."""
    db = apsw.Connection(
        os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )
    try:
        db.create_collation(
            "collation_that_is_gone", lambda one, other: (one > other) - (one < other)
        )
        with db:
            for script in (KEYS, RELATIONS, VALUES_, VIEWS, SEARCH):
                db.execute(script)
            _fill_names(db)
            _fill_values(db)
            db.execute(INTERNAL)
        _lose_module(db)
    finally:
        db.close()
