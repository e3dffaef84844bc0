"""What a model fills its columns with, and what a declaration says of writing them."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Mapped, mapped_column

from hekla import Hekla, OperatorError, Settings
from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Column, Resource
from hekla.schema.sources.reflect import reflect
from hekla.store.apsw_dialect import engine_for


class Status(enum.Enum):
    OPEN = "o"
    DONE = "d"


class Cents(sa.types.TypeDecorator[Decimal]):
    """Money as whole cents."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value * 100)


class Point(sa.types.TypeDecorator[tuple[int, int]]):
    """Two integers in a text."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else f"{value[0]};{value[1]}"

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[int, int]:
        x, y = value.split(";")
        return int(x), int(y)


class Secret(sa.types.TypeDecorator[str]):
    """Text that stands in the database as bytes of its own making."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes:
        return bytes(byte ^ 1 for byte in value.encode())

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str:
        return bytes(byte ^ 1 for byte in value).decode()


class Base(orm.DeclarativeBase):
    pass


def twice(context: Any) -> int:
    return 2 * int(context.get_current_parameters()["n"])


def next_week() -> dt.datetime:
    return dt.datetime(2026, 1, 8, 9, tzinfo=dt.timezone(dt.timedelta(hours=2)))


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column("n")
    scalar: Mapped[int] = mapped_column(default=3)
    double: Mapped[int] = mapped_column(default=twice)
    token: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    status: Mapped[Status] = mapped_column(default=Status.OPEN)
    price: Mapped[Decimal] = mapped_column(Cents(), default=Decimal("1.50"))
    tags: Mapped[list[str]] = mapped_column(sa.JSON, default=["a"])
    maker: Mapped[dict[str, int]] = mapped_column(sa.JSON, default=dict)
    due: Mapped[dt.datetime] = mapped_column(default=next_week)
    moment: Mapped[dt.datetime] = mapped_column(default=sa.func.now(), onupdate=sa.func.now())
    changed: Mapped[dt.datetime | None] = mapped_column(onupdate=next_week)
    served: Mapped[int] = mapped_column(server_default="7")
    total: Mapped[int] = mapped_column(sa.Computed("n * 2"))
    point: Mapped[Any] = mapped_column(Point(20), nullable=True)
    pickled: Mapped[Any] = mapped_column(sa.PickleType, nullable=True)
    sealed: Mapped[Any] = mapped_column(Secret(), nullable=True)


def column(name: str, entity: Any = Thing) -> Column:
    (resource,) = build_schema([Declaration(entity)], "sqlite")
    return resource.columns[name]


def default(name: str, row: dict[str, Any] | None = None) -> Any:
    found = column(name).default
    assert found is not None
    return found(row or {})


def test_a_scalar_is_the_default_of_every_row() -> None:
    """A plain value is given as it is, in the type's own form."""
    assert default("scalar") == 3
    assert default("status") == "OPEN"
    assert default("price") == 150


def test_a_function_is_called_for_each_row() -> None:
    """Callables give a fresh value each time; an aware moment is kept in UTC."""
    first, second = default("token"), default("token")
    assert isinstance(first, uuid.UUID)
    assert first != second
    assert default("due") == dt.datetime(2026, 1, 8, 7)
    assert default("maker") == {}


def test_a_default_that_can_be_changed_is_copied() -> None:
    """Whoever alters the list of one row does not alter that of the next."""
    tags = column("tags").default
    assert tags is not None
    found = tags()
    found.append("b")
    assert tags() == ["a"]


def test_a_function_of_the_context_sees_the_row() -> None:
    """SQLAlchemy's context tells the other values by the names of the table's columns."""
    assert default("double", {"number": 21}) == 42


def test_what_sql_computes_is_told_apart() -> None:
    """An expression is no default of Python's, and neither is what the database does."""
    moment, served, key = column("moment"), column("served"), column("id")
    assert moment.default is None
    assert moment.default_sql is not None
    assert moment.on_update is None
    assert moment.on_update_sql is not None
    assert (moment.server_default, served.server_default, key.server_default) == (
        False,
        True,
        True,
    )
    changed = column("changed").on_update
    assert changed is not None
    assert changed() == dt.datetime(2026, 1, 8, 7)


