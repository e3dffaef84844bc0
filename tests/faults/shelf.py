"""A small application, and a model of it in plain Python: one request after the other.

Requests are values that both understand: :func:`request` says them in HTTP, :class:`Shelf`
carries them out and says how they are answered. Tables are small and values few, so that
requests which run at once meet.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from hekla import Hekla, everyone
from hekla.settings import Settings

__all__ = ["Answer", "Call", "Refused", "Row", "Shelf", "build", "request"]

Row = dict[str, Any]


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class Item(Base):
    __tablename__ = "items"
    name: Mapped[str] = mapped_column(String(10), unique=True)
    value: Mapped[int]
    parts: Mapped[list[Part]] = relationship(back_populates="item", passive_deletes=True)


class Part(Base):
    __tablename__ = "parts"
    item_id: Mapped[int] = mapped_column(ForeignKey(Item.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(10))
    item: Mapped[Item] = relationship(back_populates="parts")


def build(url: str, settings: Settings) -> Hekla:
    """The application over a database."""
    app = Hekla(url, settings=settings)
    for model in (Item, Part):
        app.resource(model, read=everyone, write=everyone)
    app.on_startup(app.create_tables)
    return app


@dataclass(frozen=True)
class Call:
    """A request. ``kind`` names a method of Shelf; what it takes depends on the kind.

    ``rows`` are documents, ``number`` an id or a bound, ``parts`` the names of parts that come
    along, ``calls`` the operations of a batch. ``expected`` is the representation that the row
    must still have (If-Match), or None where that does not matter.
    """

    kind: str
    rows: tuple[Mapping[str, Any], ...] = ()
    number: int = 0
    parts: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    expected: Row | None = None


@dataclass(frozen=True)
class Answer:
    """A status, and the JSON of the body or the code of the problem."""

    status: int
    content: Any = None


class Refused(Exception):
    """The request is answered with a problem, and nothing is changed."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.answer = Answer(status, code)


_Written = tuple[str, str, Any]


def _with_parts(call: Call) -> _Written:
    return "POST", "/items", {**call.rows[0], "parts": _parts(call)}


def _more_parts(call: Call) -> _Written:
    document = {**call.rows[0], "parts": {"create": _parts(call)}}
    return "PATCH", f"/items/{call.number}", document


def _parts(call: Call) -> list[Row]:
    return [{"name": name} for name in call.parts]


def _batch(call: Call) -> _Written:
    operations = []
    for each in call.calls:
        method, path, document = _HTTP[each.kind](each)
        body = {} if document is None else {"body": document}
        operations.append({"method": method, "path": path, **body})
    return "POST", "/batch", operations


_HTTP: dict[str, Callable[[Call], _Written]] = {
    "create": lambda call: ("POST", "/items", call.rows[0]),
    "create_many": lambda call: ("POST", "/items", call.rows),
    "create_with_parts": _with_parts,
    "upsert": lambda call: ("PUT", f"/items?name={call.rows[0]['name']}", call.rows[0]),
    "upsert_many": lambda call: ("POST", "/items?upsert=name", call.rows),
    "update": lambda call: ("PATCH", f"/items/{call.number}", call.rows[0]),
    "update_with_parts": _more_parts,
    "update_where": lambda call: ("PATCH", f"/items?value__lt={call.number}", call.rows[0]),
    "replace": lambda call: ("PUT", f"/items/{call.number}", call.rows[0]),
    "delete": lambda call: ("DELETE", f"/items/{call.number}", None),
    "delete_where": lambda call: ("DELETE", f"/items?value__gte={call.number}", None),
    "add_part": lambda call: ("POST", "/parts", call.rows[0]),
    "read": lambda call: ("GET", f"/items/{call.number}", None),
    "read_all": lambda call: ("GET", "/items?order_by=id", None),
    "batch": _batch,
}


def request(call: Call) -> tuple[str, str, bytes]:
    """The method, the target and the body that say it."""
    method, target, document = _HTTP[call.kind](call)
    return method, target, b"" if document is None else json.dumps(document).encode()


