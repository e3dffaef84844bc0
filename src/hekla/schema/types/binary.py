"""Bytes."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from hekla.schema.types.expression import expression
from hekla.schema.types.type import ANY, AS_STORED, EQUALITY, Dialect, Slot, Type, json_list

__all__ = ["Binary"]

_EXPECTED: Final = "must be base64, such as aGVrbGE="


@dataclass(frozen=True)
class Binary(Type):
    """Bytes, in JSON as base64 (RFC 4648 section 4); ``length`` of them at most."""

    name: ClassVar[str] = "binary"
    lookups: ClassVar[frozenset[str]] = EQUALITY

    length: int | None = field(default=None, compare=False)

    def json(
        self, dialect: Dialect, column: sa.ColumnElement[Any], guarded: bool = False
    ) -> sa.ColumnElement[Any]:
        match dialect:
            case "sqlite":
                return expression(ANY if guarded else "hekla_base64({0})", column)
            case "postgresql":
                return expression("translate(encode({0}, 'base64'), E'\\n', '')", column)
            case "mysql":
                return expression("REPLACE(TO_BASE64({0}), CHAR(10 USING utf8mb4), '')", column)

    def parse(self, text: str, lookup: str = "exact") -> bytes:
        try:
            # Both alphabets of RFC 4648; a plus sign in a query string arrives as a space.
            plain = text.replace(" ", "+").replace("-", "+").replace("_", "/")
            return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (Error, ValueError):
            raise ValueError(_EXPECTED) from None

    def accept(self, value: Any) -> bytes:
        if not isinstance(value, str) or " " in value:
            raise ValueError(_EXPECTED)
        found = self.parse(value)
        if self.length is not None and len(found) > self.length:
            raise ValueError(f"must be at most {self.length} bytes long")
        return found

    def adapt(self, value: Any) -> Any:
        return bytes(value) if isinstance(value, bytearray | memoryview) else value

    def schema(self, guarded: bool = False) -> dict[str, Any]:
        if guarded:
            return dict(AS_STORED)
        return {"type": "string", "contentEncoding": "base64"}

    def input_schema(self) -> dict[str, Any]:
        one = "[A-Za-z0-9+/_-]"
        pattern = f"^(?:{one}{{4}})*(?:{one}{{2}}(?:==?)?|{one}{{3}}=?)?$"
        schema = self.schema() | {"pattern": pattern}
        # Where the last four stand for fewer than three bytes there is room for more.
        return schema if self.length is None else schema | {"maxLength": self.length // 3 * 4}

    def bind_type(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.LargeBinary() if dialect == "postgresql" else sa.types.NullType()

    def bind_list(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect == "postgresql":
            return super().bind_list(dialect, slot)
        return slot.bind(lambda values: json_list(value.hex() for value in values), sa.Text())

    def listed(self, dialect: Dialect) -> str:
        return super().listed(dialect).replace("SELECT value", "SELECT unhex(value)")

    def sort_value(self, dialect: Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if dialect == "mysql":
            return expression("HEX({0})", column)
        return super().sort_value(dialect, column)

    def sort_bind(self, dialect: Dialect, slot: Slot) -> sa.ColumnElement[Any]:
        if dialect == "mysql":
            return expression("UNHEX({0})", slot.bind(None, sa.Text()))
        return super().sort_bind(dialect, slot)
