"""Query in, SQL text out: the statements of each database, whatever is connected now.

``HEKLA_GOLDEN=write pytest tests/sql`` writes the files anew; read the difference before it is
kept. :mod:`tests.sql.test_servers` runs the same statements on real servers.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hekla.schema.types import Dialect
from tests.sql.cases import CASES, compile_case

FOLDER = Path(__file__).parent / "golden"
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgresql", "mysql")


def _read(dialect: str) -> dict[str, str]:
    text = (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8")
    blocks = text.split("-- case: ")[1:]
    return {name: sql.strip() for name, _, sql in (block.partition("\n") for block in blocks)}


def _text(name: str, dialect: Dialect) -> str:
    sql = compile_case(name, dialect)[0].sql
    return "\n".join(line.rstrip() for line in sql.strip().splitlines())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_statements_are_as_they_were_read_and_approved(dialect: Dialect) -> None:
    """Each case compiles to the text that stands in the dialect's golden file."""
    texts = {name: _text(name, dialect) for name in CASES}
    if os.environ.get("HEKLA_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        written = "\n\n".join(f"-- case: {name}\n{text}" for name, text in texts.items())
        (FOLDER / f"{dialect}.sql").write_text(written + "\n", encoding="utf-8")
    assert texts == _read(dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_text_depends_on_the_shape_only(dialect: Dialect) -> None:
    """Compiled twice, from schemas made twice, a case has the same text: nothing is random."""
    for name in CASES:
        assert _text(name, dialect) == _text(name, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_stands_in_the_text(dialect: Dialect) -> None:
    """Values of a query reach the statement as parameters only."""
    for name in ("filters", "search", "through relations"):
        sql = _text(name, dialect)
        for value in ("task", "TWO", "bug", "gone", "user%"):
            assert f"'{value}" not in sql
