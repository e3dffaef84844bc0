"""What looks for lost and for half-done writes does find them."""

from __future__ import annotations

import copy
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.faults.evidence import Evidence
from tests.faults.ledger import Found, Ledger, Operation, Outcome, State
from tests.faults.load import Load
from tests.faults.served import Served
from tests.faults.siege import Siege
from tests.faults.wire import Reply

# The change, the row and the request of creates that nothing has touched since.
_CREATES = """
select max(seq), json_extract("key", '$[0]') as id, request from hekla_changes
where "table" = 'entries' group by "key" having count(*) = 1 and action = 'create'
and not exists (select 1 from notes where entry_id = id) order by 1 desc
"""


def _creates(database: apsw.Connection, load: Load) -> list[tuple[int, int, str]]:
    """Those of requests that were answered and made one change each, the newest first."""
    single = {mark for each in load.ledgers for mark, number in each.records.items() if number == 1}
    return [(seq, row, mark) for seq, row, mark in database.execute(_CREATES) if mark in single]


def _lose_a_row(database: apsw.Connection, load: Load) -> None:
    _, row, _ = _creates(database, load)[0]
    database.execute("delete from entries where id = ?", (row,))


def _lose_a_change(database: apsw.Connection, load: Load) -> None:
    seq, _, _ = _creates(database, load)[0]
    database.execute("delete from hekla_changes where seq = ?", (seq,))


def _lose_a_write(database: apsw.Connection, load: Load) -> None:
    seq, row, _ = _creates(database, load)[0]
    database.execute("delete from entries where id = ?", (row,))
    database.execute("delete from hekla_changes where seq = ?", (seq,))


def _forge_the_origin(database: apsw.Connection, load: Load) -> None:
    """The change of an answered request is ascribed to one that was refused."""
    seq, _, _ = _creates(database, load)[0]
    refused = [mark for each in load.ledgers for mark, number in each.records.items() if not number]
    database.execute("update hekla_changes set request = ? where seq = ?", (refused[0], seq))


def _swap_two_changes(database: apsw.Connection, load: Load) -> None:
    """Two creates of one client trade places in the log."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for seq, _, mark in _creates(database, load):
        places[mark.partition("-")[0]].append(seq)
    late, early = next(each for each in places.values() if len(each) > 1)[:2]
    for old, new in ((late, -1), (early, late), (-1, early)):
        database.execute("update hekla_changes set seq = ? where seq = ?", (new, old))


def _add_a_row(database: apsw.Connection, load: Load) -> None:
    database.execute(
        "insert into entries (client, slot, value, mark) values (77, '77.e1', 1, '77-1')"
    )


@pytest.fixture(scope="module")
def fallen(tmp_path_factory: pytest.TempPathFactory) -> Siege:
    """A database after a fall, not yet looked at."""
    folder = tmp_path_factory.mktemp("fallen")
    siege = Siege(folder / "data.db", folder / "log", seed=5)
    siege.fall(Served.kill)
    database = apsw.Connection(str(siege.evidence.path))
    # Read first: only then does SQLite look into what the killed server has left beside the file.
    assert database.execute("select count(*) from hekla_changes").get > 0
    database.pragma("wal_checkpoint(truncate)")
    database.close()
    return siege


def test_an_honest_database_passes(fallen: Siege, tmp_path: Path) -> None:
    """Without a forgery there is nothing to complain of."""
    shutil.copy(fallen.evidence.path, tmp_path / "data.db")
    evidence = Evidence(tmp_path / "data.db")
    evidence.examine(copy.deepcopy(fallen.load))
    assert evidence.changes > 0


@pytest.mark.parametrize(
    "forge",
    [
        _lose_a_row,
        _lose_a_change,
        _lose_a_write,
        _forge_the_origin,
        _swap_two_changes,
        _add_a_row,
    ],
)
def test_a_forgery_is_found(
    fallen: Siege, tmp_path: Path, forge: Callable[[apsw.Connection, Load], None]
) -> None:
    """Whatever is taken away, added or ascribed to another request is complained of."""
    shutil.copy(fallen.evidence.path, tmp_path / "data.db")
    database = apsw.Connection(str(tmp_path / "data.db"))
    forge(database, fallen.load)
    assert database.total_changes() > 0
    database.close()
    with pytest.raises(AssertionError):
        Evidence(tmp_path / "data.db").examine(copy.deepcopy(fallen.load))


def _ledger() -> Ledger:
    """One entry that was answered, and two whose answer never came."""
    ledger = Ledger(0)
    one = Operation(
        "create", "POST", "/entries", outcomes={201: Outcome({("entries", "a"): (1, "0-1")}, 1)}
    )
    ledger.send(one)
    ledger.settle(Reply(201, {}, {"id": 7, "slot": "a", "value": 1, "mark": "0-1"}))
    two = Outcome({("entries", "b"): (2, "0-2"), ("entries", "c"): (3, "0-2")}, 2)
    ledger.send(Operation("create many", "POST", "/entries", outcomes={201: two}))
    return ledger


_A: State = {("entries", "a"): (1, "0-1")}
_B: State = {("entries", "b"): (2, "0-2")}
_C: State = {("entries", "c"): (3, "0-2")}


@pytest.mark.parametrize(
    ("found", "happened"),
    [
        (Found(_A, records={"0-1": 1}), False),
        (Found(_A | _B | _C, records={"0-1": 1, "0-2": 2}), True),
    ],
)
def test_an_unanswered_request_may_have_happened(found: Found, happened: bool) -> None:
    """All of it, or nothing."""
    assert _ledger().compare(found) is happened


@pytest.mark.parametrize(
    "found",
    [
        Found({}, records={}),
        Found(_A | _B, records={"0-1": 1, "0-2": 1}),
        Found(_B | _C, records={"0-2": 2}),
        Found(_A | _B | _C, records={"0-1": 1}),
        Found(_A, records={"0-1": 1, "0-2": 2}),
        Found(_A | _B | _C, records={"0-2": 2, "0-1": 1}),
        Found({("entries", "a"): (1, "0-3")}, records={"0-1": 1}),
        Found(_A, ids={("entries", "a"): 8}, records={"0-1": 1}),
    ],
)
def test_nothing_else_may_have_happened(found: Found) -> None:
    """An answered write lost, half of a request, a record without its rows, another order or id."""
    with pytest.raises(AssertionError):
        _ledger().compare(found)
