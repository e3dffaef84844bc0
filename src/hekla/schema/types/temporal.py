"""Dates, times of day and moments."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from hekla.schema.types.expression import condition, expression
from hekla.schema.types.type import (
    ANY,
    AS_STORED,
    EQUALITY,
    ORDERING,
    Convert,
    Dialect,
    Slot,
    Type,
    json_list,
)

__all__ = [
    "Date",
    "DateTime",
    "Stamped",
    "Time",
    "exact_clock",
    "moment_forms",
    "shortest_moment",
]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = r"((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)(?:\.([0-9]{1,9}))?"
_TIME: Final = re.compile(_CLOCK)
_MOMENT: Final = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
    rf"(?:[Tt ]{_CLOCK}(?:([Zz])|([+ -])([01][0-9]|2[0-3]):?([0-5][0-9]))?)?"
)

_HOUR: Final = "(?:[01][0-9]|2[0-3])"
_FRACTION: Final = r"(?:\.[0-9]{1,6})?"
_is_common: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_HOUR}:[0-5][0-9]:[0-5][0-9]"
    r"(?:\.(?:[0-9]{3}|[0-9]{6}))?Z"
).fullmatch
_MOMENT_EXPECTED: Final = "must be a date and time, such as 2026-01-31T09:30:00Z"
_TOO_FINE: Final = re.compile(r"\.[0-9]{6}[0-9]*[1-9]")

_Read = TypeVar("_Read")

_MICROSECOND: Final = timedelta(microseconds=1)

AFTER_ALL: Final = ":"
"""A text that sorts after all that begin with a digit."""

# SQLite's datetime() writes what it has read with a space and without a fraction, NULL if it is
# no time, and 2 March for 30 February: what is not equal to that is no moment of the calendar.
_EXISTS: Final = "{0} IN (datetime({0}), replace(datetime({0}), ' ', 'T'))"
_REAL_MOMENT: Final = (
    "CASE WHEN substr({0}, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]'"
    f" THEN {_EXISTS.replace('{0}', 'substr({0}, 1, 19)')} ELSE {_EXISTS} END"
)


@dataclass(frozen=True)
class Stamped(Type):
    """A type that SQLite keeps as text, where one value may be written shorter or longer.

    ``2026-01-01``, ``2026-01-01 00:00:00`` and ``2026-01-01 00:00:00.000000`` are one moment,
    and as texts they sort in this order. So a value is compared by the range of texts from
    the shortest way to write it up to the shortest way to write the next value.
    """

    lookups: ClassVar[frozenset[str]] = EQUALITY | ORDERING
    aggregates: ClassVar[frozenset[str]] = frozenset({"min", "max", "count_distinct"})

    @abstractmethod
    def shortest(self, value: Any) -> str:
        """The shortest text of ``value`` in SQLite."""

    @abstractmethod
    def following(self, value: Any) -> str:
        """The shortest text of the next value."""

    @abstractmethod
    def forms(self, value: Any) -> list[str]:
        """All texts that ``value`` may have."""

    def store(self, dialect: Dialect) -> Convert | None:
        if dialect != "sqlite":
            return self.convert(dialect)
        # SQLite's own types of SQLAlchemy may have a format of their own.
        if type(self.sql).__module__.startswith("sqlalchemy.dialects.sqlite"):
            return self.sql.bind_processor(DefaultDialect())
        return self.longest

    @abstractmethod
    def longest(self, value: Any) -> str:
        """The text of ``value`` that SQLAlchemy stores in SQLite."""

    def compare_one(
        self, dialect: Dialect, column: sa.ColumnElement[Any], lookup: str, slot: Slot
    ) -> sa.ColumnElement[bool]:
        if dialect != "sqlite":
            return super().compare_one(dialect, column, lookup, slot)
        at = slot.bind(self.shortest, sa.Text())
        after = slot.bind(self.following, sa.Text())
        match lookup:
            case "gte":
                return column >= at
            case "lt":
                return column < at
            case "gt":
                return column >= after
            case "lte":
                return column < after
            case "exact":
                return condition("{0} >= {1} AND {0} < {2}", column, at, after)
        return condition("{0} < {1} OR {0} >= {2}", column, at, after)

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect == "postgresql":
            return super().bind_list(dialect, slot)
        # MariaDB reads the longest form, which is the last.
        few = slice(None) if dialect == "sqlite" else slice(-1, None)
        forms = self.forms
        return slot.bind(
            lambda values: json_list(form for value in values for form in forms(value)[few]),
            sa.Text(),
        )

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text() if dialect == "sqlite" else self.known_as()

    @abstractmethod
    def known_as(self) -> sa.types.TypeEngine[Any]:
        """The type of a bind where the database knows the type."""


@dataclass(frozen=True)
class Date(Stamped):
    """A day of the calendar."""

    name: ClassVar[str] = "date"

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect == "sqlite":
            return expression(ANY if guarded else "CAST({0} AS TEXT)", column)
        return column

    def parse(self, text: str, lookup: str = "exact") -> date:
        if not _DATE.fullmatch(text):
            raise ValueError("must be a date, such as 2026-01-31")
        return _checked(lambda: date.fromisoformat(text))

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED) if guarded else {"type": "string", "format": "date"}

    def accept(self, value: Any) -> date:
        if isinstance(value, str):
            return self.parse(value)
        raise ValueError("must be a date, such as 2026-01-31")

    def adapt(self, value: Any) -> Any:
        return value.date() if isinstance(value, datetime) else value

    def input_schema(self) -> dict[str, Any]:
        return self.schema() | {"pattern": "^(?!0000)"}

    def longest(self, value: date) -> str:
        return value.isoformat()

    def shortest(self, value: date) -> str:
        return value.isoformat()

    def following(self, value: date) -> str:
        return AFTER_ALL if value >= date.max else (value + timedelta(days=1)).isoformat()

    def forms(self, value: date) -> list[str]:
        return moment_forms(datetime(value.year, value.month, value.day))

    def known_as(self) -> sa.types.TypeEngine[Any]:
        return sa.Date()

    def mysql_type(self) -> str:
        return "DATE"


@dataclass(frozen=True)
class Time(Stamped):
    """A time of day, without a zone."""

    name: ClassVar[str] = "time"

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        if dialect == "sqlite":
            return expression(ANY if guarded else "CAST({0} AS TEXT)", column)
        if dialect == "postgresql" and not getattr(self.sql, "timezone", False):
            # All of its digits, as the other databases give them; an hour may be the 24th.
            return expression("to_char(CAST({0} AS interval), 'HH24:MI:SS.US')", column)
        return column

    def parse(self, text: str, lookup: str = "exact") -> time:
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError("must be a time of day, such as 09:30:00")
        return _checked(lambda: time.fromisoformat(_clock(match[1], match[2])))

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {
            "type": "string",
            # MariaDB's may be negative and longer than a day, PostgreSQL's may have an offset.
            "pattern": r"^-?[0-9]{2,3}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([+-][0-9:]+)?$",
            "description": "A time of day.",
        }

    def accept(self, value: Any) -> time:
        if isinstance(value, str):
            exact_clock(value)
            return self.parse(value)
        raise ValueError("must be a time of day, such as 09:30:00")

    def input_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_HOUR}:[0-5][0-9](?::[0-5][0-9]{_FRACTION})?$"}

    def longest(self, value: time) -> str:
        return value.replace(tzinfo=None).isoformat("microseconds")

    def shortest(self, value: time) -> str:
        return _shortest_clock(value)

    def following(self, value: time) -> str:
        if value >= time.max:
            return AFTER_ALL
        return _shortest_clock((datetime.combine(date.min, value) + _MICROSECOND).time())

    def forms(self, value: time) -> list[str]:
        return _clock_forms(value)

    def known_as(self) -> sa.types.TypeEngine[Any]:
        return sa.Time()

    def mysql_type(self) -> str:
        return "TIME(6)"


@dataclass(frozen=True)
class DateTime(Stamped):
    """A moment, in JSON always in UTC: what is stored without a zone is taken for UTC."""

    name: ClassVar[str] = "datetime"

    timezone: bool = False

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        match dialect:
            case "sqlite":
                whole = "replace({0}, ' ', 'T') || 'Z'"
                if guarded:
                    odd = "WHEN {0} IS NOT NULL THEN hekla_timestamp({0})"
                    return expression(f"CASE WHEN {_REAL_MOMENT} THEN {whole} {odd} END", column)
                # NULL is in no list and in none's opposite, and becomes NULL.
                odd = "length({0}) NOT IN (19, 26), hekla_timestamp({0})"
                return expression(f"iif({odd}, {whole})", column)
            case "postgresql":
                moment = "{0} AT TIME ZONE 'UTC'" if self.timezone else "{0}"
                return expression(
                    f"CASE WHEN {moment} >= '0001-01-01' AND {moment} < '10000-01-01' THEN"
                    f' to_char({moment}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'
                    " ELSE CAST({0} AS TEXT) END",
                    column,
                )
            case "mysql":
                return expression("DATE_FORMAT({0}, '%Y-%m-%dT%H:%i:%s.%fZ')", column)

    def parse(self, text: str, lookup: str = "exact") -> datetime:
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(_MOMENT_EXPECTED)
        day, clock, fraction, _, sign, hours, minutes = match.groups()
        value = _checked(
            lambda: datetime.fromisoformat(f"{day}T{_clock(clock or '00:00', fraction)}")
        )
        if hours is not None:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            try:
                # In a query string a plus sign stands for a space, so it may arrive as one.
                value = value + offset if sign == "-" else value - offset
            except OverflowError:
                raise ValueError("must be within the years 1 to 9999 in UTC") from None
        return value.replace(tzinfo=UTC) if self.timezone else value

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        return dict(AS_STORED) if guarded else {"type": "string", "format": "date-time"}

    def accept(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise ValueError(_MOMENT_EXPECTED)
        if not _is_common(value):
            # In JSON no plus sign arrives as a space.
            if " " in value[11:]:
                raise ValueError(_MOMENT_EXPECTED)
            exact_clock(value)
            return self.parse(value)
        # Without the Z it is read as a naive one.
        try:
            return datetime.fromisoformat(value if self.timezone else value[:-1])
        except ValueError as error:
            raise ValueError(_not_in_calendar(error)) from None

    def adapt(self, value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        return _utc(value).replace(tzinfo=UTC) if self.timezone else _utc(value)

    def input_schema(self) -> dict[str, Any]:
        # Not within a day of the years' ends, since an offset may lead beyond them.
        day = "(?!0000|0001-01-01|9999-12-31)[0-9]{4}-[0-9]{2}-[0-9]{2}"
        clock = f"{_HOUR}:[0-5][0-9]:[0-5][0-9]{_FRACTION}"
        zone = f"(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])"
        return self.schema() | {"pattern": f"^{day}[Tt]{clock}{zone}$"}

    def longest(self, value: datetime) -> str:
        if value.tzinfo is not None:
            value = _utc(value)
        return value.isoformat(" ", "microseconds")

    def shortest(self, value: datetime) -> str:
        return shortest_moment(_utc(value))

    def following(self, value: datetime) -> str:
        value = _utc(value)
        return AFTER_ALL if value >= datetime.max else shortest_moment(value + _MICROSECOND)

    def forms(self, value: datetime) -> list[str]:
        return moment_forms(_utc(value))

    def known_as(self) -> sa.types.TypeEngine[Any]:
        return sa.DateTime(timezone=self.timezone)

    def mysql_type(self) -> str:
        return "DATETIME(6)"

    def convert(self, dialect: Dialect) -> Convert | None:
        return _aware if dialect == "postgresql" and self.timezone else _utc


def exact_clock(text: str) -> None:
    """Refuse what would be cut off: digits below a microsecond."""
    if len(text) > 8 and _TOO_FINE.search(text):
        raise ValueError("must have at most 6 decimals of a second")


def _checked(read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except ValueError as error:
        raise ValueError(_not_in_calendar(error)) from None


def _not_in_calendar(error: ValueError) -> str:
    return f"is not in the calendar: {error}"


def _clock(clock: str, fraction: str | None) -> str:
    """The form that Python reads, with the digits below a microsecond left out."""
    return f"{clock}{':00' if len(clock) == 5 else ''}.{(fraction or '')[:6].ljust(6, '0')}"


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _shortest_clock(value: time) -> str:
    text = value.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def _clock_forms(value: time) -> list[str]:
    """The clock with every number of decimals that can hold it."""
    seconds = value.replace(tzinfo=None).isoformat(timespec="seconds")
    digits = f"{value.microsecond:06d}000"
    needed = len(digits.rstrip("0"))
    forms = [f"{seconds}.{digits[:count]}" for count in range(max(needed, 1), 10)]
    return forms if needed else [seconds, *forms]


def shortest_moment(value: datetime) -> str:
    """The shortest text that SQLite may keep of ``value``."""
    day = value.date().isoformat()
    clock = _shortest_clock(value.time())
    return day if clock == "00:00:00" else f"{day} {clock}"


def moment_forms(value: datetime) -> list[str]:
    """All texts that SQLite may keep of ``value``, the shortest first."""
    day = value.date().isoformat()
    forms = [f"{day} {clock}" for clock in _clock_forms(value.time())]
    return [day, *forms] if forms[0].endswith(" 00:00:00") else forms
