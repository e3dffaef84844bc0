"""Columns that Hekla fills itself: when a row was made and changed, by whom, whose, its version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hekla.actor import Actor
from hekla.schema.resource import Column, Resource
from hekla.schema.types import Integer

__all__ = ["Stamps"]

FIRST_VERSION = 1


class Stamps:
    """What is put into each row of a resource beside what was given."""

    def __init__(self, resource: Resource) -> None:
        columns = [*resource.columns.values(), *resource.hidden.values()]
        self._created = [column for column in columns if column.stamp in ("created", "updated")]
        self._created_by = [
            column for column in columns if column.stamp in ("created_by", "updated_by")
        ]
        self._tenants = [column for column in columns if column.stamp == "tenant"]
        self._updated = [column for column in columns if column.stamp == "updated"]
        self._updated_by = [column for column in columns if column.stamp == "updated_by"]
        self._renewed = [column for column in columns if column.on_update is not None]
        self._version = resource.version
        # Whoever reads a document fills what it may set; the others are filled here.
        self._filled = [(c.name, c.default) for c in columns if c.default is not None]
        self._on_create = bool(self._created or self._created_by or self._tenants or self._version)
        self._on_update = bool(self._updated or self._updated_by or self._renewed)

    def create(self, row: Mapping[str, Any], now: datetime, actor: Actor) -> Mapping[str, Any]:
        """``row`` with the stamps of a new row; the values of an import are kept."""
        absent = self._filled and [each for each in self._filled if each[0] not in row]
        if not (self._on_create or absent):
            return row
        stamped = dict(row)
        for column in self._created:
            stamped.setdefault(column.name, _moment(column, now))
        for column in self._created_by:
            stamped.setdefault(column.name, _fitting(column, actor.id))
        for column in self._tenants:
            stamped.setdefault(column.name, _fitting(column, actor.tenant))
        if self._version is not None:
            stamped.setdefault(self._version, FIRST_VERSION)
        for name, default in absent:
            if name not in stamped:
                stamped[name] = default(stamped)
        return stamped

    def update(self, row: Mapping[str, Any], now: datetime, actor: Actor) -> Mapping[str, Any]:
        """``row`` with the stamps of a change."""
        if not self._on_update:
            return row
        stamped = dict(row)
        for column in self._renewed:
            if column.name not in stamped and column.on_update is not None:
                stamped[column.name] = column.on_update(stamped)
        for column in self._updated:
            stamped[column.name] = _moment(column, now)
        for column in self._updated_by:
            stamped[column.name] = _fitting(column, actor.id)
        return stamped


def _moment(column: Column, now: datetime) -> Any:
    return now.date() if column.type.name == "date" else now


def _fitting(column: Column, value: Any) -> Any:
    """A value of the actor as the column takes it; NULL for none, or where it does not fit."""
    if value is None:
        return None
    if isinstance(column.type, Integer) and isinstance(value, int):
        return value
    try:
        return column.type.parse(str(value))
    except ValueError:
        return None
