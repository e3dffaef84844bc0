"""Changes of single rows as statements: what they set, which rules they obey, what they answer.

A statement that changes a row names it by its key, and by the rules: a row for which the rule
of the action does not hold is not found by it. What comes back (RETURNING) is the row's key,
whether the row as it is *now* satisfies the rules as well, and the row as JSON, all from the
same statement wherever the rules need no other table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import visitors

from hekla.policy.access import Access
from hekla.policy.rules import Action, Rule
from hekla.query.ast import Select
from hekla.query.shape import Pattern, Shape
from hekla.schema.resource import Column, Resource, Schema
from hekla.schema.types import Dialect
from hekla.sql.conditions import compile_condition
from hekla.sql.json import Json, array, literal, object_of
from hekla.sql.plan import Plan, ValueSlot, render, sqlalchemy_dialect
from hekla.sql.scope import Scope, Source
from hekla.sql.select import as_body, compile_select

__all__ = [
    "Statements",
    "WritePlan",
    "is_plain",
    "reads_other_rows",
]


def reads_other_rows(rule: Rule | bool) -> bool:
    """Whether the rule cannot be decided on the row alone: it asks other rows or tables."""
    return not isinstance(rule, bool) and any(
        isinstance(element, sa.SelectBase | sa.ScalarSelect | sa.Exists)
        for element in visitors.iterate(rule)
    )


class WritePlan:
    """A statement that changes rows, and what its RETURNING holds.

    The first ``key`` columns of a row are its key as stored, then comes with ``shown`` the key
    as a JSON array. ``checked``: the column ``ok`` tells whether the row satisfies the rules of
    the action as it is now. ``answered``: the last column is its JSON, NULL where the actor may
    not read it. ``complete``: nothing is left to ask.
    """

    __slots__ = ("answered", "checked", "complete", "key", "ok", "plan", "shown")

    def __init__(
        self,
        plan: Plan,
        resource: Resource,
        *,
        checked: bool = False,
        answered: bool = False,
        complete: bool = False,
    ) -> None:
        self.plan = plan
        self.key = len(resource.key)
        self.shown = "shown" in plan.columns
        self.ok = self.key + self.shown
        self.checked = checked
        self.answered = answered
        self.complete = complete


def is_plain(access: Access, resource: Resource, answer: Select) -> bool:
    """Whether the row's JSON can come from RETURNING: from its own columns alone."""
    rules: list[Rule | bool] = [access.rows(resource), *access.masks(resource).values()]
    return not answer.includes and not any(map(reads_other_rows, rules))


