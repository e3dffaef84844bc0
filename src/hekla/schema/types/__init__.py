"""One type per kind of column: SQL, JSON, input, OpenAPI and lookups of each, and nowhere else.

JSON conventions: integers beyond 2^53 and decimals are strings; moments RFC 3339 in UTC;
durations ISO 8601; binary base64; UUIDs lower case; NaN and the infinities strings.
"""

from hekla.schema.types.array import Array
from hekla.schema.types.binary import Binary
from hekla.schema.types.decimals import Decimal
from hekla.schema.types.document import Document
from hekla.schema.types.dynamic import Dynamic, Opaque
from hekla.schema.types.functions import SQLITE_FUNCTIONS
from hekla.schema.types.interval import Interval
from hekla.schema.types.mapping import type_of
from hekla.schema.types.numbers import Bits, Boolean, Float, Integer
from hekla.schema.types.strings import Enum, Text
from hekla.schema.types.temporal import Date, DateTime, Time
from hekla.schema.types.type import Dialect, Slot, Type
from hekla.schema.types.uuids import Uuid

__all__ = [
    "SQLITE_FUNCTIONS",
    "Array",
    "Binary",
    "Bits",
    "Boolean",
    "Date",
    "DateTime",
    "Decimal",
    "Dialect",
    "Document",
    "Dynamic",
    "Enum",
    "Float",
    "Integer",
    "Interval",
    "Opaque",
    "Slot",
    "Text",
    "Time",
    "Type",
    "Uuid",
    "type_of",
]
