"""What a SQLAlchemy column asks of its values beyond their type."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hekla.errors import OperatorError
from hekla.schema.check import CHECKS, Check, Checked
from hekla.schema.sources.constraints import constraint_checks
from hekla.schema.sources.defaults import sqlalchemy_dialect
from hekla.schema.types import Dialect, Type

__all__ = ["is_closed", "read_checks"]


def read_checks(column: sa.Column[Any], type_: Type, dialect: Dialect) -> tuple[Check, ...]:
    """The checks of the column's type, of its ``info`` and of its table's constraints."""
    own = column.type.checks if isinstance(column.type, Checked) else ()
    given = column.info.get(CHECKS, ())
    if not isinstance(given, tuple) or not all(isinstance(check, Check) for check in given):
        raise OperatorError(
            f'the info of the column "{column.name}" holds no checks that bounds() made'
        )
    checks = own + _readable(column.type, dialect) + given
    told = {check.message for check in checks}
    found = constraint_checks(column, type_, dialect)
    return checks + tuple(check for check in found if check.message not in told)


def is_closed(declared: sa.types.TypeEngine[Any]) -> bool:
    """Whether what stands in the column is for programs only: pickles, encrypted values.

    A type that makes something of the bytes it finds must not find those of a client.
    """
    return isinstance(declared, sa.PickleType) or (
        _makes_something(declared)
        and isinstance(declared, sa.types.TypeDecorator)
        and isinstance(declared.impl_instance, sa.LargeBinary)
    )


def _makes_something(declared: sa.types.TypeEngine[Any]) -> bool:
    plain = sa.types.TypeDecorator.process_result_value
    return (
        isinstance(declared, sa.types.TypeDecorator)
        and type(declared).process_result_value is not plain
    )


def _readable(declared: sa.types.TypeEngine[Any], dialect: Dialect) -> tuple[Check, ...]:
    """That a type built upon another can read what it is going to find."""
    if not _makes_something(declared) or isinstance(declared, sa.Interval) or is_closed(declared):
        return ()
    assert isinstance(declared, sa.types.TypeDecorator)
    read, connected = declared.process_result_value, sqlalchemy_dialect(dialect)

    def test(value: Any) -> bool:
        try:
            read(value, connected)
        # Whatever the application's own type raises, it cannot read it.
        except Exception:  # noqa: BLE001
            return False
        return True

    return (Check(test, "is no value of the column's own type"),)
