"""What every column type can do, and the ways that they share."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol

import sqlalchemy as sa

from hekla.schema.types.expression import condition, expression

__all__ = ["Convert", "Dialect", "Slot", "Type"]

Dialect = Literal["sqlite", "postgresql", "mysql"]

Convert = Callable[[Any], Any]

BIGGEST: Final = 2**53 - 1
"""The largest integer that every JSON reader takes exactly (RFC 8259 section 6)."""

STORED: Final = "CASE WHEN {0} IS NOT NULL THEN hekla_stored({0}) END"
"""SQLite: the JSON form of a value as it is stored, whatever its column was declared to be.

For the last branch of a CASE, which well-kept data do not reach: it is slow. But it is short,
and a driver that keeps statements by their text has to read that text on every call.
"""

ANY: Final = (
    "CASE WHEN typeof({0}) = 'text' THEN {0}"
    f" WHEN {{0}} BETWEEN -{BIGGEST} AND {BIGGEST} THEN {{0}} ELSE {STORED} END"
)
"""The same for a column that may hold anything."""

AS_STORED: Final = {"description": "As the database holds it."}
"""The schema of a column whose values need not fit its type."""

EQUALITY: Final = frozenset({"exact", "ne", "in", "not_in", "isnull"})
ORDERING: Final = frozenset({"gt", "gte", "lt", "lte", "range"})
MATCHING: Final = frozenset(
    {"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "regex"}
)


class Slot(Protocol):
    """The place of one value of a query in a statement; the value comes when the plan runs."""

    def bind(
        self,
        convert: Callable[[Any], Any] | None = None,
        type_: sa.types.TypeEngine[Any] | None = None,
    ) -> sa.ColumnElement[Any]:
        """A bound parameter that will hold ``convert(value)``, as the driver takes it."""
        ...


@dataclass(frozen=True)
class Type(ABC):
    """One kind of column: how its values are read, written, compared and described.

    ``sql`` is the SQLAlchemy type it was made from; of a TypeDecorator, the one that it stores.
    Two types are equal if they treat stored values the same way.
    """

    name: ClassVar[str]
    lookups: ClassVar[frozenset[str]] = EQUALITY
    aggregates: ClassVar[frozenset[str]] = frozenset({"count_distinct"})
    sortable: ClassVar[bool] = True
    writable: ClassVar[bool] = True

    # Set by hekla.schema.types.numbers, whose types derive from this one.
    count_type: ClassVar[Type]
    average_type: ClassVar[Type]

    sql: sa.types.TypeEngine[Any] = field(
        default_factory=sa.types.NullType, compare=False, repr=False, kw_only=True
    )

    @abstractmethod
    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        """What stands for ``column`` inside json_object, row_to_json or JSON_OBJECT.

        ``guarded``: values that do not fit the type are given as they are stored.
        """

    @abstractmethod
    def parse(self, text: str, lookup: str = "exact") -> Any:
        """The value that ``text`` of a URL writes; ValueError says what is expected.

        ``lookup`` tells what it is for: the end of a member of an enumeration is no member,
        and ``regex`` takes a pattern.
        """

    @abstractmethod
    def schema(self, guarded: bool = False) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of the JSON form, NULL left out."""

    # Input

    @abstractmethod
    def accept(self, value: Any) -> Any:
        """The Python value that a JSON value writes; ValueError says what is expected.

        It is the one that ``parse`` gives for the same text. Numbers with a fraction or an
        exponent come as ``decimal.Decimal``. What the database would round is refused.
        """

    def exactly(self) -> Any:
        """The type of JSON values, for msgspec, that ``accept`` gives back as they are.

        It knows nothing of U+0000 in a text. None: ``accept`` has to be asked about each value.
        """
        return None

    def accept_text(self, text: str) -> Any:
        """The same for a text, such as a field of a CSV file."""
        return self.accept(text)

    def adapt(self, value: Any) -> Any:
        """A value that Python code gave (a model's default, a hook) as this type's own."""
        return value

    def store(self, dialect: Dialect) -> Convert | None:
        """From a Python value to what the driver binds to be stored; None: as it is.

        It is the form that SQLAlchemy's own type stores, so that sessions and Hekla read
        each other's rows.
        """
        return None

    def input_schema(self) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of what ``accept`` takes."""
        return self.schema()

    def careful_json(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """SQLite: the guarded JSON form, also of text that is not valid; slow and total."""
        return self.json("sqlite", readable(column), guarded=True)

    # Comparisons

    def compare(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        """The condition that ``column`` stands in ``lookup`` to the slot's value.

        NULL satisfies none. The text does not depend on the value. In SQLite a value that does
        not fit the type takes the place that SQLite gives it: numbers, then text, then bytes.
        """
        if lookup not in self.lookups or lookup == "isnull":
            raise ValueError(f"{self.name} has no lookup {lookup}")
        column = self.comparable(dialect, column)
        match lookup:
            case "in" | "not_in":
                return self.compare_list(dialect, column, slot, negated=lookup == "not_in")
            case "range":
                return sa.and_(
                    self.compare_one(dialect, column, "gte", part(slot, 0)),
                    self.compare_one(dialect, column, "lte", part(slot, 1)),
                )
        return self.compare_one(dialect, column, lookup, slot)

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        """``compare`` for a lookup whose value is a single one."""
        return operate(lookup, column, self.bind(dialect, slot))

    def compare_list(
        self, dialect: Dialect, column: sa.ColumnElement[Any], slot: Slot, negated: bool
    ) -> sa.ColumnElement[bool]:
        """``compare`` for ``in`` and ``not_in``; nothing is in an empty list."""
        values = self.bind_list(dialect, slot)
        if dialect == "postgresql":
            inside, outside = "= ANY ({1})", "<> ALL ({1})"
        else:
            listed = self.listed(dialect)
            inside, outside = f"IN ({listed})", f"NOT IN ({listed})"
        if negated:
            # NULL NOT IN () is true in SQL; here NULL satisfies no lookup.
            return condition(f"{{0}} IS NOT NULL AND {{0}} {outside}", column, values)
        return condition(f"{{0}} {inside}", column, values)

    def comparable(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column as values are compared with it, freed of its type's own operators."""
        return sa.type_coerce(column, self.bind_type(dialect))

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """What the database has to take a bound value for."""
        return self.sql

    def mysql_type(self) -> str:
        """What MariaDB has to take a value for that comes to it as text."""
        return "LONGTEXT"

    def convert(self, dialect: Dialect) -> Convert | None:
        """From a value of a query to what the driver takes; None where they are the same."""
        return None

    def bind(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        """The slot's value."""
        return slot.bind(self.convert(dialect), self.bind_type(dialect))

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        """The slot's list: an array in PostgreSQL, elsewhere the text of a JSON array."""
        convert = self.convert(dialect) or same
        if dialect == "postgresql":
            array = sa.ARRAY(self.bind_type(dialect))
            return slot.bind(lambda values: [convert(value) for value in values], array)
        return slot.bind(lambda values: json_list(convert(value) for value in values), sa.Text())

    def listed(self, dialect: Dialect) -> str:
        """The query that gives the values of ``bind_list``, which is ``{1}`` in it."""
        if dialect == "sqlite":
            return "SELECT value FROM json_each({1})"
        columns = f"COLUMNS (value {self.mysql_type()} PATH '$')"
        return f"SELECT value FROM JSON_TABLE({{1}}, '$[*]' {columns}) AS listed"  # noqa: S608

    # Keyset paging

    def sort_value(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """What a cursor keeps of ``column``: exact, for a JSON array; NULL stays NULL."""
        match dialect:
            case "sqlite":
                # Bytes are told from text by an object around them; JSON has no infinity.
                return expression(
                    "CASE WHEN {0} >= x'' THEN json_object('base64', hekla_base64({0}))"
                    " WHEN {0} IN (9e999, -9e999) THEN json_object('infinity', {0} > 0)"
                    " ELSE {0} END",
                    column,
                )
            case "postgresql":
                return expression("CAST({0} AS TEXT)", column)
            case "mysql":
                return expression("CAST({0} AS CHAR)", column)

    def careful_sort_value(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """SQLite: ``sort_value``, also of text that is not valid; slow and total."""
        return self.sort_value("sqlite", readable(column))

    def sort_bind(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        """The value that ``sort_value`` kept, as a bind to compare with the raw column."""
        if dialect == "sqlite":
            return slot.bind(kept, sa.types.NullType())
        text = slot.bind(None, sa.Text())
        if dialect == "postgresql":
            return sa.cast(text, self.sql)
        return expression(f"CAST({{0}} AS {_MYSQL_CASTS[self.mysql_type()]})", text)

    # Aggregates

    def aggregate_type(self, function: str) -> Type:
        """The type of an aggregate over the column, to compare it with and to describe it."""
        if function not in self.aggregates and function != "count":
            raise ValueError(f"{self.name} has no aggregate {function}")
        if function in ("count", "count_distinct"):
            return Type.count_type
        return Type.average_type if function == "avg" else self

    def aggregate(
        self, dialect: Dialect, function: str, column: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[Any]:
        """The aggregate itself, to compare with and to order by."""
        column = sa.type_coerce(column, sa.types.NullType())
        match function:
            case "count":
                return sa.func.count(column)
            case "count_distinct":
                return sa.func.count(sa.distinct(column))
            case "sum":
                return sa.func.sum(column)
            case "avg":
                return average(dialect, column)
            case "min":
                return sa.func.min(column)
            case "max":
                return sa.func.max(column)
        raise ValueError(f"there is no aggregate {function}")

    def aggregate_json(
        self, dialect: Dialect, function: str, column: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[Any]:
        """The aggregate in its JSON form."""
        result = self.aggregate(dialect, function, column)
        return self.aggregate_type(function).json(dialect, result, guarded=True)


_MYSQL_CASTS: Final = {
    "LONGTEXT": "CHAR",
    "BIGINT": "SIGNED",
    "BIGINT UNSIGNED": "UNSIGNED",
    "DECIMAL(65,30)": "DECIMAL(65,30)",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "DATE": "DATE",
    "DATETIME(6)": "DATETIME(6)",
    "TIME(6)": "TIME(6)",
}


def same(value: Any) -> Any:
    """The value as it is."""
    return value


def json_list(values: Iterable[Any]) -> str:
    """The values as the text of a JSON array."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def kept(value: Any) -> Any:
    """A value from a cursor as SQLite holds it."""
    if not isinstance(value, dict):
        return value
    if "base64" in value:
        return b64decode(value["base64"])
    return math.inf if value["infinity"] else -math.inf


def readable(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """SQLite: ``column`` with U+FFFD in place of bytes that are no text."""
    return expression(
        "CASE typeof({0}) WHEN 'text'"
        " THEN hekla_text(CAST({0} AS BLOB), CAST('a' AS BLOB)) ELSE {0} END",
        column,
    )


@dataclass(frozen=True)
class _Part:
    slot: Slot
    index: int

    def bind(
        self, convert: Convert | None = None, type_: sa.types.TypeEngine[Any] | None = None
    ) -> sa.ColumnElement[Any]:
        index, inner = self.index, convert or same
        return self.slot.bind(lambda values: inner(values[index]), type_)


def part(slot: Slot, index: int) -> Slot:
    """One of the values of a slot that holds several."""
    return _Part(slot, index)


def operate(
    lookup: str, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """A comparison by the database's own operator."""
    match lookup:
        case "exact":
            return column == value
        case "ne":
            return column != value
        case "gt":
            return column > value
        case "gte":
            return column >= value
        case "lt":
            return column < value
        case "lte":
            return column <= value
    raise ValueError(f"there is no lookup {lookup}")


def average(dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The mean as a float."""
    match dialect:
        case "sqlite":
            return sa.func.avg(column)
        case "postgresql":
            return expression("CAST(avg({0}) AS DOUBLE PRECISION)", column)
        case "mysql":
            # AVG of integers or decimals keeps four more decimals only.
            return expression("AVG({0} + 0e0)", column)


def as_string(dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The value's text, for a JSON string."""
    return expression("CAST({0} AS CHAR)" if dialect == "mysql" else "CAST({0} AS TEXT)", column)
