"""Every kind of write, drawn at random for a client that knows its rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.ledger import Key, Ledger, Operation, Outcome, Values

__all__ = ["COUNTER", "NAMES", "count", "draw"]

COUNTER = "/counters/1"
# How many slots a client has, and the most value.
_SLOTS = 30
_MOST = 1000


class _Draw:
    """One request about to be drawn: the client's rows, and the mark that the request leaves."""

    def __init__(self, ledger: Ledger, random_: random.Random) -> None:
        self.ledger = ledger
        self.random = random_
        self.mark = ledger.next_mark()
        self.entries = [slot for table, slot in ledger.rows if table == "entries"]
        self.notes = [slot for table, slot in ledger.rows if table == "notes"]
        taken = set(self.entries)
        self.free = [slot for slot in self._slots("e") if slot not in taken]
        taken = set(self.notes)
        self.free_notes = [slot for slot in self._slots("n") if slot not in taken]

    def _slots(self, kind: str) -> Iterable[str]:
        return (f"{self.ledger.client}.{kind}{number}" for number in range(_SLOTS))

    def value(self) -> int:
        return self.random.randrange(_MOST)

    def entry(self, slot: str) -> tuple[dict[str, Any], Values]:
        """The document of an entry, and what is then known of it."""
        value = self.value()
        document = {
            "slot": slot,
            "client": self.ledger.client,
            "value": value,
            "mark": self.mark,
        }
        return document, (value, self.mark)

    def known(self) -> str | None:
        """The slot of an entry whose id is known."""
        known = [slot for slot in self.entries if ("entries", slot) in self.ledger.ids]
        return self.random.choice(known) if known else None

    def address(self, slot: str) -> str:
        return f"/entries/{self.ledger.ids['entries', slot]}"

    def gone(self, slots: Iterable[str]) -> dict[Key, Values | None]:
        """What deleting entries does: their notes go with them."""
        entries = set(slots)
        changes: dict[Key, Values | None] = {("entries", slot): None for slot in entries}
        for slot in self.notes:
            if self.ledger.rows["notes", slot][0] in entries:
                changes["notes", slot] = None
        return changes

    def with_value(self, holds: Callable[[int], bool]) -> list[str]:
        return [slot for slot in self.entries if holds(int(self.ledger.rows["entries", slot][0]))]


def _done(changes: dict[Key, Values | None]) -> Outcome:
    return Outcome(changes, len(changes))


def _create(d: _Draw) -> Operation | None:
    if not d.free:
        return None
    slot = d.random.choice(d.free)
    document, values = d.entry(slot)
    done = _done({("entries", slot): values})
    return Operation("create", "POST", "/entries", document, outcomes={201: done})


def _create_many(d: _Draw) -> Operation | None:
    slots = d.random.sample(d.free, min(len(d.free), d.random.randint(2, 6)))
    if not slots:
        return None
    entries = [d.entry(slot) for slot in slots]
    done = _done({("entries", s): v for s, (_, v) in zip(slots, entries, strict=True)})
    documents = [document for document, _ in entries]
    return Operation("create many", "POST", "/entries", documents, outcomes={201: done})


def _create_taken(d: _Draw) -> Operation | None:
    """The last of several documents has a slot that is taken: none of them is created."""
    if not d.entries:
        return None
    slots = [*d.random.sample(d.free, min(len(d.free), 2)), d.random.choice(d.entries)]
    documents = [d.entry(slot)[0] for slot in slots]
    document = documents if len(documents) > 1 else documents[0]
    return Operation("create taken", "POST", "/entries", document, outcomes={409: Outcome()})


def _create_invalid(d: _Draw) -> Operation | None:
    """The second of two documents is no entry."""
    if not d.free:
        return None
    document, _ = d.entry(d.random.choice(d.free))
    documents = [document, {**document, "value": "many"}]
    return Operation("create invalid", "POST", "/entries", documents, outcomes={422: Outcome()})


def _upsert(d: _Draw) -> Operation | None:
    slot = d.random.choice([*d.free, *d.entries])
    document, values = d.entry(slot)
    status = 200 if slot in d.entries else 201
    del document["slot"]
    done = _done({("entries", slot): values})
    return Operation("upsert", "PUT", f"/entries?slot={slot}", document, outcomes={status: done})


def _upsert_many(d: _Draw) -> Operation | None:
    slots = d.random.sample([*d.free, *d.entries], d.random.randint(2, 5))
    entries = [d.entry(slot) for slot in slots]
    done = _done({("entries", s): v for s, (_, v) in zip(slots, entries, strict=True)})
    documents = [document for document, _ in entries]
    return Operation("upsert many", "POST", "/entries?upsert=slot", documents, outcomes={200: done})


def _replace(d: _Draw) -> Operation | None:
    slot = d.known()
    if slot is None:
        return None
    document, values = d.entry(slot)
    done = _done({("entries", slot): values})
    return Operation("replace", "PUT", d.address(slot), document, outcomes={200: done})


def _update(d: _Draw) -> Operation | None:
    slot = d.known()
    if slot is None:
        return None
    value = d.value()
    done = _done({("entries", slot): (value, d.mark)})
    document = {"value": value, "mark": d.mark}
    minimal = d.random.random() < 0.2
    return Operation(
        "update",
        "PATCH",
        d.address(slot),
        document,
        {"Prefer": "return=minimal"} if minimal else {},
        {204 if minimal else 200: done},
    )


