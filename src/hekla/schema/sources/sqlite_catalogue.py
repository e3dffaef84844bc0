"""What a SQLite database says of its own tables, read through its pragma functions.

SQLAlchemy's Inspector reads some of it by searching the text of CREATE TABLE with patterns;
the pragmas know it exactly, whatever the names look like (https://sqlite.org/pragma.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import ischema_names

from hekla.schema.sources.catalogue import (
    UNREADABLE,
    Catalogue,
    ColumnFacts,
    ForeignKeyFacts,
    SearchFacts,
    TableFacts,
    is_internal,
    reason,
)

__all__ = ["declared_type", "fold", "read_sqlite_catalogue"]

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_MODULE = re.compile(r"\bUSING\s+(\w+)\s*(?:\((.*)\))?\s*$", re.IGNORECASE | re.DOTALL)
_ARGUMENT = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|\[[^\]]*\]|`(?:[^`]|``)*`|[^,])+""")
_WORD = re.compile(r"""\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|\[[^\]]*\]|`(?:[^`]|``)*`|[^\s=]+)""")
# Type names that people use though SQLite knows nothing of them.
_KNOWN: dict[str, type[sa.types.TypeEngine[Any]]] = {
    **ischema_names,
    "BINARY": sa.LargeBinary,
    "BYTEA": sa.LargeBinary,
    "BYTES": sa.LargeBinary,
    "IMAGE": sa.LargeBinary,
    "VARBINARY": sa.LargeBinary,
    "CURRENCY": sa.Numeric,
    "DEC": sa.Numeric,
    "MONEY": sa.Numeric,
    "NUMBER": sa.Numeric,
    "SMALLMONEY": sa.Numeric,
    "DATETIME2": sa.DateTime,
    "SMALLDATETIME": sa.DateTime,
    "ENUM": sa.Text,
    "GUID": sa.Text,
    "STRING": sa.Text,
    "UNIQUEIDENTIFIER": sa.Text,
    "UUID": sa.Text,
    "XML": sa.Text,
    "YEAR": sa.Integer,
}
_AFFINITIES: tuple[tuple[tuple[str, ...], type[sa.types.TypeEngine[Any]]], ...] = (
    (("INT",), sa.Integer),
    (("CHAR", "CLOB", "TEXT"), sa.Text),
    (("BLOB",), sa.LargeBinary),
    (("REAL", "FLOA", "DOUB"), sa.Float),
)
# What the modules that come with SQLite call the tables behind a virtual table.
_SHADOWS = (
    "config",
    "content",
    "data",
    "docsize",
    "idx",
    "node",
    "parent",
    "rowid",
    "segdir",
    "segments",
    "stat",
)


def fold(name: str) -> str:
    """``name`` as SQLite compares names: without regard to the case of ASCII letters."""
    return name.translate(_LOWER)


def declared_type(declaration: str) -> sa.types.TypeEngine[Any]:
    """The type that a column's declaration means, NullType where it means none.

    First by its name, then by SQLite's rules of affinity (https://sqlite.org/datatype3.html,
    section 3.1), save the last: what SQLite takes for NUMERIC because it knows no better is
    not taken for a number here.
    """
    name, _, arguments = declaration.upper().partition("(")
    name = re.sub(r"\s*\b(GENERATED|ALWAYS|UNSIGNED)\b\s*", " ", name).strip()
    numbers = [
        int(number) for number in arguments.rstrip(" )").split(",") if number.strip().isdecimal()
    ]
    found = _KNOWN.get(name)
    if found is None:
        found = next(
            (type_ for words, type_ in _AFFINITIES if any(word in name for word in words)), None
        )
    if found is None:
        return sa.types.NullType()
    type_: sa.types.TypeEngine[Any] = found()
    if numbers and isinstance(type_, sa.String):
        type_.length = numbers[0]
    elif numbers and isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float):
        type_.precision = numbers[0]
        type_.scale = numbers[1] if len(numbers) > 1 else None
    return type_


def read_sqlite_catalogue(connection: sa.Connection) -> Catalogue:
    """The tables and views of the main database; one that cannot be read is a warning."""
    listed = _rows(
        connection,
        "SELECT l.name, l.type, l.wr, l.strict, s.sql FROM pragma_table_list AS l "
        "LEFT JOIN main.sqlite_master AS s ON s.name = l.name AND s.type IN ('table', 'view') "
        "WHERE l.schema = 'main' ORDER BY l.name",
    )
    tables: list[TableFacts] = []
    searches: list[SearchFacts] = []
    warnings: list[str] = []
    hidden: set[str] = set()
    for name, kind, _, _, sql in listed:
        if kind == "virtual":
            try:
                searches.extend(_read_virtual(connection, name, sql or ""))
            except UNREADABLE as error:
                warnings.append(f'the virtual table "{name}" is not served: {reason(error)}')
                # SQLite tells the tables behind it only when it has the module.
                hidden.update(fold(f"{name}_{shadow}") for shadow in _SHADOWS)
    for name, kind, without_row_id, strict, _ in listed:
        if kind not in ("table", "view") or is_internal(name) or fold(name) in hidden:
            continue
        try:
            if kind == "view":
                tables.append(_read_view(connection, name))
            else:
                tables.append(_read_table(connection, name, bool(without_row_id), bool(strict)))
        # Whatever is wrong with one table must not take the others away.
        except UNREADABLE as error:
            warnings.append(f'the {kind} "{name}" is not served: {reason(error)}')
    return Catalogue(tuple(tables), tuple(searches), tuple(warnings), fold)


