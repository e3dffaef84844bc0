"""The PostgreSQL store does what every store does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hekla import errors
from hekla.settings import Settings
from hekla.store.open import open_store
from hekla.store.protocol import Store
from tests.databases import Postgres, postgres
from tests.store.conformance import MakeStore, StoreConformance, Text, Words, Write, problem_of
from tests.store.write_conformance import Capabilities, WriteConformance, WriteWords

POSTGRES = Words(
    echo="select $1::int8",
    pair="select 1 union all select 2",
    empty="select 1 where 1 = 0",
    upto="select * from generate_series(1, $1::int4)",
    endless="select pg_sleep(3600)",
    missing="select n from nowhere",
    create="create table heap (n int)",
    insert="insert into heap values (1)",
    count="select count(*) from heap",
    dump="select (select count(*) from heap) from heap",
)
ECHOES = {float: "select $1::float8", str: "select $1::text"}

_ACCOUNT = """create table account (
    id integer primary key,
    name text not null unique,
    amount int not null constraint not_in_debt check (amount >= 0),
    parent int references account
)"""
_SLIP = "create table slip (number int references account deferrable initially deferred)"

WRITES = WriteWords(
    create=(_ACCOUNT, _SLIP),
    insert="insert into account values ($1, $2, $3, $4) returning id, name",
    add="update account set amount = amount + $1 where id = $2 returning amount",
    account="select name, amount from account where id = $1",
    ids="select id from account order by id",
    slip="insert into slip values ($1)",
    flood="insert into account select n, n, 0, null from generate_series(1000, 1000000000) n",
    long="select 1 from pg_sleep(0.3)",
    context="""select nullif(current_setting('hekla.actor', true), ''),
        nullif(current_setting('hekla.request', true), ''),
        to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
)


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


class TestPostgres(StoreConformance):
    words = POSTGRES
    # Each read goes through another process, which this one cannot hold the machine for.
    long = 1
    short = 0.5

    @pytest.fixture
    def make_store(self, server: Postgres) -> MakeStore:
        return lambda settings=None: open_store(server.url, settings or Settings())

    @pytest.fixture
    def write(self, server: Postgres) -> Write:
        return server.change

    def echo(self, value: object) -> str:
        return ECHOES.get(type(value), self.words.echo)

    async def test_text_with_nul(self, store: Store) -> None:
        """What PostgreSQL cannot hold, the character NUL, is a fault of the value."""
        problem = await problem_of(store.fetch(Text(self.echo("")), ("a\0b",)))
        assert (problem.code, problem.status) == (errors.INVALID_VALUE, 400)


class TestPostgresThroughPooler(TestPostgres):
    """With no statement kept prepared, as through PgBouncer in transaction mode."""

    @pytest.fixture
    def make_store(self, server: Postgres) -> MakeStore:
        def make(settings: Settings | None = None) -> Store:
            from dataclasses import replace

            return open_store(server.url, replace(settings or Settings(), statement_cache_size=0))

        return make


class TestPostgresWrites(WriteConformance):
    words = WRITES
    capabilities = Capabilities()

    @pytest.fixture
    def make_store(self, server: Postgres) -> MakeStore:
        return lambda settings=None: open_store(server.url, settings or Settings())
