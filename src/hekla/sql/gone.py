"""Rows of Hekla's own that go with the row that they are about, whoever deletes it.

A foreign key would do, if it did not ask that both columns be of one type, and that every program
that writes to an SQLite database turn foreign keys on. A trigger that is kept in the database
does, in whichever program, so that nothing of a user is left for the next one of the same key.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hekla.schema.types import Dialect
from hekla.sql.plan import sqlalchemy_dialect

__all__ = ["delete_with"]

_UUID = "lower(substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' || substr({0}, 17, 4) || '-' || substr({0}, 21))"  # noqa: E501


def delete_with(
    table: sa.Table,
    key: sa.Column[object],
    owned: Sequence[sa.Column[object]],
    name: str,
    dialect: Dialect,
) -> list[str]:
    """The statements that have rows of other tables deleted with a row of ``table``.

    ``owned`` are columns that hold the text of ``key``; ``name`` is that of the trigger.
    """
    quote = sqlalchemy_dialect(dialect).identifier_preparer.quote
    preparer = sqlalchemy_dialect(dialect).identifier_preparer
    old = f"OLD.{quote(key.name)}"
    match dialect:
        case "sqlite":
            is_uuid = isinstance(key.type, sa.Uuid)
            text = _UUID.format(old) if is_uuid else f"CAST({old} AS TEXT)"
        case "postgresql":
            text = f"CAST({old} AS TEXT)"
        case _:
            text = f"CAST({old} AS CHAR)"
    deletions = " ".join(
        f"DELETE FROM {quote(column.table.name)} WHERE {quote(column.name)} = {text};"  # noqa: S608
        for column in owned
    )
    on = preparer.format_table(table)
    if dialect == "postgresql":
        function = (
            f"CREATE OR REPLACE FUNCTION {quote(name)}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {deletions} RETURN OLD; END $$"
        )
        trigger = (
            f"CREATE OR REPLACE TRIGGER {quote(name)} AFTER DELETE ON {on} "
            f"FOR EACH ROW EXECUTE FUNCTION {quote(name)}()"
        )
        return [function, trigger]
    each = f"FOR EACH ROW BEGIN {deletions} END"
    return [f"CREATE TRIGGER IF NOT EXISTS {quote(name)} AFTER DELETE ON {on} {each}"]
