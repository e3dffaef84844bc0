"""The SQLite store writes as every store does: on a file, on a slow disk and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.open import open_store
from tests.store.conformance import MakeStore
from tests.store.write_conformance import Capabilities, WriteConformance, WriteWords

_COUNTING = "with recursive c(n) as (select 1000 union all select n + 1 from c {}) "

_ACCOUNT = """create table account (
    id integer primary key,
    name text not null unique,
    amount int not null constraint not_in_debt check (amount >= 0),
    parent int references account
)"""
_SLIP = "create table slip (number int references account deferrable initially deferred)"

SQLITE = WriteWords(
    create=(_ACCOUNT, _SLIP),
    insert="insert into account values (?, ?, ?, ?) returning id, name",
    add="update account set amount = amount + ? where id = ? returning amount",
    account="select name, amount from account where id = ?",
    ids="select id from account order by id",
    slip="insert into slip values (?)",
    flood=_COUNTING.format("") + "insert into account select n, n, 0, null from c",
    long=_COUNTING.format("where n < 1000000") + "select 1 from c where n = 1000000",
    context="select hekla_actor(), hekla_request(), hekla_now()",
)


class TestSqliteFile(WriteConformance):
    words = SQLITE
    capabilities = Capabilities(names_of_foreign_keys=False, table_of_checks=False)

    @pytest.fixture
    def make_store(self, database: Path) -> MakeStore:
        return lambda settings=None: open_store(f"sqlite:///{database}", settings or Settings())


class TestSqliteOnThread(TestSqliteFile):
    """Where the loop may spend no time at all, every commit but the first is on the thread."""

    settings = Settings(inline_budget=0)


class TestSqliteInMemory(WriteConformance):
    words = SQLITE
    capabilities = Capabilities(names_of_foreign_keys=False, table_of_checks=False)

    @pytest.fixture
    def location(self) -> Location:
        return Location.parse("sqlite://")

    @pytest.fixture
    def make_store(self, location: Location) -> MakeStore:
        return lambda settings=None: open_store(location, settings or Settings())
