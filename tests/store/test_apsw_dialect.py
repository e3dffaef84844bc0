"""SQLAlchemy over apsw does what SQLAlchemy over the stdlib's driver does, and keeps zones."""

from __future__ import annotations

import decimal
import enum
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store import apsw_dbapi
from hekla.store.apsw_dialect import engine_for
from hekla.store.sqlite import SqliteStore
from tests.store.conformance import OpenStore, Text


class Colour(enum.Enum):
    RED = "r"


class Model(orm.DeclarativeBase):
    pass


class Owner(Model):
    __tablename__ = "owner"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(unique=True)
    things: orm.Mapped[list[Thing]] = orm.relationship(back_populates="owner")


class Thing(Model):
    __tablename__ = "thing"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    owner_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("owner.id"))
    owner: orm.Mapped[Owner] = orm.relationship(back_populates="things")


def every_type() -> sa.Table:
    return sa.Table(
        "every_type",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("boolean", sa.Boolean),
        sa.Column("big", sa.BigInteger),
        sa.Column("float", sa.Float),
        sa.Column("numeric", sa.Numeric(10, 2)),
        sa.Column("string", sa.String(20)),
        sa.Column("binary", sa.LargeBinary),
        sa.Column("date", sa.Date),
        sa.Column("time", sa.Time),
        sa.Column("naive", sa.DateTime),
        sa.Column("aware", sa.DateTime(timezone=True)),
        sa.Column("stamp", sa.TIMESTAMP(timezone=True)),
        sa.Column("interval", sa.Interval),
        sa.Column("uuid", sa.Uuid),
        sa.Column("enum", sa.Enum(Colour)),
        sa.Column("json", sa.JSON),
    )


VALUES: dict[str, Any] = {
    "id": 1,
    "boolean": True,
    "big": 2**63 - 1,
    "float": 0.1,
    "numeric": decimal.Decimal("12345.67"),
    "string": "grüße 🌋",
    "binary": b"\x00\xff",
    "date": date(2026, 2, 28),
    "time": time(23, 59, 1, 5),
    "naive": datetime(2026, 1, 2, 3, 4, 5, 678),
    "aware": datetime(2026, 1, 2, 3, 4, 5, 678, UTC),
    "stamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "interval": timedelta(days=3, microseconds=7),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "enum": Colour.RED,
    "json": {"a": [1, None, "ü"]},
}


@pytest.fixture
def engine(database: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite+apsw:///{database}")
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[orm.Session]:
    Model.metadata.create_all(engine)
    with orm.Session(engine) as session:
        yield session


# Types.


def test_values_of_every_type_come_back(engine: sa.Engine) -> None:
    """What is written in a column of any type is read back equal."""
    table = every_type()
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), VALUES)
    with engine.connect() as connection:
        row = connection.execute(table.select()).mappings().one()
    assert dict(row) == VALUES
    assert row["aware"].utcoffset() == timedelta(0)
    assert row["naive"].tzinfo is None


