"""What SQLAlchemy's Inspector says of a database makes the same schema as SQLite's own pragmas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa

from hekla.schema.sources.catalogue import TableFacts, is_internal, read_catalogue, reason
from hekla.schema.sources.sqlite_catalogue import declared_type, fold, read_sqlite_catalogue
from hekla.settings import Settings
from hekla.store.apsw_dialect import engine_for

SCRIPT = """
CREATE TABLE artists (id INTEGER PRIMARY KEY, name VARCHAR(120) NOT NULL DEFAULT '');
CREATE TABLE albums (
  artist INTEGER NOT NULL, number INTEGER NOT NULL, title TEXT UNIQUE, year INTEGER,
  decade INTEGER GENERATED ALWAYS AS (year / 10) VIRTUAL, PRIMARY KEY (number, artist),
  FOREIGN KEY (artist) REFERENCES artists (id));
CREATE TABLE tracks (
  id INTEGER PRIMARY KEY, artist INTEGER, number INTEGER, place INTEGER,
  FOREIGN KEY (number, artist) REFERENCES albums (number, artist), UNIQUE (number, place));
CREATE UNIQUE INDEX some ON tracks (place) WHERE place > 3;
CREATE UNIQUE INDEX computed ON tracks (abs(place));
CREATE TABLE plain (a, b);
CREATE VIEW names AS SELECT name FROM artists;
CREATE VIEW broken AS SELECT * FROM gone;
CREATE TABLE alembic_version (version_num TEXT);
"""


def outline(facts: TableFacts) -> tuple[object, ...]:
    key = frozenset(facts.key)
    return (
        facts.name,
        facts.kind,
        [(c.name, c.generated) for c in facts.columns],
        facts.key,
        facts.uniques - {key},
        set(facts.foreign_keys),
    )


# The Inspector warns of the index over an expression, which it leaves out.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_both_catalogues_agree(tmp_path: Path) -> None:
    """Tables, columns, keys and what is broken are told alike, whoever is asked."""
    db = apsw.Connection(str(tmp_path / "music.sqlite"))
    db.execute(SCRIPT)
    db.close()
    engine = engine_for(f"sqlite:///{tmp_path / 'music.sqlite'}", Settings())
    with engine.connect() as connection:
        general, own = read_catalogue(connection), read_sqlite_catalogue(connection)
    engine.dispose()
    assert {t.name: outline(t) for t in general.tables} == {t.name: outline(t) for t in own.tables}
    assert [table.name for table in own.tables] == ["albums", "artists", "names", "plain", "tracks"]
    assert own.warnings == ('the view "broken" is not served: no such table: main.gone',)
    assert general.warnings == own.warnings
    tracks = {table.name: table for table in own.tables}["tracks"]
    assert tracks.uniques == {frozenset({"number", "place"})}


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("INTEGER", "INTEGER"),
        ("int", "INTEGER"),
        ("UNSIGNED BIG INT", "INTEGER"),
        ("INT UNSIGNED", "INTEGER"),
        ("BIGINT", "BIGINT"),
        ("TINYINT(1)", "INTEGER"),
        ("varchar(40)", "VARCHAR(40)"),
        ("NATIVE CHARACTER(70)", "TEXT(70)"),
        ("NVARCHAR(160)", "NVARCHAR(160)"),
        ("MEDIUMTEXT", "TEXT"),
        ("NUMERIC", "NUMERIC"),
        ("DECIMAL(10,2)", "DECIMAL(10, 2)"),
        ("DECIMAL( 10 , 2 )", "DECIMAL(10, 2)"),
        ("NUMERIC(8)", "NUMERIC(8)"),
        ("MONEY", "NUMERIC"),
        ("DOUBLE PRECISION", "FLOAT"),
        ("FLOAT(24)", "FLOAT"),
        ("REAL GENERATED ALWAYS", "REAL"),
        ("BLOB", "BLOB"),
        ("LONGBLOB", "BLOB"),
        ("VARBINARY(16)", "BLOB"),
        ("BOOLEAN", "BOOLEAN"),
        ("DATE", "DATE"),
        ("DATETIME(6)", "DATETIME"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("JSON", "JSON"),
        ("UUID", "TEXT"),
        ("ENUM('a', 'b(1)')", "TEXT"),
        ("", "NULL"),
        ("FANTASY(3)", "NULL"),
        ("GEOMETRY", "NULL"),
    ],
)
def test_declared_type(declaration: str, expected: str) -> None:
    """A declared type is what people mean by it; what nobody knows is no type."""
    found = declared_type(declaration)
    if isinstance(found, sa.types.NullType):
        assert expected == "NULL"
    else:
        assert found.compile(sa.make_url("sqlite://").get_dialect()()) == expected


def test_fold() -> None:
    """Names are compared as SQLite does: only the letters of ASCII have no case."""
    assert fold("ArtÉ") == "artÉ"


def test_internal() -> None:
    """Tables that SQLite, Alembic and Hekla keep for themselves are told by name."""
    assert all(map(is_internal, ("sqlite_sequence", "alembic_version", "hekla_jobs")))
    assert not any(map(is_internal, ("sqlite", "hekla", "alembic_versions", "my_hekla_jobs")))


def test_reason() -> None:
    """Why something cannot be read fits in one line, and names no place in the code."""
    assert reason(ValueError("it has\n  no columns")) == "it has no columns"
    assert reason(LookupError()) == "LookupError"
    error = sa.exc.OperationalError("SELECT 1", (), ValueError("no such table: gone"))
    assert reason(error) == "no such table: gone"


def test_the_orm_is_not_imported_for_a_database_without_models() -> None:
    """Reading a database that exists does not wait for what only models need."""
    code = (
        "import sys, hekla.schema.build, hekla.schema.sources.reflect; "
        "print('sqlalchemy.orm' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
