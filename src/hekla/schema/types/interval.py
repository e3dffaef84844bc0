"""Spans of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.duration import EPOCH, parse_duration
from hekla.schema.types.expression import expression
from hekla.schema.types.temporal import (
    AFTER_ALL,
    Stamped,
    exact_clock,
    moment_forms,
    shortest_moment,
)
from hekla.schema.types.type import AS_STORED, STORED, Convert, Dialect

__all__ = ["Interval"]

_MICROSECOND: Final = timedelta(microseconds=1)
_LEAST: Final = datetime.min - EPOCH
_MOST: Final = datetime.max - EPOCH

# Days, hours, minutes and seconds of an interval without months make one amount, of one sign.
# Months have no fixed length, so an interval with months is given part by part, as
# PostgreSQL's own iso_8601 style does.
_POSTGRESQL: Final = """(SELECT CASE
 WHEN part.months <> 0 THEN concat('P',
  nullif(div(part.months, 12), 0) || 'Y', nullif(mod(part.months, 12), 0) || 'M',
  nullif(part.days, 0) || 'D',
  CASE WHEN part.seconds <> 0 THEN concat('T',
   nullif(div(part.seconds, 3600), 0) || 'H',
   nullif(div(mod(part.seconds, 3600), 60), 0) || 'M',
   rtrim(rtrim(round(nullif(mod(part.seconds, 60), 0), 6)::text, '0'), '.') || 'S') END)
 WHEN whole.seconds = 0 THEN 'PT0S'
 ELSE concat(CASE WHEN part.days * 86400 + part.seconds < 0 THEN '-' END, 'P',
  nullif(div(whole.seconds, 86400), 0) || 'D',
  CASE WHEN mod(whole.seconds, 86400) <> 0 THEN concat('T',
   nullif(div(mod(whole.seconds, 86400), 3600), 0) || 'H',
   nullif(div(mod(whole.seconds, 3600), 60), 0) || 'M',
   rtrim(rtrim(round(nullif(mod(whole.seconds, 60), 0), 6)::text, '0'), '.') || 'S') END)
 END
 FROM (SELECT
  (extract(year FROM {0}) * 12 + extract(month FROM {0}))::numeric AS months,
  extract(day FROM {0})::numeric AS days,
  (extract(hour FROM {0}) * 3600 + extract(minute FROM {0}) * 60)::numeric
   + extract(second FROM {0})::numeric AS seconds) AS part,
 LATERAL (SELECT abs(part.days * 86400 + part.seconds) AS seconds) AS whole
 WHERE {0} IS NOT NULL)"""

_TOTAL: Final = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {0})"
_DAY, _HOUR, _MINUTE = 86_400_000_000, 3_600_000_000, 60_000_000
_MYSQL: Final = (
    f"CASE WHEN {_TOTAL} = 0 THEN 'PT0S' ELSE CONCAT(IF({_TOTAL} < 0, '-', ''), 'P',"
    f" COALESCE(CONCAT(NULLIF(ABS({_TOTAL}) DIV {_DAY}, 0), 'D'), ''),"
    f" IF(ABS({_TOTAL}) MOD {_DAY} = 0, '', 'T'),"
    f" COALESCE(CONCAT(NULLIF(ABS({_TOTAL}) MOD {_DAY} DIV {_HOUR}, 0), 'H'), ''),"
    f" COALESCE(CONCAT(NULLIF(ABS({_TOTAL}) MOD {_HOUR} DIV {_MINUTE}, 0), 'M'), ''),"
    f" IF(ABS({_TOTAL}) MOD {_MINUTE} = 0, '', CONCAT(TRIM(TRAILING '.' FROM"
    f" TRIM(TRAILING '0' FROM CAST(ABS({_TOTAL}) MOD {_MINUTE} / 1000000 AS DECIMAL(9, 6)))),"
    " 'S'))) END"
)


@dataclass(frozen=True)
class Interval(Stamped):
    """A span of time. Where the database has none (``native``), it is a moment after 1970."""

    name: ClassVar[str] = "interval"

    native: bool = field(default=False, compare=False)

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        match dialect:
            case "sqlite":
                readable = "typeof({0}) = 'text' THEN hekla_interval({0})"
                return expression(f"CASE WHEN {readable} ELSE {STORED} END", column)
            case "postgresql":
                return expression(_POSTGRESQL, column)
            case "mysql":
                return expression(_MYSQL, column)

    def parse(self, text: str, lookup: str = "exact") -> timedelta:
        # In a query string a plus sign stands for a space, so it may arrive as one.
        return parse_duration(text.removeprefix(" "))

    def accept(self, value: Any) -> timedelta:
        if not isinstance(value, str) or value.startswith(" "):
            parse_duration("")
        exact_clock(value)
        found = self.parse(value)
        if not self.native and not _LEAST <= found <= _MOST:
            raise ValueError("is a longer duration than can be held")
        return found

    def store(self, dialect: Dialect) -> Convert | None:
        return None if self.native else self.longest

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {
            "type": "string",
            "pattern": "^-?P",
            "description": "An ISO 8601 duration, such as P1DT2H3.5S.",
        }

    def input_schema(self) -> dict[str, Any]:
        # A duration of so many digits can be held; some longer ones can too.
        clock = r"(?:[0-9]{1,6}H)?(?:[0-9]{1,8}M)?(?:[0-9]{1,9}(?:\.[0-9]{1,6})?S)?"
        days = "(?:[0-9]{1,4}W)?(?:[0-9]{1,5}D)?"
        return self.schema() | {"pattern": f"^-?P(?=[0-9T]){days}(?:T(?=[0-9]){clock})?$"}

    def longest(self, value: timedelta) -> str:
        try:
            moment = EPOCH + value
        except OverflowError:
            moment = datetime.max if value > timedelta(0) else datetime.min
        return moment.isoformat(" ", timespec="microseconds")

    def shortest(self, value: timedelta) -> str:
        try:
            return shortest_moment(EPOCH + value)
        except OverflowError:
            # Beyond what can be stored: after all texts, or before them.
            return AFTER_ALL if value > timedelta(0) else ""

    def following(self, value: timedelta) -> str:
        return AFTER_ALL if value == timedelta.max else self.shortest(value + _MICROSECOND)

    def forms(self, value: timedelta) -> list[str]:
        try:
            return moment_forms(EPOCH + value)
        except OverflowError:
            return []

    def known_as(self) -> sa.types.TypeEngine[Any]:
        return sa.Interval()

    def mysql_type(self) -> str:
        return "DATETIME(6)"

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Interval() if dialect == "postgresql" else sa.Text()

    def convert(self, dialect: Dialect) -> Convert | None:
        return None if dialect == "postgresql" else self.longest
