"""A Schema from what an application declares."""

from __future__ import annotations

from collections.abc import Sequence

from hekla.schema.assemble import assemble
from hekla.schema.declaration import Declaration
from hekla.schema.resource import Schema
from hekla.schema.types import Dialect

__all__ = ["Declaration", "build_schema"]


def build_schema(declarations: Sequence[Declaration], dialect: Dialect) -> Schema:
    """The Schema of ``declarations``, in their order, for databases that speak ``dialect``.

    Foreign keys and relationships between declared entities become relations. What cannot be
    served is named in the Schema's warnings. Raises OperatorError where a declaration speaks
    of columns or relations that are not there, or of a class that is not mapped.
    """
    # SQLAlchemy's ORM takes as long to import as its core: who serves a database without
    # models does not wait for it.
    from hekla.schema.sources.models import draft_models

    drafts, warnings = draft_models(declarations, dialect)
    return assemble(drafts, warnings)
