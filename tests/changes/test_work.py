"""How the database goes about a page of changes: its work does not grow with the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from hekla.sql.past import Told, compile_heads, compile_told
from hekla.sql.plan import render
from hekla.sql.scope import Scope
from tests.changes.application import ANN, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("told", [None, Told("tasks"), Told("tasks", keyed=True)], ids=str)
async def test_a_page_is_found_in_order(tmp_path: Path, told: Told | None) -> None:
    """Changes are searched by number, or by key and number, and never sorted."""
    async with running(tmp_path / "a.db") as app:
        access = app.engine.policy.access(ANN)
        scope = Scope(app.schema, access, "sqlite")
        statement = compile_heads(scope, ["table"]) if told is None else compile_told(scope, told)
        plan = render(statement, "sqlite", access)
        values = [0, 1000, 10, "[]", "[]"] if told is None else [0, 1000, 10, 10_000]
        steps = await app.store.explain(plan, plan.bind(values, ANN))
        searched = [step.strip() for step in steps if step.strip().startswith("SEARCH c")]
        assert searched
        how = "(table=? AND key=? AND rowid>?)" if told and told.keyed else "(rowid>? AND rowid<?)"
        assert [step for step in searched if not step.endswith(how)] == []
        assert not [step for step in steps if "TEMP B-TREE" in step]
