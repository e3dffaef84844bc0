"""JSON Schemas of the values that parameters take: what the types read, as exactly as can be said.

What a schema here admits is always accepted. Some of what is accepted it does not admit (a
19-digit number in a list, a duration of a million years): there the schema is the narrower one.
"""

from __future__ import annotations

import re
from typing import Any

from hekla.query.ast import LOOKUPS
from hekla.schema.types import Type

__all__ = [
    "BOOLEAN",
    "TEXT",
    "condition_value",
    "escape_pattern",
    "lookups_of",
    "value_schema",
]

_NUL = "\\u0000"
_INTEGER = "[+-]?[0-9]{1,18}"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
# Every day but that of leap years.
_DATE = (
    "[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?(?:\.[0-9]{1,9})?"
_HEX = "[0-9a-fA-F]"
_BASE64 = "[A-Za-z0-9+/_-]"
# A text in a list: in quotes, or without a comma.
_LISTED = f'(?:"(?:[^"{_NUL}]|"")*"|[^",{_NUL}][^,{_NUL}]*)?'

# The pattern of one value in a list, by the type's name.
_ITEMS = {
    "integer": _INTEGER,
    "float": f"(?:{_NUMBER}|-?Infinity)",
    "decimal": _NUMBER,
    "boolean": "(?:true|false)",
    "date": _DATE,
    "time": _TIME,
    "datetime": f"{_DATE}T{_TIME}Z",
    "interval": r"[+-]?P[0-9]{1,6}D(?:T[0-9]{1,6}H)?",
    "uuid": f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    "binary": f"(?:{_BASE64}{{4}})*(?:{_BASE64}{{2}}(?:==?)?|{_BASE64}{{3}}=?)?",
}
_DURATION = (
    r"^[+-]?P(?=[0-9T])(?:[0-9]{1,6}W)?(?:[0-9]{1,7}D)?"
    r"(?:T(?=[0-9])(?:[0-9]{1,9}H)?(?:[0-9]{1,9}M)?(?:[0-9]{1,12}(?:\.[0-9]{1,9})?S)?)?$"
)
BOOLEAN: dict[str, Any] = {"type": "boolean"}
TEXT: dict[str, Any] = {"type": "string", "pattern": f"^[^{_NUL}]*$"}
_ONE: dict[str, dict[str, Any]] = {
    "float": {"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity"]}]},
    "decimal": {"type": "string", "pattern": f"^{_NUMBER}$"},
    "boolean": BOOLEAN,
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": f"^{_TIME}$"},
    "datetime": {"type": "string", "format": "date-time"},
    "interval": {"type": "string", "pattern": _DURATION},
    "uuid": {"type": "string", "format": "uuid"},
    "binary": {
        "type": "string",
        "pattern": f"^{_ITEMS['binary']}$",
        "description": "Bytes in base64.",
    },
}


def escape_pattern(text: str) -> str:
    """``text`` as a pattern that finds it (ECMA-262, which JSON Schema speaks)."""
    return re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\1", text)


def lookups_of(type_: Type) -> list[str]:
    """The lookups of a column of this type, in the order of the documentation."""
    return [name for name in LOOKUPS if name == "isnull" or name in type_.lookups]


def value_schema(type_: Type, lookup: str) -> tuple[str, dict[str, Any]]:
    """The schema of what is compared with a column, and what it may be called.

    The name is the same for equal schemas, and empty for one that belongs to a column.
    """
    if lookup == "isnull":
        return "Boolean", BOOLEAN
    if lookup == "regex":
        return "Pattern", {
            "type": "string",
            "format": "regex",
            "maxLength": 500,
            # What the language of patterns here does not have.
            "pattern": f"^(?![\\s\\S]*\\{{0\\}})[^{_NUL}]*$",
        }
    name = type_.name.capitalize()
    if lookup in ("in", "not_in", "range"):
        item = _item(type_)
        if lookup == "range":
            label, pattern = "Range", f"^{item},{item}$"
            words = "The lowest and the highest, separated by a comma."
        else:
            label, pattern = "List", f"^(?:{item}(?:,{item})*)?$"
            words = "Separated by commas; in double quotes where a value holds one."
        schema = {"type": "string", "pattern": pattern, "description": words}
        return ("" if type_.name == "enum" else _listed_name(type_) + label), schema
    if type_.name == "array":
        return value_schema(type_.item, "exact")  # type: ignore[attr-defined]
    if type_.name == "enum" and lookup in ("exact", "ne"):
        return "", {"type": "string", "enum": list(type_.members)}  # type: ignore[attr-defined]
    if type_.name == "integer":
        least, most = type_.least, type_.most  # type: ignore[attr-defined]
        schema = {"type": "integer", "minimum": least, "maximum": most}
        return ("Integer" if least else "Unsigned"), schema
    one = _ONE.get(type_.name)
    return (name, one) if one is not None else ("Text", TEXT)


def _listed_name(type_: Type) -> str:
    return type_.name.capitalize() if type_.name in _ITEMS else "Text"


def _item(type_: Type) -> str:
    if type_.name == "enum":
        members = (_quoted(member) for member in type_.members)  # type: ignore[attr-defined]
        return f"(?:{'|'.join(map(escape_pattern, members))})"
    return _ITEMS.get(type_.name, _LISTED)


def _quoted(text: str) -> str:
    if text and not text.startswith('"') and "," not in text:
        return text
    return '"' + text.replace('"', '""') + '"'


def condition_value(type_: Type) -> str | None:
    """The pattern of a value inside ``or=(…)``, or None for a type that is left out there."""
    if type_.name in ("text", "any"):
        return f'[^",(){_NUL}]*'
    if type_.name in ("integer", "boolean", "date", "datetime", "uuid"):
        return _ITEMS[type_.name]
    return None