def test_only_what_nothing_fills_is_required() -> None:
    """A column is required that takes no NULL and that neither model nor database fills."""
    (resource,) = build_schema([Declaration(Thing)], "sqlite")
    assert [name for name, each in resource.columns.items() if each.required] == ["number"]
    settable = {name for name, each in resource.columns.items() if each.settable}
    assert resource.columns.keys() - settable == {"total", "pickled", "sealed"}


def test_what_a_type_of_the_model_cannot_read_is_refused() -> None:
    """A type that is built upon another must be able to read what a client writes."""
    (check,) = column("point").checks
    assert check.test("1;2")
    with pytest.raises(ValueError, match="is no value of the column's own type"):
        check("1,2")


class Dataclass(orm.MappedAsDataclass, orm.DeclarativeBase):
    pass


class Note(Dataclass):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    labels: Mapped[list[str]] = mapped_column(sa.JSON, default_factory=lambda: ["new"])
    count: Mapped[int] = mapped_column(default=1)


def test_the_factory_of_a_dataclass_is_a_default_too() -> None:
    """What a program's new object would get, a row that is created over HTTP gets."""
    labels, count = column("labels", Note).default, column("count", Note).default
    assert labels is not None
    assert labels() == ["new"]
    assert count is not None
    assert count() == 1


@pytest.mark.parametrize(
    ("kind", "dialect", "given"),
    [
        (sa.Integer(), "sqlite", True),
        # Only INTEGER PRIMARY KEY numbers its rows.
        (sa.BigInteger(), "sqlite", False),
        (sa.BigInteger(), "postgresql", True),
        (sa.String(9), "sqlite", False),
    ],
)
def test_a_key_that_numbers_itself_is_not_required(
    kind: sa.types.TypeEngine[Any], dialect: Any, given: bool
) -> None:
    """Whether the database gives a key is the database's own affair."""
    table = sa.Table("t", sa.MetaData(), sa.Column("id", kind, primary_key=True))
    (resource,) = build_schema([Declaration(table)], dialect)
    assert resource.columns["id"].server_default is given
    assert resource.columns["id"].required is not given


def test_an_identity_that_is_always_given_cannot_be_set() -> None:
    """GENERATED ALWAYS AS IDENTITY refuses values; BY DEFAULT takes them."""
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("n", sa.Integer, sa.Identity()),
    )
    (resource,) = build_schema([Declaration(table)], "postgresql")
    assert (resource.columns["id"].settable, resource.columns["n"].settable) == (False, True)
    assert resource.columns["n"].server_default


