"""A Schema from a database that exists: its tables and views, as they are called there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from hekla.schema.assemble import assemble
from hekla.schema.check import Check, longest
from hekla.schema.draft import Draft, DraftKey
from hekla.schema.names import title
from hekla.schema.resource import Column, Schema
from hekla.schema.sources.catalogue import (
    Catalogue,
    ForeignKeyFacts,
    SearchFacts,
    TableFacts,
    read_catalogue,
)
from hekla.schema.sources.sqlite_catalogue import read_sqlite_catalogue
from hekla.schema.types import Dialect, type_of

__all__ = ["reflect"]

_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}


class _Name(quoted_name):
    """A name that is always quoted, and that SQLAlchemy takes for one even when it is empty."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


def reflect(bind: sa.Engine | sa.Connection) -> Schema:
    """The Schema of the database's default schema, read table by table.

    What cannot be served (a broken view, a foreign key to nowhere) is named in the Schema's
    warnings. Raises sqlalchemy.exc.SQLAlchemyError only if nothing at all can be read.
    """
    if isinstance(bind, sa.Engine):
        with bind.connect() as connection:
            return reflect(connection)
    read = read_sqlite_catalogue if bind.dialect.name == "sqlite" else read_catalogue
    return _schema_of(read(bind), _DIALECTS[bind.dialect.name])


def _schema_of(catalogue: Catalogue, dialect: Dialect) -> Schema:
    warnings = list(catalogue.warnings)
    metadata = sa.MetaData()
    drafts = [_draft(facts, metadata, dialect) for facts in catalogue.tables]
    found = {
        catalogue.fold(facts.name): (facts, draft)
        for facts, draft in zip(catalogue.tables, drafts, strict=True)
    }
    for facts, draft in found.values():
        seen = set()
        for key in sorted(facts.foreign_keys, key=lambda key: _places(facts, key)):
            resolved = _resolve(facts, draft, key, found, catalogue)
            if isinstance(resolved, str):
                columns = ", ".join(key.columns)
                warnings.append(
                    f'the foreign key {columns} of "{facts.name}" is left out: {resolved}'
                )
                continue
            identity = (resolved.names, resolved.target, resolved.target_names)
            if identity not in seen:
                seen.add(identity)
                draft.foreign_keys.append(resolved)
    for search in catalogue.searches:
        _attach(search, found, catalogue)
    return assemble(drafts, warnings)


def _column_key(name: str, facts: TableFacts) -> str:
    # SQLAlchemy makes the names of parameters from the key; an empty one, or white space other
    # than blanks, breaks its statements.
    key = re.sub(r"[^\S ]", "_", name)
    while not key or (key != name and any(key == column.name for column in facts.columns)):
        key += "_"
    return key


def _draft(facts: TableFacts, metadata: sa.MetaData, dialect: Dialect) -> Draft:
    table = sa.Table(
        _Name(facts.name, True),
        metadata,
        *(
            sa.Column(
                _Name(column.name, True),
                column.type,
                key=_column_key(column.name, facts),
                primary_key=column.name in facts.key,
                nullable=column.nullable,
                comment=column.comment or None,
            )
            for column in facts.columns
        ),
    )
    columns = {}
    for source, column in zip(table.columns, facts.columns, strict=True):
        # A rowid is an integer whatever else the table lets in.
        is_row_id = facts.row_id and column.name in facts.key
        unsure = not facts.strict and not is_row_id
        guarded = unsure or isinstance(column.type, sa.types.NullType)
        columns[column.name] = Column(
            name=column.name,
            source=source,
            type=type_of(_as_stored(column.type) if guarded else column.type, dialect),
            nullable=column.nullable,
            in_key=column.name in facts.key,
            generated=column.generated,
            guarded=guarded,
            has_default=column.has_default,
            server_default=column.has_default,
            checks=_longest(column.type) if guarded else (),
            description=column.comment,
        )
    key = frozenset(facts.key)
    return Draft(
        name=facts.name,
        table=table,
        columns=columns,
        key=facts.key,
        uniques=facts.uniques | {key} if key else facts.uniques,
        extent=frozenset(columns),
        writable=facts.kind == "table",
        title=title(facts.name),
        description=facts.comment,
    )


def _as_stored(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    # A length that the database does not enforce must not be promised to anybody.
    return sa.Text() if isinstance(type_, sa.String) and type_.length else type_


def _longest(type_: sa.types.TypeEngine[Any]) -> tuple[Check, ...]:
    # But what is written may be asked to keep it.
    length = type_.length if isinstance(type_, sa.String) else None
    return () if length is None else (longest(length),)


def _places(facts: TableFacts, key: ForeignKeyFacts) -> tuple[Any, ...]:
    """Foreign keys are taken in the order of their columns, however the database lists them."""
    order = [column.name for column in facts.columns]
    places = [order.index(name) if name in order else len(order) for name in key.columns]
    return (places, key.target, key.target_columns)


def _resolve(
    facts: TableFacts,
    draft: Draft,
    key: ForeignKeyFacts,
    found: Mapping[str, tuple[TableFacts, Draft]],
    catalogue: Catalogue,
) -> DraftKey | str:
    """The foreign key with its target, or why it leads nowhere."""
    if catalogue.fold(key.target) not in found:
        return f'there is no table "{key.target}" to refer to'
    target_facts, target = found[catalogue.fold(key.target)]
    names = _columns_called(facts, key.columns, catalogue)
    target_names = _columns_called(target_facts, key.target_columns or target_facts.key, catalogue)
    if isinstance(names, str):
        return f'"{facts.name}" has no column "{names}"'
    if isinstance(target_names, str):
        return f'"{target_facts.name}" has no column "{target_names}"'
    if len(names) != len(target_names):
        return f'the key of "{target_facts.name}" has {len(target_names)} columns'
    if not any(unique <= set(target_names) for unique in target.uniques):
        return f'{", ".join(target_names)} of "{target_facts.name}" is not unique'
    pairs = tuple(
        (draft.columns[name].source, target.columns[target_name].source)
        for name, target_name in zip(names, target_names, strict=True)
    )
    return DraftKey(names, target, target_names, pairs)


def _columns_called(
    facts: TableFacts, names: Sequence[str], catalogue: Catalogue
) -> tuple[str, ...] | str:
    """The columns of these names as the table itself writes them, or the first it lacks."""
    known = {catalogue.fold(column.name): column.name for column in facts.columns}
    for name in names:
        if catalogue.fold(name) not in known:
            return name
    return tuple(known[catalogue.fold(name)] for name in names)


def _attach(
    search: SearchFacts,
    found: Mapping[str, tuple[TableFacts, Draft]],
    catalogue: Catalogue,
) -> None:
    """Let a resource be searched by the full-text index over it, if its rows are told by key."""
    fold = catalogue.fold
    facts, draft = found.get(fold(search.table), (None, None))
    if facts is None or draft is None or not facts.row_id or draft.search_index:
        return
    columns = {fold(name): name for name in draft.columns}
    row_key = fold(search.row_key)
    means_row_id = row_key in ("rowid", "oid", "_rowid_") and row_key not in columns
    if row_key != fold(facts.key[0]) and not means_row_id:
        return
    draft.search = tuple(columns[fold(name)] for name in search.columns if fold(name) in columns)
    draft.search_index = search.name if draft.search else None
