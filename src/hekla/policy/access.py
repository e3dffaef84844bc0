"""What one kind of actor may see: the rules with roles and sign-in already decided.

An :class:`Access` depends on the actor only by whether it is signed in and which of the roles
that rules speak of it has, so few of them exist and each is worked out once. ``me.id`` and the
other values stay in the expressions, as parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    AsBoolean,
    BooleanClauseList,
    False_,
    Grouping,
    True_,
    UnaryExpression,
)
from sqlalchemy.sql.util import _deep_deannotate

from hekla.actor import ANONYMOUS, Actor
from hekla.cache import Cache
from hekla.policy.rules import ADMINISTRATORS, Action, Role, Rule, Rules, SignedIn
from hekla.policy.scopes import EVERYTHING, Reach, reach_of
from hekla.schema.resource import Column, Relation, Resource, Schema

__all__ = ["ACTIONS", "Access", "Policy"]


def _decide(rule: Rule, signed_in: bool, roles: frozenset[str]) -> Rule | bool:
    """``rule`` with what is known put in and folded: True, False, or what the rows decide."""
    if isinstance(rule, Role):
        return rule.name in roles
    if isinstance(rule, SignedIn):
        return signed_in
    if isinstance(rule, True_):
        return True
    if isinstance(rule, False_):
        return False
    if isinstance(rule, Grouping):
        return _decide(cast("Rule", rule.element), signed_in, roles)
    if isinstance(rule, AsBoolean):
        inner = _decide(rule.element, signed_in, roles)
        if isinstance(inner, bool):
            return inner is (rule.operator is operators.is_true)
    elif isinstance(rule, UnaryExpression) and rule.operator is operators.inv:
        inner = _decide(rule.element, signed_in, roles)
        return not inner if isinstance(inner, bool) else sa.not_(inner)
    elif isinstance(rule, BooleanClauseList) and rule.operator in (operators.and_, operators.or_):
        clauses = cast("Sequence[Rule]", rule.clauses)
        parts = [_decide(part, signed_in, roles) for part in clauses]
        decisive = rule.operator is operators.or_
        if any(part is decisive for part in parts):
            return decisive
        open_parts = [part for part in parts if not isinstance(part, bool)]
        if not open_parts:
            return not decisive
        return (sa.or_ if decisive else sa.and_)(*open_parts)

    def put_in(element: visitors.ExternallyTraversible, **_: object) -> Rule | None:
        if isinstance(element, Role):
            return sa.true() if element.name in roles else sa.false()
        if isinstance(element, SignedIn):
            return sa.true() if signed_in else sa.false()
        return None

    # What a relationship makes (``Comment.task.has(…)``) says that it is not to be changed.
    replaced = visitors.replacement_traverse(_deep_deannotate(rule), {}, put_in)
    assert isinstance(replaced, sa.ColumnElement)
    return replaced


def tables_of(rules: Iterable[Rule]) -> frozenset[str]:
    """The names, in lower case, by which ``rules`` speak of tables in questions of their own."""
    named = (
        getattr(element, "name", None)
        for rule in rules
        for element in visitors.iterate(rule)
        if isinstance(element, sa.FromClause)
    )
    return frozenset(name.lower() for name in named if name is not None)


def roles_of(rules: Iterable[Rule]) -> frozenset[str]:
    """The names of all roles that ``rules`` speak of."""
    return frozenset(
        element.name
        for rule in rules
        for element in visitors.iterate(rule)
        if isinstance(element, Role)
    )


def _alive(resource: Resource, rule: Rule | bool) -> Rule | bool:
    """``rule``, for the rows that are not marked as deleted: those are there for nobody."""
    if resource.soft_delete is None or rule is False:
        return rule
    column = resource.column(resource.soft_delete)
    mark = sa.type_coerce(column.source, sa.types.NullType())
    alive: Rule = mark.is_(None)
    if column.type.name == "boolean":
        alive = alive | column.source.is_(sa.false())
    return alive if rule is True else sa.and_(alive, rule)


# Accesses of keys and tokens with scopes that are kept.
_NARROW = 1024

ACTIONS: tuple[Action, ...] = ("create", "update", "delete")


class Access:
    """What may be done with each resource, for one combination of sign-in and roles."""

    def __init__(
        self,
        schema: Schema,
        rules: Mapping[str, Rules],
        signed_in: bool,
        roles: frozenset[str],
        tables: frozenset[str],
        reach: Reach = EVERYTHING,
    ) -> None:
        self.schema = schema
        self.signed_in = signed_in
        self.roles = roles
        # Names that mean a table inside a rule: no alias around it may be called the same.
        self.tables = tables
        self._rows: dict[str, Rule | bool] = {}
        self._columns: dict[str, Mapping[str, Column]] = {}
        self._masks: dict[str, Mapping[str, Rule]] = {}
        self._relations: dict[str, Mapping[str, Relation]] = {}
        self._writes: dict[tuple[str, Action], Rule | bool] = {}
        self._write_columns: dict[str, Mapping[str, Rule | bool]] = {}
        nothing = Rules()
        for resource in schema:
            of_resource = rules.get(resource.name, nothing)
            readable: Rule | bool = False
            if reach.reads(resource.name):
                readable = _decide(of_resource.read, signed_in, roles)
            self._rows[resource.name] = _alive(resource, readable)
            decided = {
                name: _decide(rule, signed_in, roles) for name, rule in of_resource.columns.items()
            }
            self._columns[resource.name] = MappingProxyType(
                {n: c for n, c in resource.columns.items() if decided.get(n, True) is not False}
            )
            self._masks[resource.name] = MappingProxyType(
                {name: rule for name, rule in decided.items() if not isinstance(rule, bool)}
            )
            for action in ACTIONS:
                rule = _decide(of_resource.of(action), signed_in, roles)
                writable = resource.writable and reach.writes(resource.name)
                self._writes[resource.name, action] = rule if writable else False
            self._write_columns[resource.name] = MappingProxyType(
                {
                    name: _decide(rule, signed_in, roles)
                    for name, rule in of_resource.write_columns.items()
                }
            )
        by_table = {resource.table: resource for resource in schema}
        for resource in schema:
            self._relations[resource.name] = MappingProxyType(
                {
                    name: relation
                    for name, relation in resource.relations.items()
                    if self._is_open(relation, resource, by_table)
                }
            )

    def _is_open(
        self, relation: Relation, near: Resource, by_table: Mapping[sa.FromClause, Resource]
    ) -> bool:
        """Whether every column that ties the two ends may be known of: it shows in what it ties."""
        here: Resource | None = near
        for link in relation.links:
            last = link is relation.links[-1]
            there = self.schema[relation.target] if last else by_table.get(link.table)
            for near_column, far_column in link.pairs:
                if self._is_closed(here, near_column) or self._is_closed(there, far_column):
                    return False
            here = there
        return True

    def _is_closed(self, resource: Resource | None, source: sa.ColumnElement[object]) -> bool:
        if resource is None:
            return False
        visible = self._columns[resource.name]
        return any(
            column.source is source and name not in visible
            for name, column in resource.columns.items()
        )

    def rows(self, resource: Resource) -> Rule | bool:
        """Which rows may be read: all, none, or those for which the expression holds."""
        return self._rows[resource.name]

    def writes(self, resource: Resource, action: Action) -> Rule | bool:
        """Which rows may be created, changed or deleted: all, none, or those it holds for."""
        return self._writes[resource.name, action]

    @property
    def administrator(self) -> bool:
        """Whether it is that of administrators, who may read the whole change log."""
        return _decide(ADMINISTRATORS, self.signed_in, self.roles) is True

    def writable(self, resource: Resource) -> bool:
        """Whether anything of the resource may be written at all."""
        return any(self._writes[resource.name, action] is not False for action in ACTIONS)

    def settable(self, resource: Resource) -> Mapping[str, Column]:
        """The columns that may be written, in some rows at least."""
        closed = self._write_columns[resource.name]
        return {
            name: column
            for name, column in self._columns[resource.name].items()
            if column.settable and closed.get(name, True) is not False
        }

    def column_rules(self, resource: Resource, names: Iterable[str]) -> list[Rule]:
        """What a row has to satisfy so that these columns of it may be written.

        A column that is masked in a row may not be written there: it would be written blindly.
        """
        closed = self._write_columns[resource.name]
        masked = self._masks[resource.name]
        rules: dict[str, Rule] = {}
        for name in names:
            for kind, given in (("write", closed), ("read", masked)):
                rule = given.get(name)
                if rule is not None and not isinstance(rule, bool):
                    rules[f"{kind} {name}"] = rule
        return list(rules.values())

    def columns(self, resource: Resource) -> Mapping[str, Column]:
        """The columns that exist as far as this actor can tell."""
        return self._columns[resource.name]

    def relations(self, resource: Resource) -> Mapping[str, Relation]:
        """The relations that exist as far as this actor can tell: none over a closed column."""
        return self._relations[resource.name]

    def masks(self, resource: Resource) -> Mapping[str, Rule]:
        """The columns that are NULL in all rows but those for which the expression holds."""
        return self._masks[resource.name]


class Policy:
    """All rules of an app, and the accesses that follow from them."""

    def __init__(self, schema: Schema, rules: Mapping[str, Rules]) -> None:
        self.schema = schema
        self.rules = dict(rules)
        spoken = [ADMINISTRATORS]
        for of_resource in self.rules.values():
            spoken += of_resource.all()
        # Roles that no rule mentions must not multiply plans: a token may carry any number.
        self.roles = roles_of(spoken)
        self.writable = any(self.actions(resource) for resource in schema)
        """Whether anybody may write anything."""
        self._accesses: dict[tuple[bool, frozenset[str]], Access] = {}
        # Of scopes there are as many combinations as somebody makes keys with.
        self._narrow: Cache[tuple[bool, frozenset[str], Reach], Access] = Cache(_NARROW)
        self._names = frozenset(resource.name for resource in schema)
        self._tables = tables_of(spoken)
        self.anonymous = self.access(Actor())
        """What everybody may do who is not signed in."""

    def actions(self, resource: Resource) -> frozenset[Action]:
        """What somebody may do with rows of the resource."""
        rules = self.rules.get(resource.name, Rules())
        allowed = (a for a in ACTIONS if not isinstance(rules.of(a), False_))
        return frozenset(allowed) if resource.writable else frozenset()

    def access(self, actor: Actor) -> Access:
        """What ``actor`` may see; the same object for all actors who may see the same."""
        if actor is ANONYMOUS:
            return self.anonymous
        key = (actor.id is not None, actor.roles & self.roles if actor.roles else actor.roles)
        if actor.scopes is not None:
            return self._narrowed(key, reach_of(actor.scopes, self._names))
        access = self._accesses.get(key)
        if access is None:
            access = self._accesses[key] = Access(self.schema, self.rules, *key, self._tables)
        return access

    def _narrowed(self, key: tuple[bool, frozenset[str]], reach: Reach) -> Access:
        if reach == EVERYTHING:
            return self.access(Actor(0 if key[0] else None, key[1]))
        access = self._narrow.get((*key, reach))
        if access is None:
            access = Access(self.schema, self.rules, *key, self._tables, reach)
            self._narrow.put((*key, reach), access)
        return access