tasks = sa.Table(
    "tasks",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(20), nullable=False, unique=True),
    sa.Column("list_id", sa.Integer, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("status", sa.Enum("open", "done", name="status"), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("updated_at", sa.DateTime(True)),
    sa.Column("owner_id", sa.Uuid),
    sa.Column("editor", sa.String(20)),
    sa.Column("deleted_at", sa.DateTime),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("double", sa.Integer, sa.Computed("place * 2")),
    sa.UniqueConstraint("place", "list_id"),
)


def resource(**options: Any) -> Resource:
    (found,) = build_schema([Declaration(tasks, **options)], "sqlite")
    return found


def test_options_mark_their_columns() -> None:
    """Each option is found again in the column that it names."""
    found = resource(
        read_only=["note"],
        write_once=["list_id"],
        secret=["note", "editor"],
        created="created_at",
        updated="updated_at",
        created_by="owner_id",
        updated_by="editor",
        soft_delete="gone",
        version="version",
        hidden=["gone", "editor"],
    )
    columns = found.columns
    assert [name for name, each in columns.items() if each.write_once] == ["list_id"]
    assert columns["note"].read_only
    assert columns["note"].secret
    assert {name: found.column(name).stamp for name in ("created_at", "updated_at")} == {
        "created_at": "created",
        "updated_at": "updated",
    }
    assert (found.column("owner_id").stamp, found.column("editor").stamp) == (
        "created_by",
        "updated_by",
    )
    assert (found.version, found.soft_delete) == ("version", "gone")
    assert found.hidden.keys() == {"gone", "editor"}
    assert found.hidden["editor"].secret
    gone = found.hidden["gone"].default
    assert gone is not None
    assert gone() is False
    closed = {"note", "created_at", "updated_at", "owner_id", "version", "double", "deleted_at"}
    assert columns.keys() - {n for n, each in columns.items() if each.settable} == closed - {
        "deleted_at"
    }
    with pytest.raises(KeyError):
        found.column("nothing")


def test_natural_keys_are_in_order_the_primary_key_first() -> None:
    """Unique sets of shown columns, in the order of the table's columns."""
    assert resource().uniques == (("id",), ("title",), ("list_id", "place"))
    assert resource(hidden=["place"]).uniques == (("id",), ("title",))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"read_only": ["titel"]}, 'tasks has no column "titel" (read_only=), did you mean "title"?'),
    ({"write_once": ["x"]}, 'tasks has no column "x" (write_once=)'),
    ({"secret": "note"}, 'tasks: secret= takes a list of columns, such as ["note"]'),
    (
        {"created": "create_at"},
        'tasks has no column "create_at" (created=), did you mean "created_at"?',
    ),
    (
        {"created": "title"},
        'the column "title" (created=) is of the type text, but a date and time is needed',
    ),
    ({"updated": ["updated_at"]}, "tasks: updated= takes the name of a column, not ['updated_at']"),
    ({"created_by": "status"}, "is of the type enum, but an integer, a text or a UUID is needed"),
    ({"updated_by": "created_at"}, "but an integer, a text or a UUID is needed"),
    ({"soft_delete": "note"}, "but a date and time or a boolean is needed"),
    (
        {"soft_delete": "created_at"},
        "must be nullable, since it is NULL as long as a row is not deleted",
    ),
    ({"version": "title"}, "but an integer is needed"),
    ({"version": "id"}, 'tasks: the column "id" (version=) is part of the key'),
    ({"version": "double"}, 'tasks: the column "double" (version=) is generated by the database'),
    (
        {"created": "updated_at", "updated": "updated_at"},
        'the column "updated_at" is named by created= and by updated=',
    ),
    (
        {"validators": {"titel": str}},
        'tasks has no column "titel" (validators=), did you mean "title"?',
    ),
    (
        {"validators": {"title": "x"}},
        'tasks: validators= of "title" takes a function or a list of functions',
    ),
    ({"validate": [1]}, "tasks: validate= takes a function or a list of functions"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_a_wrong_option_is_named(case: int) -> None:
    """A name that is not there, or a column of the wrong kind, is told when the app is made."""
    options, message = WRONG[case]
    app = Hekla("sqlite:///:memory:")
    app.resource(tasks, **options)
    with pytest.raises(OperatorError) as caught:
        app.prepare()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reflected_table_tells_what_fills_it() -> None:
    """Lengths that SQLite would not keep are asked of what is written all the same."""
    engine = engine_for("sqlite:///:memory:", Settings())
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(3) NOT NULL, b INT DEFAULT 5,"
            " c INT NOT NULL, d INT AS (b + 1), UNIQUE (c, name), UNIQUE (b))"
        )
    table = reflect(engine).resources["t"]
    engine.dispose()
    columns = table.columns
    assert [name for name, each in columns.items() if each.required] == ["name", "c"]
    assert [name for name, each in columns.items() if each.server_default] == ["id", "b"]
    assert not columns["d"].settable
    (check,) = columns["name"].checks
    assert (check.test("abc"), check.test("abcd")) == (True, False)
    assert table.uniques == (("id",), ("name", "c"), ("b",))
