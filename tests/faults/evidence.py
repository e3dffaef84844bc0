"""What is in the file after a fall: rows, the change log, and whether they agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw

from hekla.changes.replay import replay
from tests.faults.ledger import Found
from tests.faults.load import Load

__all__ = ["Evidence"]

_TABLES = {
    "entries": ("id", "client", "slot", "value", "mark"),
    "notes": ("id", "entry_id", "slot", "mark"),
    "counters": ("id", "value"),
}
_CHANGES = """
select seq, request, "table", "key", action, "before", "after"
from hekla_changes where seq > ? order by seq
"""


class Evidence:
    """Follows one database over its falls; the log is read on from where it was read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # How many unanswered requests were found carried out, and changes on record.
        self.happened = 0
        self.changes = 0
        self._last = 0
        self._counted = 0
        # The rows made from the log alone: table and id to the row.
        self._replayed: dict[tuple[str, int], dict[str, Any]] = {}

    def examine(self, load: Load) -> None:
        """Fail unless the file is whole, and holds what the clients were told."""
        connection = apsw.Connection(str(self.path))
        try:
            assert connection.pragma("integrity_check") == "ok"
            assert connection.execute("pragma foreign_key_check").fetchall() == []
            records = self._replay(connection)
            rows = {
                (table, row["id"]): row
                for table, columns in _TABLES.items()
                for row in _rows(connection, table, columns)
            }
        finally:
            connection.close()
        assert rows == self._replayed
        assert rows["counters", 1]["value"] == self._counted
        found = _found(rows, records)
        for ledger in load.ledgers:
            self.happened += ledger.compare(found[ledger.client])
        # Nothing is there that no client has asked for.
        assert sum(len(ledger.rows) for ledger in load.ledgers) == len(rows) - 1

    def replay(self) -> None:
        """Fail unless Hekla's own replay makes the same rows, in tables that were empty."""
        connection, empty = apsw.Connection(str(self.path)), apsw.Connection("")
        try:
            for table in _TABLES:
                sql = connection.execute("select sql from sqlite_schema where name = ?", (table,))
                empty.execute(sql.get)
            assert replay(connection, empty) == self.changes
            for table, columns in _TABLES.items():
                made = list(_rows(empty, table, columns))
                assert made == list(_rows(connection, table, columns))
        finally:
            connection.close()
            empty.close()

    def _replay(self, connection: apsw.Connection) -> Counter[str]:
        """Do again what the log says, change by change; each has to fit on what came before.

        Returns the requests that have come since the last time, in the order of the log, and
        how many changes each has made.
        """
        old_ones = connection.execute(
            "select count(*) from hekla_changes where seq <= ?", (self._last,)
        )
        assert old_ones.get == self.changes
        records: Counter[str] = Counter()
        for seq, request, table, key, action, old, new in connection.execute(
            _CHANGES, (self._last,)
        ):
            place = (table, json.loads(key)[0])
            was = self._replayed.pop(place, None)
            assert was == (None if old is None else json.loads(old)), seq
            assert (old is None, new is None) == (action == "create", action == "delete"), seq
            if new is not None:
                self._replayed[place] = json.loads(new)
            self._counted += (table, action) == ("counters", "update")
            records[request] += 1
            self._last = seq
            self.changes += 1
        return records


def _rows(
    connection: apsw.Connection, table: str, columns: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    for row in connection.execute(f"select {', '.join(columns)} from {table} order by id"):
        yield dict(zip(columns, row, strict=True))


def _found(
    rows: Mapping[tuple[str, int], Mapping[str, Any]], records: Mapping[str, int]
) -> defaultdict[int, Found]:
    """What there is, client by client."""
    found: defaultdict[int, Found] = defaultdict(Found)
    for (table, number), row in rows.items():
        if table == "entries":
            known = found[row["client"]]
            known.rows[table, row["slot"]] = (row["value"], row["mark"])
        elif table == "notes":
            entry = rows["entries", row["entry_id"]]
            known = found[entry["client"]]
            known.rows[table, row["slot"]] = (entry["slot"], row["mark"])
        else:
            continue
        known.ids[table, row["slot"]] = number
    for request, number in records.items():
        client, _, _ = request.partition("-")
        if client.isdecimal():
            found[int(client)].records[request] = number
    return found
