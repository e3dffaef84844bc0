"""The report: `RESULTS-writes.md` with its tables and verdicts, the chart, and the raw figures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.figures import Results
from benchmarks.load import CONNECTIONS
from benchmarks.report import HEAD, RULE, table
from benchmarks.writes.catalog import APPS
from benchmarks.writes.operations import BULK, BULK_ROWS, OPERATIONS
from benchmarks.writes.targets import verdicts


def write(
    folder: Path, facts: Mapping[str, str], options: Mapping[str, Any], results: Results
) -> None:
    """Write `RESULTS-writes.md`, `results-writes.svg` and `results-writes.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "rounds": options["rounds"],
        "seconds": options["seconds"],
        "connections": CONNECTIONS,
    }
    raw = {"machine": dict(facts), "settings": settings, "windows": results.as_json()}
    (folder / "results-writes.json").write_text(json.dumps(raw, indent=1) + "\n")
    (folder / "results-writes.svg").write_text(chart(results, APPS, OPERATIONS))
    (folder / "RESULTS-writes.md").write_text(markdown(facts, settings, results))


def markdown(facts: Mapping[str, str], settings: Mapping[str, Any], results: Results) -> str:
    """Return the text of `RESULTS-writes.md`."""
    introduction = (
        "Written by `python -m benchmarks.writes"
        f" --rounds {settings['rounds']} --seconds {settings['seconds']:g}`:"
        f" {settings['connections']} connections, one worker process each, every app on its own"
        " SQLite file with synchronous=FULL, the medians of interleaved rounds."
        " [README.md](README.md) says what is measured and how to read it."
        " Take the ratios, not the rates: those are of one machine."
    )
    parts = ["# Results of writes", introduction, "![Requests a second](results-writes.svg)"]
    lines = [f"- {verdict.line}" for verdict in verdicts(results)]
    if lines:
        parts += ["## Targets", "\n".join(lines)]
    for operation in OPERATIONS:
        rows = table(operation, results, APPS)
        if rows:
            parts += [f"## {operation.title}", "\n".join([HEAD, RULE, *rows])]
            if operation == BULK:
                parts.append(_rows_a_second(results))
    parts += ["## Machine", "\n".join(f"- {name}: {fact}" for name, fact in facts.items())]
    return "\n\n".join(parts) + "\n"


def _rows_a_second(results: Results) -> str:
    """How many rows that makes."""
    found = [
        f"{app.title} {figures.requests_per_second * BULK_ROWS:,.0f}"
        for app in APPS
        if (figures := results.median(app.name, BULK.name)) is not None
    ]
    return f"In rows a second: {', '.join(found)}. One connection; p99 is the longest."
