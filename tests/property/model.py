"""What a random database looks like, in words of its own: tables, rules, relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hekla import Hekla
from hekla.schema.resource import Schema
from hekla.settings import Settings
from tests.property.kinds import Kind
from tests.property.rules import EVERYONE, Data, RuleSpec

__all__ = ["ColumnSpec", "LinkSpec", "Model", "RelationModel", "ResourceModel", "Step", "TableSpec"]


@dataclass(frozen=True)
class ColumnSpec:
    """One column of a table."""

    name: str
    kind: Kind
    nullable: bool = True


@dataclass(frozen=True)
class LinkSpec:
    """One foreign key; ``unique`` makes the way back lead to one row."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One table, whether it is a resource, and who may read what of it."""

    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    links: tuple[LinkSpec, ...] = ()
    served: bool = True
    search: tuple[str, ...] = ()
    indexed: bool = False
    read: RuleSpec = EVERYONE
    column_rules: Mapping[str, RuleSpec] = field(default_factory=dict)

    def kind(self, column: str) -> Kind:
        return next(each.kind for each in self.columns if each.name == column)

    def table(self, metadata: sa.MetaData) -> sa.Table:
        columns: list[Any] = [
            sa.Column(
                each.name,
                each.kind.make(),
                primary_key=each.name in self.key,
                nullable=each.nullable and each.name not in self.key,
                autoincrement=False,
            )
            for each in self.columns
        ]
        return sa.Table(self.name, metadata, *columns)


@dataclass(frozen=True)
class Step:
    """One step of a relation: rows of ``table`` whose columns equal those one comes from."""

    table: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RelationModel:
    """The way from a row to the rows of another resource, over one step or two."""

    name: str
    target: str
    many: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ResourceModel:
    """A table as the API has it: columns are called as in the table."""

    name: str
    spec: TableSpec
    relations: Mapping[str, RelationModel]

    @property
    def columns(self) -> dict[str, Kind]:
        return {each.name: each.kind for each in self.spec.columns}


LeftOut = tuple[set[str], set[str]]
"""Names of columns and of relations."""


class Model:
    """All tables of a random database, and what Hekla makes of them."""

    def __init__(self, specs: Iterable[TableSpec]) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.metadata = sa.MetaData()
        self.tables = {spec.name: spec.table(self.metadata) for spec in self.specs.values()}
        for spec in self.specs.values():
            own = self.tables[spec.name]
            for link in spec.links:
                columns = [own.c[name] for name in link.columns]
                there = [self.tables[link.target].c[name] for name in link.target_columns]
                own.append_constraint(sa.ForeignKeyConstraint(columns, there))
                if link.unique:
                    own.append_constraint(sa.UniqueConstraint(*columns))
        self.resources: dict[str, ResourceModel] = {}

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.specs.values()))

    def app(
        self, url: str, settings: Settings, left_out: Mapping[str, LeftOut] | None = None
    ) -> Hekla:
        """An application over the tables; what of a table is ``left_out`` is not served at all."""
        app = Hekla(url, settings=settings)
        for spec in self.specs.values():
            if not spec.served:
                continue
            gone, unrelated = (left_out or {}).get(spec.name, (set(), set()))
            app.resource(
                self.tables[spec.name],
                read=spec.read.expression(self.tables),
                columns={
                    name: rule.expression(self.tables)
                    for name, rule in spec.column_rules.items()
                    if name not in gone
                },
                search=[name for name in spec.search if name not in gone],
                search_index=f"{spec.name} index" if spec.indexed else None,
                hidden=sorted(gone),
                relations=dict.fromkeys(unrelated),
            )
        if not self.resources:
            self.resources = _resources(self, app.schema)
        return app

    def fill(self, app: Hekla, data: Data) -> None:
        """Create the tables and put the rows into them; references may lead nowhere."""
        with app.sessions.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = off")
            self.metadata.create_all(connection)
            for name, rows in data.items():
                if rows:
                    connection.execute(self.tables[name].insert(), [dict(row) for row in rows])
            for spec in self.specs.values():
                if spec.indexed:
                    connection.exec_driver_sql(_index(spec))
                    name = _quoted(f"{spec.name} index")
                    connection.exec_driver_sql(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
            connection.commit()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _index(spec: TableSpec) -> str:
    """The index over the search columns of a table, which keeps no copy of them."""
    columns = ", ".join(map(_quoted, spec.search))
    content = spec.name.replace("'", "''")
    return (
        f"CREATE VIRTUAL TABLE {_quoted(f'{spec.name} index')} USING fts5({columns},"
        f" content='{content}', content_rowid={_quoted(spec.key[0])})"
    )


def _resources(model: Model, schema: Schema) -> dict[str, ResourceModel]:
    names: dict[sa.FromClause, str] = {table: name for name, table in model.tables.items()}
    found = {}
    for resource in schema:
        relations = {}
        for relation in resource.relations.values():
            steps = tuple(
                Step(
                    names[link.table],
                    tuple((near.name, far.name) for near, far in link.pairs),
                )
                for link in relation.links
            )
            relations[relation.name] = RelationModel(
                relation.name, relation.target, relation.many, steps
            )
        spec = model.specs[names[resource.table]]
        found[resource.name] = ResourceModel(resource.name, spec, relations)
    return found