@dataclass
class Shelf:
    """All rows by their ids, and what requests do to them one at a time."""

    items: dict[int, Row] = field(default_factory=dict)
    parts: dict[int, Row] = field(default_factory=dict)

    def after(self, call: Call) -> tuple[Answer, Shelf]:
        """How a request is answered, and the rows after it."""
        shelf = copy.deepcopy(self)
        try:
            return shelf.do(call), shelf
        except Refused as refused:
            return refused.answer, self

    def do(self, call: Call) -> Answer:
        """Carry out a request. Raises Refused; then the shelf may be half changed."""
        answer: Answer = getattr(self, call.kind)(call)
        return answer

    # Steps

    def _insert(self, values: Mapping[str, Any], number: int | None = None) -> Row:
        self._check_name(values["name"])
        number = max(self.items, default=0) + 1 if number is None else number
        self.items[number] = {"id": number, **values}
        return dict(self.items[number])

    def _set(self, number: int, values: Mapping[str, Any]) -> Row:
        if "name" in values:
            self._check_name(values["name"], number)
        self.items[number] |= values
        return dict(self.items[number])

    def _check_name(self, name: str, own: int | None = None) -> None:
        if any(row["name"] == name and number != own for number, row in self.items.items()):
            raise Refused(409, "already_exists")

    def _get(self, number: int) -> Row:
        if number not in self.items:
            raise Refused(404, "not_found")
        return self.items[number]

    def _expect(self, call: Call) -> None:
        if call.expected is not None and self.items.get(call.number) != call.expected:
            raise Refused(412, "precondition_failed")

    def _upsert(self, values: Mapping[str, Any]) -> tuple[int, Row]:
        for number, row in self.items.items():
            if row["name"] == values["name"]:
                return 200, self._set(number, values)
        return 201, self._insert(values)

    def _add_part(self, values: Mapping[str, Any]) -> Row:
        number = max(self.parts, default=0) + 1
        self.parts[number] = {"id": number, **values}
        return dict(self.parts[number])

    def _remove(self, number: int) -> None:
        del self.items[number]
        self.parts = {n: row for n, row in self.parts.items() if row["item_id"] != number}

    # Requests

    def create(self, call: Call) -> Answer:
        return Answer(201, self._insert(call.rows[0]))

    def create_with_parts(self, call: Call) -> Answer:
        row = self._insert(call.rows[0])
        for name in call.parts:
            self._add_part({"item_id": row["id"], "name": name})
        return Answer(201, row)

    def create_many(self, call: Call) -> Answer:
        return Answer(201, [self._insert(values) for values in call.rows])

    def upsert(self, call: Call) -> Answer:
        return Answer(*self._upsert(call.rows[0]))

    def upsert_many(self, call: Call) -> Answer:
        return Answer(200, [self._upsert(values)[1] for values in call.rows])

    def update(self, call: Call) -> Answer:
        self._get(call.number)
        self._expect(call)
        return Answer(200, self._set(call.number, call.rows[0]))

    def update_with_parts(self, call: Call) -> Answer:
        answer = self.update(call)
        for name in call.parts:
            self._add_part({"item_id": call.number, "name": name})
        return answer

    def update_where(self, call: Call) -> Answer:
        found = sorted(n for n, row in self.items.items() if row["value"] < call.number)
        return Answer(200, [self._set(number, call.rows[0]) for number in found])

    def replace(self, call: Call) -> Answer:
        self._expect(call)
        if call.number in self.items:
            return Answer(200, self._set(call.number, call.rows[0]))
        return Answer(201, self._insert(call.rows[0], call.number))

    def delete(self, call: Call) -> Answer:
        self._get(call.number)
        self._expect(call)
        self._remove(call.number)
        return Answer(204)

    def delete_where(self, call: Call) -> Answer:
        for number in [n for n, row in self.items.items() if row["value"] >= call.number]:
            self._remove(number)
        return Answer(204)

    def add_part(self, call: Call) -> Answer:
        values = call.rows[0]
        if values["item_id"] not in self.items:
            raise Refused(409, "missing_reference")
        return Answer(201, self._add_part(values))

    def read(self, call: Call) -> Answer:
        return Answer(200, dict(self._get(call.number)))

    def read_all(self, call: Call) -> Answer:
        return Answer(200, [dict(self.items[number]) for number in sorted(self.items)])

    def batch(self, call: Call) -> Answer:
        """Each operation sees what those before it did; ``$0.id`` is the id that the first made."""
        answers: list[Answer] = []
        for each in call.calls:
            row = each.rows[0] if each.rows else {}
            if row.get("item_id") == "$0.id":
                each = replace(each, rows=({**row, "item_id": answers[0].content["id"]},))
            answers.append(self.do(each))
        return Answer(200, [_told(answer) for answer in answers])


def _told(answer: Answer) -> Row:
    """What a batch says of one of its operations; headers aside."""
    return {"status": answer.status} | ({} if answer.content is None else {"body": answer.content})