def _rows(connection: sa.Connection, sql: str, *args: Any) -> list[Any]:
    return list(connection.exec_driver_sql(sql, args).fetchall())


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _prove(connection: sa.Connection, name: str, columns: Iterable[str]) -> None:
    """Raise what the database says if a table cannot be read and sorted by its columns.

    It is only compiled: so a broken view and a collation that is not there come to light.
    """
    names = ", ".join(_quote(column) for column in columns)
    table = _quote(name)
    _rows(connection, f"EXPLAIN SELECT {names} FROM main.{table} ORDER BY {names}")  # noqa: S608


def _read_columns(connection: sa.Connection, name: str) -> list[Any]:
    columns = _rows(
        connection,
        'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, ?) '
        "WHERE hidden <> 1 ORDER BY cid",
        name,
        "main",
    )
    if not columns:
        # A view's columns are unknown if it is broken: the attempt to read it says why.
        _rows(connection, f"EXPLAIN SELECT * FROM main.{_quote(name)}")  # noqa: S608
        raise ValueError("it has no columns")
    _prove(connection, name, [column[0] for column in columns])
    return columns


def _read_view(connection: sa.Connection, name: str) -> TableFacts:
    columns = tuple(
        ColumnFacts(column, declared_type(declaration))
        for column, declaration, *_ in _read_columns(connection, name)
    )
    return TableFacts(name, "view", columns, strict=False)


def _read_table(
    connection: sa.Connection, name: str, without_row_id: bool, strict: bool
) -> TableFacts:
    described = _read_columns(connection, name)
    key = [column[0] for column in sorted(described, key=lambda c: c[4]) if column[4]]
    row_id = (
        not without_row_id
        and len(key) == 1
        and any(column[4] and column[1].upper() == "INTEGER" for column in described)
        # INTEGER PRIMARY KEY DESC is not the rowid, and so has an index of its own.
        and not _rows(
            connection,
            "SELECT 1 FROM pragma_index_list(?, ?) WHERE origin = 'pk'",
            name,
            "main",
        )
    )
    columns = tuple(
        ColumnFacts(
            name=column,
            type=declared_type(declaration),
            # A primary key may hold NULL here, save a rowid or that of WITHOUT ROWID.
            nullable=not (not_null or (place and (row_id or without_row_id))),
            generated=hidden in (2, 3),
            has_default=default is not None or (row_id and bool(place)),
        )
        for column, declaration, not_null, default, place, hidden in described
    )
    return TableFacts(
        name=name,
        kind="table",
        columns=columns,
        key=tuple(key),
        uniques=_read_uniques(connection, name),
        foreign_keys=_read_foreign_keys(connection, name),
        strict=strict,
        row_id=row_id,
    )


def _read_uniques(connection: sa.Connection, name: str) -> frozenset[frozenset[str]]:
    found: dict[str, list[str | None]] = {}
    for index, column in _rows(
        connection,
        "SELECT l.name, i.name FROM pragma_index_list(?, ?) AS l, "
        'pragma_index_info(l.name, ?) AS i WHERE l."unique" AND NOT l.partial',
        name,
        "main",
        "main",
    ):
        found.setdefault(index, []).append(column)
    return frozenset(
        frozenset(column for column in columns if column is not None)
        for columns in found.values()
        # An index over an expression says nothing of the columns.
        if None not in columns
    )


def _read_foreign_keys(connection: sa.Connection, name: str) -> tuple[ForeignKeyFacts, ...]:
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, target, column, target_column in _rows(
        connection,
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?, ?) ORDER BY id DESC, seq',
        name,
        "main",
    ):
        found.setdefault(number, []).append((target, column, target_column))
    return tuple(
        ForeignKeyFacts(
            tuple(column for _, column, _ in steps),
            steps[0][0],
            tuple(column for _, _, column in steps if column is not None),
        )
        for steps in found.values()
    )


def _read_virtual(connection: sa.Connection, name: str, sql: str) -> Iterable[SearchFacts]:
    """The full-text index that a virtual table is, if it is one over a table's own rows."""
    columns = _read_columns(connection, name)
    module = _MODULE.search(sql)
    if module is None or module[1].lower() != "fts5":
        return
    options, unindexed = _fts5_arguments(module[2] or "")
    if options.get("content"):
        yield SearchFacts(
            name,
            options["content"],
            options.get("content_rowid", "rowid"),
            tuple(column[0] for column in columns if fold(column[0]) not in unindexed),
        )


def _fts5_arguments(text: str) -> tuple[Mapping[str, str], set[str]]:
    """The options of an FTS5 table, and which of its columns are not indexed."""
    options: dict[str, str] = {}
    unindexed: set[str] = set()
    for argument in _ARGUMENT.findall(text):
        word = _WORD.match(argument)
        if word is None:
            continue
        rest = argument[word.end() :].strip()
        if rest.startswith("="):
            options[word[1].lower()] = _unquoted(rest[1:].strip())
        elif rest.upper() == "UNINDEXED":
            unindexed.add(fold(_unquoted(word[1])))
    return options, unindexed


def _unquoted(text: str) -> str:
    if text[:1] in ('"', "'", "`") and text[-1:] == text[:1]:
        return text[1:-1].replace(text[0] * 2, text[0])
    if text[:1] == "[" and text[-1:] == "]":
        return text[1:-1]
    return text
