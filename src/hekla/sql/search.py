"""Full-text search: an index where the resource has one, else LIKE over its search columns.

A row is found when each word occurs in at least one of the search columns that the actor may
read. The words travel as one JSON array, so the statement does not depend on their number.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from hekla.errors import UNSUPPORTED, Problem
from hekla.schema.types import Dialect
from hekla.schema.types.expression import condition
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope, Source

__all__ = ["compile_rank", "compile_search"]


def _words(text: str) -> list[str]:
    return text.split()


def _patterns(text: str) -> str:
    """The words as LIKE patterns, in a JSON array."""
    return json.dumps([_pattern(word) for word in _words(text)])


# What LIKE takes for more than itself.
_SPECIALS = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def _pattern(word: str) -> str:
    return f"%{word.translate(_SPECIALS)}%"


def _folded(text: str) -> str:
    """Each word as ``[pattern, word]``.

    SQLite's LIKE folds ASCII only, so other words have no pattern.
    """
    return json.dumps([[_pattern(w) if w.isascii() else None, w.casefold()] for w in _words(text)])


def _readable(scope: Scope, source: Source) -> list[sa.ColumnElement[Any]]:
    """The search columns, those that count most first."""
    visible = scope.access.columns(source.resource)
    values = [
        scope.value(source, visible[name]) for name in source.resource.search if name in visible
    ]
    if not values:
        raise Problem(UNSUPPORTED, f"{source.resource.name} has no columns to search in.")
    return values


def _list_of_words(dialect: Dialect, slot: ValueSlot) -> tuple[sa.FromClause, Any]:
    """A table of one word a row."""
    if dialect == "sqlite":
        table = sa.func.json_each(slot.bind(_folded)).table_valued("value", name="word")
        return table, table.c.value
    if dialect == "postgresql":
        patterns = sa.cast(slot.bind(_patterns, sa.Text()), sa.JSON())
        table = sa.func.json_array_elements_text(patterns).table_valued("value", name="word")
        return table, table.c.value
    raw = sa.func.json_table(
        slot.bind(_patterns), sa.literal_column("'$[*]' COLUMNS (value TEXT PATH '$')")
    )
    # JSON_TABLE has a comma before its path like any function, and none before COLUMNS.
    table = raw.table_valued("value", name="word")
    return table, table.c.value


def _matches(
    dialect: Dialect, value: sa.ColumnElement[Any], pattern: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    if dialect == "sqlite":
        return condition(
            # LIKE is right where both sides are ASCII: as many bytes as characters.
            "CASE WHEN {1} ->> 0 IS NOT NULL AND length({0}) = octet_length({0})"
            " THEN {0} LIKE ({1} ->> 0) ESCAPE '\\'"
            " ELSE hekla_icontains(CAST({0} AS BLOB), CAST('a' AS BLOB), {1} ->> 1) END",
            value,
            pattern,
        )
    return sa.cast(value, sa.Text()).ilike(pattern, escape="\\")


def _indexed(scope: Scope, source: Source) -> list[str] | None:
    """The columns to look for in the index, or None when there is no index to use.

    The index knows no masks: where one of the columns has one, the rows are looked through.
    """
    resource = source.resource
    if scope.dialect != "sqlite" or resource.search_index is None:
        return None
    visible = scope.access.columns(resource)
    columns = [visible[name] for name in resource.search if name in visible]
    if any(scope.masked(source, column) for column in columns):
        return None
    return [column.source.name for column in columns] or None


def _ranks(scope: Scope, source: Source) -> bool:
    """Whether the index's own measure may be told: it counts words in all rows and columns."""
    visible = scope.access.columns(source.resource)
    everything = all(name in visible for name in source.resource.search)
    return everything and scope.access.rows(source.resource) is True


def _match_expression(columns: list[str]) -> Any:
    """A converter from the text of a search to an FTS5 query: every word, as a prefix."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    names = " ".join(quoted(name) for name in columns)

    def expression(text: str) -> str:
        # An empty string is a query that finds nothing; a search for nothing finds everything,
        # so it never gets here (see compile_search).
        return " ".join(f"{{{names}}} : {quoted(word)} *" for word in _words(text))

    return expression


def _index_table(source: Source) -> sa.TableClause:
    assert source.resource.search_index is not None
    return sa.table(source.resource.search_index, sa.column("rowid"), sa.column("rank"))


def compile_search(scope: Scope, source: Source, slot: ValueSlot) -> sa.ColumnElement[bool]:
    """True for the rows in which every word of the text occurs."""
    columns = _indexed(scope, source)
    if columns is not None:
        index = _index_table(source)
        match = sa.literal_column(
            sa.dialects.sqlite.dialect().identifier_preparer.quote(index.name)
        ).op("MATCH")(slot.bind(_match_expression(columns)))
        found = sa.select(index.c.rowid).where(match)
        return _rowid(source).in_(found)
    values = _readable(scope, source)
    words, pattern = _list_of_words(scope.dialect, slot)
    nowhere = sa.not_(
        sa.func.coalesce(
            sa.or_(*(_matches(scope.dialect, value, pattern) for value in values)), sa.false()
        )
    )
    missing: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(words).where(nowhere)
    return ~sa.exists(missing.correlate_except(words))


def _rowid(source: Source) -> sa.ColumnElement[Any]:
    """The integer key that the rows of the index carry."""
    return source.raw(source.resource.columns[source.resource.key[0]].source)


def compile_rank(
    scope: Scope, source: Source, slot: ValueSlot
) -> tuple[sa.ColumnElement[Any], bool]:
    """How well a row fits, and whether a greater figure is a better one."""
    columns = _indexed(scope, source) if _ranks(scope, source) else None
    if columns is not None:
        index = _index_table(source)
        match = sa.literal_column(
            sa.dialects.sqlite.dialect().identifier_preparer.quote(index.name)
        ).op("MATCH")(slot.bind(_match_expression(columns)))
        rank = (
            sa.select(index.c.rank)
            .where(match, index.c.rowid == _rowid(source))
            .correlate_except(index)
        )
        return rank.scalar_subquery(), False
    values = _readable(scope, source)
    words, pattern = _list_of_words(scope.dialect, slot)
    hits = [
        sa.case(
            (_matches(scope.dialect, value, pattern), sa.literal_column(str(len(values) - place))),
            else_=sa.literal_column("0"),
        )
        for place, value in enumerate(values)
    ]
    total: sa.ColumnElement[Any] = hits[0]
    for hit in hits[1:]:
        total = total + hit
    rank = sa.select(sa.func.sum(total)).select_from(words).correlate_except(words)
    return rank.scalar_subquery(), True
