"""What a database says of its own tables, as plain facts, read through SQLAlchemy's Inspector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from warnings import catch_warnings, filterwarnings

import sqlalchemy as sa

__all__ = [
    "UNREADABLE",
    "Catalogue",
    "ColumnFacts",
    "ForeignKeyFacts",
    "SearchFacts",
    "TableFacts",
    "is_internal",
    "read_catalogue",
    "reason",
]

# What may come of reading a table that is damaged or stranger than its driver expects.
UNREADABLE = (sa.exc.SQLAlchemyError, ArithmeticError, AssertionError, LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column as the database declares it."""

    name: str
    type: sa.types.TypeEngine[Any]
    nullable: bool = True
    generated: bool = False
    has_default: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKeyFacts:
    """A foreign key as it is written; what it refers to may not exist.

    ``target_columns`` is empty where the target's primary key is meant.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table or view. ``strict``: the database lets no value in that does not fit its type.

    ``uniques`` holds the column names of unique constraints and indexes (whole, not partial).
    ``row_id``: the key is a single integer that is the row's own number (SQLite's rowid).
    """

    name: str
    kind: Literal["table", "view"]
    columns: tuple[ColumnFacts, ...]
    key: tuple[str, ...] = ()
    uniques: frozenset[frozenset[str]] = frozenset()
    foreign_keys: tuple[ForeignKeyFacts, ...] = ()
    strict: bool = True
    row_id: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SearchFacts:
    """A full-text index ``name`` over ``columns`` of ``table``, tied to it by ``row_key``."""

    name: str
    table: str
    row_key: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that can be served of a database, and why the rest cannot."""

    tables: tuple[TableFacts, ...]
    searches: tuple[SearchFacts, ...] = ()
    warnings: tuple[str, ...] = ()
    fold: Callable[[str], str] = str


def is_internal(name: str) -> bool:
    """Whether a table is the database's, Alembic's or Hekla's own, and so is not served."""
    folded = name.lower()
    return folded == "alembic_version" or folded.startswith(("sqlite_", "hekla_"))


def reason(error: Exception) -> str:
    """What went wrong, in one line that names no place in the code."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    return " ".join(str(cause).split()) or type(cause).__name__


def read_catalogue(connection: sa.Connection) -> Catalogue:
    """The tables and views of the default schema; one that cannot be read is a warning."""
    inspector = sa.inspect(connection)
    tables: list[TableFacts] = []
    warnings: list[str] = []
    kinds: tuple[tuple[Literal["table", "view"], list[str]], ...] = (
        ("table", inspector.get_table_names()),
        ("view", [*inspector.get_view_names(), *_materialized(inspector)]),
    )
    for kind, names in kinds:
        for name in sorted(names):
            if is_internal(name):
                continue
            try:
                with catch_warnings():
                    # A type that nobody knows is served as its text, and that is enough to say.
                    filterwarnings("ignore", "Did not recognize type", sa.exc.SAWarning)
                    tables.append(_read_table(inspector, name, kind))
            # Whatever is wrong with one table must not take the others away.
            except UNREADABLE as error:
                warnings.append(f'the {kind} "{name}" is not served: {reason(error)}')
    return Catalogue(tuple(tables), warnings=tuple(warnings))


def _materialized(inspector: sa.Inspector) -> list[str]:
    try:
        return inspector.get_materialized_view_names()
    except NotImplementedError:
        return []


def _read_table(inspector: sa.Inspector, name: str, kind: Literal["table", "view"]) -> TableFacts:
    columns = tuple(
        ColumnFacts(
            name=column["name"],
            type=column["type"],
            nullable=kind == "view" or column["nullable"],
            generated="computed" in column,
            has_default=column["default"] is not None
            or column.get("autoincrement") is True
            or "identity" in column,
            comment=column.get("comment") or "",
        )
        for column in inspector.get_columns(name)
    )
    if kind == "view":
        return TableFacts(name, kind, columns)
    uniques = [constraint["column_names"] for constraint in inspector.get_unique_constraints(name)]
    for index in inspector.get_indexes(name):
        options = index.get("dialect_options", {})
        partial = any(name.endswith("_where") and options[name] is not None for name in options)
        if index["unique"] and not partial and None not in index["column_names"]:
            uniques.append([column for column in index["column_names"] if column is not None])
    return TableFacts(
        name=name,
        kind=kind,
        columns=columns,
        key=tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        uniques=frozenset(frozenset(unique) for unique in uniques),
        foreign_keys=tuple(
            ForeignKeyFacts(
                tuple(key["constrained_columns"]),
                key["referred_table"],
                tuple(key["referred_columns"]),
            )
            for key in inspector.get_foreign_keys(name)
            if key["referred_schema"] in (None, inspector.default_schema_name)
        ),
        comment=_comment(inspector, name),
    )


def _comment(inspector: sa.Inspector, name: str) -> str:
    try:
        return inspector.get_table_comment(name)["text"] or ""
    except NotImplementedError:
        return ""
