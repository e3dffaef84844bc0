"""What simple CHECK constraints ask of single columns, so that it is told before the database.

Read are terms, joined by AND, that compare a column with numbers (``>=``, ``BETWEEN``, ``IN``),
its length with one, or name the texts it may be. Of anything else the database itself decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from hekla.schema.check import Check
from hekla.schema.sources.defaults import sqlalchemy_dialect
from hekla.schema.types import Decimal as DecimalType
from hekla.schema.types import Dialect, Float, Integer, Text, Type

__all__ = ["constraint_checks"]

_NAME: Final = r'(?:"(?P<q1>[^"]+)"|`(?P<q2>[^`]+)`|\[(?P<q3>[^\]]+)\]|(?P<bare>[A-Za-z_]\w*))'
_NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_LITERAL: Final = rf"(?:{_NUMBER}|'(?:[^']|'')*')"
_COMPARE: Final = re.compile(
    rf"(?:(?P<length>(?:char_)?length)\s*\(\s*{_NAME}\s*\)|{_NAME.replace('(?P<', '(?P<c')})"
    rf"\s*(?P<sign>>=|<=|>|<)\s*(?P<number>{_NUMBER})",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(
    rf"{_NAME}\s+BETWEEN\s+(?P<least>{_NUMBER})\s+AND\s+(?P<most>{_NUMBER})", re.IGNORECASE
)
_IN: Final = re.compile(
    rf"{_NAME}\s+IN\s*\(\s*(?P<list>{_LITERAL}(?:\s*,\s*{_LITERAL})*)\s*\)", re.IGNORECASE
)
_AND: Final = re.compile(r"\s+AND\s+", re.IGNORECASE)
_HALF: Final = re.compile(r"\bBETWEEN\s+\S+$", re.IGNORECASE)
_OTHER: Final = re.compile(r"\b(?:OR|NOT|CASE|COLLATE)\b", re.IGNORECASE)

_BOUNDS: Final[dict[str, tuple[str, str, Callable[[Any, Any], bool]]]] = {
    ">=": ("minimum", "at least", lambda value, bound: value >= bound),
    ">": ("exclusiveMinimum", "more than", lambda value, bound: value > bound),
    "<=": ("maximum", "at most", lambda value, bound: value <= bound),
    "<": ("exclusiveMaximum", "less than", lambda value, bound: value < bound),
}


def constraint_checks(column: sa.Column[Any], type_: Type, dialect: Dialect) -> tuple[Check, ...]:
    """The checks that the constraints of ``column``'s table make of it alone."""
    found: list[Check] = []
    for text in sorted(_texts(column.table, dialect)):
        for term in _terms(text):
            check = _read(term, str(column.name), type_, dialect)
            if check is not None and check.message not in {each.message for each in found}:
                found.append(check)
    return tuple(found)


def _texts(table: sa.FromClause, dialect: Dialect) -> Iterator[str]:
    for constraint in table.constraints if isinstance(table, sa.Table) else ():
        if not isinstance(constraint, sa.CheckConstraint):
            continue
        try:
            compiled = constraint.sqltext.compile(
                dialect=sqlalchemy_dialect(dialect),
                compile_kwargs={"literal_binds": True, "include_table": False},
            )
        except sa.exc.CompileError:
            continue
        yield str(compiled)


def _terms(text: str) -> list[str]:
    """The terms of a conjunction, those of BETWEEN whole; nothing where it may be none."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", text)
    if _OTHER.search(bare) or len(_AND.split(bare)) != len(_AND.split(text)):
        return []
    terms: list[str] = []
    for part in _AND.split(_unwrapped(text)):
        if terms and _HALF.search(terms[-1]):
            terms[-1] += f" AND {part}"
        else:
            terms.append(part)
    # What stands inside brackets is no term of its own.
    whole = all(term.count("(") == term.count(")") for term in terms)
    return [_unwrapped(term) for term in terms] if whole else []


def _unwrapped(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1].strip()
    return text


def _read(term: str, name: str, type_: Type, dialect: Dialect) -> Check | None:
    numeric = isinstance(type_, Integer | Float | DecimalType)
    # What a collation takes for equal is not known elsewhere.
    plain = type(type_) is Text and dialect == "sqlite" and _collation(type_) is None
    if match := _COMPARE.fullmatch(term):
        if not _is(match, name):
            return None
        number = _number(match["number"], type_)
        if match["length"]:
            in_characters = dialect != "mysql" or match["length"].lower() != "length"
            return _length(match["sign"], number) if plain and in_characters else None
        return _bound(match["sign"], number) if numeric else None
    if (match := _BETWEEN.fullmatch(term)) and numeric and _is(match, name):
        return _between(_number(match["least"], type_), _number(match["most"], type_))
    if (match := _IN.fullmatch(term)) and _is(match, name):
        listed = re.findall(_LITERAL, match["list"])
        texts = [each[1:-1].replace("''", "'") for each in listed if each.startswith("'")]
        if plain and len(texts) == len(listed):
            return _one_of(texts)
        if numeric and not texts:
            return _one_of([_number(each, type_) for each in listed])
    return None


def _is(match: re.Match[str], name: str) -> bool:
    """Whether the column of a term is the one called ``name``."""
    groups = match.groupdict()
    quoted = {groups.get(prefix + key) for prefix in ("", "c") for key in ("q1", "q2", "q3")}
    bare = {groups.get("bare"), groups.get("cbare")} - {None}
    return name in quoted or name.lower() in {each.lower() for each in bare if each}


def _collation(type_: Type) -> str | None:
    return getattr(type_.sql, "collation", None)


def _number(text: str, type_: Type) -> Any:
    if isinstance(type_, Float):
        return float(text)
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _plain(number: Any) -> Any:
    return float(number) if isinstance(number, Decimal) else number


def _bound(sign: str, number: Any) -> Check:
    keyword, words, test = _BOUNDS[sign]
    return Check(
        lambda value: test(value, number), f"must be {words} {number}", {keyword: _plain(number)}
    )


def _between(least: Any, most: Any) -> Check:
    return Check(
        lambda value: least <= value <= most,
        f"must be between {least} and {most}",
        {"minimum": _plain(least), "maximum": _plain(most)},
    )


def _length(sign: str, number: Any) -> Check | None:
    if not isinstance(number, int):
        return None
    _, words, test = _BOUNDS[sign]
    shift = {">": 1, "<": -1}.get(sign, 0)
    keyword = "minLength" if sign in (">", ">=") else "maxLength"
    return Check(
        lambda value: test(len(value), number),
        f"must be {words} {number} characters long",
        {keyword: max(number + shift, 0)},
    )


def _one_of(values: list[Any]) -> Check:
    return Check(
        lambda value: value in values,
        f"must be one of {', '.join(map(str, values))}",
        {"enum": [_plain(value) for value in values]},
    )
