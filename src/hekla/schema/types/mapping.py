"""Which type stands for which SQLAlchemy type."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL
from sqlalchemy.sql.sqltypes import _AbstractInterval, _Binary

from hekla.schema.types.binary import Binary
from hekla.schema.types.document import Document
from hekla.schema.types.dynamic import Dynamic
from hekla.schema.types.numbers import Boolean, Decimal, Float, Integer
from hekla.schema.types.strings import Enum, Text
from hekla.schema.types.temporal import Date, DateTime, Interval, Time
from hekla.schema.types.type import Dialect, Type
from hekla.schema.types.uuids import Uuid

__all__ = ["type_of"]

_DIALECTS: Final[dict[Dialect, sa.Dialect]] = {
    name: URL.create(name).get_dialect()() for name in ("sqlite", "postgresql", "mysql")
}


def type_of(sa_type: sa.types.TypeEngine[Any], dialect: Dialect) -> Type:
    """The type of a column declared as ``sa_type``; :class:`Dynamic` if it is unknown."""
    sa_type = _stored(sa_type, dialect)
    match sa_type:
        case sa.Boolean():
            return Boolean(sql=sa_type)
        case mysql.TINYINT(display_width=1):
            return Boolean(sql=sa_type)
        case sa.Integer():
            return _integer(sa_type, dialect)
        case sa.Float():
            return Float(sql=sa_type)
        case sa.Numeric():
            return Decimal(scale=sa_type.scale, sql=sa_type)
        case sa.Enum():
            return Enum(
                members=tuple(map(str, sa_type.enums)), native=sa_type.native_enum, sql=sa_type
            )
        case sa.String():
            return Text(length=sa_type.length, sql=sa_type)
        case sa.Date():
            return Date(sql=sa_type)
        case sa.Time():
            return Time(sql=sa_type)
        case sa.DateTime():
            return DateTime(timezone=sa_type.timezone, sql=sa_type)
        case _AbstractInterval():
            return Interval(sql=sa_type)
        case sa.Uuid():
            return Uuid(native=sa_type.native_uuid, sql=sa_type)
        case sa.JSON():
            return Document(sql=sa_type)
        case sa.LargeBinary() | _Binary():
            return Binary(sql=sa_type)
    return Dynamic(sql=sa_type)


def _stored(sa_type: sa.types.TypeEngine[Any], dialect: Dialect) -> sa.types.TypeEngine[Any]:
    """What the database keeps of a type that has variants or is built upon another."""
    while True:
        if dialect in sa_type._variant_mapping:
            sa_type = sa_type._variant_mapping[dialect]
        # SQLAlchemy's Interval is built upon DateTime, but it is known here as what it is.
        elif isinstance(sa_type, sa.types.TypeDecorator) and not isinstance(sa_type, sa.Interval):
            sa_type = sa_type.load_dialect_impl(_DIALECTS[dialect])
        else:
            return sa_type


def _integer(sa_type: sa.Integer, dialect: Dialect) -> Type:
    unsigned = getattr(sa_type, "unsigned", False)
    if isinstance(sa_type, sa.BigInteger):
        if unsigned:
            return Integer(big=True, least=0, most=2**64 - 1, sql=sa_type)
        return Integer(big=True, sql=sa_type)
    return Integer(sql=sa_type)
