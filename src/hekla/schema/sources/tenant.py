"""The column that says whose a row is, where many customers share one table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hekla.errors import OperatorError

__all__ = ["tenant_column"]


def tenant_column(
    entity: type[Any] | sa.FromClause, name: str, kind: sa.types.TypeEngine[Any]
) -> sa.Column[Any]:
    """The column ``name`` of an entity, added to it if it has none, of the type ``kind``.

    Raises OperatorError where a column cannot be added.
    """
    mapper = None if isinstance(entity, sa.FromClause) else sa.inspect(entity, raiseerr=False)
    table: Any = entity if mapper is None else getattr(mapper, "local_table", None)
    if not isinstance(table, sa.Table):
        raise OperatorError(f"tenant={name!r}: {entity!r} is neither a mapped class nor a Table")
    if name not in table.columns:
        column: sa.Column[Any] = sa.Column(name, kind, nullable=False, index=True)
        if mapper is None:
            table.append_column(column)
        elif hasattr(entity, "metadata"):
            # A declarative class takes it over into its table.
            setattr(entity, name, column)
        else:
            raise OperatorError(f"{table.name} has no column {name!r} (tenant=)")
    found: sa.Column[Any] = table.columns[name]
    return found