def test_stored_as_the_stdlib_driver_stores(engine: sa.Engine, database: Path) -> None:
    """A file written through this dialect reads the same through the usual one, and back."""
    table = every_type()
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), VALUES)
    engine.dispose()
    # In a process of its own: the two libraries must not meet.
    script = (
        "import sqlite3, sys; from tests.store.test_apsw_dialect import VALUES, every_type\n"
        "import sqlalchemy as sa; engine = sa.create_engine('sqlite:///' + sys.argv[1])\n"
        "with engine.begin() as c:\n"
        "    c.execute(every_type().insert(), VALUES | {'id': 2})\n"
        "engine.dispose()\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(database)], check=True)
    ours, theirs = raw_rows(engine)
    assert ours[1:] == theirs[1:]


def raw_rows(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("select * from every_type")]


def test_aware_datetimes_are_stored_in_utc(engine: sa.Engine) -> None:
    """A moment in another zone is the same moment afterwards; a naive one counts as UTC."""
    table = every_type()
    table.create(engine)
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as connection:
        connection.execute(table.insert(), {"aware": moment, "stamp": datetime(2026, 1, 1)})
    assert raw_rows(engine)[0][10] == "2025-12-31 23:00:00.000000"
    with engine.connect() as connection:
        row = connection.execute(sa.select(table.c.aware, table.c.stamp)).one()
        found = connection.scalar(sa.select(table.c.id).where(table.c.aware == moment))
    assert row == (moment, datetime(2026, 1, 1, tzinfo=UTC))
    assert found == 1


def test_offsets_that_others_stored(engine: sa.Engine) -> None:
    """A text with an offset of its own, as another program wrote it, is that moment in UTC."""
    table = every_type()
    table.create(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into every_type (aware) values ('2026-01-01T00:00:00+05:00')"
        )
        assert connection.scalar(sa.select(table.c.aware)) == datetime(2025, 12, 31, 19, tzinfo=UTC)


# Reflection.


def test_reflection_of_chinook(shared_database: Callable[[str], Path]) -> None:
    """Tables, keys, foreign keys and types are read from a database that other people made."""
    engine = engine_for(f"sqlite:///{shared_database('chinook')}?mode=ro", Settings())
    inspector = sa.inspect(engine)
    assert len(inspector.get_table_names()) == 11
    assert inspector.get_pk_constraint("PlaylistTrack")["constrained_columns"] == [
        "PlaylistId",
        "TrackId",
    ]
    (key,) = inspector.get_foreign_keys("Album")
    assert (key["constrained_columns"], key["referred_table"]) == (["ArtistId"], "Artist")
    engine.dispose()


def test_reflection_of_northwind(shared_database: Callable[[str], Path]) -> None:
    """Every table and view of a database with spaces in its names is read with its rows."""
    engine = engine_for(f"sqlite:///{shared_database('northwind')}?mode=ro", Settings())
    metadata = sa.MetaData()
    metadata.reflect(engine, views=True)
    assert "Order Details" in metadata.tables
    with engine.connect() as connection:
        for table in metadata.tables.values():
            columns = connection.execute(table.select().limit(1)).keys()
            assert list(columns) == [column.name for column in table.columns]
    engine.dispose()


# Sessions.


def test_orm_round_trip(session: orm.Session) -> None:
    """Objects that are added, flushed in bulk and committed are found through relations."""
    session.add_all(
        Owner(name=f"owner {number}", things=[Thing(), Thing()]) for number in range(500)
    )
    session.commit()
    owner = session.scalars(sa.select(Owner).where(Owner.name == "owner 42")).one()
    assert len(owner.things) == 2
    assert session.scalar(sa.select(sa.func.count()).select_from(Thing)) == 1000


def test_rollback(session: orm.Session) -> None:
    """What was not committed is gone after a rollback, tables included."""
    session.add(Owner(name="a new user"))
    session.flush()
    session.execute(sa.text("create table extra (n)"))
    session.rollback()
    assert session.scalars(sa.select(Owner)).all() == []
    with pytest.raises(sa.exc.OperationalError, match="no such table: extra"):
        session.execute(sa.text("select * from extra"))


def test_savepoint(session: orm.Session) -> None:
    """A failure inside a savepoint takes back that savepoint and nothing more."""
    session.add(Owner(name="kept"))
    savepoint = session.begin_nested()
    session.add(Owner(name="lost"))
    session.flush()
    session.add(Owner(name="kept"))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()
    savepoint.rollback()
    session.commit()
    assert session.scalars(sa.select(Owner.name)).all() == ["kept"]


def test_savepoint_alone_is_no_transaction_of_its_own(engine: sa.Engine) -> None:
    """Releasing a savepoint at the start of a transaction does not commit it."""
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.exec_driver_sql("create table t (n)")
        connection.rollback()
    assert sa.inspect(engine).get_table_names() == []


def test_returning(session: orm.Session) -> None:
    """INSERT, UPDATE and DELETE give their rows back, and are whole before a commit."""
    names = [{"name": "a"}, {"name": "b"}]
    inserted = session.execute(sa.insert(Owner).returning(Owner.id, Owner.name), names)
    assert inserted.all() == [(1, "a"), (2, "b")]
    result = session.execute(sa.update(Owner).values(name=Owner.name + "!").returning(Owner.name))
    session.commit()
    assert sorted(result.scalars()) == ["a!", "b!"]
    assert session.execute(sa.delete(Owner).returning(Owner.id)).all() == [(1,), (2,)]


def test_rowcount(engine: sa.Engine) -> None:
    """The number of rows that were matched is told, also of many executions and of none."""
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (n)")
        connection.exec_driver_sql("insert into t values (?)", [(1,), (2,), (2,)])
        update = sa.text("update t set n = n where n = :n")
        assert connection.execute(update, {"n": 2}).rowcount == 2
        assert connection.execute(update, {"n": 9}).rowcount == 0
        assert connection.execute(update, [{"n": 1}, {"n": 2}]).rowcount == 3


def test_autocommit(engine: sa.Engine) -> None:
    """With AUTOCOMMIT every statement stands at once, and the next user has a transaction."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("create table t (n)")
        connection.exec_driver_sql("insert into t values (1)")
        connection.rollback()
    with engine.connect() as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
        connection.exec_driver_sql("insert into t values (2)")
        connection.rollback()
        assert connection.exec_driver_sql("select n from t").all() == [(1,)]


def test_repeatable_reads(engine: sa.Engine, database: Path) -> None:
    """A transaction reads one moment, whatever is committed beside it."""
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (n)")
    count = "select count(*) from t"
    with engine.connect() as first, engine.connect() as second:
        assert first.exec_driver_sql(count).scalar() == 0
        second.exec_driver_sql("insert into t values (1)")
        second.commit()
        assert first.exec_driver_sql(count).scalar() == 0
        first.rollback()
        assert first.exec_driver_sql(count).scalar() == 1


def test_names_of_an_empty_result(engine: sa.Engine) -> None:
    """A SELECT that finds nothing still has its columns."""
    with engine.connect() as connection:
        result = connection.exec_driver_sql("select 1 as a, 2 as b where 0")
        assert list(result.keys()) == ["a", "b"]
        assert result.all() == []


def test_rows_are_read_as_they_are_fetched(engine: sa.Engine) -> None:
    """An endless result can be read in part."""
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c"
    with engine.connect() as connection:
        result = connection.exec_driver_sql(endless)
        assert result.fetchmany(3) == [(1,), (2,), (3,)]
        result.close()


# Errors.


def test_constraints(session: orm.Session) -> None:
    """Uniqueness, NOT NULL and foreign keys are integrity errors; foreign keys are enforced."""
    session.add(Owner(name="a"))
    session.commit()
    for statement, reason in (
        (sa.insert(Owner).values(name="a"), "UNIQUE constraint failed: owner.name"),
        (sa.insert(Owner).values(name=None), "NOT NULL constraint failed: owner.name"),
        (sa.insert(Thing).values(owner_id=99), "FOREIGN KEY constraint failed"),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=reason):
            session.execute(statement)
        session.rollback()


@pytest.mark.parametrize(
    ("sql", "parameters", "error"),
    [
        ("select * from nothing", (), sa.exc.OperationalError),
        ("sel", (), sa.exc.OperationalError),
        ("select ?", (1, 2), sa.exc.ProgrammingError),
        ("select ?", (object(),), sa.exc.ProgrammingError),
        ("select ?", (2**63,), sa.exc.DataError),
        ("select zeroblob(2000000000)", (), sa.exc.DataError),
        ("select cast(x'ff' as text)", (), sa.exc.DataError),
    ],
)
def test_error_classes(
    engine: sa.Engine, sql: str, parameters: tuple[Any, ...], error: type[Exception]
) -> None:
    """Each error of the driver is the error of PEP 249 that SQLAlchemy knows."""
    with engine.connect() as connection, pytest.raises(error):
        connection.exec_driver_sql(sql, parameters).all()


def test_error_while_rows_are_fetched(engine: sa.Engine) -> None:
    """An error after the first row is one of PEP 249, too."""
    with engine.connect() as connection:
        result = connection.exec_driver_sql("select 1 union all select abs(-9223372036854775808)")
        with pytest.raises(sa.exc.OperationalError, match="integer overflow"):
            result.all()


def test_busy(engine: sa.Engine, database: Path) -> None:
    """A lock that is not let go in time is an operational error."""
    other = engine_for(f"sqlite:///{database}", Settings(busy_timeout=0.1))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (n)")
        with pytest.raises(sa.exc.OperationalError, match="locked"), other.begin() as second:
            second.exec_driver_sql("create table u (n)")
    other.dispose()


def test_closed_connection(engine: sa.Engine) -> None:
    """A connection that was closed beneath SQLAlchemy is replaced and not used again."""
    with engine.connect() as connection:
        connection.connection.dbapi_connection.close()  # type: ignore[union-attr]
        with pytest.raises(sa.exc.InterfaceError) as caught:
            connection.exec_driver_sql("select 1")
        assert caught.value.connection_invalidated
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1


def test_module_of_pep_249() -> None:
    """The module has the globals and the exceptions that PEP 249 asks for."""
    assert (apsw_dbapi.apilevel, apsw_dbapi.paramstyle) == ("2.0", "qmark")
    assert issubclass(apsw_dbapi.IntegrityError, apsw_dbapi.DatabaseError)
    assert issubclass(apsw_dbapi.InterfaceError, apsw_dbapi.Error)
    assert not issubclass(apsw_dbapi.InterfaceError, apsw_dbapi.DatabaseError)


# Engines and stores.


async def test_memory_shared_with_the_store(open_store: OpenStore) -> None:
    """What a session writes into a store's database in memory, the store reads."""
    store = await open_store(url="sqlite://")
    assert isinstance(store, SqliteStore)
    engine = engine_for(store.location, Settings())
    Model.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Owner(name="a"))
        session.commit()
    engine.dispose()
    assert await store.fetch(Text("select name from owner"), ()) == ("a",)


