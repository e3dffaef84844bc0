"""What one client knows of its rows: what it was told, and what it never heard of.

No other client writes to these rows and a client waits for each answer, so at any moment there
is one request at most that may or may not have been carried out. What must be found is known
exactly: the rows as they were told, or these with all of that one request done to them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults.wire import Reply

__all__ = ["Found", "Key", "Ledger", "Operation", "Outcome", "State", "Values"]

# A row is known by its table and slot; of an entry its value and mark count, of a note the slot
# of its entry and its mark.
Key = tuple[str, str]
Values = tuple[int | str, str]
State = dict[Key, Values]


@dataclass(frozen=True)
class Outcome:
    """What a request does if it is answered so: rows as they are after it (None: gone).

    ``records`` is how many changes are then on record.
    """

    changes: Mapping[Key, Values | None] = field(default_factory=dict)
    records: int = 0


@dataclass(frozen=True)
class Operation:
    """A request, and by status all that may come of it. ``name`` says what kind it is.

    One that is ``once`` has an Idempotency-Key: it is sent again when its answer never came.
    """

    name: str
    method: str
    target: str
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    once: bool = False


@dataclass(frozen=True)
class Found:
    """What the database holds for a client: its rows, their ids, and its requests on record.

    ``records`` counts the changes of each request since the last look, in the order of the log.
    """

    rows: State = field(default_factory=dict)
    ids: dict[Key, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)


class Ledger:
    """The account of one client."""

    def __init__(self, client: int) -> None:
        self.client = client
        self.rows: State = {}
        self.ids: dict[Key, int] = {}
        # Changes on record by request since the last look, in the order of the requests.
        self.records: dict[str, int] = {}
        self._requests = 0
        self._open: tuple[str, Operation] | None = None
        self._again: tuple[str, Operation] | None = None

    def next_mark(self) -> str:
        """The name of the next request."""
        return f"{self.client}-{self._requests + 1}"

    def send(self, operation: Operation) -> str:
        """From now on the request may be carried out; returns its name."""
        self._requests += 1
        mark = f"{self.client}-{self._requests}"
        self._open = (mark, operation)
        return mark

    def again(self) -> tuple[str, Operation] | None:
        """The request that has to be sent again under its old name, if there is one."""
        self._open, self._again = self._again, None
        return self._open

    def settle(self, reply: Reply, refusals: Collection[int] = ()) -> None:
        """The request was answered. Fails if that is no answer it can have.

        By ``refusals`` any request is refused whole, for reasons that are not its own.
        """
        assert self._open is not None
        mark, operation = self._open
        outcome = operation.outcomes.get(reply.status)
        if outcome is None and reply.status in refusals:
            outcome = Outcome()
        assert outcome is not None, (mark, operation, reply)
        self._open = None
        self.records[mark] = outcome.records
        self.rows = _after(self.rows, outcome)
        for key in outcome.changes:
            if key not in self.rows:
                self.ids.pop(key, None)
        if reply.status in (200, 201):
            for row in _told(reply.document):
                self._read(operation, row)

    def _read(self, operation: Operation, row: Mapping[str, Any]) -> None:
        """Learn the id of a row, and compare what was told with what is known."""
        key = ("notes" if "entry_id" in row else "entries", row["slot"])
        values = self.rows[key]
        assert (row.get("value", values[0]), row["mark"]) == values, (operation, row)
        assert self.ids.setdefault(key, row["id"]) == row["id"], (operation, row)

    def compare(self, found: Found) -> bool:
        """Fail unless what is found is what must be; then go on from there.

        Returns whether the one unanswered request, if any, had been carried out.
        """
        may_be = [(self.rows, _kept(self.records))]
        if self._open is not None:
            mark, operation = self._open
            for outcome in operation.outcomes.values():
                records = {**self.records, mark: outcome.records}
                may_be.append((_after(self.rows, outcome), _kept(records)))
        fits = [each for each in may_be if each == (found.rows, found.records)]
        assert fits, self._complaint(may_be, found)
        # The requests of one client are on record in the order in which they were answered.
        assert list(found.records) == list(fits[0][1])
        for key, number in self.ids.items():
            assert found.ids.get(key, number) == number
        happened = fits[0] != may_be[0]
        if self._open is not None and self._open[1].once:
            self._again = (self._open[0], _once_more(self._open[1], happened))
        self._open = None
        self.rows, self.ids, self.records = found.rows, found.ids, {}
        return happened

    def _complaint(
        self, may_be: list[tuple[State, dict[str, int]]], found: Found
    ) -> dict[str, Any]:
        return {
            "client": self.client,
            "unanswered": self._open,
            "expected and found": [
                (_differing(rows, found.rows), _differing(records, found.records))
                for rows, records in may_be
            ],
        }


def _once_more(operation: Operation, happened: bool) -> Operation:
    """What may come of sending it again: if it has happened, its first answer and nothing else."""
    if not happened:
        return operation
    outcomes = {
        status: Outcome() for status, outcome in operation.outcomes.items() if outcome.records
    }
    return replace(operation, outcomes=outcomes)


def _told(document: Any) -> list[Mapping[str, Any]]:
    """The entries and notes of an answer, be it that of a batch."""
    found = []
    for each in document if isinstance(document, list) else [document]:
        row = each.get("body", each) if isinstance(each, dict) else {}
        if "slot" in row:
            found.append(row)
    return found


def _kept(records: Mapping[str, int]) -> dict[str, int]:
    """The requests that are on record: what changed nothing is not."""
    return {mark: number for mark, number in records.items() if number}


def _after(rows: State, outcome: Outcome) -> State:
    if not outcome.changes:
        return rows
    after = dict(rows)
    for key, values in outcome.changes.items():
        if values is None:
            after.pop(key, None)
        else:
            after[key] = values
    return after


def _differing(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """Where two mappings differ, and the value of each there."""
    return {
        key: (one.get(key), other.get(key))
        for key in one.keys() | other.keys()
        if one.get(key) != other.get(key)
    }