class Statements:
    """Compiles the statements that change rows of one resource, for one access.

    Values are numbered: first those of the condition or of the stored key, then those of the
    columns that are set, in their order.
    """

    def __init__(
        self, schema: Schema, access: Access, dialect: Dialect, resource: Resource
    ) -> None:
        self.schema = schema
        self.access = access
        self.dialect = dialect
        self.resource = resource
        self.table = cast("sa.Table", resource.table)

    # What is set

    def _stored(self, name: str, slot: int) -> sa.ColumnElement[Any]:
        column = self.resource.column(name)
        return ValueSlot(slot).bind(column.type.store(self.dialect), sa.types.NullType())

    def _values(
        self,
        names: Sequence[str],
        first: int = 0,
        merge: Collection[str] = (),
        count: str | None = None,
    ) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for slot, name in enumerate(names, first):
            source = self.resource.column(name).source
            value = self._stored(name, slot)
            if name in merge:
                value = self._merged(source, value)
            values[source] = value
        if count is not None:
            source = self.resource.column(count).source
            values[source] = sa.func.coalesce(source, sa.literal_column("0")) + sa.literal_column(
                "1"
            )
        return values

    def _merged(
        self, source: sa.ColumnElement[Any], patch: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[Any]:
        """What is stored with a merge patch (RFC 7396); for no object an empty one stands."""
        there: sa.ColumnElement[Any] = sa.type_coerce(source, sa.types.NullType())
        if self.dialect == "sqlite":
            there = sa.func.coalesce(there, sa.literal_column("'{}'"))
            # Joined to an empty text it is stored as text: triggers would see JSON.
            return sa.func.concat(sa.func.json_patch(there, patch), sa.literal_column("''"))
        if self.dialect == "postgresql":
            documents = sa.cast(there, JSONB()), sa.cast(patch, JSONB())
            return sa.cast(sa.func.hekla_merge_patch(*documents), source.type)
        return sa.func.json_merge_patch(sa.func.coalesce(there, sa.literal_column("'{}'")), patch)

    # Which rows

    def _source(self, scope: Scope) -> Source:
        return scope.own(self.resource)

    def raw_key(self, first: int) -> Callable[[Source], list[sa.ColumnElement[bool]]]:
        """The condition that a row has the key, as stored, of the values from ``first`` on."""

        def tie(source: Source) -> list[sa.ColumnElement[bool]]:
            conditions: list[sa.ColumnElement[bool]] = []
            for place, name in enumerate(self.resource.key, first):
                value = ValueSlot(place).bind(None, sa.types.NullType())
                raw = self._raw(source, name)
                nullable = self.resource.columns[name].nullable
                conditions.append(raw.is_not_distinct_from(value) if nullable else raw == value)
            return conditions

        return tie

    def _where(
        self, scope: Scope, source: Source, where: Pattern | None
    ) -> list[sa.ColumnElement[bool]]:
        if where is None:
            return self.raw_key(0)(source)
        return [compile_condition(scope, source, where.query)]

    def _place(self, where: Pattern | None) -> int:
        """How many values say which row it is."""
        return len(self.resource.key) if where is None else where.holes

    # What comes back

    def _key(self, source: Source) -> list[sa.ColumnElement[Any]]:
        return [
            self._raw(source, name).label(f"k{place}")
            for place, name in enumerate(self.resource.key)
        ]

    def _is_plain_key(self) -> bool:
        """Whether what is stored of the key is what its JSON says."""
        columns = [self.resource.columns[name] for name in self.resource.key]
        return all(column.type.name in ("integer", "text") for column in columns)

    def _shown_key(self, source: Source) -> sa.ColumnElement[Any]:
        columns = [self.resource.columns[name] for name in self.resource.key]
        values = [
            column.type.json(self.dialect, source.raw(column.source), column.guarded)
            for column in columns
        ]
        return array(values, self.dialect).label("shown")

    def _raw(self, source: Source, name: str) -> sa.ColumnElement[Any]:
        """A column as it is stored, freed of its type's own operators and conversions."""
        return sa.type_coerce(source.raw(self.resource.columns[name].source), sa.types.NullType())

    def _returning(
        self,
        scope: Scope,
        source: Source,
        rules: Iterable[Rule],
        answer: Select | None,
        *,
        shown: bool = False,
    ) -> tuple[list[sa.ColumnElement[Any]], bool, bool]:
        results = self._key(source)
        if shown and not self._is_plain_key():
            results.append(self._shown_key(source))
        rules = list(rules)
        if rules:
            holds = sa.and_(*(scope.adapt(rule, source) for rule in rules))
            results.append(
                sa.case((holds, sa.literal_column("1")), else_=sa.literal_column("0")).label("ok")
            )
        if answer is not None:
            results.append(self._body(scope, source, answer))
        return results, bool(rules), answer is not None

    def _body(self, scope: Scope, source: Source, answer: Select) -> sa.ColumnElement[Any]:
        names = answer.fields
        chosen: Iterable[Column] = (
            self.access.columns(self.resource).values()
            if names is None
            else [scope.column(self.resource, name) for name in names]
        )
        pairs = [
            (column.name, Json(scope.json(column, scope.value(source, column))))
            for column in chosen
        ]
        body = object_of(pairs, self.dialect).expression
        visible = scope.row_rule(source)
        if visible:
            body = sa.case((sa.and_(*visible), body))
        return as_body(body, scope)

    def _plan(self, statement: Any, scope: Scope, results: Sequence[sa.ColumnElement[Any]]) -> Plan:
        labels = tuple(str(result.name) for result in results)
        return render(statement, self.dialect, self.access, scope.guarded, columns=labels)

    def _scope(self) -> Scope:
        return Scope(self.schema, self.access, self.dialect)

    def _after(self, action: Action, names: Iterable[str]) -> list[Rule]:
        """What the row has to satisfy once it is written."""
        rule = self.access.writes(self.resource, action)
        rules = [] if isinstance(rule, bool) else [rule]
        return rules + self.access.column_rules(self.resource, names)

    def insert(
        self, names: Sequence[str], given: Sequence[str], answer: Select | None
    ) -> WritePlan:
        """A row with values for ``names``, of which whoever writes chose ``given``."""
        scope = self._scope()
        source = self._source(scope)
        rules = self._after("create", given)
        local = not any(map(reads_other_rows, rules))
        body = (
            answer if answer is not None and is_plain(self.access, self.resource, answer) else None
        )
        results, checked, answered = self._returning(
            scope, source, rules if local else (), body, shown=True
        )
        # Without any name these are the defaults of the database, which NULL would not be.
        statement = sa.insert(self.table).values(self._values(names)).inline()
        # A row without a key that nobody asks about is told of all the same.
        results = results or [sa.literal_column("1").label("written")]
        statement = statement.returning(*results)
        return WritePlan(
            self._plan(statement, scope, results),
            self.resource,
            checked=checked,
            answered=answered,
            complete=local and (answer is None or answered),
        )

    def update(
        self,
        names: Sequence[str],
        given: Sequence[str],
        where: Pattern | None,
        answer: Select | None,
        *,
        merge: Collection[str] = (),
        versioned: bool = False,
        action: Action = "update",
    ) -> WritePlan:
        """The row that ``where`` (or, if it is None, its stored key) names gets the values.

        ``versioned``: if its version is the last value.
        """
        first = self._place(where)
        scope = self._scope()
        source = self._source(scope)
        rules = self._after(action, given)
        local = not any(map(reads_other_rows, rules))
        body = (
            answer if answer is not None and is_plain(self.access, self.resource, answer) else None
        )
        results, checked, answered = self._returning(scope, source, rules if local else (), body)
        conditions = self._where(scope, source, where)
        conditions += self._before(scope, source, action, given)
        if versioned and self.resource.version is not None:
            version = self.resource.column(self.resource.version)
            slot = ValueSlot(first + len(names))
            conditions.append(version.type.compare(self.dialect, version.source, "exact", slot))
        statement = (
            sa.update(self.table)
            .values(self._values(names, first, merge, self.resource.version))
            .where(*conditions)
            .returning(*results)
        )
        return WritePlan(
            self._plan(statement, scope, results),
            self.resource,
            checked=checked,
            answered=answered,
            complete=local and (answer is None or answered),
        )

    def delete(self, where: Pattern | None) -> WritePlan:
        """The row that ``where`` (or, if it is None, its stored key) names is no more."""
        scope = self._scope()
        source = self._source(scope)
        results, _, _ = self._returning(scope, source, (), None)
        conditions = self._where(scope, source, where)
        conditions += self._before(scope, source, "delete", ())
        statement = sa.delete(self.table).where(*conditions).returning(*results)
        return WritePlan(self._plan(statement, scope, results), self.resource, complete=True)

    def _before(
        self, scope: Scope, source: Source, action: Action, given: Iterable[str]
    ) -> list[sa.ColumnElement[bool]]:
        """What the rules ask of the row as it is: that it may be seen, and be changed so."""
        rules = [scope.adapt(rule, source) for rule in self._after(action, given)]
        if self.access.writes(self.resource, action) is False:
            rules.append(sa.false())
        return scope.row_rule(source) + rules

    # Questions on the way

    def find(self, where: Pattern | None, action: Action, given: Sequence[str]) -> WritePlan:
        """The stored key of the row that may be seen, and whether the action is allowed."""
        scope = self._scope()
        source = scope.source(self.resource)
        conditions = self._where(scope, source, where) + scope.row_rule(source)
        allowed = [scope.adapt(rule, source) for rule in self._after(action, given)]
        if self.access.writes(self.resource, action) is False:
            allowed.append(sa.false())
        results = self._key(source)
        results.append(
            sa.case(
                (sa.and_(*allowed), sa.literal_column("1")), else_=sa.literal_column("0")
            ).label("ok")
            if allowed
            else sa.literal_column("1").label("ok")
        )
        statement = sa.select(*results).select_from(source.alias).where(*conditions)
        return WritePlan(self._plan(statement, scope, results), self.resource, checked=True)

    def keys(self, where: Pattern | None, action: Action, given: Sequence[str]) -> Plan:
        """The stored keys of all rows that ``where`` finds and the action may touch.

        At most as many as the last value says.
        """
        scope = self._scope()
        source = scope.source(self.resource)
        conditions = self._before(scope, source, action, given)
        if where is not None:
            conditions.append(compile_condition(scope, source, where.query))
        results = self._key(source)
        statement = (
            sa.select(*results)
            .select_from(source.alias)
            .where(*conditions)
            .order_by(*(self._raw(source, name) for name in self.resource.key))
            .limit(ValueSlot(0 if where is None else where.holes).bind(type_=sa.Integer()))
        )
        return self._plan(statement, scope, results)

    def holds(self, action: Action, given: Sequence[str]) -> Plan | None:
        """A row if the row of a stored key satisfies what the action asks; None if all do."""
        if not self._after(action, given):
            return None
        scope = self._scope()
        source = self._unseen(scope)
        rules = [scope.adapt(rule, source) for rule in self._after(action, given)]
        found: sa.Label[Any] = sa.literal_column("1").label("ok")
        statement = (
            sa.select(found).select_from(source.alias).where(*self.raw_key(0)(source), *rules)
        )
        return self._plan(statement, scope, [found])

    def whole(self) -> Plan:
        """The JSON of all columns of the row of a stored key, whoever asks: for Hekla itself."""
        scope = self._scope()
        source = self._unseen(scope)
        columns = {**self.resource.columns, **self.resource.hidden}
        pairs = [
            (name, Json(column.type.json(self.dialect, source.raw(column.source), column.guarded)))
            for name, column in columns.items()
        ]
        body = as_body(object_of(pairs, self.dialect).expression, scope)
        statement = sa.select(body).select_from(source.alias).where(*self.raw_key(0)(source))
        # Nothing of it depends on who asks.
        return render(statement, self.dialect, None)

    def last_key(self) -> Plan:
        """The greatest key there is, of a key that the database counts up.

        Where a sequence counts, it is the one before the sequence's next, which is taken.
        """
        source = self.resource.columns[self.resource.key[0]].source
        last: sa.ColumnElement[Any] = sa.func.max(source)
        if self.dialect == "postgresql":
            next_ = sa.func.nextval(self._sequence()) - sa.literal_column("1")
            last = sa.func.coalesce(next_, sa.select(last).scalar_subquery())
        return render(sa.select(last.label("last")), self.dialect)

    def _sequence(self) -> sa.ColumnElement[Any]:
        """PostgreSQL: the name of the sequence that counts the key, NULL if there is none."""
        name = cast("sa.Column[Any]", self.resource.columns[self.resource.key[0]].source).name
        table = sqlalchemy_dialect(self.dialect).identifier_preparer.format_table(self.table)
        return sa.func.pg_get_serial_sequence(
            literal(table, self.dialect), literal(name, self.dialect)
        )

    def count_on(self) -> Plan | None:
        """Have the database count on past all keys there are; None where it does so by itself.

        A sequence does not know of keys that rows were given. It is never set back.
        """
        if self.dialect != "postgresql":
            return None
        sequence = self._sequence()
        greatest = sa.select(sa.func.max(self.resource.columns[self.resource.key[0]].source))
        on = sa.func.greatest(sa.func.nextval(sequence), greatest.scalar_subquery())
        return render(sa.select(sa.func.setval(sequence, on).label("last")), self.dialect)

    def _unseen(self, scope: Scope) -> Source:
        """The row itself, whether or not the actor may see it: it is theirs that just wrote it."""
        return Source(self.resource, self.table.alias(scope.name()))

    def answer(self, shape: Shape) -> Plan:
        """The JSON of the row of a stored key, which comes after the values of ``shape``."""
        scope = self._scope()
        query = shape.query
        assert isinstance(query, Select)
        statement = compile_select(scope, query, self.raw_key(shape.holes))
        return render(statement, self.dialect, self.access, scope.guarded)
