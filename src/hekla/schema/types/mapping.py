"""Which type stands for which SQLAlchemy type."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.sql.sqltypes import _AbstractInterval, _Binary

from hekla.schema.types.array import Array
from hekla.schema.types.binary import Binary
from hekla.schema.types.decimals import Decimal
from hekla.schema.types.document import Document
from hekla.schema.types.dynamic import Dynamic, Opaque
from hekla.schema.types.interval import Interval
from hekla.schema.types.numbers import Bits, Boolean, Float, Integer
from hekla.schema.types.strings import Enum, Text
from hekla.schema.types.temporal import Date, DateTime, Time
from hekla.schema.types.type import BIGGEST, Dialect, Type
from hekla.schema.types.uuids import Uuid

__all__ = ["type_of"]

_UNUSUAL: Final[dict[Dialect, tuple[str, ...]]] = {
    # SQLite keeps NaN as NULL.
    "sqlite": ("Infinity", "-Infinity"),
    "postgresql": ("NaN", "Infinity", "-Infinity"),
    "mysql": (),
}
# How deeply JSON may be nested, so that it can be read within what it is part of: SQLite
# ends at 1000, MariaDB at 32, and Python at 1000 of its own calls.
_DEPTHS: Final[dict[Dialect, int]] = {"sqlite": 200, "postgresql": 200, "mysql": 24}


def type_of(sa_type: sa.types.TypeEngine[Any], dialect: Dialect) -> Type:
    """The type of a column declared as ``sa_type``, in the database that ``dialect`` speaks to.

    What has no type of its own is served by the nearest one, and what is unknown as
    :class:`Dynamic` in SQLite and by its text elsewhere.
    """
    sql = _stored(sa_type, dialect)
    match sql:
        case sa.Boolean():
            return Boolean(sql=sql)
        case sa.Integer():
            return _integer(sql, dialect)
        case sa.Float():
            return Float(single=_is_single(sql, dialect), unusual=_UNUSUAL[dialect], sql=sql)
        case sa.Numeric():
            return _decimal(sql, dialect)
        case sa.Enum():
            native = dialect != "sqlite" and sql.native_enum
            return Enum(members=tuple(map(str, sql.enums)), native=native, sql=sql)
        case sa.String():
            return Text(length=sql.length, sql=sql)
        case sa.Date():
            return Date(sql=sql)
        case sa.Time():
            return Time(sql=sql)
        case sa.DateTime():
            return DateTime(timezone=sql.timezone, sql=sql)
        case _AbstractInterval():
            return Interval(native=dialect == "postgresql", sql=sql)
        case sa.Uuid():
            return Uuid(native=dialect == "postgresql" and sql.native_uuid, sql=sql)
        case sa.JSON():
            return Document(depth=_DEPTHS[dialect], sql=sql)
        case sa.ARRAY() if dialect == "postgresql":
            return Array(type_of(sql.item_type, dialect), sql=sql)
        case _Binary():
            return Binary(length=getattr(sql, "length", None), sql=sql)
    return _by_name(sql, dialect)


def _by_name(sql: sa.types.TypeEngine[Any], dialect: Dialect) -> Type:
    """What only one database has, told by name so that no other dialect is imported."""
    match sql.__visit_name__:
        case "CITEXT":
            return Text(sql=sql)
        case "YEAR":
            return Integer(lowest=1901, highest=2155, sql=sql)
        case "BIT" if dialect == "mysql":
            highest = 2 ** (getattr(sql, "length", None) or 1) - 1
            return Bits(big=True, least=0, most=2**64 - 1, lowest=0, highest=highest, sql=sql)
    return Dynamic(sql=sql) if dialect == "sqlite" else Opaque(sql=sql)


def _integer(sql: sa.Integer, dialect: Dialect) -> Type:
    # BOOLEAN is another name for TINYINT(1) there.
    if sql.__visit_name__ == "TINYINT" and getattr(sql, "display_width", None) == 1:
        return Boolean(sql=sql)
    # A model says BigInteger if it means 64 bits; what SQLite calls INTEGER always has them.
    big = isinstance(sql, sa.BigInteger) or (dialect == "sqlite" and type(sql) is sa.INTEGER)
    unsigned = dialect == "mysql" and bool(getattr(sql, "unsigned", False))
    lowest, highest = _bounds(sql, dialect, big, unsigned)
    if big and getattr(sql, "unsigned", False):
        return Integer(big, 0, 2**64 - 1, lowest, highest, sql=sql)
    return Integer(big, lowest=lowest, highest=highest, sql=sql)


def _bounds(sql: sa.Integer, dialect: Dialect, big: bool, unsigned: bool) -> tuple[int, int]:
    """The least and the greatest integer that the column takes."""
    if dialect == "sqlite":
        # Every integer has 64 bits, but what is not big has to be a plain number in JSON.
        return (-(2**63), 2**63 - 1) if big else (-BIGGEST, BIGGEST)
    if big:
        bits = 64
    elif isinstance(sql, sa.SmallInteger):
        bits = 16
    else:
        bits = {"TINYINT": 8, "MEDIUMINT": 24}.get(sql.__visit_name__, 32)
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _decimal(sql: sa.Numeric[Any], dialect: Dialect) -> Type:
    precision, places = sql.precision, sql.scale
    if dialect == "mysql" and precision is None:
        precision = 10
    if dialect != "sqlite" and precision is not None:
        # Without a scale it is zero in SQL.
        places = places or 0
    return Decimal(
        scale=sql.scale, precision=precision, places=places, binary=dialect == "sqlite", sql=sql
    )


def _is_single(sql: sa.Float[Any], dialect: Dialect) -> bool:
    if dialect == "sqlite" or isinstance(sql, sa.Double):
        return False
    if dialect == "postgresql":
        # FLOAT(24) and less are REAL; FLOAT alone is DOUBLE PRECISION.
        return sql.__visit_name__ == "REAL" or (sql.precision or 53) <= 24
    # FLOAT is of four bytes in MariaDB, and REAL is DOUBLE.
    return sql.__visit_name__ not in ("REAL", "DOUBLE") and (sql.precision or 24) <= 24


def _stored(sa_type: sa.types.TypeEngine[Any], dialect: Dialect) -> sa.types.TypeEngine[Any]:
    """What the database keeps of a type that has variants or is built upon another."""
    while True:
        if dialect in sa_type._variant_mapping:
            sa_type = sa_type._variant_mapping[dialect]
        elif sa_type.__visit_name__ == "DOMAIN":
            sa_type = sa_type.data_type  # type: ignore[attr-defined]
        # SQLAlchemy's Interval is built upon DateTime, but is known here as what it is.
        elif isinstance(sa_type, sa.types.TypeDecorator) and not isinstance(sa_type, sa.Interval):
            sa_type = sa_type.load_dialect_impl(_sqlalchemy_dialect(dialect))
        else:
            return sa_type


@cache
def _sqlalchemy_dialect(dialect: Dialect) -> sa.Dialect:
    return URL.create(dialect).get_dialect()()