def _update_refused(d: _Draw) -> Operation | None:
    """An update that is not valid, of a row that is not there, or of one that has changed."""
    slot = d.known()
    if slot is None:
        return None
    document, headers, target, status = d.random.choice(
        [
            ({"value": None, "mark": d.mark}, {}, d.address(slot), 422),
            ({"mark": d.mark}, {}, "/entries/999999999", 404),
            ({"mark": d.mark}, {"If-Match": '"stale"'}, d.address(slot), 412),
        ]
    )
    return Operation(
        "update refused", "PATCH", target, document, headers, outcomes={status: Outcome()}
    )


def _update_many(d: _Draw) -> Operation | None:
    bound, value = d.value(), d.value()
    slots = d.with_value(lambda each: each < bound)
    done = _done({("entries", slot): (value, d.mark) for slot in slots})
    target = f"/entries?client={d.ledger.client}&value__lt={bound}"
    document = {"value": value, "mark": d.mark}
    return Operation("update many", "PATCH", target, document, outcomes={200: done})


def _delete(d: _Draw) -> Operation | None:
    slot = d.known()
    if slot is None:
        return None
    done = _done(d.gone([slot]))
    return Operation("delete", "DELETE", d.address(slot), outcomes={204: done})


def _delete_many(d: _Draw) -> Operation | None:
    bound = d.random.randrange(_MOST * 3 // 4, _MOST)
    done = _done(d.gone(d.with_value(lambda each: each >= bound)))
    target = f"/entries?client={d.ledger.client}&value__gte={bound}"
    return Operation("delete many", "DELETE", target, outcomes={204: done})


def _note(d: _Draw) -> Operation | None:
    slot = d.known()
    if slot is None or not d.free_notes:
        return None
    note = d.random.choice(d.free_notes)
    document = {"entry_id": d.ledger.ids["entries", slot], "slot": note, "mark": d.mark}
    done = _done({("notes", note): (slot, d.mark)})
    return Operation("note", "POST", "/notes", document, outcomes={201: done})


def _note_of_nothing(d: _Draw) -> Operation | None:
    if not d.free_notes:
        return None
    document = {"entry_id": 999999999, "slot": d.random.choice(d.free_notes), "mark": d.mark}
    return Operation("note of nothing", "POST", "/notes", document, outcomes={409: Outcome()})


def _create_with_notes(d: _Draw) -> Operation | None:
    """An entry and its notes, in one document."""
    if not d.free:
        return None
    slot = d.random.choice(d.free)
    document, values = d.entry(slot)
    notes = d.random.sample(d.free_notes, min(len(d.free_notes), d.random.randint(1, 3)))
    document["notes"] = [{"slot": note, "mark": d.mark} for note in notes]
    changes: dict[Key, Values | None] = {("notes", note): (slot, d.mark) for note in notes}
    changes["entries", slot] = values
    done = _done(changes)
    return Operation("create with notes", "POST", "/entries", document, outcomes={201: done})


def _batch(d: _Draw) -> Operation | None:
    """A new entry and a note of it; another entry changed, and one more deleted."""
    known = [slot for slot in d.entries if ("entries", slot) in d.ledger.ids]
    if not d.free or not d.free_notes or len(known) < 2:
        return None
    slot, note = d.random.choice(d.free), d.random.choice(d.free_notes)
    changed, deleted = d.random.sample(known, 2)
    document, values = d.entry(slot)
    value = d.value()
    changes = d.gone([deleted])
    changes |= {("entries", slot): values, ("notes", note): (slot, d.mark)}
    changes["entries", changed] = (value, d.mark)
    operations: list[dict[str, Any]] = [
        {"method": "POST", "path": "/entries", "body": document},
        {"method": "POST", "path": "/notes", "body": {"entry_id": "$0.id", "slot": note}},
        {"method": "PATCH", "path": d.address(changed), "body": {"value": value}},
        {"method": "DELETE", "path": d.address(deleted)},
    ]
    for operation in operations[1:3]:
        operation["body"]["mark"] = d.mark
    return Operation("batch", "POST", "/batch", operations, outcomes={200: _done(changes)})


def _batch_refused(d: _Draw) -> Operation | None:
    """A batch whose last operation asks for a slot that is taken: nothing of it is done."""
    known = d.known()
    if known is None or not d.free:
        return None
    operations = [
        {"method": "POST", "path": "/entries", "body": d.entry(d.random.choice(d.free))[0]},
        {"method": "DELETE", "path": d.address(known)},
        {"method": "PUT", "path": "/entries/999999999", "body": d.entry(known)[0]},
        {"method": "POST", "path": "/entries", "body": d.entry(known)[0]},
    ]
    return Operation("batch refused", "POST", "/batch", operations, outcomes={409: Outcome()})


_KINDS: dict[Callable[[_Draw], Operation | None], int] = {
    _create: 20,
    _create_many: 8,
    _create_with_notes: 8,
    _batch: 12,
    _batch_refused: 4,
    _create_taken: 4,
    _create_invalid: 2,
    _upsert: 10,
    _upsert_many: 6,
    _replace: 8,
    _update: 20,
    _update_refused: 6,
    _update_many: 6,
    _delete: 8,
    _delete_many: 3,
    _note: 12,
    _note_of_nothing: 2,
}

NAMES = frozenset(kind.__name__.lstrip("_").replace("_", " ") for kind in _KINDS) | {"count"}
"""What operations are called."""


def draw(ledger: Ledger, random_: random.Random) -> Operation:
    """The next request of a client."""
    about = _Draw(ledger, random_)
    while True:
        (kind,) = random_.choices(list(_KINDS), list(_KINDS.values()))
        operation = kind(about)
        if operation is not None:
            return operation


def count(value: int, etag: str) -> Operation:
    """Count on from ``value``, unless somebody else was faster."""
    return Operation(
        "count",
        "PATCH",
        COUNTER,
        {"value": value + 1},
        {"If-Match": etag},
        {200: Outcome(records=1), 412: Outcome()},
    )
