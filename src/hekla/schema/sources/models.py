"""Drafts from SQLAlchemy 2 models, declarative or imperative, and from plain Tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hekla.errors import OperatorError
from hekla.schema.declaration import Declaration
from hekla.schema.draft import Draft, DraftKey
from hekla.schema.names import nearest, title
from hekla.schema.resource import Column
from hekla.schema.sources.checks import is_closed, read_checks
from hekla.schema.sources.defaults import read_defaults
from hekla.schema.sources.entity import Entity, read_entity
from hekla.schema.sources.options import apply_options, row_checks
from hekla.schema.sources.relationships import draft_relations
from hekla.schema.types import Dialect, type_of

__all__ = ["draft_models"]


def draft_models(
    declarations: Sequence[Declaration], dialect: Dialect
) -> tuple[list[Draft], list[str]]:
    """A draft of each declared resource, in order, and what of them cannot be served.

    Raises OperatorError where a declaration speaks of what is not there.
    """
    entities = [read_entity(declaration, dialect) for declaration in declarations]
    warnings: list[str] = []
    drafts: dict[Entity, Draft] = {}
    declared: set[object] = set()
    for entity in entities:
        if entity.declaration.entity in declared:
            raise OperatorError(f"{entity.name} is declared as a resource twice")
        declared.add(entity.declaration.entity)
        warnings.extend(
            f"{entity.title}.{name} is left out: it is computed, not a column of a table"
            for name in entity.left_out
        )
        drafts[entity] = _draft(entity, dialect)
    owners: dict[Any, Entity] = {}
    for entity in entities:
        owners.setdefault(entity.own, entity)
    for entity in entities:
        try:
            drafts[entity].relations.extend(draft_relations(entity, drafts, warnings))
        except sa.exc.SQLAlchemyError as error:
            line = str(error).splitlines()[0]
            raise OperatorError(f"{entity.title} cannot be mapped: {line}") from error
        drafts[entity].foreign_keys.extend(_foreign_keys(entity, owners, drafts, warnings))
    return list(drafts.values()), warnings


def _draft(entity: Entity, dialect: Dialect) -> Draft:
    declaration = entity.declaration
    stored = dict(entity.stored())
    for option in ("only", "hidden"):
        for name in getattr(declaration, option) or ():
            if name not in stored:
                raise OperatorError(
                    f'{entity.name} has no column "{name}" ({option}=){nearest(name, stored)}'
                )
    for name in declaration.hidden:
        if name in entity.key:
            raise OperatorError(
                f'{entity.name}: the column "{name}" cannot be hidden, it is part of the key '
                "by which a row is found"
            )
    every = {name: _column(entity, name, column, dialect) for name, column in stored.items()}
    every = apply_options(entity.name, declaration, every)
    columns = {
        name: column
        for name, column in every.items()
        if name not in declaration.hidden
        and (declaration.only is None or name in declaration.only or name in entity.key)
    }
    for name in declaration.search:
        if name not in columns:
            raise OperatorError(
                f'{entity.name} has no column "{name}" (search=){nearest(name, columns)}'
            )
    schema = getattr(entity.table, "schema", None)
    return Draft(
        name=entity.name,
        table=entity.table,
        columns=columns,
        key=entity.key,
        uniques=frozenset(_uniques(entity)),
        extent=frozenset(stored),
        renames=declaration.relations,
        writable=isinstance(entity.table, sa.Table),
        search=tuple(declaration.search),
        search_index=declaration.search_index,
        title=declaration.title or entity.title or title(entity.name),
        description=(
            entity.description if declaration.description is None else declaration.description
        ),
        schema=str(schema) if schema else None,
        hidden={name: column for name, column in every.items() if name not in columns},
        validators=row_checks(entity.name, declaration),
        version=declaration.version,
        soft_delete=declaration.soft_delete,
        delete_all=declaration.delete_all,
    )


def _column(entity: Entity, name: str, stored: sa.ColumnElement[Any], dialect: Dialect) -> Column:
    served = entity.served(stored)
    source = stored if served is None else served
    type_ = type_of(stored.type, dialect)
    in_key = name in entity.key
    if not isinstance(stored, sa.Column) or not isinstance(stored.table, sa.Table):
        # A column of a query says nothing but its type.
        return Column(name, source, type_, in_key=in_key, guarded=True)
    keys = {
        str(column.key): called
        for column, called in entity.names.items()
        if isinstance(column, sa.Column)
    }
    return Column(
        name=name,
        source=source,
        type=type_,
        nullable=stored.nullable is not False,
        in_key=in_key,
        generated=stored.computed is not None
        or (stored.identity is not None and bool(stored.identity.always)),
        guarded=isinstance(stored.type, sa.types.NullType),
        has_default=stored.computed is None and _has_default(stored),
        description=stored.comment or stored.doc or "",
        checks=read_checks(stored, type_, dialect),
        read_only=is_closed(stored.type),
        **read_defaults(stored, type_, dialect, keys, entity.mapper),
    )


def _has_default(column: sa.Column[Any]) -> bool:
    if column.default is not None or column.server_default is not None:
        return True
    return column.table.autoincrement_column is column


def _uniques(entity: Entity) -> Iterable[frozenset[str]]:
    if entity.key:
        yield frozenset(entity.key)
    for table in entity.tables:
        if not isinstance(table, sa.Table):
            continue
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint) and len(
                constraint.columns
            ):
                yield _names(entity, constraint.columns)
        for index in table.indexes:
            partial = any(
                option.endswith("_where") and index.dialect_kwargs[option] is not None
                for option in index.dialect_kwargs
            )
            whole = all(isinstance(term, sa.Column) for term in index.expressions)
            if index.unique and whole and not partial:
                yield _names(entity, index.columns)


def _names(entity: Entity, columns: Iterable[sa.Column[Any]]) -> frozenset[str]:
    return frozenset(entity.names.get(column, str(column.key)) for column in columns)


def _foreign_keys(
    entity: Entity,
    owners: dict[Any, Entity],
    drafts: dict[Entity, Draft],
    warnings: list[str],
) -> Iterable[DraftKey]:
    seen = set()
    constraints = [
        constraint
        for table in entity.tables
        if isinstance(table, sa.Table)
        for constraint in table.foreign_key_constraints
    ]
    order = list(entity.names)
    for constraint in sorted(
        constraints, key=lambda constraint: [_place(order, c) for c in constraint.columns]
    ):
        try:
            stored = [(element.parent, element.column) for element in constraint.elements]
        except sa.exc.NoReferenceError as error:
            columns = ", ".join(constraint.column_keys)
            warnings.append(f"the foreign key {columns} of {entity.name} is left out: {error}")
            continue
        target = owners.get(stored[0][1].table)
        if target is None:
            continue
        pairs = [(entity.served(near), target.served(far)) for near, far in stored]
        if any(near is None or far is None for near, far in pairs):
            continue
        key = DraftKey(
            tuple(entity.names[near] for near, _ in stored),
            drafts[target],
            tuple(target.names[far] for _, far in stored),
            tuple((near, far) for near, far in pairs if near is not None and far is not None),
        )
        # The key of an inherited table refers to its parent's: that is one row, not two.
        inherits = all(entity.names.get(far) == entity.names[near] for near, far in stored)
        identity = (key.names, key.target, key.target_names)
        if identity not in seen and not (inherits and len(entity.tables) > 1):
            seen.add(identity)
            yield key


def _place(order: Sequence[object], column: object) -> int:
    return next((place for place, other in enumerate(order) if other is column), len(order))
