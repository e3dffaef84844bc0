"""What one actor is to see of the data: resources, columns, rows, values, relations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hekla.actor import Actor
from tests.property.kinds import Kind
from tests.property.model import Model, RelationModel, ResourceModel
from tests.property.rules import Data, Row, Truth

__all__ = ["Sight"]


class Sight:
    """The data as ``actor`` may see it; rules are asked of every row anew."""

    def __init__(self, model: Model, data: Data, actor: Actor) -> None:
        self.model = model
        self.data = data
        self.actor = actor

    def decision(self, resource: ResourceModel, column: str) -> Truth:
        """Whether a column is open (True), closed (False), or open in some rows (None)."""
        rule = resource.spec.column_rules.get(column)
        return True if rule is None else rule.decide(self.actor)

    def columns(self, resource: ResourceModel) -> dict[str, Kind]:
        """The columns that the actor may know of."""
        return {
            n: k for n, k in resource.columns.items() if self.decision(resource, n) is not False
        }

    def readable(self, resource: ResourceModel) -> bool:
        return resource.spec.read.decide(self.actor) is not False

    def visible(self, resource: ResourceModel) -> list[Row]:
        """The rows that the actor may see."""
        return [row for row in self.data[resource.spec.name] if self._seen(resource, row)]

    def _seen(self, resource: ResourceModel, row: Row) -> bool:
        return resource.spec.read.holds(row, self.data, self.actor) is True

    def value(self, resource: ResourceModel, row: Row, column: str) -> Any:
        """A value as the actor sees it: NULL where the column's rule does not hold."""
        rule = resource.spec.column_rules.get(column)
        if rule is None or rule.holds(row, self.data, self.actor) is True:
            return row[column]
        return None

    def relations(self, resource: ResourceModel) -> dict[str, RelationModel]:
        """The relations that the actor may know of: those over columns that are not closed."""
        return {
            name: relation
            for name, relation in resource.relations.items()
            if all(
                self.decision(owner, column) is not False
                for owner, column in self._columns_of(resource, relation)
            )
        }

    def _columns_of(
        self, resource: ResourceModel, relation: RelationModel
    ) -> Iterable[tuple[ResourceModel, str]]:
        near: ResourceModel | None = resource
        for step in relation.steps:
            far = self._served(step.table)
            for here, there in step.pairs:
                if near is not None:
                    yield near, here
                if far is not None:
                    yield far, there
            near = far

    def _served(self, table: str) -> ResourceModel | None:
        return next((r for r in self.model.resources.values() if r.spec.name == table), None)

    def related(self, resource: ResourceModel, row: Row, relation: RelationModel) -> list[Row]:
        """The rows at the other end of a relation that the actor may see."""
        near, rows = self._served(resource.spec.name), [row]
        for step in relation.steps:
            far = self._served(step.table)
            found = []
            for one in rows:
                for other in self.data[step.table]:
                    if far is not None and not self._seen(far, other):
                        continue
                    pairs = [
                        (self._raw(near, one, here), self._raw(far, other, there))
                        for here, there in step.pairs
                    ]
                    if all(a is not None and a == b for a, b in pairs):
                        found.append(other)
            near, rows = far, found
        return rows

    def _raw(self, resource: ResourceModel | None, row: Row, column: str) -> Any:
        return row[column] if resource is None else self.value(resource, row, column)

    def has_key(self, resource: ResourceModel) -> bool:
        """Whether every visible row shows its key."""
        key = resource.spec.key
        return bool(key) and all(self.decision(resource, name) is True for name in key)

    def searched(self, resource: ResourceModel) -> list[str]:
        known = self.columns(resource)
        return [name for name in resource.spec.search if name in known]
