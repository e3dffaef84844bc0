"""Every SQLAlchemy type has one of our types, the same in spirit on every database."""

from __future__ import annotations

import enum
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from hekla.schema.types import (
    Array,
    Binary,
    Bits,
    Boolean,
    Date,
    DateTime,
    Decimal,
    Dialect,
    Document,
    Dynamic,
    Enum,
    Float,
    Integer,
    Interval,
    Opaque,
    Text,
    Time,
    Type,
    Uuid,
    type_of,
)

Kind = sa.types.TypeEngine[Any]


class Color(enum.Enum):
    RED = "r"
    DARK_RED = "d"


class Cents(sa.types.TypeDecorator[Any]):
    impl = sa.BigInteger
    cache_ok = True


class Guid(sa.types.TypeDecorator[Any]):
    """A type that stores itself in each database as that database likes it."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Kind:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID())
        return dialect.type_descriptor(sa.CHAR(32))


class Lasting(sa.types.TypeDecorator[Any]):
    impl = sa.Interval
    cache_ok = True


EVERYWHERE: list[tuple[Kind, Type]] = [
    (sa.SmallInteger(), Integer()),
    (sa.Integer(), Integer()),
    (sa.BigInteger(), Integer(big=True)),
    (sa.BIGINT(), Integer(big=True)),
    (sa.Double(), Float()),
    (sa.Numeric(10, 2), Decimal(scale=2)),
    (sa.Numeric(), Decimal()),
    (sa.DECIMAL(5, 0), Decimal(scale=0)),
    (sa.Boolean(), Boolean()),
    (sa.String(20), Text(length=20)),
    (sa.Text(), Text()),
    (sa.Unicode(20), Text(length=20)),
    (sa.UnicodeText(), Text()),
    (sa.CHAR(3), Text(length=3)),
    (sa.Date(), Date()),
    (sa.Time(), Time()),
    (sa.DateTime(), DateTime()),
    (sa.DateTime(timezone=True), DateTime(timezone=True)),
    (sa.TIMESTAMP(), DateTime()),
    (sa.Interval(), Interval()),
    (sa.JSON(), Document()),
    (sa.LargeBinary(), Binary()),
    (sa.VARBINARY(5), Binary()),
    (sa.PickleType(), Binary()),
    (Cents(), Integer(big=True)),
    (Lasting(), Interval()),
]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
@pytest.mark.parametrize("case", range(len(EVERYWHERE)))
def test_generic_types_are_the_same_everywhere(case: int, dialect: Dialect) -> None:
    """A generic type of SQLAlchemy has the same type whatever the database."""
    kind, expected = EVERYWHERE[case]
    assert type_of(kind, dialect) == expected


SOMEWHERE: list[tuple[Kind, Dialect, Type]] = [
    (sa.INTEGER(), "sqlite", Integer(big=True)),
    (sa.INTEGER(), "postgresql", Integer()),
    (sa.types.NullType(), "sqlite", Dynamic()),
    (sa.types.NullType(), "postgresql", Opaque()),
    (sa.Float(), "sqlite", Float()),
    (sa.Float(), "postgresql", Float()),
    (sa.Float(24), "postgresql", Float(single=True)),
    (sa.REAL(), "postgresql", Float(single=True)),
    (postgresql.DOUBLE_PRECISION(), "postgresql", Float()),
    (sa.Float(), "mysql", Float(single=True)),
    (sa.Float(53), "mysql", Float()),
    (sa.REAL(), "mysql", Float()),
    (sa.Uuid(), "sqlite", Uuid()),
    (sa.Uuid(), "postgresql", Uuid(native=True)),
    (sa.Uuid(native_uuid=False), "postgresql", Uuid()),
    (sa.UUID(), "postgresql", Uuid(native=True)),
    (Guid(), "sqlite", Text(length=32)),
    (Guid(), "postgresql", Uuid(native=True)),
    (sqlite.DATETIME(), "sqlite", DateTime()),  # type: ignore[no-untyped-call]
    (sqlite.JSON(), "sqlite", Document()),
    (postgresql.JSONB(), "postgresql", Document()),
    (postgresql.INTERVAL(), "postgresql", Interval()),
    (postgresql.BYTEA(), "postgresql", Binary()),
    (postgresql.CITEXT(), "postgresql", Text()),
    (postgresql.INET(), "postgresql", Opaque()),
    (postgresql.ARRAY(sa.BigInteger()), "postgresql", Array(Integer(big=True))),
    (sa.ARRAY(sa.Text()), "postgresql", Array(Text())),
    (postgresql.DOMAIN("cents", sa.BigInteger()), "postgresql", Integer(big=True)),
    (mysql.BIGINT(unsigned=True), "mysql", Integer(big=True, least=0, most=2**64 - 1)),
    (mysql.TINYINT(), "mysql", Integer()),
    (mysql.TINYINT(display_width=1), "mysql", Boolean()),
    (mysql.BIT(8), "mysql", Bits(big=True, least=0, most=2**64 - 1)),
    (mysql.YEAR(), "mysql", Integer()),
    (mysql.LONGTEXT(), "mysql", Text()),
    (mysql.SET("a", "b"), "mysql", Text(length=1)),
    (sa.String(5).with_variant(sa.BigInteger(), "sqlite"), "sqlite", Integer(big=True)),
    (sa.String(5).with_variant(sa.BigInteger(), "sqlite"), "mysql", Text(length=5)),
]


@pytest.mark.parametrize("case", range(len(SOMEWHERE)))
def test_types_of_one_database_have_the_nearest_type(case: int) -> None:
    """What a database calls by a name of its own is served by what it is."""
    kind, dialect, expected = SOMEWHERE[case]
    assert type_of(kind, dialect) == expected


def test_an_enumeration_has_the_members_that_are_stored() -> None:
    """Names by default, values with values_callable, strings as they are."""
    named = type_of(sa.Enum(Color), "sqlite")
    assert named == Enum(members=("RED", "DARK_RED"))
    valued = sa.Enum(Color, values_callable=lambda members: [member.value for member in members])
    assert type_of(valued, "sqlite") == Enum(members=("r", "d"))
    assert type_of(sa.Enum("a", "b"), "postgresql") == Enum(members=("a", "b"), native=True)
    plain = sa.Enum("a", "b", native_enum=False)
    assert type_of(plain, "postgresql") == Enum(members=("a", "b"))


def test_a_type_knows_what_it_was_made_from() -> None:
    """The stored SQLAlchemy type stays at hand, for casts."""
    kind = sa.Numeric(10, 2)
    assert type_of(kind, "postgresql").sql is kind
    assert isinstance(type_of(Cents(), "sqlite").sql, sa.BigInteger)
