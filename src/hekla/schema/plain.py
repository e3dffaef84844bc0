"""The schema as whoever holds the database sees it: all rows, all columns, nothing filled in."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from hekla.schema.resource import Column, Resource, Schema

__all__ = ["plain"]


def plain(schema: Schema) -> Schema:
    """``schema`` without what keeps rows from being read and written just as they are stored.

    Rows marked as deleted are rows, hidden columns are columns, and stamps, versions and what is
    read-only take any value. Validators, checks and defaults stay.
    """
    resources = {resource.name: _plain(resource) for resource in schema}
    return Schema(MappingProxyType(resources), schema.warnings)


def _plain(resource: Resource) -> Resource:
    columns = {
        name: _free(column) for name, column in {**resource.columns, **resource.hidden}.items()
    }
    return replace(
        resource,
        columns=MappingProxyType(columns),
        hidden=MappingProxyType({}),
        version=None,
        soft_delete=None,
    )


def _free(column: Column) -> Column:
    return replace(column, read_only=False, write_once=False, stamp=None)