def test_memory_of_one_engine() -> None:
    """All connections of an engine in memory see one database, until the engine goes."""
    engine = sa.create_engine("sqlite+apsw://")
    Model.metadata.create_all(engine)
    with engine.connect() as first, engine.connect() as second:
        assert first.connection.dbapi_connection is not second.connection.dbapi_connection
        assert sa.inspect(second).get_table_names() == ["owner", "thing"]
    engine.dispose()
    assert sa.inspect(engine).get_table_names() == ["owner", "thing"]


def test_read_only(database: Path) -> None:
    """An engine that reads only writes nothing, and does not create the file."""
    url = f"sqlite:///{database}?mode=ro"
    with pytest.raises(OperatorError, match="no such file"):
        engine_for(url, Settings()).connect()
    writer = engine_for(f"sqlite:///{database}", Settings())
    Model.metadata.create_all(writer)
    writer.dispose()
    with engine_for(url, Settings()).connect() as connection:
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.execute(sa.insert(Owner).values(name="a"))
        assert connection.scalar(sa.select(sa.func.count()).select_from(Owner)) == 0


def test_functions(engine: sa.Engine) -> None:
    """REGEXP and the project's own functions are there in users' sessions."""
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.literal("abc").regexp_match("^a.c$"))) == 1
        assert connection.scalar(sa.text("select hekla_base64(x'ff')")) == "/w=="
