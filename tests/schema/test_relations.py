"""However tables and columns are called, each foreign key can be followed in both directions."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hekla.schema.build import Declaration, build_schema
from hekla.schema.resource import Link, Relation, Schema

# Few names, so that they clash often; and such as other names are derived to.
TABLES = ("task", "tasks", "owner", "owners", "task_by_owner", "task_2", "a.b", "docs", "parent")
COLUMNS = ("owner", "owner_id", "ownerId", "task", "task_id", "tasks", "parent_id", "children")


@st.composite
def declared_tables(draw: st.DrawFn) -> list[sa.Table]:
    """Tables that refer to one another at random, some by their key."""
    metadata = sa.MetaData()
    names = draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=4, unique=True))
    found = []
    for name in names:
        between = draw(st.booleans())
        columns = [sa.Column("id", sa.Integer, unique=True, primary_key=not between)]
        for place, column in enumerate(
            draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=4, unique=True))
        ):
            target = draw(st.sampled_from([None, *names]))
            references = [sa.ForeignKey(f"{target}.id")] if target else []
            in_key = between and place < 2
            columns.append(sa.Column(column, sa.Integer, *references, primary_key=in_key))
        found.append(sa.Table(name, metadata, *columns))
    return found


def steps(links: tuple[Link, ...]) -> tuple[frozenset[tuple[str, str]], ...]:
    return tuple(frozenset((str(a), str(b)) for a, b in link.pairs) for link in links)


def outline(schema: Schema) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    def told(relation: Relation) -> tuple[str, str, bool]:
        return (relation.name, relation.target, relation.many)

    return [(r.name, [told(relation) for relation in r.relations.values()]) for r in schema]


@settings(max_examples=200, deadline=None)
@given(declared_tables())
def test_every_foreign_key_is_a_relation_each_way(tables: list[sa.Table]) -> None:
    """No name is given twice or to a column, and no relation is lost for want of a name."""
    schema = build_schema([Declaration(table) for table in tables], "sqlite")
    by_table = {resource.table: resource for resource in schema}
    there = {
        resource.name: [steps(r.links) for r in resource.relations.values()] for resource in schema
    }
    for resource in schema:
        assert not resource.relations.keys() & resource.columns.keys()
        assert len(set(there[resource.name])) == len(there[resource.name])
    for table in tables:
        for key in table.foreign_keys:
            near, far = str(key.parent), str(key.column)
            forth = (frozenset({(near, far)}),)
            back = (frozenset({(far, near)}),)
            assert forth in there[by_table[table].name]
            assert back in there[by_table[key.column.table].name]


@settings(max_examples=50, deadline=None)
@given(declared_tables())
def test_names_are_the_same_each_time(tables: list[sa.Table]) -> None:
    """Nothing but the declarations decides on names and their order."""
    declarations = [Declaration(table) for table in tables]
    assert outline(build_schema(declarations, "sqlite")) == outline(
        build_schema(declarations, "sqlite")
    )
